package record

import "slices"

// Mark is a cell that its vector cannot hold: NULL in the vector, its value as read here. Readers and casts make marks;
// the engine alone applies the job's policies to them.
type Mark struct {
	Row, Col int
	Code     Code
	Raw      []byte // as the source sent it, or the text form of the value that did not fit
}

// Batch is up to MaxRows rows × len(Schema.Fields) columns. It belongs to whoever holds it; one goroutine at a time.
// The holder hands it on or calls Release exactly once.
type Batch struct {
	Schema *Schema
	Len    int
	Cols   []*Vector
	Marks  []Mark
	Size   int // bytes of the rows as the source sent them; readers add to it row by row
	// Refs is what the reader calls each row, so that it can tell which of them became dirty; nil: rows have no names.
	Refs []int64

	pool    *Pool
	charged int64
	most    int    // rows at which it is full
	lent    []bool // column i belongs to another batch
}

// Full reports whether a reader should hand the batch on.
func (b *Batch) Full() bool { return b.Len >= b.most || b.Size >= MaxBytes }

// MarkNull appends a NULL cell to column col for the row being appended (row b.Len) and records its mark.
// raw is copied.
func (b *Batch) MarkNull(col int, code Code, raw []byte) {
	b.Cols[col].AppendNull()
	b.Marks = append(b.Marks, Mark{Row: b.Len, Col: col, Code: code, Raw: slices.Clone(raw)})
}

// Truncate keeps the first n rows and their marks, also of columns that were filled unevenly by a row cut short.
func (b *Batch) Truncate(n int) {
	for _, v := range b.Cols {
		v.Truncate(n)
	}
	b.Marks = slices.DeleteFunc(b.Marks, func(m Mark) bool { return m.Row >= n })
	b.Len = min(b.Len, n)
	b.Refs = b.Refs[:min(len(b.Refs), n)]
}

// Release gives the batch back to its pool; the caller must not touch it again.
func (b *Batch) Release() {
	if b != nil && b.pool != nil {
		b.pool.put(b)
	}
}
