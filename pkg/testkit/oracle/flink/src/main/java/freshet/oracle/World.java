package freshet.oracle;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/** What the tables of a running case share: input as text, output, turns. Jobs run in this process and find it by its id. */
final class World {
    /** The table option's name under which factories find the id. */
    static final String OPTION = "freshet.oracle.case";

    static final ConfigOption<String> ID = ConfigOptions.key(OPTION).stringType().noDefaultValue();

    private static final Map<String, World> OPEN = new ConcurrentHashMap<>();

    final String id = UUID.randomUUID().toString();
    final Turns turns = new Turns();

    /** The lines of the input's sections by name: "t" or, of a split, "t/1". */
    private final Map<String, List<String>> in = new TreeMap<>();

    private final ArrayNode log = Server.JSON.createArrayNode();

    /** Whether the case says itself where turns end. */
    final boolean cut;

    private World(JsonNode request) {
        boolean barriers = false;
        for (Iterator<Map.Entry<String, JsonNode>> it = request.path("in").fields(); it.hasNext(); ) {
            Map.Entry<String, JsonNode> e = it.next();
            List<String> lines = new ArrayList<>();
            e.getValue().forEach(l -> lines.add(l.asText()));
            in.put(e.getKey(), lines);
            barriers |= lines.contains(Turns.BARRIER);
        }
        cut = barriers;
    }

    static World open(JsonNode request) {
        World w = new World(request);
        OPEN.put(w.id, w);
        return w;
    }

    static World get(String id) {
        World w = OPEN.get(id);
        if (w == null) {
            throw new IllegalStateException("the case has ended");
        }
        return w;
    }

    void close() {
        OPEN.remove(id);
        turns.open();
    }

    /** The lines of a table's splits, by split name. */
    Map<String, List<String>> lines(String table) {
        Map<String, List<String>> found = new TreeMap<>();
        in.forEach((name, lines) -> {
            if (name.split("/", 2)[0].equals(table)) {
                found.put(name, lines);
            }
        });
        if (found.isEmpty()) {
            throw new IllegalArgumentException("there is no section \"in " + table + "\"");
        }
        return found;
    }

    void write(ObjectNode row) {
        synchronized (log) {
            log.add(row.put("turn", turns.current));
        }
    }

    ArrayNode log() {
        synchronized (log) {
            return log.deepCopy();
        }
    }
}
