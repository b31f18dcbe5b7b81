package record

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"
)

// Hasher makes the row hashes of batches of one schema. It keeps its buffers, so a warm one allocates nothing; one
// goroutine at a time.
type Hasher struct {
	seed   uint64
	shapes []shape
	cols   []int // of the schema, in plan order
	rows   []byte
	cursor []int // of each row in rows; one more than rows
	made   []madeColumn
	marks  []Mark
	part   Vector // of the column at hand: the rows that are laid out
	scratch
}

// madeColumn holds the canonical bytes of a column that are not its vector's own.
type madeColumn struct {
	offsets []int
	data    []byte
}

// NewHasher returns a hasher of the canonical form, version 1, of all columns of the schema, which are the types as stored.
func NewHasher(s *Schema, seed uint64) *Hasher {
	h := &Hasher{seed: seed, made: make([]madeColumn, len(s.Fields))}
	for i := range s.Fields {
		h.shapes = append(h.shapes, shapeOf(&s.Fields[i].Type))
		h.cols = append(h.cols, i)
	}
	return h
}

// Only makes the hasher take these columns of a batch, in this order, and returns it: keys, for instance.
func (h *Hasher) Only(cols []int) *Hasher {
	h.cols = slices.Clone(cols)
	return h
}

// hashedRows is how many rows are laid out at a time, so that they stay in the processor's nearest cache until they are hashed; a
// multiple of eight.
const hashedRows = 128

// Rows appends the hashes of all rows of the batch to out, in order.
func (h *Hasher) Rows(b *Batch, out []Hash) []Hash {
	h.sortMarks(b)
	out = slices.Grow(out, b.Len)
	step := hashedRows
	if len(h.marks) > 0 {
		step = b.Len // marks count rows from the batch's first
	}
	for from := 0; from < b.Len; from += step {
		to := min(from+step, b.Len)
		h.encode(b, from, to)
		start := 0
		for _, end := range h.cursor[:to-from] {
			x := xxh3.Hash128Seed(h.rows[start:end], h.seed)
			out = append(out, Hash{Lo: x.Lo, Hi: x.Hi})
			start = end
		}
	}
	return out
}

// Canonical returns the canonical bytes of one row; they last until the next call.
func (h *Hasher) Canonical(b *Batch, row int) []byte {
	h.sortMarks(b)
	h.encode(b, 0, b.Len)
	start := 0
	if row > 0 {
		start = h.cursor[row-1]
	}
	return h.rows[start:h.cursor[row]]
}

// encode writes the canonical form of rows from to to (not included), from a multiple of eight; afterwards the cursor of each row is at
// its end. The marks are sorted.
func (h *Hasher) encode(b *Batch, from, to int) {
	h.cursor = slices.Grow(h.cursor[:0], to-from+1)[:to-from+1]
	clear(h.cursor)
	lengths := h.cursor[1:]
	fixed := 0
	for _, col := range h.cols {
		h.part.view(b.Cols[col], from, to)
		fixed += h.measure(lengths, &h.part, col)
	}
	total := 0
	for i := range lengths {
		n := lengths[i] + fixed
		h.cursor[i] = total
		total += n
	}
	if cap(h.rows) < total {
		h.rows = make([]byte, total+total/4)
	}
	h.rows = h.rows[:cap(h.rows)]
	for _, col := range h.cols {
		h.part.view(b.Cols[col], from, to)
		h.write(&h.part, col)
	}
}

// sortMarks puts the marks that stay in the order of the loops below.
func (h *Hasher) sortMarks(b *Batch) {
	h.marks = append(h.marks[:0], b.Marks...)
	if len(h.marks) > 1 {
		slices.SortStableFunc(h.marks, func(a, b Mark) int { return cmp.Or(a.Col-b.Col, a.Row-b.Row) })
	}
}

// columnMarks returns the marks of a column, by row.
func (h *Hasher) columnMarks(col int) []Mark {
	if len(h.marks) == 0 {
		return nil
	}
	lo, _ := slices.BinarySearchFunc(h.marks, col, func(m Mark, col int) int { return m.Col - col })
	hi, _ := slices.BinarySearchFunc(h.marks, col+1, func(m Mark, col int) int { return m.Col - col })
	return h.marks[lo:hi]
}

