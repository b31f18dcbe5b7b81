package mysql

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// The encoder turns rows of vectors into the parameters of a prepared statement, row after row as the protocol wants them, but by
// loops over columns: it measures each row first, so that every column knows where its value belongs.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
type encoder struct {
	columns []encodeColumn
	sizes   []int // bytes of each row measured
	at      []int // where the next value of each row goes
}

// encodeColumn is a column as it is sent.
type encodeColumn struct {
	index int  // in the batch
	typ   byte // of the protocol
	flags byte // 0x80: unsigned
	// width is the bytes of every value; 0: they differ.
	width int
	// fixed puts values of one width; one call a column and batch.
	fixed func(v *record.Vector, from, to int, out []byte, at []int)
	// render appends what a value is sent as, its length in front; nil: the value is the cell's own bytes.
	render func(c *encodeColumn, dst []byte, v *record.Vector, row int) []byte
	field  *record.Field

	rendering bool // the rows measured are rendered
	rendered  []byte
	ends      []int // of each rendered value in rendered
	scratch   []byte
}

const unsigned = 0x80

// newEncoder binds the columns that are written.
func newEncoder(stored *record.Schema, skipped []int) *encoder {
	e := new(encoder)
	for i := range stored.Fields {
		if !slices.Contains(skipped, i) {
			e.columns = append(e.columns, bindEncoder(i, &stored.Fields[i]))
		}
	}
	return e
}

// bindEncoder decides once how a column is sent.
func bindEncoder(index int, f *record.Field) encodeColumn {
	c := encodeColumn{index: index, field: f, typ: wireVarString}
	switch t := &f.Type; t.Kind {
	case record.Int, record.Uint:
		c.bindInteger()
	case record.Year:
		c.typ, c.width, c.fixed = wireShort, 2, putInt16
	case record.Float:
		c.typ, c.width, c.fixed = wireDouble, 8, putFloat64
		if t.Bits == 32 {
			c.typ, c.width, c.fixed = wireFloat, 4, putFloat32
		}
	case record.Bit:
		c.typ, c.flags, c.width, c.fixed = wireLongLong, unsigned, 8, putUint64
	case record.Date:
		c.typ, c.width, c.fixed, c.render = wireDate, 5, putDate, renderDate
	case record.Datetime, record.Instant:
		c.typ, c.width, c.fixed, c.render = wireDatetime, 12, putDatetime, renderDatetime
	case record.Time:
		c.typ, c.width, c.fixed = wireTime, 13, putTime
	case record.Decimal:
		c.typ = wireDecimal
		if t.Form() != record.FormBytes {
			c.render = renderText
		}
	case record.UUID:
		c.render = renderText
	case record.Bytes:
		c.typ = wireBlob
	case record.Geometry:
		c.typ, c.render = wireBlob, renderGeometry
	}
	return c
}

func (c *encodeColumn) bindInteger() {
	signed := c.field.Type.Kind == record.Int
	if !signed {
		c.flags = unsigned
	}
	switch c.field.Type.Bits {
	case 8:
		c.typ, c.width, c.fixed = wireTiny, 1, putUint8
	case 16:
		c.typ, c.width, c.fixed = wireShort, 2, putUint16
	case 64:
		c.typ, c.width, c.fixed = wireLongLong, 8, putUint64
	default:
		c.typ, c.width, c.fixed = wireLong, 4, putUint32
	}
	if !signed {
		return
	}
	switch c.width {
	case 1:
		c.fixed = putInt8
	case 2:
		c.fixed = putInt16
	case 4:
		c.fixed = putInt32
	default:
		c.fixed = putInt64
	}
}

// marksOf returns the marks of a column in rows of a part, in the order of rows. A column is only sent marks that it holds.
func marksOf(p sqltarget.Part, col int) []record.Mark {
	var list []record.Mark
	for _, m := range p.Marks {
		if m.Col == col && m.Row >= p.From && m.Row < p.To {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b record.Mark) int { return a.Row - b.Row })
	return list
}

// measure finds the bytes of each row of the parts, in bulk with what stands before each value, else with what stands before all.
func (e *encoder) measure(parts []sqltarget.Part, bulk bool) {
	rows := 0
	for _, p := range parts {
		rows += p.To - p.From
	}
	around := len(e.columns)
	if !bulk {
		around = 0
	}
	e.sizes = slices.Grow(e.sizes[:0], rows)[:rows]
	for i := range e.sizes {
		e.sizes[i] = around
	}
	for i := range e.columns {
		c := &e.columns[i]
		c.rendered, c.ends = c.rendered[:0], c.ends[:0]
		c.rendering = c.render != nil && (c.fixed == nil || slices.ContainsFunc(parts, func(p sqltarget.Part) bool { return len(marksOf(p, c.index)) > 0 }))
		row := 0
		for _, p := range parts {
			c.measure(p, e.sizes[row:row+p.To-p.From])
			row += p.To - p.From
		}
	}
}

