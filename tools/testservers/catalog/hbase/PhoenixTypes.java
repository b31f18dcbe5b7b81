import java.math.BigDecimal;
import java.sql.Date;
import java.sql.Time;
import java.sql.Timestamp;

import org.apache.phoenix.schema.types.PDataType;

/**
 * Values as Apache Phoenix writes them into cells and keys. A value is a text: numbers in decimal, floats by the hexadecimal number of their bits,
 * dates and times as milliseconds since 1970, timestamps as seconds and nanoseconds with a blank between, booleans as true and false.
 */
final class PhoenixTypes {
    private PhoenixTypes() {}

    /** Returns the bytes of a value of a type, which SQL's name tells. */
    static byte[] encode(String type, String text) {
        PDataType<?> t = PDataType.fromSqlTypeName(type);
        return t.toBytes(parse(t.getJavaClass(), text));
    }

    /** Returns the value that Phoenix reads from the bytes; NULL is empty. */
    static String decode(String type, byte[] value) {
        Object o = PDataType.fromSqlTypeName(type).toObject(value);
        if (o == null) {
            return "";
        }
        if (o instanceof Float f) {
            return Integer.toHexString(Float.floatToRawIntBits(f));
        }
        if (o instanceof Double d) {
            return Long.toHexString(Double.doubleToRawLongBits(d));
        }
        if (o instanceof BigDecimal d) {
            return d.stripTrailingZeros().toPlainString();
        }
        if (o instanceof Timestamp t) {
            return Math.floorDiv(t.getTime(), 1000) + " " + t.getNanos();
        }
        if (o instanceof java.util.Date d) {
            return Long.toString(d.getTime());
        }
        return o.toString();
    }

    private static Object parse(Class<?> of, String text) {
        if (of == Byte.class) {
            return Byte.valueOf(text);
        }
        if (of == Short.class) {
            return Short.valueOf(text);
        }
        if (of == Integer.class) {
            return Integer.valueOf(text);
        }
        if (of == Long.class) {
            return Long.valueOf(text);
        }
        if (of == Float.class) {
            return Float.intBitsToFloat(Integer.parseUnsignedInt(text, 16));
        }
        if (of == Double.class) {
            return Double.longBitsToDouble(Long.parseUnsignedLong(text, 16));
        }
        if (of == BigDecimal.class) {
            return new BigDecimal(text);
        }
        if (of == Date.class) {
            return new Date(Long.parseLong(text));
        }
        if (of == Time.class) {
            return new Time(Long.parseLong(text));
        }
        if (of == Timestamp.class) {
            String[] parts = text.split(" ");
            Timestamp t = new Timestamp(Math.multiplyExact(Long.parseLong(parts[0]), 1000L));
            t.setNanos(Integer.parseInt(parts[1]));
            return t;
        }
        if (of == Boolean.class) {
            return Boolean.valueOf(text);
        }
        throw new IllegalArgumentException("no values of " + of);
    }
}
