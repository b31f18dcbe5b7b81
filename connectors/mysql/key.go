package mysql

import (
	"math"
	"unicode/utf8"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// A key value travels as the server sent it and goes back in its own type. What a position holds of each type:
//
//	integers, year, bit      TagInt, TagUint
//	float, double            TagFloat
//	decimal, uuid, inet      TagText, the server's text
//	text                     TagText, UTF-8
//	enum, set                TagUint, the ordinal or the bits: that is what their order is by
//	binary                   TagBytes
//	date and time            TagBytes, as the binary protocol writes them, zero dates included
func keyTag(c *column) connector.Tag {
	switch c.Type.Kind {
	case record.Int, record.Year:
		return connector.TagInt
	case record.Uint, record.Bit, record.Enum, record.Set:
		return connector.TagUint
	case record.Float:
		return connector.TagFloat
	case record.Bytes, record.Date, record.Datetime, record.Instant, record.Time:
		return connector.TagBytes
	}
	return connector.TagText
}

// keyExpression is how the value of a key column is selected.
func keyExpression(c *column) string {
	switch {
	case c.Type.Kind == record.Enum || c.Type.Kind == record.Set:
		return "CAST(" + quote(c.Name) + " AS UNSIGNED)"
	case c.Type.Kind == record.Text && !sentAsUTF8(c.Charset):
		return "CONVERT(" + quote(c.Name) + " USING utf8mb4)"
	}
	return quote(c.Name)
}

// sentAsUTF8 tells whether text of the charset is UTF-8 as it is stored. It is sent without a conversion, in which the server
// would replace what is not valid by question marks.
func sentAsUTF8(charset string) bool {
	return charset == "" || charset == "utf8mb4" || charset == "utf8mb3" || charset == "utf8" || charset == "ascii" || charset == "binary"
}

// notText is the first byte of foreignText's answer for text of which a conversion loses something. No UTF-8 has it.
const notText = 0xFF

// readExpression is how the value of a column is selected.
func readExpression(c *column) string {
	q := quote(c.Name)
	switch c.Type.Kind {
	case record.Text, record.Enum, record.Set, record.JSON:
	default:
		return q
	}
	switch {
	case sentAsUTF8(c.Charset):
		return q
	case !marksForeign(c):
		return "CONVERT(" + q + " USING utf8mb4)" // each byte of latin1 is a character
	}
	return foreignText(q, c.Charset)
}

// marksForeign tells whether readExpression is foreignText.
func marksForeign(c *column) bool {
	return c.Type.Kind == record.Text && !sentAsUTF8(c.Charset) && c.Charset != "latin1"
}

// foreignText converts, and where the conversion loses a character sends the stored bytes behind notText. A character that
// Unicode lacks becomes a question mark without an error; text that does not come back as it was and has more of them than
// before lost one. (Some charsets have two codes for one character: those come back changed and are right.)
func foreignText(q, charset string) string {
	converted := "CONVERT(" + q + " USING utf8mb4)"
	back := "CAST(CONVERT(" + converted + " USING " + charset + ") AS BINARY)"
	stored := "CAST(" + q + " AS BINARY)"
	marks := func(s string) string { return "CHAR_LENGTH(" + s + ") - CHAR_LENGTH(REPLACE(" + s + ", '?', ''))" }
	return "IF(" + q + " IS NULL, NULL, IF(" + back + " = " + stored + " OR " + marks(converted) + " = " + marks(q) +
		", CAST(" + converted + " AS BINARY), CONCAT(X'FF', " + stored + ")))"
}

// keyPart turns a key cell as the server sent it into the value that a position holds.
func keyPart(c *column, def columnDef, raw []byte) (connector.Part, error) {
	if raw == nil {
		return connector.Part{}, connector.Errorf(connector.Row, "TOW-432", "read key column %s: it is NULL where none can be", c.Name)
	}
	part := connector.Part{Tag: keyTag(c)}
	if width := intWidth(def.Type); width > 0 {
		return numberPart(part, def, raw), nil
	}
	b, next := lenencBytes(raw, 0)
	if next < 0 {
		return part, errMalformed
	}
	switch {
	case part.Tag == connector.TagUint:
		for _, x := range b {
			part.Uint = part.Uint<<8 | uint64(x)
		}
	case c.Type.Kind == record.Text && !utf8.Valid(b):
		return part, connector.Errorf(connector.Row, "TOW-432", "read key column %s: %x is not valid text, so its row cannot be found again", c.Name, b).
			WithHint("Repair the row at the source, or leave it out by where.")
	default:
		part.Bytes = append([]byte{}, b...)
	}
	return part, nil
}

func numberPart(part connector.Part, def columnDef, raw []byte) connector.Part {
	var n uint64
	for i, x := range raw {
		n |= uint64(x) << (8 * i)
	}
	shift := 64 - 8*len(raw)
	signed := int64(n<<shift) >> shift
	switch {
	case def.Type == wireFloat:
		part.Tag, part.Float = connector.TagFloat, float64(math.Float32frombits(uint32(n)))
	case def.Type == wireDouble:
		part.Tag, part.Float = connector.TagFloat, math.Float64frombits(n)
	case part.Tag == connector.TagInt && def.Flags&flagUnsigned == 0:
		part.Int = signed
	case part.Tag == connector.TagInt:
		part.Int = int64(n)
	case part.Tag == connector.TagUint:
		part.Uint = n
	}
	return part
}

// keyParam binds a value of a position in the column's own type.
func keyParam(c *column, p connector.Part) (param, error) {
	switch p.Tag {
	case connector.TagInt:
		return intParam(p.Int), nil
	case connector.TagUint:
		return uintParam(p.Uint), nil
	case connector.TagFloat:
		return floatParam(p.Float), nil
	case connector.TagText:
		if c.Type.Kind == record.Decimal {
			return param{typ: wireDecimal, bytes: p.Bytes}, nil
		}
		return param{typ: wireVarString, bytes: p.Bytes}, nil
	case connector.TagBytes:
		typ := map[record.Kind]byte{record.Bytes: wireBlob, record.Date: wireDate, record.Datetime: wireDatetime,
			record.Instant: wireTimestamp, record.Time: wireTime}[c.Type.Kind]
		if typ != 0 {
			return param{typ: typ, bytes: p.Bytes}, nil
		}
	}
	return param{}, connector.Errorf(connector.Changed, "TOW-105", "position of key column %s holds a value of another type", c.Name)
}