// measure adds what a column takes in each row to lengths, and returns what it takes in all of them.
func (h *Hasher) measure(lengths []int, v *Vector, col int) (fixed int) {
	s := &h.shapes[col]
	if s.width > 0 {
		fixed = 1 + s.width
	} else {
		fixed = 5
		h.measureBytes(lengths, v, s, &h.made[col])
	}
	if v.Nulls == 0 {
		return fixed
	}
	for i := range lengths {
		if v.Null(i) {
			lengths[i] -= fixed - 1
		}
	}
	marks := h.columnMarks(col)
	for i := range marks {
		if m := &marks[i]; v.Null(m.Row) && (i == 0 || marks[i-1].Row != m.Row) {
			lengths[m.Row] += markLength(m)
		}
	}
	return fixed
}

func (h *Hasher) measureBytes(lengths []int, v *Vector, s *shape, made *madeColumn) {
	switch {
	case s.text != nil:
		made.data, made.offsets = made.data[:0], append(made.offsets[:0], 0)
		for i := range lengths {
			if !v.Null(i) {
				made.data = s.text(&h.scratch, made.data, v.Bytes(i))
			}
			made.offsets = append(made.offsets, len(made.data))
			lengths[i] += len(made.data) - made.offsets[i]
		}
	case s.trim:
		for i := range lengths {
			lengths[i] += len(trimBlanks(v.Bytes(i)))
		}
	default:
		offsets := v.Offsets[:len(lengths)+1]
		for i := range lengths {
			lengths[i] += int(offsets[i+1] - offsets[i])
		}
	}
}

func trimBlanks(x []byte) []byte {
	for len(x) > 0 && x[len(x)-1] == ' ' {
		x = x[:len(x)-1]
	}
	return x
}

// markLength is the length of a mark without its tag.
func markLength(m *Mark) int { return 8 + len(m.Code) + len(markText(m)) }

// markText is the raw text of a mark, without what two reads of the same value may differ in: zeros of its fraction.
func markText(m *Mark) []byte {
	if m.Code == ZeroDate || m.Code == InfTime || m.Code == NonFinite {
		return cutFraction(m.Raw, 0)
	}
	return m.Raw
}

// write writes the cells of a column at the cursors and moves these.
func (h *Hasher) write(v *Vector, col int) {
	s := &h.shapes[col]
	rows, cursor := h.rows, h.cursor[:len(h.cursor)-1]
	if v.Nulls > 0 {
		h.writeNulls(v, col)
	}
	switch {
	case s.text != nil:
		writeMade(rows, cursor, v, s.tag, &h.made[col])
	case s.trim:
		writeTrimmed(rows, cursor, v, s.tag)
	case s.width == 0:
		writeBytes(rows, cursor, v, s.tag)
	default:
		writeFixed(rows, cursor, v, s)
	}
}

// writeNulls writes the NULL cells and marks of a column; the loops of the forms pass them over.
func (h *Hasher) writeNulls(v *Vector, col int) {
	marks := h.columnMarks(col)
	rows, cursor := h.rows, h.cursor[:len(h.cursor)-1]
	for i := range cursor {
		if !v.Null(i) {
			continue
		}
		at := cursor[i]
		for len(marks) > 0 && marks[0].Row < i {
			marks = marks[1:]
		}
		if len(marks) == 0 || marks[0].Row != i {
			rows[at] = tagNull
			cursor[i] = at + 1
			continue
		}
		m := &marks[0]
		rows[at] = tagMark
		at = putBytes(rows, at+1, m.Code)
		cursor[i] = putBytes(rows, at, markText(m))
		marks = marks[1:]
	}
}

// putBytes writes a length and the bytes, and returns the place after them.
func putBytes[T ~string | ~[]byte](rows []byte, at int, x T) int {
	binary.BigEndian.PutUint32(rows[at:], uint32(len(x)))
	return at + 4 + copy(rows[at+4:], x)
}
