package freshet.oracle;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Semaphore;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/** Reads requests and writes answers; see {@link CaseRun} for what a request holds. */
final class Server {
    /** How many cases run at once. */
    static final int JOBS = 3;

    static final ObjectMapper JSON = new ObjectMapper();

    private final MiniCluster cluster;
    private final Semaphore jobs = new Semaphore(JOBS, true);

    Server(MiniCluster cluster) {
        this.cluster = cluster;
    }

    void serve(ServerSocket socket) throws Exception {
        while (true) {
            Socket client = socket.accept();
            Thread thread = new Thread(() -> answer(client), "client");
            thread.setDaemon(true);
            thread.start();
        }
    }

    private void answer(Socket client) {
        try (client;
                BufferedReader in = new BufferedReader(new InputStreamReader(client.getInputStream(), StandardCharsets.UTF_8));
                OutputStream out = client.getOutputStream()) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                JsonNode request = JSON.readTree(line);
                ObjectNode reply;
                jobs.acquire();
                try {
                    reply = new CaseRun(cluster, request).run();
                } finally {
                    jobs.release();
                }
                out.write((JSON.writeValueAsString(reply) + "\n").getBytes(StandardCharsets.UTF_8));
                out.flush();
            }
        } catch (Exception e) {
            System.err.println("connection: " + e);
        }
    }
}
