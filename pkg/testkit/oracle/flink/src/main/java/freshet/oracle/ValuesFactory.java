package freshet.oracle;

import java.util.Set;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.lookup.LookupOptions;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.types.RowKind;

/** Makes 'connector' = 'values': the rows of the case's section "in TABLE", as a scan and as a lookup. */
public final class ValuesFactory implements DynamicTableSourceFactory {
    static final ConfigOption<String> MODE = ConfigOptions.key("mode").stringType().defaultValue("append");

    @Override
    public String factoryIdentifier() {
        return "values";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of();
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of(MODE, LookupOptions.CACHE_TYPE, LookupOptions.MAX_RETRIES, LookupOptions.PARTIAL_CACHE_MAX_ROWS,
                LookupOptions.PARTIAL_CACHE_EXPIRE_AFTER_WRITE, LookupOptions.PARTIAL_CACHE_EXPIRE_AFTER_ACCESS, LookupOptions.PARTIAL_CACHE_CACHE_MISSING_KEY);
    }

    @Override
    public DynamicTableSource createDynamicTableSource(Context context) {
        FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
        helper.validate();
        String world = context.getConfiguration().get(World.ID);
        // Flink lets no watermarks but the last out of bounded source functions.
        boolean bounded = context.getConfiguration().get(ExecutionOptions.RUNTIME_MODE) == RuntimeExecutionMode.BATCH;
        return new ValuesSource(
                world, context.getObjectIdentifier().getObjectName(), context.getPhysicalRowDataType(), mode(helper.getOptions().get(MODE)), bounded);
    }

    static ChangelogMode mode(String name) {
        switch (name) {
            case "append":
                return ChangelogMode.insertOnly();
            case "all":
                return ChangelogMode.all();
            case "upsert":
                return ChangelogMode.newBuilder()
                        .addContainedKind(RowKind.INSERT).addContainedKind(RowKind.UPDATE_AFTER).addContainedKind(RowKind.DELETE).build();
            default:
                throw new org.apache.flink.table.api.ValidationException("'mode' is append, all or upsert, not " + name);
        }
    }
}
