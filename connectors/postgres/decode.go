package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/towpath/towpath/record"
)

// The decoder turns rows into vectors. One function is bound to each column when a statement begins, so a cell costs one call and no
// allocation; what a vector cannot hold becomes a mark.

// decodeFunc appends a present cell to c.vector; false: it is malformed.
type decodeFunc func(d *decoder, c *decodeColumn, b []byte) bool

// decodeColumn is a column of the statement.
type decodeColumn struct {
	decode decodeFunc
	vector *record.Vector
	index  int // in the batch; -1: a hidden key column
	field  *record.Field
	key    int // 1-based place in the key; 0: not part of it
	list   *listDecoder
}

// decoder decodes rows of one statement into batches of one schema.
type decoder struct {
	columns   []decodeColumn
	maxCell   int // bytes; a larger value is a mark
	batch     *record.Batch
	keys      [][]byte // the cells of the key columns of the last row, as the server sent them
	present   []bool   // which of them are not NULL
	unbounded bool     // intervals may be ±infinity (PostgreSQL 17)
	scratch   []byte

	refused    record.Code // why an element of a list cannot be held; "": it can
	refusedRaw []byte      // its text
}

// ofList is the index of a column that stands for the elements of a list.
const ofList = -2

// attach makes b the batch that rows are appended to.
func (d *decoder) attach(b *record.Batch) {
	d.batch = b
	for i := range d.columns {
		if c := &d.columns[i]; c.index >= 0 {
			c.vector = b.Cols[c.index]
		}
	}
}

// row appends a row to the batch. After an error the batch is of no use beyond its first Len rows.
func (d *decoder) row(p []byte) error {
	if len(p) < 2 || int(binary.BigEndian.Uint16(p)) != len(d.columns) {
		return fmt.Errorf("%w: a row of other columns than described", errMalformed)
	}
	at := 2
	for i := range d.columns {
		c := &d.columns[i]
		if len(p)-at < 4 {
			return fmt.Errorf("%w: column %d of a row", errMalformed, i+1)
		}
		length := int(int32(binary.BigEndian.Uint32(p[at:])))
		at += 4
		if length < 0 {
			if c.vector != nil {
				c.vector.AppendNull()
			}
			if c.key > 0 {
				d.present[c.key-1] = false
			}
			continue
		}
		end := at + length
		if end > len(p) {
			return fmt.Errorf("%w: column %d of a row", errMalformed, i+1)
		}
		b := p[at:end:end]
		if c.decode != nil && !c.decode(d, c, b) {
			return fmt.Errorf("%w: column %d of a row", errMalformed, i+1)
		}
		if c.key > 0 {
			d.keys[c.key-1], d.present[c.key-1] = append(d.keys[c.key-1][:0], b...), true
		}
		at = end
	}
	if at != len(p) {
		return fmt.Errorf("%w: %d bytes behind the last column of a row", errMalformed, len(p)-at)
	}
	d.batch.Len++
	d.batch.Size += len(p)
	return nil
}

// mark makes a cell a NULL with a mark. An element of a list has none: it makes the whole list one.
func (d *decoder) mark(c *decodeColumn, code record.Code, raw []byte) {
	if c.index == ofList {
		d.refused, d.refusedRaw = code, append(d.refusedRaw[:0], raw...)
		return
	}
	d.batch.MarkNull(c.index, code, raw)
}

// markedBytes is how much of a value too large is kept.
const markedBytes = 64 << 10

// kept is the part of a value too large that its mark holds.
func kept(b []byte) []byte {
	n := min(len(b), markedBytes)
	return b[:n:n]
}

// formatOf is the form in which values of a type are read: binary where there is a decoder for it.
func formatOf(i *typeInfo) uint16 {
	switch {
	case i.elem != nil && i.binary && i.elem.elem == nil && (formatOf(i.elem) == formatBinary || textual(i.elem)):
		return formatBinary
	case i.elem != nil || i.row == nil || !i.binary || i.oid == oidVarbit || textual(i):
		return formatText
	}
	return formatBinary
}

// textual tells whether the binary form of a type is its text, but for a byte in front of jsonb's.
func textual(i *typeInfo) bool {
	switch i.oid {
	case oidText, oidVarchar, oidBpchar, oidName, oidJSON, oidJSONB:
		return i.binary
	}
	return i.binary && (i.labels != nil || i.row != nil && i.row.name == "citext")
}

