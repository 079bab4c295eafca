package freshet.oracle;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.MultisetType;
import org.apache.flink.table.types.logical.RowType;

/**
 * Values for the answer. A scalar whose text is the same everywhere is a string; others are objects, which the reader prints: {@code f}
 * and {@code d} the bits of a FLOAT or DOUBLE, {@code ts} and {@code ltz} seconds and nanoseconds, {@code date} days, {@code time}
 * milliseconds, {@code b} bytes in hex, {@code a} an array, {@code r} a row, {@code m} a map's pairs.
 */
final class RowJson {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private RowJson() {}

    /** The row's values, or those of some columns. */
    static ArrayNode row(RowData row, RowType type, int[] columns) {
        ArrayNode out = JSON.arrayNode();
        int n = columns == null ? type.getFieldCount() : columns.length;
        for (int i = 0; i < n; i++) {
            int c = columns == null ? i : columns[i];
            out.add(value(RowData.createFieldGetter(type.getTypeAt(c), c).getFieldOrNull(row), type.getTypeAt(c)));
        }
        return out;
    }

    private static JsonNode value(Object v, LogicalType type) {
        if (v == null) {
            return JSON.nullNode();
        }
        ObjectNode o = JSON.objectNode();
        switch (type.getTypeRoot()) {
            case FLOAT:
                return o.put("f", Integer.toUnsignedString(Float.floatToIntBits((Float) v)));
            case DOUBLE:
                return o.put("d", Long.toUnsignedString(Double.doubleToLongBits((Double) v)));
            case DECIMAL:
                return JSON.textNode(((DecimalData) v).toBigDecimal().toPlainString());
            case DATE:
                return o.put("date", (Integer) v);
            case TIME_WITHOUT_TIME_ZONE:
                return o.put("time", (Integer) v);
            case TIMESTAMP_WITHOUT_TIME_ZONE:
                return o.set("ts", instant((TimestampData) v));
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
                return o.set("ltz", instant((TimestampData) v));
            case BINARY:
            case VARBINARY:
                return o.put("b", hex((byte[]) v));
            case ARRAY:
                return o.set("a", array((ArrayData) v, ((ArrayType) type).getElementType()));
            case MAP:
                return o.set("m", map((MapData) v, ((MapType) type).getKeyType(), ((MapType) type).getValueType()));
            case MULTISET:
                return o.set("m", map((MapData) v, ((MultisetType) type).getElementType(), new IntType()));
            case ROW:
                return o.set("r", row((RowData) v, (RowType) type, null));
            default:
                return JSON.textNode(v.toString());
        }
    }

    private static ArrayNode instant(TimestampData t) {
        return JSON.arrayNode().add(Math.floorDiv(t.getMillisecond(), 1000L))
                .add(Math.floorMod(t.getMillisecond(), 1000L) * 1_000_000L + t.getNanoOfMillisecond());
    }

    private static String hex(byte[] bytes) {
        StringBuilder s = new StringBuilder();
        for (byte b : bytes) {
            s.append(String.format("%02x", b));
        }
        return s.toString();
    }

    private static ArrayNode array(ArrayData a, LogicalType type) {
        ArrayNode out = JSON.arrayNode();
        ArrayData.ElementGetter get = ArrayData.createElementGetter(type);
        for (int i = 0; i < a.size(); i++) {
            out.add(value(get.getElementOrNull(a, i), type));
        }
        return out;
    }

    private static ArrayNode map(MapData m, LogicalType key, LogicalType value) {
        ArrayNode keys = array(m.keyArray(), key);
        ArrayNode values = array(m.valueArray(), value);
        ArrayNode out = JSON.arrayNode();
        for (int i = 0; i < keys.size(); i++) {
            out.add(JSON.arrayNode().add(keys.get(i)).add(values.get(i)));
        }
        return out;
    }
}
