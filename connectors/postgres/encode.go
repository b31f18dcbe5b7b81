package postgres

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// The encoder turns batches into the rows of a binary COPY: the number of columns, then the length of each value, -1 for NULL, and its
// bytes (https://www.postgresql.org/docs/current/sql-copy.html). Values are measured and written column by column, in loops that
// are bound once, some rows at a time so that these stay in the processor's cache. Nothing is allocated for a row.

// blockRows is how many rows are encoded at a time.
const blockRows = 128

// encoder encodes rows for one COPY statement.
type encoder struct {
	columns  []encodeColumn
	numbered bool // each row begins with its number
	batch    *record.Batch
	at       []int // of each row of a block: where its next value goes
}

// encodeColumn is a column of the statement.
type encodeColumn struct {
	value valueEncoder
	at    int  // place in the batch
	width int  // bytes that each present value takes
	grown bool // and those of its cell beside them
	made  bool // or as many as it is made of
	put   putFunc

	marks []rowBytes // cells of the batch that no vector holds
	data  []byte     // of values that are made before they are written
	ends  []int
}

// putFunc writes length and bytes of rows from from on at their places, which it moves.
type putFunc func(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int)

// rowBytes is the value of one row.
type rowBytes struct {
	row   int
	bytes []byte
}

// attach makes b the batch whose rows are encoded.
func (e *encoder) attach(b *record.Batch) {
	e.batch = b
	for i := range e.columns {
		c := &e.columns[i]
		if len(c.marks) > 0 || len(b.Marks) > 0 {
			c.attachMarks(b.Marks)
		}
	}
}

// attachMarks takes the column's marks; checkMarks has refused those that it cannot hold.
func (c *encodeColumn) attachMarks(marks []record.Mark) {
	c.marks = c.marks[:0]
	for i := range marks {
		if m := &marks[i]; m.Col == c.at {
			if b, code := c.value.mark(nil, m.Code, m.Raw); code == "" {
				c.marks = append(c.marks, rowBytes{m.Row, b})
			}
		}
	}
	slices.SortFunc(c.marks, func(a, b rowBytes) int { return a.row - b.row })
}

// refuse returns the rows of which the server would not keep a value as it is, in their order, one reason each.
//
// Invariant 6: no silent change of a value.
func (e *encoder) refuse(g *sqltarget.Group, stored *record.Schema) []sqltarget.Refusal {
	var out []sqltarget.Refusal
	first := 0
	for _, b := range g.Batches {
		refuse := func(c *encodeColumn, row int, code record.Code) {
			f := &stored.Fields[c.at]
			out = append(out, sqltarget.Refusal{Row: first + row, Code: code, Column: f.Name, Reason: "a column " + f.Native + " does not hold the value"})
		}
		for i := range e.columns {
			c := &e.columns[i]
			if v := b.Cols[c.at]; c.value.check != nil {
				for row := range b.Len {
					if v.Null(row) {
						continue
					}
					if code := c.value.check(&c.value, v, row); code != "" {
						refuse(c, row, code)
					}
				}
			}
			for j := range b.Marks {
				if m := &b.Marks[j]; m.Col == c.at {
					if _, code := c.value.mark(nil, m.Code, m.Raw); code != "" {
						refuse(c, m.Row, code)
					}
				}
			}
		}
		first += b.Len
	}
	slices.SortStableFunc(out, func(a, b sqltarget.Refusal) int { return a.Row - b.Row })
	return slices.CompactFunc(out, func(a, b sqltarget.Refusal) bool { return a.Row == b.Row })
}

// marked returns the value of a marked cell; nil: the cell is NULL.
func (c *encodeColumn) marked(row int) []byte {
	if len(c.marks) == 0 {
		return nil
	}
	i, found := slices.BinarySearchFunc(c.marks, row, func(m rowBytes, row int) int { return m.row - row })
	if !found {
		return nil
	}
	return c.marks[i].bytes
}

// appendRows appends rows from to to (not included) of the batch, at most blockRows; number is that of the first.
func (e *encoder) appendRows(dst []byte, from, to, number int) []byte {
	at := slices.Grow(e.at[:0], to-from)[:to-from]
	e.at = at
	clear(at)
	fixed, columns := 2, len(e.columns)
	if e.numbered {
		fixed, columns = fixed+12, columns+1
	}
	for i := range e.columns {
		c := &e.columns[i]
		fixed += c.measure(e.batch.Cols[c.at], from, at)
	}
	end := len(dst)
	for i, more := range at {
		at[i] = end
		end += fixed + more
	}
	dst = slices.Grow(dst, end-len(dst))[:end]
	for i, p := range at {
		binary.BigEndian.PutUint16(dst[p:], uint16(columns))
		at[i] = p + 2
	}
	if e.numbered {
		for i, p := range at {
			binary.BigEndian.PutUint32(dst[p:], 8)
			binary.BigEndian.PutUint64(dst[p+4:], uint64(number+i))
			at[i] = p + 12
		}
	}
	for i := range e.columns {
		c := &e.columns[i]
		c.put(c, e.batch.Cols[c.at], from, dst, at)
	}
	return dst
}

// measure adds what the column takes in each row to more, and returns what it takes in all of them.
func (c *encodeColumn) measure(v *record.Vector, from int, more []int) (fixed int) {
	switch {
	case c.made:
		c.make(v, from, more)
	case c.grown:
		offsets := v.Offsets[from : from+len(more)+1]
		for i := range more {
			more[i] += int(offsets[i+1] - offsets[i])
		}
	}
	if v.Nulls == 0 {
		return 4 + c.width
	}
	for i := range more {
		if v.Null(from + i) {
			more[i] += len(c.marked(from+i)) - c.width
		}
	}
	return 4 + c.width
}

