package freshet.oracle;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.TableDescriptor;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.api.internal.TableEnvironmentInternal;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.operations.ModifyOperation;
import org.apache.flink.table.operations.Operation;
import org.apache.flink.table.operations.StatementSetOperation;
import org.apache.flink.table.operations.command.ResetOperation;
import org.apache.flink.table.operations.command.SetOperation;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.utils.LogicalTypeUtils;
import org.apache.flink.table.types.utils.TypeConversions;

/** A file's statements: what changes the catalog or a setting takes effect at once, what writes is collected and becomes one job. */
final class Script {
    private static final Pattern BEGIN =
            Pattern.compile("^(EXECUTE\\s+STATEMENT\\s+SET\\s+BEGIN|BEGIN\\s+STATEMENT\\s+SET)\\b", Pattern.CASE_INSENSITIVE);

    private final StreamTableEnvironment table;
    final List<ModifyOperation> inserts = new ArrayList<>();

    Script(StreamTableEnvironment table) {
        this.table = table;
    }

    void run(String sql) {
        for (String statement : split(sql)) {
            String s = BEGIN.matcher(statement.trim()).replaceFirst("").trim();
            if (!s.isEmpty() && !s.equalsIgnoreCase("END")) {
                statement(s);
            }
        }
    }

    private void statement(String s) {
        TableEnvironmentInternal internal = (TableEnvironmentInternal) table;
        for (Operation op : internal.getParser().parse(s)) {
            if (op instanceof StatementSetOperation) {
                inserts.addAll(((StatementSetOperation) op).getOperations());
            } else if (op instanceof ModifyOperation) {
                inserts.add((ModifyOperation) op);
            } else if (op instanceof SetOperation) {
                SetOperation set = (SetOperation) op;
                if (set.getKey().isPresent()) {
                    table.getConfig().set(set.getKey().get(), set.getValue().get());
                }
            } else if (op instanceof ResetOperation) {
                ((ResetOperation) op).getKey().ifPresent(k -> table.getConfig().getConfiguration().removeKey(k));
            } else {
                internal.executeInternal(op);
            }
        }
    }

    /** Adds an INSERT of the query into a table o with its columns, all nullable and without key. */
    void query(String query, ObjectNode reply) {
        String text = query.trim().replaceAll(";\\s*$", "");
        Table result = table.sqlQuery(text);
        Schema.Builder schema = Schema.newBuilder();
        int n = 0;
        for (Column c : result.getResolvedSchema().getColumns()) {
            LogicalType type = LogicalTypeUtils.removeTimeAttributes(c.getDataType().getLogicalType());
            DataType stored = TypeConversions.fromLogicalToDataType(type.copy(true));
            schema.column("c" + n++, stored);
            reply.withArray("types").add(c.getName() + " " + c.getDataType().getLogicalType().asSummaryString());
        }
        table.createTemporaryTable("o", TableDescriptor.forConnector("collect").schema(schema.build()).build());
        statement("INSERT INTO o " + text);
    }

    /** Cuts at semicolons outside quotes and comments. */
    static List<String> split(String sql) {
        List<String> out = new ArrayList<>();
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < sql.length(); i++) {
            char c = sql.charAt(i);
            if (sql.startsWith("--", i)) {
                int end = sql.indexOf('\n', i);
                i = end < 0 ? sql.length() : end;
                s.append('\n');
            } else if (sql.startsWith("/*", i) && !sql.startsWith("/*+", i)) {
                int end = sql.indexOf("*/", i + 2);
                i = end < 0 ? sql.length() : end + 1;
                s.append(' ');
            } else if (c == '\'' || c == '`') {
                int end = sql.indexOf(c, i + 1);
                end = end < 0 ? sql.length() - 1 : end;
                s.append(sql, i, end + 1);
                i = end;
            } else if (c == ';') {
                out.add(s.toString());
                s.setLength(0);
            } else {
                s.append(c);
            }
        }
        out.add(s.toString());
        return out;
    }
}
