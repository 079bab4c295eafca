package freshet.oracle;

import java.net.InetAddress;
import java.net.ServerSocket;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;

/**
 * Keeps one Flink MiniCluster up and answers cases over a loopback socket: one JSON request a line, one JSON answer a line, in
 * order. Connections are served side by side; at most {@link Server#JOBS} jobs run at once, those that wait longest first.
 *
 * <p>Arguments: the port, or 0 for a free one. The first line of output is "listening PORT".
 */
public final class Main {
    public static void main(String[] args) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("taskmanager.memory.network.min", "128mb");
        conf.setString("taskmanager.memory.network.max", "128mb");
        conf.setString("taskmanager.memory.managed.size", "768mb");
        conf.setString("taskmanager.memory.segment-size", "4kb");
        conf.setString("rest.bind-port", "0");
        conf.setString("rest.bind-address", "127.0.0.1");
        conf.setString("rest.address", "127.0.0.1");
        conf.setString("restart-strategy.type", "none");
        MiniCluster cluster = new MiniCluster(
                new MiniClusterConfiguration.Builder()
                        .setConfiguration(conf).setNumTaskManagers(1).setNumSlotsPerTaskManager(16).build());
        cluster.start();
        int port = args.length > 0 ? Integer.parseInt(args[0]) : 0;
        try (ServerSocket socket = new ServerSocket(port, 50, InetAddress.getByName("127.0.0.1"))) {
            System.out.println("listening " + socket.getLocalPort());
            new Server(cluster).serve(socket);
        }
    }
}
