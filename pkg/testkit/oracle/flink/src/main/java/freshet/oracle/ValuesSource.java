package freshet.oracle;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.LookupTableSource;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.connector.source.SourceFunctionProvider;
import org.apache.flink.table.connector.source.abilities.SupportsWatermarkPushDown;
import org.apache.flink.table.connector.source.lookup.LookupFunctionProvider;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.functions.LookupFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;

/** The planner's view of a values table. It takes the watermark over, so that rows and watermarks come in turns; see {@link Driver}. */
final class ValuesSource implements ScanTableSource, LookupTableSource, SupportsWatermarkPushDown {
    private static long made;

    private final String world;
    private final String table;
    private final DataType type;
    private final ChangelogMode mode;
    private final boolean bounded;
    private WatermarkStrategy<RowData> strategy;

    ValuesSource(String world, String table, DataType type, ChangelogMode mode, boolean bounded) {
        this.world = world;
        this.table = table;
        this.type = type;
        this.mode = mode;
        this.bounded = bounded;
    }

    @Override
    public ChangelogMode getChangelogMode() {
        return mode;
    }

    /** Later plan nodes ask later: the order of the scans in the plan is that of their numbers. */
    private static synchronized long number() {
        return ++made;
    }

    @Override
    public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
        return SourceFunctionProvider.of(new ValuesFunction(world, table, (RowType) type.getLogicalType(), strategy, number()), bounded);
    }

    @Override
    public LookupRuntimeProvider getLookupRuntimeProvider(LookupContext context) {
        int[] keys = new int[context.getKeys().length];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = context.getKeys()[i][0];
        }
        return LookupFunctionProvider.of(new Lookup(world, table, (RowType) type.getLogicalType(), keys));
    }

    @Override
    public void applyWatermark(WatermarkStrategy<RowData> s) {
        strategy = s;
    }

    @Override
    public DynamicTableSource copy() {
        ValuesSource s = new ValuesSource(world, table, type, mode, bounded);
        s.strategy = strategy;
        return s;
    }

    @Override
    public String asSummaryString() {
        return "values " + table;
    }

    /** Finds the rows whose keys are equal, as text; a NULL equals nothing. */
    public static final class Lookup extends LookupFunction {
        private final String world;
        private final String table;
        private final RowType type;
        private final int[] keys;

        Lookup(String world, String table, RowType type, int[] keys) {
            this.world = world;
            this.table = table;
            this.type = type;
            this.keys = keys;
        }

        @Override
        public Collection<RowData> lookup(RowData wanted) {
            List<RowData> found = new ArrayList<>();
            World.get(world).lines(table).values().forEach(lines -> {
                for (String line : lines) {
                    if (line.equals(Turns.BARRIER)) {
                        continue;
                    }
                    RowData row = RowText.row(line, type);
                    boolean same = true;
                    for (int i = 0; i < keys.length; i++) {
                        Object have = RowData.createFieldGetter(type.getTypeAt(keys[i]), keys[i]).getFieldOrNull(row);
                        Object want = RowData.createFieldGetter(type.getTypeAt(keys[i]), i).getFieldOrNull(wanted);
                        same &= have != null && want != null && have.toString().equals(want.toString());
                    }
                    if (same) {
                        found.add(row);
                    }
                }
            });
            return found;
        }
    }
}
