// Package transform turns batches as read into batches as stored: columns picked, renamed, cast or filled with a constant, and the
// job's policies applied to what does not fit. A transform never makes more rows. It knows no store and no shard.
package transform

import (
	"slices"
	"strconv"

	"github.com/towpath/towpath/record"
)

// Column says how one target column is made.
type Column struct {
	From     int             // place in the schema as read; Constant: the column is made of Text
	Text     string          // of a constant column, in the text form of Want
	Want     record.Type     // what the job asks for; the type as read when it names none
	Policies record.Policies // of the job, for this column
	Cast     record.CastOptions
}

// Constant is the From of a column that holds the same text in each row.
const Constant = -1

// Decision is what a column's casts make of its values, for the plan.
type Decision struct {
	record.Decision
	Loss string
}

// Stage is the transform of one stream. It is immutable; Apply may run in many goroutines.
type Stage struct {
	read, stored *record.Schema
	columns      []column
	policies     []record.Policies
	key          []int // places of the key in stored
	rowBytes     int64
	decisions    []Decision
	none         []*record.Vector // a nil for each column
}

type column struct {
	from     int
	casts    []*record.Cast // a vector whose cells pass all of them is lent as it is
	forms    []record.Form  // of what each cast makes
	constant *record.Vector // one cell as stored; nil: the column is read
}

// Options are what a Stage needs to know of its target.
type Options struct {
	Key      []string // target columns that identify a row; NULL in them is KEYNULL
	RowBytes int64    // a larger row is TOOBIG; 0: no limit
}

// New binds a transform once for a stream: one entry of columns for each field of stored.
func New(read, stored *record.Schema, columns []Column, o Options) *Stage {
	s := &Stage{read: read, stored: stored, rowBytes: o.RowBytes}
	for i, c := range columns {
		from, to := c.Want, stored.Fields[i].Type
		if c.From != Constant {
			from = read.Fields[c.From].Type
		}
		col := column{from: c.From}
		d := Decision{}
		for _, step := range [][2]record.Type{{from, c.Want}, {c.Want, to}} {
			cast := record.NewCast(step[0], step[1], c.Cast)
			if cast.Decision > d.Decision {
				d = Decision{cast.Decision, cast.Loss}
			}
			if cast.Decision != record.Same {
				col.casts = append(col.casts, cast)
				col.forms = append(col.forms, step[1].Form())
			}
		}
		if c.From == Constant && d.Decision != record.Refused {
			d = col.hold(c, to)
		}
		s.columns = append(s.columns, col)
		s.policies = append(s.policies, c.Policies)
		s.decisions = append(s.decisions, d)
	}
	s.none = make([]*record.Vector, len(s.columns))
	for _, name := range o.Key {
		if i := stored.Index(name); i >= 0 {
			s.key = append(s.key, i)
		}
	}
	return s
}

// hold makes the cell of a constant column. That it does not fit is known from the beginning.
func (c *column) hold(from Column, to record.Type) Decision {
	cell := record.NewVector(from.Want.Form())
	if code := record.AppendParsed(cell, &from.Want, []byte(from.Text)); code != "" {
		return Decision{record.Refused, "it does not hold " + strconv.Quote(from.Text) + " (" + string(code) + ")"}
	}
	for k, cast := range c.casts {
		next := record.NewVector(c.forms[k])
		if marks := cast.Apply(next, cell, 0, nil); len(marks) > 0 {
			return Decision{record.Refused, "it does not hold " + strconv.Quote(from.Text) + " (" + string(marks[0].Code) + ")"}
		}
		cell = next
	}
	c.casts, c.forms, c.constant = nil, nil, cell
	return Decision{}
}

// Decisions returns what becomes of each column, in target order.
func (s *Stage) Decisions() []Decision { return s.decisions }