func (c *encodeColumn) measure(p sqltarget.Part, sizes []int) {
	v := p.Cols[c.index]
	switch {
	case c.rendering:
		c.renderAll(p, sizes)
	case c.fixed != nil && v.Nulls == 0:
		for i := range sizes {
			sizes[i] += c.width
		}
	case c.fixed != nil:
		for i := range sizes {
			if !v.Null(p.From + i) {
				sizes[i] += c.width
			}
		}
	default:
		start := v.Offsets[p.From]
		for i, end := range v.Offsets[p.From+1 : p.To+1] {
			if n := int(end - start); n > 0 || !v.Null(p.From+i) {
				sizes[i] += lenencSize(n) + n
			}
			start = end
		}
	}
}

// renderAll renders the values of a part one by one.
func (c *encodeColumn) renderAll(p sqltarget.Part, sizes []int) {
	v := p.Cols[c.index]
	marks := marksOf(p, c.index)
	for i := range sizes {
		before := len(c.rendered)
		switch {
		case !v.Null(p.From + i):
			c.rendered = c.render(c, c.rendered, v, p.From+i)
		case len(marks) > 0 && marks[0].Row == p.From+i:
			c.rendered = appendZeroDate(c.rendered, marks[0].Raw, c.typ)
			marks = marks[1:]
		}
		sizes[i] += len(c.rendered) - before
		c.ends = append(c.ends, len(c.rendered))
	}
}

// fitting returns how many of the rows measured take no more than most bytes together, at least 1, and their bytes with types and NULL
// bitmap.
func (e *encoder) fitting(most int) (rows, bytes int) {
	for _, n := range e.sizes {
		n += 2*len(e.columns) + len(e.columns)/8 + 1
		if bytes+n > most && rows > 0 {
			break
		}
		bytes += n
		rows++
	}
	return rows, bytes
}

// append appends the parameters of the parts, which were measured before, for one execution with a parameter for each cell: NULL
// bitmap, types where they are wanted, values.
func (e *encoder) append(dst []byte, parts []sqltarget.Part, types bool) []byte {
	rows := len(e.sizes)
	nulls := len(dst)
	dst = grow(dst, (rows*len(e.columns)+7)/8)
	clear(dst[nulls:])
	if !types {
		dst = append(dst, 0)
	} else {
		dst = append(dst, 1)
		for range rows {
			dst = e.appendTypes(dst)
		}
	}
	dst = e.room(dst)
	for i := range e.columns {
		c := &e.columns[i]
		row := 0
		for _, p := range parts {
			n := p.To - p.From
			c.put(p, dst, e.at[row:row+n], row)
			c.putNulls(p, dst[nulls:], row*len(e.columns)+i, len(e.columns))
			row += n
		}
	}
	return dst
}

// appendBulk appends the parameters of the parts, which were measured before, for an execution a row: types, and before each value
// whether it is one. https://mariadb.com/kb/en/com_stmt_bulk_execute/
func (e *encoder) appendBulk(dst []byte, parts []sqltarget.Part) []byte {
	const typesFollow = 128
	dst = e.appendTypes(binary.LittleEndian.AppendUint16(dst, typesFollow))
	dst = e.room(dst)
	for i := range e.columns {
		c := &e.columns[i]
		row := 0
		for _, p := range parts {
			n := p.To - p.From
			c.putIndicators(p, dst, e.at[row:row+n])
			c.put(p, dst, e.at[row:row+n], row)
			row += n
		}
	}
	return dst
}

func (e *encoder) appendTypes(dst []byte) []byte {
	for i := range e.columns {
		dst = append(dst, e.columns[i].typ, e.columns[i].flags)
	}
	return dst
}

// room makes room for the values and finds where each row's begin.
func (e *encoder) room(dst []byte) []byte {
	e.at = slices.Grow(e.at[:0], len(e.sizes))[:len(e.sizes)]
	next := len(dst)
	for i, n := range e.sizes {
		e.at[i] = next
		next += n
	}
	return grow(dst, next-len(dst))
}