// make makes values whose length is known only then.
func (c *encodeColumn) make(v *record.Vector, from int, more []int) {
	c.data, c.ends = c.data[:0], c.ends[:0]
	start := 0
	for i := range more {
		if !v.Null(from + i) {
			c.data = c.value.append(&c.value, c.data, v, from+i)
		}
		c.ends = append(c.ends, len(c.data))
		more[i] += len(c.data) - start
		start = len(c.data)
	}
}

// putNull writes NULL, or the value of a marked cell.
func (c *encodeColumn) putNull(dst []byte, p, row int) int {
	b := c.marked(row)
	if b == nil {
		binary.BigEndian.PutUint32(dst[p:], math.MaxUint32)
		return p + 4
	}
	binary.BigEndian.PutUint32(dst[p:], uint32(len(b)))
	return p + 4 + copy(dst[p+4:], b)
}

// putMade writes what make has made.
func putMade(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	start, nulls := 0, v.Nulls > 0
	for i, p := range at {
		end := c.ends[i]
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		binary.BigEndian.PutUint32(dst[p:], uint32(end-start))
		at[i] = p + 4 + copy(dst[p+4:], c.data[start:end])
		start = end
	}
}

// putBytes writes cells as they are.
func putBytes(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	offsets, nulls := v.Offsets[from:from+len(at)+1], v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		x := v.Data[offsets[i]:offsets[i+1]]
		binary.BigEndian.PutUint32(dst[p:], uint32(len(x)))
		at[i] = p + 4 + copy(dst[p+4:], x)
	}
}

// putJSONB writes a version before the text.
func putJSONB(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	offsets, nulls := v.Offsets[from:from+len(at)+1], v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		x := v.Data[offsets[i]:offsets[i+1]]
		binary.BigEndian.PutUint32(dst[p:], uint32(1+len(x)))
		dst[p+4] = jsonbVersion
		at[i] = p + 5 + copy(dst[p+5:], x)
	}
}

func putBool(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	nulls := v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		binary.BigEndian.PutUint32(dst[p:], 1)
		dst[p+4] = v.Bits[(from+i)>>3] >> ((from + i) & 7) & 1
		at[i] = p + 5
	}
}

func putInt2(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	cells, nulls := v.Int64[from:from+len(at)], v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		b := dst[p : p+6]
		binary.BigEndian.PutUint32(b, 2)
		binary.BigEndian.PutUint16(b[4:], uint16(cells[i]))
		at[i] = p + 6
	}
}

// putInt4 writes whole numbers and days, which count from another day.
func putInt4(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	cells, nulls, less := v.Int64[from:from+len(at)], v.Nulls > 0, c.value.epoch
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		b := dst[p : p+8]
		binary.BigEndian.PutUint32(b, 4)
		binary.BigEndian.PutUint32(b[4:], uint32(cells[i]-less))
		at[i] = p + 8
	}
}

// putInt8 writes whole numbers and moments.
func putInt8(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	cells, nulls, less := v.Int64[from:from+len(at)], v.Nulls > 0, c.value.epoch
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		b := dst[p : p+12]
		binary.BigEndian.PutUint32(b, 8)
		binary.BigEndian.PutUint64(b[4:], uint64(cells[i]-less))
		at[i] = p + 12
	}
}

// putTime writes nanoseconds as microseconds.
func putTime(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	cells, nulls := v.Int64[from:from+len(at)], v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		b := dst[p : p+12]
		binary.BigEndian.PutUint32(b, 8)
		binary.BigEndian.PutUint64(b[4:], uint64(cells[i]/1000))
		at[i] = p + 12
	}
}

func putFloat8(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	cells, nulls := v.Float64[from:from+len(at)], v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		b := dst[p : p+12]
		binary.BigEndian.PutUint32(b, 8)
		binary.BigEndian.PutUint64(b[4:], math.Float64bits(cells[i]))
		at[i] = p + 12
	}
}

func putFloat4(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	cells, nulls := v.Float64[from:from+len(at)], v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		b := dst[p : p+8]
		binary.BigEndian.PutUint32(b, 4)
		binary.BigEndian.PutUint32(b[4:], math.Float32bits(float32(cells[i])))
		at[i] = p + 8
	}
}

func putUUID(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	cells, nulls := v.Fixed16[from:from+len(at)], v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		binary.BigEndian.PutUint32(dst[p:], 16)
		at[i] = p + 4 + copy(dst[p+4:], cells[i][:])
	}
}

// putInterval writes microseconds, days and months.
func putInterval(c *encodeColumn, v *record.Vector, from int, dst []byte, at []int) {
	cells, nulls := v.Fixed16[from:from+len(at)], v.Nulls > 0
	for i, p := range at {
		if nulls && v.Null(from+i) {
			at[i] = c.putNull(dst, p, from+i)
			continue
		}
		binary.BigEndian.PutUint32(dst[p:], 16)
		putIntervalValue(dst[p+4:p+20], cells[i])
		at[i] = p + 20
	}
}

func putIntervalValue(b []byte, x [16]byte) {
	months, days, micros := record.IntervalOf(x)
	binary.BigEndian.PutUint64(b, uint64(micros))
	binary.BigEndian.PutUint32(b[8:], uint32(days))
	binary.BigEndian.PutUint32(b[12:], uint32(months))
}
