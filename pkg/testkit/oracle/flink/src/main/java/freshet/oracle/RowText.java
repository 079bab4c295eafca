package freshet.oracle;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.MultisetType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.RowKind;

/** Reads rows in the notation of the case files: "+I[a, 1]"; see Go's package operatortest. */
final class RowText {
    private static final Map<String, RowKind> KINDS = new HashMap<>();

    static {
        for (RowKind k : RowKind.values()) {
            KINDS.put(k.shortString(), k);
        }
    }

    private RowText() {}

    static RowData row(String line, RowType type) {
        try {
            RowKind kind = KINDS.get(line.substring(0, 2));
            if (kind == null || line.charAt(2) != '[' || !line.endsWith("]")) {
                throw new IllegalArgumentException("a row looks like +I[a, 1]");
            }
            GenericRowData row = fields(line.substring(3, line.length() - 1), type);
            row.setRowKind(kind);
            return row;
        } catch (RuntimeException e) {
            throw new IllegalArgumentException("row " + line + ": " + e.getMessage(), e);
        }
    }

    private static GenericRowData fields(String text, RowType type) {
        List<String> parts = split(text);
        if (parts.size() != type.getFieldCount()) {
            throw new IllegalArgumentException(parts.size() + " values for " + type.getFieldCount() + " columns");
        }
        GenericRowData row = new GenericRowData(parts.size());
        for (int i = 0; i < parts.size(); i++) {
            row.setField(i, value(parts.get(i), type.getTypeAt(i)));
        }
        return row;
    }

    /** Cuts at ", " outside quotes and brackets. */
    private static List<String> split(String s) {
        List<String> out = new ArrayList<>();
        int depth = 0;
        int from = 0;
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c == '"') {
                i = quoted(s, i);
            } else if (c == '[' || c == '{') {
                depth++;
            } else if (c == ']' || c == '}') {
                depth--;
            } else if (c == ',' && depth == 0 && s.startsWith(", ", i)) {
                out.add(s.substring(from, i));
                from = i + 2;
            }
        }
        if (!s.isEmpty()) {
            out.add(s.substring(from));
        }
        return out;
    }

    /** The index of the quote that ends the one at i. */
    private static int quoted(String s, int i) {
        for (int j = i + 1; j < s.length(); j++) {
            if (s.charAt(j) == '\\') {
                j++;
            } else if (s.charAt(j) == '"') {
                return j;
            }
        }
        throw new IllegalArgumentException("bad quotes at " + s.substring(i));
    }

    private static String inside(String s, String open, String close) {
        if (!s.startsWith(open) || !s.endsWith(close)) {
            throw new IllegalArgumentException(s + " is not in " + open + close);
        }
        return s.substring(open.length(), s.length() - close.length());
    }

    private static Object value(String s, LogicalType type) {
        if (s.equals("NULL")) {
            return null;
        }
        switch (type.getTypeRoot()) {
            case BOOLEAN:
                return Boolean.parseBoolean(s);
            case TINYINT:
                return Byte.parseByte(s);
            case SMALLINT:
                return Short.parseShort(s);
            case INTEGER:
            case INTERVAL_YEAR_MONTH:
                return Integer.parseInt(s);
            case BIGINT:
            case INTERVAL_DAY_TIME:
                return Long.parseLong(s);
            case FLOAT:
                return Float.parseFloat(s.replace("Inf", "Infinity"));
            case DOUBLE:
                return Double.parseDouble(s.replace("Inf", "Infinity"));
            case DECIMAL:
                DecimalType d = (DecimalType) type;
                return DecimalData.fromBigDecimal(new BigDecimal(s), d.getPrecision(), d.getScale());
            case CHAR:
            case VARCHAR:
                return StringData.fromString(string(s));
            case BINARY:
            case VARBINARY:
                return Base64.getDecoder().decode(s.getBytes(StandardCharsets.UTF_8));
            case DATE:
                return (int) LocalDate.parse(s).toEpochDay();
            case TIME_WITHOUT_TIME_ZONE:
                return (int) (LocalTime.parse(s).toNanoOfDay() / 1_000_000L);
            case TIMESTAMP_WITHOUT_TIME_ZONE:
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
                return TimestampData.fromLocalDateTime(LocalDateTime.parse(s.endsWith("Z") ? s.substring(0, s.length() - 1) : s));
            case ARRAY:
                List<Object> items = new ArrayList<>();
                for (String part : split(inside(s, "[", "]"))) {
                    items.add(value(part, ((ArrayType) type).getElementType()));
                }
                return new GenericArrayData(items.toArray());
            case MAP:
                return map(s, ((MapType) type).getKeyType(), ((MapType) type).getValueType());
            case MULTISET:
                return map(s, ((MultisetType) type).getElementType(), new IntType());
            case ROW:
                return fields(inside(s, "+I[", "]"), (RowType) type);
            default:
                throw new IllegalArgumentException("no text form for " + type);
        }
    }

    private static String string(String s) {
        if (!s.startsWith("\"")) {
            return s;
        }
        try {
            return Server.JSON.readValue(s, String.class);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(s, e);
        }
    }

    private static Object map(String s, LogicalType key, LogicalType value) {
        Map<Object, Object> entries = new LinkedHashMap<>();
        for (String part : split(inside(s, "{", "}"))) {
            int at = part.startsWith("\"") ? quoted(part, 0) + 1 : part.indexOf('=');
            entries.put(value(part.substring(0, at), key), value(part.substring(at + 1), value));
        }
        return new GenericMapData(entries);
    }
}