// Apply makes the batch as stored from a batch as read. Marks that no policy settles come back, ordered by row: their rows
// are still in both batches and have to be dropped from both. out refers to vectors of in and must be released first.
func (s *Stage) Apply(pool *record.Pool, in *record.Batch) (out *record.Batch, dirty []record.Mark) {
	lent := make([]*record.Vector, 0, 64) // on the stack, but for wide tables
	lent = append(lent, s.none...)
	for i, c := range s.columns {
		if c.constant == nil && !s.taken(i, in, lent[:i]) && c.passes(in.Cols[c.from]) {
			lent[i] = in.Cols[c.from]
		}
	}
	out = pool.Derive(s.stored, lent)
	for i, c := range s.columns {
		switch {
		case c.constant != nil:
			repeat(out.Cols[i], c.constant, in.Len)
			continue
		case lent[i] == nil:
			s.cast(c, in.Cols[c.from], out.Cols[i], i, out)
		}
		for _, m := range in.Marks {
			if m.Col == c.from {
				m.Col = i
				out.Marks = append(out.Marks, m)
			}
		}
	}
	out.Len, out.Size = in.Len, in.Size
	s.checkKey(out)
	s.checkSize(out)
	if len(out.Marks) == 0 {
		return out, nil
	}
	dirty = record.Resolve(out, s.policies)
	slices.SortStableFunc(dirty, func(a, b record.Mark) int { return a.Row - b.Row })
	return out, dirty
}

// taken reports whether column i needs a vector of its own: policies may rewrite it, or a column before it is lent the same one.
func (s *Stage) taken(i int, in *record.Batch, lent []*record.Vector) bool {
	from := s.columns[i].from
	if len(s.policies[i]) > 0 && slices.ContainsFunc(in.Marks, func(m record.Mark) bool { return m.Col == from }) {
		return true
	}
	return slices.Contains(lent, in.Cols[from])
}

// passes reports whether the casts leave every cell of a vector as it is.
func (c *column) passes(v *record.Vector) bool {
	return !slices.ContainsFunc(c.casts, func(cast *record.Cast) bool { return !cast.Passes(v) })
}

func (s *Stage) cast(c column, src, dst *record.Vector, col int, out *record.Batch) {
	for k, cast := range c.casts {
		to := dst
		if k+1 < len(c.casts) {
			to = record.NewVector(c.forms[k])
		}
		out.Marks = cast.Apply(to, src, col, out.Marks)
		src = to
	}
	if len(c.casts) == 0 {
		for i := range src.Len {
			dst.AppendCell(src, i)
		}
	}
}

// repeat appends a constant's cell n times.
func repeat(dst, cell *record.Vector, n int) {
	for range n {
		dst.AppendCell(cell, 0)
	}
}

// checkKey marks NULL in key columns, which no target can find again.
func (s *Stage) checkKey(out *record.Batch) {
	for _, k := range s.key {
		v := out.Cols[k]
		if v.Nulls == 0 {
			continue
		}
		for row := range out.Len {
			if v.Null(row) && !marked(out.Marks, row, k) {
				out.Marks = append(out.Marks, record.Mark{Row: row, Col: k, Code: record.KeyNull})
			}
		}
	}
}

func marked(marks []record.Mark, row, col int) bool {
	return slices.ContainsFunc(marks, func(m record.Mark) bool { return m.Row == row && m.Col == col })
}

// checkSize marks rows that the target does not take. Only a batch that is larger as a whole can hold one.
func (s *Stage) checkSize(out *record.Batch) {
	if s.rowBytes == 0 || int64(out.Size) <= s.rowBytes {
		return
	}
	for row := range out.Len {
		var size int64
		for _, v := range out.Cols {
			if v.Form == record.FormBytes {
				size += int64(v.Offsets[row+1] - v.Offsets[row])
			} else {
				size += 8
			}
		}
		if size > s.rowBytes {
			out.Marks = append(out.Marks, record.Mark{Row: row, Code: record.TooBig})
		}
	}
}
