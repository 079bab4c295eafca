package freshet.oracle;

import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.functions.sink.SinkFunction;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.SinkFunctionProvider;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.logical.RowType;

/** Makes 'connector' = 'collect': a sink that keeps every row with its kind for the answer. */
public final class CollectFactory implements DynamicTableSinkFactory {
    static final ConfigOption<String> MODE = ConfigOptions.key("mode").stringType().noDefaultValue();

    @Override
    public String factoryIdentifier() {
        return "collect";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of();
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of(MODE);
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context context) {
        FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
        helper.validate();
        int[] keys = context.getPrimaryKeyIndexes();
        String mode = helper.getOptions().getOptional(MODE).orElse(keys.length > 0 ? "upsert" : "all");
        return new Sink(
                new Collector(context.getConfiguration().get(World.ID), context.getObjectIdentifier().getObjectName(),
                        (RowType) context.getPhysicalRowDataType().getLogicalType(), mode.equals("upsert") ? keys : null),
                ValuesFactory.mode(mode));
    }

    private static final class Sink implements DynamicTableSink, org.apache.flink.table.connector.sink.abilities.SupportsPartitioning {
        private final Collector function;
        private final ChangelogMode mode;

        Sink(Collector function, ChangelogMode mode) {
            this.function = function;
            this.mode = mode;
        }

        @Override
        public ChangelogMode getChangelogMode(ChangelogMode requested) {
            return mode;
        }

        @Override
        public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
            return SinkFunctionProvider.of(function);
        }

        @Override
        public void applyStaticPartition(java.util.Map<String, String> partition) {
            // The planner fills the columns in.
        }

        @Override
        public DynamicTableSink copy() {
            return new Sink(function, mode);
        }

        @Override
        public String asSummaryString() {
            return "collect " + function.table;
        }
    }

    /** Writes rows to the case's log. */
    private static final class Collector implements SinkFunction<RowData> {
        private final String world;
        final String table;
        private final RowType type;
        private final int[] keys; // null: not an upsert sink

        Collector(String world, String table, RowType type, int[] keys) {
            this.world = world;
            this.table = table;
            this.type = type;
            this.keys = keys;
        }

        @Override
        public void invoke(RowData row, Context context) {
            ObjectNode line = Server.JSON.createObjectNode();
            line.put("t", table).put("k", row.getRowKind().shortString()).set("v", RowJson.row(row, type, null));
            if (keys != null) {
                line.set("key", RowJson.row(row, type, keys));
            }
            World.get(world).write(line);
        }
    }
}