// grow lengthens b by n bytes of any content.
func grow(b []byte, n int) []byte { return slices.Grow(b, n)[:len(b)+n] }

// put writes the values of a part, which begin with row number first of those measured.
func (c *encodeColumn) put(p sqltarget.Part, out []byte, at []int, first int) {
	v := p.Cols[c.index]
	switch {
	case c.rendering:
		start := 0
		if first > 0 {
			start = c.ends[first-1]
		}
		for i := range at {
			at[i] += copy(out[at[i]:], c.rendered[start:c.ends[first+i]])
			start = c.ends[first+i]
		}
	case c.fixed != nil:
		c.fixed(v, p.From, p.To, out, at)
	default:
		for i := range at {
			if x := v.Bytes(p.From + i); len(x) > 0 || !v.Null(p.From+i) {
				n := putLenenc(out[at[i]:], len(x))
				at[i] += n + copy(out[at[i]+n:], x)
			}
		}
	}
}

// absent calls f for the rows of a part that have neither a value nor a mark that stands for one.
func (c *encodeColumn) absent(p sqltarget.Part, f func(row int)) {
	v := p.Cols[c.index]
	if v.Nulls == 0 {
		return
	}
	marks := marksOf(p, c.index)
	for row := p.From; row < p.To; row++ {
		switch {
		case !v.Null(row):
		case len(marks) > 0 && marks[0].Row == row:
			marks = marks[1:]
		default:
			f(row - p.From)
		}
	}
}

// putNulls sets the bits of the column's NULLs; the first row of the part has number bit, the next one step further.
func (c *encodeColumn) putNulls(p sqltarget.Part, bitmap []byte, bit, step int) {
	c.absent(p, func(row int) {
		n := bit + row*step
		bitmap[n>>3] |= 1 << (n & 7)
	})
}

// putIndicators writes what stands before each value.
func (c *encodeColumn) putIndicators(p sqltarget.Part, out []byte, at []int) {
	const isValue, isNull = 0, 1
	for _, place := range at {
		out[place] = isValue
	}
	c.absent(p, func(row int) { out[at[row]] = isNull })
	for i := range at {
		at[i]++
	}
}

func lenencSize(n int) int {
	switch {
	case n < 0xfb:
		return 1
	case n < 1<<16:
		return 3
	case n < 1<<24:
		return 4
	}
	return 9
}

// putLenenc writes a length at the beginning of out and returns its bytes.
func putLenenc(out []byte, n int) int {
	if n < 0xfb {
		out[0] = byte(n)
		return 1
	}
	return len(appendLenenc(out[:0], uint64(n)))
}

// The loops of values of one width.

func putInt8(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Int64[from:to] {
		if !v.Null(from + i) {
			out[at[i]] = byte(x)
			at[i]++
		}
	}
}

func putInt16(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Int64[from:to] {
		if !v.Null(from + i) {
			binary.LittleEndian.PutUint16(out[at[i]:], uint16(x))
			at[i] += 2
		}
	}
}

func putInt32(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Int64[from:to] {
		if !v.Null(from + i) {
			binary.LittleEndian.PutUint32(out[at[i]:], uint32(x))
			at[i] += 4
		}
	}
}

func putInt64(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Int64[from:to] {
		if !v.Null(from + i) {
			binary.LittleEndian.PutUint64(out[at[i]:], uint64(x))
			at[i] += 8
		}
	}
}

func putUint8(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Uint64[from:to] {
		if !v.Null(from + i) {
			out[at[i]] = byte(x)
			at[i]++
		}
	}
}

func putUint16(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Uint64[from:to] {
		if !v.Null(from + i) {
			binary.LittleEndian.PutUint16(out[at[i]:], uint16(x))
			at[i] += 2
		}
	}
}

func putUint32(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Uint64[from:to] {
		if !v.Null(from + i) {
			binary.LittleEndian.PutUint32(out[at[i]:], uint32(x))
			at[i] += 4
		}
	}
}

func putUint64(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Uint64[from:to] {
		if !v.Null(from + i) {
			binary.LittleEndian.PutUint64(out[at[i]:], x)
			at[i] += 8
		}
	}
}

func putFloat32(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Float64[from:to] {
		if !v.Null(from + i) {
			binary.LittleEndian.PutUint32(out[at[i]:], math.Float32bits(float32(x)))
			at[i] += 4
		}
	}
}

func putFloat64(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Float64[from:to] {
		if !v.Null(from + i) {
			binary.LittleEndian.PutUint64(out[at[i]:], math.Float64bits(x))
			at[i] += 8
		}
	}
}
