package sqltarget

import (
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Group numbers the rows of a group from 0 on, over all its batches.
type Group struct {
	Batches []*record.Batch
	starts  []int // of each batch; one more than batches
}

// NewGroup numbers the rows.
func NewGroup(batches []*record.Batch) *Group {
	g := &Group{Batches: batches, starts: make([]int, 1, len(batches)+1)}
	for i, b := range batches {
		g.starts = append(g.starts, g.starts[i]+b.Len)
	}
	return g
}

// Len is the number of rows.
func (g *Group) Len() int { return g.starts[len(g.starts)-1] }

// Ref returns where row i is.
func (g *Group) Ref(i int) connector.RowRef {
	at, found := slices.BinarySearch(g.starts, i)
	if !found {
		at--
	}
	for g.starts[at+1] == i { // batches without rows
		at++
	}
	return connector.RowRef{Batch: at, Row: i - g.starts[at]}
}

// Part is neighbouring rows of one batch.
type Part struct {
	*record.Batch
	From, To int // rows of the batch, To not included
}

// Parts returns the rows from to to, To not included, batch by batch.
func (g *Group) Parts(from, to int) []Part {
	var parts []Part
	for i, b := range g.Batches {
		lo, hi := max(from, g.starts[i]), min(to, g.starts[i+1])
		if lo < hi {
			parts = append(parts, Part{b, lo - g.starts[i], hi - g.starts[i]})
		}
	}
	return parts
}

// Nulls refuses the rows that have a NULL, other than a mark, in a column which takes none: before they are sent, since servers can make a value of it.
// Columns of skipped are not written. The answer is in the order of rows.
func (g *Group) Nulls(stored *record.Schema, skipped []int) []Refusal {
	var out []Refusal
	for at, b := range g.Batches {
		for col := range stored.Fields {
			f, v := &stored.Fields[col], b.Cols[col]
			if f.Nullable || v.Nulls == 0 || slices.Contains(skipped, col) {
				continue
			}
			for row := range b.Len {
				if !v.Null(row) || slices.ContainsFunc(b.Marks, func(m record.Mark) bool { return m.Row == row && m.Col == col }) {
					continue
				}
				code, reason := record.Constraint, "NULL in a column that is NOT NULL"
				if f.Key > 0 {
					code, reason = record.KeyNull, "NULL in a key column"
				}
				out = append(out, Refusal{Row: g.starts[at] + row, Code: code, Column: f.Name, Reason: reason})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Refusal) int { return a.Row - b.Row })
	return slices.CompactFunc(out, func(a, b Refusal) bool { return a.Row == b.Row })
}

// Refusal says why a row is not taken.
type Refusal struct {
	Row    int // of the group; of an answer to a range of rows: the one that is suspected, -1: none
	Code   record.Code
	Column string // "" when the server does not say
	Reason string
}

// Rejected returns refusals as an Outcome has them.
func (g *Group) Rejected(list []Refusal) []connector.Rejected {
	var out []connector.Rejected
	for _, r := range list {
		out = append(out, connector.Rejected{RowRef: g.Ref(r.Row), Code: r.Code, Column: r.Column, Reason: r.Reason})
	}
	return out
}

// Send writes all rows but those that are refused already, by calls of write for ranges of neighbouring rows, and returns all
// refusals in the order of rows. write either writes all rows from from to to (not included), or none of them, and then says why
// one was refused, or fails with an error. A refused range is cut until the refused rows stand alone: at the suspected row where the
// server names one, else in the middle.
func (g *Group) Send(refused []Refusal, write func(from, to int) (*Refusal, error)) ([]Refusal, error) {
	from := 0
	var found []Refusal
	for i := 0; i <= len(refused); i++ {
		to := g.Len()
		if i < len(refused) {
			to = refused[i].Row
		}
		if from < to {
			more, err := search(from, to, true, write)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		if i < len(refused) {
			found = append(found, refused[i])
		}
		from = to + 1
	}
	return found, nil
}

// search writes rows from from to to. It trusts what the server suspects until rows before a suspected one are refused. After a refusal it tries
// no more rows than some times those that went well before it, so that a group of which all rows are refused is not sent once for each.
func search(from, to int, trust bool, write func(from, to int) (*Refusal, error)) ([]Refusal, error) {
	var found []Refusal
	most := to - from
	for from < to {
		end := min(from+most, to)
		r, err := write(from, end)
		switch {
		case err != nil:
			return nil, err
		case r == nil:
			from, most = end, most*growth
			continue
		case end-from == 1:
			r.Row = from
			found, from = append(found, *r), end
			continue
		}
		cuts := []int{from, from + (end-from)/2, end}
		suspected := trust && r.Row >= from && r.Row < end
		if suspected {
			cuts = []int{from, r.Row, r.Row + 1}
			most = (r.Row + 1 - from) * growth
		}
		for i := 1; i < len(cuts); i++ {
			more, err := search(cuts[i-1], cuts[i], trust && !suspected, write)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		from = cuts[len(cuts)-1]
	}
	return found, nil
}

// growth is how many times more rows are tried than went well.
const growth = 4
