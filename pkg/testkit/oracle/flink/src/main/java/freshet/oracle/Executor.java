package freshet.oracle;

import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.flink.api.dag.Pipeline;
import org.apache.flink.client.deployment.executors.PipelineExecutorUtils;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.PipelineExecutor;
import org.apache.flink.core.execution.PipelineExecutorFactory;
import org.apache.flink.core.execution.PipelineExecutorServiceLoader;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterJobClient;
import org.apache.flink.streaming.api.graph.StreamGraph;
import org.apache.flink.streaming.api.graph.StreamNode;

/** Submits jobs to the MiniCluster of this process, and counts the sources of the last one. */
final class Executor implements PipelineExecutorServiceLoader, PipelineExecutorFactory, PipelineExecutor {
    static final String NAME = "oracle";

    private final MiniCluster cluster;

    /** Instances of {@link ValuesFunction} in the job. */
    int sources;

    Executor(MiniCluster cluster) {
        this.cluster = cluster;
    }

    @Override
    public CompletableFuture<JobClient> execute(Pipeline pipeline, Configuration conf, ClassLoader loader) throws Exception {
        StreamGraph stream = (StreamGraph) pipeline;
        for (StreamNode node : stream.getStreamNodes()) {
            if (ValuesFunction.is(node.getOperatorFactory())) {
                sources++;
            }
        }
        JobGraph graph = PipelineExecutorUtils.getJobGraph(pipeline, conf, loader);
        return cluster.submitJob(graph).thenApply(r -> new MiniClusterJobClient(
                r.getJobID(), cluster, loader, MiniClusterJobClient.JobFinalizationBehavior.NOTHING));
    }

    @Override
    public PipelineExecutorFactory getExecutorFactory(Configuration conf) {
        return this;
    }

    @Override
    public Stream<String> getExecutorNames() {
        return Stream.of(NAME);
    }

    @Override
    public String getName() {
        return NAME;
    }

    @Override
    public boolean isCompatibleWith(Configuration conf) {
        return true;
    }

    @Override
    public PipelineExecutor getExecutor(Configuration conf) {
        return this;
    }
}
