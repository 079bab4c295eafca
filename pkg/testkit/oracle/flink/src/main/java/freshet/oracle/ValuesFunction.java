package freshet.oracle;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkGeneratorSupplier;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.streaming.api.functions.source.RichParallelSourceFunction;
import org.apache.flink.streaming.api.operators.SimpleOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamSource;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/** Emits a table's rows step by step, as the case's {@link Turns} order, and per split computes the watermark that the table declares. */
public final class ValuesFunction extends RichParallelSourceFunction<RowData> {
    private final String world;
    private final String table;
    private final RowType type;
    private final WatermarkStrategy<RowData> strategy;

    /** Grows with the position of the scan in the plan. */
    final long order;

    /** By split, by turn. */
    private transient List<List<List<RowData>>> input;

    private transient List<WatermarkGenerator<RowData>> generators;
    private transient long[] marks;
    private transient SourceContext<RowData> out;
    private transient volatile boolean cancelled;

    /** The last watermark that went out. */
    transient volatile long emitted;

    ValuesFunction(String world, String table, RowType type, WatermarkStrategy<RowData> strategy, long order) {
        this.world = world;
        this.table = table;
        this.type = type;
        this.strategy = strategy;
        this.order = order;
    }

    /** Whether an operator is such a source. */
    static boolean is(StreamOperatorFactory<?> f) {
        return f instanceof SimpleOperatorFactory
                && ((SimpleOperatorFactory<?>) f).getOperator() instanceof StreamSource
                && ((StreamSource<?, ?>) ((SimpleOperatorFactory<?>) f).getOperator()).getUserFunction() instanceof ValuesFunction;
    }

    int splits() {
        return input.size();
    }

    int turns() {
        return input.stream().mapToInt(List::size).max().orElse(0);
    }

    int rows(int split, int turn) {
        List<List<RowData>> of = input.get(split);
        return turn < of.size() ? of.get(turn).size() : 0;
    }

    @Override
    public void run(SourceContext<RowData> context) throws Exception {
        out = context;
        emitted = Long.MIN_VALUE;
        World w = World.get(world);
        input = new ArrayList<>();
        generators = new ArrayList<>();
        for (Map.Entry<String, List<String>> e : w.lines(table).entrySet()) {
            input.add(split(e.getValue(), w.cut));
            if (strategy != null) {
                MetricGroup metrics = getRuntimeContext().getMetricGroup();
                generators.add(strategy.createWatermarkGenerator((WatermarkGeneratorSupplier.Context) () -> metrics));
            }
        }
        marks = new long[input.size()];
        java.util.Arrays.fill(marks, Long.MIN_VALUE);
        w.turns.register(this);
        for (Turns.Step step = w.turns.next(this); step != null && !cancelled; step = w.turns.next(this)) {
            step.run(this);
            w.turns.done(this);
        }
        if (!cancelled && !w.turns.driven) {
            all();
        }
    }

    private List<List<RowData>> split(List<String> lines, boolean cut) {
        List<List<RowData>> turns = new ArrayList<>();
        List<RowData> turn = new ArrayList<>();
        for (String line : lines) {
            if (!line.equals(Turns.BARRIER)) {
                turn.add(RowText.row(line, type));
            }
            if (!cut || line.equals(Turns.BARRIER)) {
                turns.add(turn);
                turn = new ArrayList<>();
            }
        }
        if (!turn.isEmpty()) {
            turns.add(turn);
        }
        return turns;
    }

    /** Emits all rows at once: a batch job. */
    private void all() {
        for (int split = 0; split < splits(); split++) {
            for (int turn = 0; turn < input.get(split).size(); turn++) {
                for (int row = 0; row < rows(split, turn); row++) {
                    emit(split, turn, row);
                }
            }
        }
    }

    void emit(int split, int turn, int row) {
        RowData value = input.get(split).get(turn).get(row);
        synchronized (out.getCheckpointLock()) {
            out.collect(value);
        }
        if (strategy != null) {
            generators.get(split).onEvent(value, Long.MIN_VALUE, new Mark(split));
        }
    }

    /** Emits the watermark if it has moved. */
    void mark() {
        if (strategy == null) {
            return;
        }
        long lowest = Long.MAX_VALUE;
        for (int i = 0; i < generators.size(); i++) {
            generators.get(i).onPeriodicEmit(new Mark(i));
            lowest = Math.min(lowest, marks[i]);
        }
        if (lowest > emitted) {
            send(lowest);
        }
    }

    /** Emits the watermark that says that no rows follow. */
    void end() {
        send(Long.MAX_VALUE);
    }

    private void send(long mark) {
        synchronized (out.getCheckpointLock()) {
            out.emitWatermark(new org.apache.flink.streaming.api.watermark.Watermark(mark));
            emitted = mark;
        }
    }

    @Override
    public void cancel() {
        cancelled = true;
    }

    /** Notes the watermark of a split. */
    private final class Mark implements WatermarkOutput {
        private final int split;

        Mark(int split) {
            this.split = split;
        }

        @Override
        public void emitWatermark(Watermark w) {
            marks[split] = Math.max(marks[split], w.getTimestamp());
        }

        @Override
        public void markIdle() {}

        @Override
        public void markActive() {}
    }
}
