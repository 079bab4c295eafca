package freshet.oracle;

import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.core.execution.CheckpointType;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
import org.apache.flink.runtime.minicluster.MiniCluster;

/**
 * Feeds a streaming job as sqlcase's straight run does: turn by turn, in each turn the sources in the order of the plan, and the
 * watermarks of all sources after the turn's last row.
 *
 * <p>After every step it waits until the job has worked off all that was fed, so that rows of different ways do not overtake each other. It
 * does so by a checkpoint: its barriers follow the rows through every channel, so that when it is complete every task has seen them all.
 */
final class Driver {
    private final MiniCluster cluster;
    private final JobID id;
    private final Turns turns;
    private final int sources;
    private final long deadline;

    Driver(MiniCluster cluster, JobID id, Turns turns, int sources, long deadline) {
        this.cluster = cluster;
        this.id = id;
        this.turns = turns;
        this.sources = sources;
        this.deadline = deadline;
    }

    void run() throws Exception {
        turns.driven = true;
        try {
            List<ValuesFunction> all = turns.await(sources, deadline, this::ended);
            running();
            int last = 0;
            for (ValuesFunction s : all) {
                last = Math.max(last, s.turns());
            }
            for (int t = 0; t < last; t++) {
                turns.current = t;
                for (ValuesFunction s : all) {
                    for (int split = 0; split < s.splits(); split++) {
                        for (int row = 0; row < s.rows(split, t); row++) {
                            int at = row, of = split, in = t;
                            turns.order(s, x -> x.emit(of, in, at), deadline, this::ended);
                            settle();
                        }
                    }
                }
                if (t < last - 1) {
                    for (ValuesFunction s : all) {
                        order(s, ValuesFunction::mark);
                    }
                }
            }
            for (ValuesFunction s : all) {
                order(s, ValuesFunction::end);
            }
            turns.open();
        } catch (Turns.Stopped e) {
            // The job's result says why.
        }
    }

    private void order(ValuesFunction s, Turns.Step step) throws Exception {
        boolean[] moved = new boolean[1];
        turns.order(s, x -> {
            long before = x.emitted;
            step.run(x);
            moved[0] = x.emitted != before;
        }, deadline, this::ended);
        if (moved[0]) {
            settle();
        }
    }

    private boolean ended() {
        JobStatus status = cluster.getJobStatus(id).join();
        return status.isTerminalState() || status == JobStatus.FAILING || status == JobStatus.CANCELLING;
    }

    /** Waits until all tasks run, or have ended as that of VALUES may: before that no checkpoint can be had. */
    private void running() throws Exception {
        while (true) {
            AccessExecutionGraph graph = cluster.getExecutionGraph(id).get();
            boolean all = true;
            for (AccessExecutionVertex v : graph.getAllExecutionVertices()) {
                all &= v.getExecutionState() == ExecutionState.RUNNING || v.getExecutionState() == ExecutionState.FINISHED;
            }
            if (all) {
                return;
            }
            if (graph.getState().isTerminalState()) {
                throw new Turns.Stopped();
            }
            if (System.currentTimeMillis() > deadline) {
                throw new java.util.concurrent.TimeoutException("the tasks did not start in time");
            }
            Thread.sleep(2);
        }
    }

    private void settle() throws Exception {
        for (int failed = 0;; failed++) {
            try {
                cluster.triggerCheckpoint(id, CheckpointType.FULL).get(Math.max(1, deadline - System.currentTimeMillis()), TimeUnit.MILLISECONDS);
                return;
            } catch (ExecutionException e) {
                if (ended()) {
                    throw new Turns.Stopped();
                }
                if (failed > 20) {
                    throw e;
                }
                Thread.sleep(10);
            }
        }
    }
}
