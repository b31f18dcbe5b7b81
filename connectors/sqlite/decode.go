package sqlite

import (
	"database/sql/driver"
	"math"
	"strconv"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// decoder appends rows to batches. A cell of another storage class than its column's type is taken when it converts exactly,
// else it is a mark.
type decoder struct {
	schema *record.Schema
	row    []driver.Value // the last row: the schema's columns, then the key's
	text   []byte
}

func newDecoder(s *record.Schema, keys int) *decoder {
	return &decoder{schema: s, row: make([]driver.Value, len(s.Fields)+keys)}
}

// key returns the key of the last row. Its bytes are the decoder's own: the driver makes new ones for each row.
func (d *decoder) key() []connector.Part {
	var parts []connector.Part
	for _, v := range d.row[len(d.schema.Fields):] {
		parts = append(parts, part(v))
	}
	return parts
}

// decode appends the row.
func (d *decoder) decode(b *record.Batch) {
	for i := range d.schema.Fields {
		t, v := &d.schema.Fields[i].Type, b.Cols[i]
		switch x := d.row[i].(type) {
		case nil:
			v.AppendNull()
			b.Size++
		case int64:
			d.integer(b, i, t, v, x)
			b.Size += 8
		case float64:
			d.real(b, i, t, v, x)
			b.Size += 8
		case string:
			d.string(b, i, t, v, x)
			b.Size += len(x)
		case []byte:
			d.blob(b, i, t, v, x)
			b.Size += len(x)
		}
	}
	b.Len++
}

func (d *decoder) integer(b *record.Batch, col int, t *record.Type, v *record.Vector, x int64) {
	switch t.Kind {
	case record.Int:
		if t.Bits == 64 || (x >= -1<<(t.Bits-1) && x < 1<<(t.Bits-1)) {
			v.AppendInt64(x)
			return
		}
	case record.Bool:
		if x == 0 || x == 1 {
			v.AppendBool(x == 1)
			return
		}
		d.mark(b, col, record.WrongType, strconv.AppendInt(d.text[:0], x, 10))
		return
	case record.Float:
		if f := float64(x); t.Bits == 64 && int64(f) == x && f < 1<<63 {
			v.AppendFloat64(f)
			return
		}
	case record.Text, record.Bytes, record.Date, record.Time, record.Datetime, record.Instant:
		d.mark(b, col, record.WrongType, strconv.AppendInt(d.text[:0], x, 10))
		return
	}
	d.text = strconv.AppendInt(d.text[:0], x, 10)
	d.parse(b, col, t, v)
}

func (d *decoder) real(b *record.Batch, col int, t *record.Type, v *record.Vector, x float64) {
	if t.Kind == record.Float && (t.Bits == 64 || float64(float32(x)) == x) {
		v.AppendFloat64(x)
		return
	}
	d.text = strconv.AppendFloat(d.text[:0], x, 'f', -1, 64)
	switch t.Kind {
	case record.Decimal, record.Float, record.Int, record.Uint, record.JSON:
		if !math.IsInf(x, 0) || t.Kind == record.Float {
			d.parse(b, col, t, v)
			return
		}
	}
	d.mark(b, col, record.WrongType, d.text)
}

func (d *decoder) string(b *record.Batch, col int, t *record.Type, v *record.Vector, x string) {
	d.text = append(d.text[:0], x...)
	if t.Kind == record.Bytes {
		if t.Length == 0 || int64(len(x)) <= t.Length {
			v.AppendString(x)
			return
		}
		d.mark(b, col, record.Trunc, d.text)
		return
	}
	if t.Kind == record.Document || t.Kind == record.List || t.Kind == record.Geometry {
		d.mark(b, col, record.WrongType, d.text)
		return
	}
	d.parse(b, col, t, v)
}

func (d *decoder) blob(b *record.Batch, col int, t *record.Type, v *record.Vector, x []byte) {
	switch t.Kind {
	case record.Document, record.List, record.Geometry:
		v.AppendBytes(x)
	case record.Bytes:
		if t.Length > 0 && int64(len(x)) > t.Length {
			d.mark(b, col, record.Trunc, x)
			return
		}
		v.AppendBytes(x)
	case record.UUID:
		if len(x) == 16 {
			v.AppendFixed16([16]byte(x))
			return
		}
		fallthrough
	default:
		d.mark(b, col, record.WrongType, x)
	}
}

// parse appends what d.text says.
func (d *decoder) parse(b *record.Batch, col int, t *record.Type, v *record.Vector) {
	if code := record.AppendParsed(v, t, d.text); code != "" {
		d.mark(b, col, code, d.text)
	}
}

// mark records a cell that the column's type does not hold.
func (d *decoder) mark(b *record.Batch, col int, code record.Code, raw []byte) {
	b.MarkNull(col, code, raw)
}
