package postgres

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/towpath/towpath/connector"
)

// A key value travels as the server sent it and goes back in its own type. What a position holds of each type:
//
//	integers              TagInt
//	text, enum            TagText, as the server writes it
//	all else              TagBytes, the server's binary form; TagText for types that have none
//
// It is 0 for types whose values cannot be sent back at all.
func keyTag(i *typeInfo) connector.Tag {
	switch i.oid {
	case oidInt2, oidInt4, oidInt8:
		return connector.TagInt
	case oidText, oidVarchar, oidBpchar, oidName:
		return connector.TagText
	}
	if i.labels != nil || i.row != nil && i.row.name == "citext" || !i.binary {
		return connector.TagText
	}
	return connector.TagBytes
}

// keyFormat is the form in which a key value is sent.
func keyFormat(i *typeInfo) uint16 {
	if keyTag(i) == connector.TagText {
		return formatText
	}
	return formatBinary
}

// keyPart turns a key cell as the server sent it into the value that a position holds.
func (r *reader) keyPart(c *column, raw []byte, present bool) (connector.Part, error) {
	part := connector.Part{Tag: keyTag(c.info)}
	switch {
	case !present:
		return part, connector.Errorf(connector.Row, "TOW-732", "read key column %s: it is NULL where none can be", c.Name)
	case part.Tag == connector.TagInt:
		n, ok := intOf(raw)
		if !ok {
			return part, errMalformed
		}
		part.Int = n
	case part.Tag == connector.TagText && r.encoding != "SQL_ASCII" && !utf8.Valid(raw):
		return part, connector.Errorf(connector.Row, "TOW-732", "read key column %s: %x is not valid text, so its row cannot be found again", c.Name, raw).
			WithHint("Repair the row at the source, or leave it out by where.")
	default:
		part.Bytes = append([]byte{}, raw...)
	}
	return part, nil
}

// intOf reads a whole number of 2, 4 or 8 bytes.
func intOf(raw []byte) (int64, bool) {
	switch len(raw) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(raw))), true
	case 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), true
	case 8:
		return int64(binary.BigEndian.Uint64(raw)), true
	}
	return 0, false
}

// keyParam binds a value of a position in the column's own type. Whole numbers are bound as the widest of them, with which the
// server compares each: a border between two values of a narrow one may lie beside it.
func keyParam(c *column, p connector.Part) (param, error) {
	if p.Tag != keyTag(c.info) {
		return param{}, connector.Errorf(connector.Changed, "TOW-105", "position of key column %s holds a value of another type", c.Name)
	}
	if p.Tag == connector.TagInt {
		return intParam(p.Int), nil
	}
	return param{oid: c.info.oid, format: keyFormat(c.info), bytes: p.Bytes}, nil
}
