package freshet.oracle;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.ExplainDetail;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.api.internal.TableEnvironmentInternal;
import org.apache.flink.table.operations.ModifyOperation;
import org.apache.flink.table.operations.Operation;

/**
 * One case in one mode, in a table environment of its own.
 *
 * <p>Request: {@code sql} (statements), {@code query} (a SELECT, or empty), {@code in} (rows as text by table and split), {@code
 * batch}, {@code explain}, {@code seconds}.
 *
 * <p>Answer: {@code log} (rows as they came to the sinks: {@code t} table, {@code k} kind, {@code v} values, {@code key} of an
 * upsert sink, {@code turn}), {@code types} of the query's columns, {@code plan}; or {@code error} with {@code phase} "plan"
 * or "run" and whatever rows came before it.
 */
final class CaseRun {
    private final MiniCluster cluster;
    private final JsonNode request;
    private final ObjectNode reply = Server.JSON.createObjectNode();
    private String phase = "plan";

    CaseRun(MiniCluster cluster, JsonNode request) {
        this.cluster = cluster;
        this.request = request;
    }

    ObjectNode run() {
        boolean batch = request.path("batch").asBoolean();
        World world = World.open(request);
        try {
            execute(world, batch);
        } catch (Throwable e) {
            reply.put("error", message(e)).put("phase", phase);
        } finally {
            world.close();
        }
        reply.set("log", world.log());
        return reply;
    }

    private void execute(World world, boolean batch) throws Exception {
        Configuration conf = new Configuration();
        conf.set(ExecutionOptions.RUNTIME_MODE, batch ? RuntimeExecutionMode.BATCH : RuntimeExecutionMode.STREAMING);
        conf.setString("execution.attached", "true");
        conf.setString("execution.target", Executor.NAME);
        conf.setString("table.local-time-zone", "UTC");
        conf.setString("table.exec.resource.default-parallelism", "1");
        conf.setString("restart-strategy.type", "none");
        Executor executor = new Executor(cluster);
        StreamExecutionEnvironment env = new StreamExecutionEnvironment(executor, conf, CaseRun.class.getClassLoader());
        env.setParallelism(1);
        if (!batch) {
            env.enableCheckpointing(TimeUnit.DAYS.toMillis(1));
            // A checkpoint that a task's end overtakes is tried again.
            env.getCheckpointConfig().setCheckpointTimeout(TimeUnit.SECONDS.toMillis(4));
            env.getCheckpointConfig().setTolerableCheckpointFailureNumber(Integer.MAX_VALUE);
            env.setBufferTimeout(0);
        }
        EnvironmentSettings.Builder settings = EnvironmentSettings.newInstance().withConfiguration(conf);
        StreamTableEnvironment table = StreamTableEnvironment.create(env, (batch ? settings.inBatchMode() : settings.inStreamingMode()).build());
        table.getConfig().set(World.OPTION, world.id);

        Script script = new Script(table);
        script.run(request.path("sql").asText());
        String query = request.path("query").asText();
        if (!query.isBlank()) {
            script.query(query, reply);
        }
        List<ModifyOperation> inserts = script.inserts;
        if (inserts.isEmpty()) {
            return;
        }
        TableEnvironmentInternal internal = (TableEnvironmentInternal) table;
        if (request.path("explain").asBoolean()) {
            reply.put("plan", internal.explainInternal(new ArrayList<Operation>(inserts), ExplainDetail.CHANGELOG_MODE));
        }
        TableResult result = internal.executeInternal(inserts);
        phase = "run";
        JobClient job = result.getJobClient().get();
        drive(world, executor, job, batch);
    }

    /** Feeds the sources in turns and waits for the job's end. */
    private void drive(World world, Executor executor, JobClient job, boolean batch) throws Exception {
        long deadline = System.currentTimeMillis() + 1000L * request.path("seconds").asInt(20);
        try {
            if (batch) {
                world.turns.open();
            } else {
                new Driver(cluster, job.getJobID(), world.turns, executor.sources, deadline).run();
            }
            job.getJobExecutionResult().get(Math.max(1, deadline - System.currentTimeMillis()), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new IllegalStateException("the job did not end in time", e);
        } finally {
            if (!job.getJobStatus().get().isGloballyTerminalState()) {
                world.turns.open();
                job.cancel().get(10, TimeUnit.SECONDS);
            }
        }
    }

    /** The messages of the causes, outermost first; those that only wrap or repeat another are left out. */
    static String message(Throwable e) {
        List<String> lines = new ArrayList<>();
        for (Throwable t = e; t != null && lines.size() < 12; t = t.getCause()) {
            String text = String.valueOf(t.getMessage()).split("\n\\s*at |\nWas expecting")[0].trim();
            if (!WRAPPERS.contains(t.getClass().getSimpleName()) && lines.stream().noneMatch(l -> l.contains(text))) {
                lines.add(t.getClass().getSimpleName() + ": " + text);
            }
        }
        return String.join("\n", lines);
    }

    private static final Set<String> WRAPPERS = Set.of("ExecutionException", "JobExecutionException", "CompletionException", "JobException");
}