// bind returns the function that decodes values of the type, as they come in its format, into the field. ok is false when the field was
// planned for another type.
func bind(f *record.Field, i *typeInfo, mod int32) (c decodeColumn, ok bool) {
	c.field = f
	if f.Type.Kind == record.List {
		c.list, ok = newListDecoder(f, i, mod)
		c.decode = decodeList
		if ok && formatOf(i) == formatText {
			c.decode = decodeListText
		}
		return c, ok
	}
	oid := i.oid
	if formatOf(i) == formatText {
		// jsonb in place of json, text in place of varchar are as good.
		switch f.Type.Kind {
		case record.Text, record.Native, record.Enum, record.JSON:
			c.decode = decodeBytes
			return c, f.Type.Kind != record.JSON || oid == oidJSON || oid == oidJSONB
		}
		return c, false
	}
	fraction := mostFraction
	if mod >= 0 {
		fraction = int(mod)
	}
	switch f.Type.Kind {
	case record.Bool:
		c.decode, ok = decodeBool, oid == oidBool
	case record.Int:
		width := map[uint32]int{oidInt2: 16, oidInt4: 32, oidInt8: 64}[oid]
		c.decode, ok = intDecoder(width), width > 0 && width <= f.Type.Bits
	case record.Uint:
		c.decode, ok = decodeOID, oid == oidOID && f.Type.Bits >= 32
	case record.Float:
		c.decode, ok = decodeFloat4, oid == oidFloat4
		if oid == oidFloat8 {
			c.decode, ok = decodeFloat8, f.Type.Bits != 32
		}
	case record.Decimal:
		c.decode, ok = numericDecoder(f.Type.Form()), oid == oidNumeric
		if oid == oidMoney {
			c.decode, ok = decodeMoney, f.Type.Form() == record.FormInt128
		}
	case record.Bytes:
		c.decode, ok = decodeBytes, oid == oidBytea
	case record.Date:
		c.decode, ok = decodeDate, oid == oidDate
	case record.Time:
		c.decode, ok = decodeTime, oid == oidTime && fraction <= f.Type.Precision
	case record.Datetime:
		c.decode, ok = decodeMoment, oid == oidTimestamp && fraction <= f.Type.Precision
	case record.Instant:
		c.decode, ok = decodeMoment, oid == oidTimestamptz && fraction <= f.Type.Precision
	case record.Interval:
		c.decode, ok = decodeInterval, oid == oidInterval
	case record.UUID:
		c.decode, ok = decodeUUID, oid == oidUUID
	case record.Bit:
		c.decode, ok = decodeBit, oid == oidBit
	case record.Geometry:
		c.decode, ok = decodeGeometry, i.row != nil && i.row.oid == 0
	}
	return c, ok
}

// decodeGeometry reads EWKB.
func decodeGeometry(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) > d.maxCell {
		d.mark(c, record.TooBig, kept(b))
		return true
	}
	data, ok := record.AppendGeometry(c.vector.Data, b)
	if !ok {
		d.scratch = hex.AppendEncode(d.scratch[:0], b)
		d.mark(c, record.WrongType, d.scratch)
		return true
	}
	c.vector.Data = data
	c.vector.CloseBytes()
	return true
}

func decodeBool(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 1 {
		return false
	}
	c.vector.AppendBool(b[0] != 0)
	return true
}

func intDecoder(width int) decodeFunc {
	switch width {
	case 16:
		return decodeInt2
	case 32:
		return decodeInt4
	}
	return decodeInt8
}

func decodeInt8(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 8 {
		return false
	}
	c.vector.AppendInt64(int64(binary.BigEndian.Uint64(b)))
	return true
}

func decodeInt4(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 4 {
		return false
	}
	c.vector.AppendInt64(int64(int32(binary.BigEndian.Uint32(b))))
	return true
}

func decodeInt2(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 2 {
		return false
	}
	c.vector.AppendInt64(int64(int16(binary.BigEndian.Uint16(b))))
	return true
}

func decodeOID(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 4 {
		return false
	}
	c.vector.AppendUint64(uint64(binary.BigEndian.Uint32(b)))
	return true
}

func decodeFloat8(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 8 {
		return false
	}
	c.vector.AppendFloat64(math.Float64frombits(binary.BigEndian.Uint64(b)))
	return true
}

func decodeFloat4(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 4 {
		return false
	}
	c.vector.AppendFloat64(float64(math.Float32frombits(binary.BigEndian.Uint32(b))))
	return true
}

func decodeBytes(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) > d.maxCell {
		d.mark(c, record.TooBig, kept(b))
		return true
	}
	c.vector.AppendBytes(b)
	return true
}

// decodeItem reads text within a list, which batches do not look into: what is no UTF-8 is seen at once.
func decodeItem(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) <= d.maxCell && !utf8.Valid(b) {
		d.mark(c, record.UTF8, b)
		return true
	}
	return decodeBytes(d, c, b)
}

func decodeUUID(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 16 {
		return false
	}
	c.vector.AppendFixed16([16]byte(b))
	return true
}

// decodeBit reads the number of bits and then the bits, most significant first.
func decodeBit(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) < 4 {
		return false
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	b = b[4:]
	if n < 0 || len(b) != (n+7)/8 {
		return false
	}
	if n != c.field.Type.Bits {
		d.scratch = appendBits(d.scratch[:0], b, n)
		d.mark(c, record.Shape, d.scratch)
		return true
	}
	if c.vector.Form == record.FormBytes {
		return decodeBytes(d, c, b)
	}
	var x uint64
	for _, v := range b {
		x = x<<8 | uint64(v)
	}
	c.vector.AppendUint64(x >> (8*len(b) - n))
	return true
}

func appendBits(dst, b []byte, n int) []byte {
	for i := range n {
		dst = append(dst, '0'+b[i>>3]>>(7-i&7)&1)
	}
	return dst
}
