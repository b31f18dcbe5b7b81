package documents

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/towpath/towpath/bench/data"
)

// Verdict is what a comparison found.
type Verdict struct {
	Rows      int64 `json:"rows"`
	Documents int64 `json:"documents"`
	Lost      int64 `json:"lost"`    // rows without a document
	Extra     int64 `json:"extra"`   // documents without a row
	Altered   int64 `json:"altered"` // documents that are not their row

	// Differences are the first of them, with both sides.
	Differences []string `json:"-"`
}

// maxDifferences is how many differences are kept in words.
const maxDifferences = 20

// Wrong is how many rows and documents differ.
func (v *Verdict) Wrong() int64 { return v.Lost + v.Extra + v.Altered }

func (v *Verdict) differ(count *int64, format string, args ...any) {
	*count++
	if len(v.Differences) < maxDifferences {
		v.Differences = append(v.Differences, fmt.Sprintf(format, args...))
	}
}

// Compare compares every row with its document: both are read once, in the order of n, side by side.
func Compare(ctx context.Context, s data.Server, table string, columns []Column, x Index) (*Verdict, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel(nil)
	rows := stream(ctx, cancel, &reading, func(yield func(row) bool) error { return readRows(ctx, s, table, columns, yield) })
	documents := stream(ctx, cancel, &reading, func(yield func(Document) bool) error { return x.readDocuments(ctx, yield) })
	v, err := merge(rows, documents, columns)
	if err == nil {
		err = context.Cause(ctx)
	}
	return v, err
}

// stream reads in a goroutine of its own, some way ahead. The channel is closed at the end; an error ends both sides.
func stream[T any](ctx context.Context, cancel context.CancelCauseFunc, reading *sync.WaitGroup, read func(yield func(T) bool) error) <-chan []T {
	const together, ahead = 256, 32
	out := make(chan []T, ahead)
	reading.Go(func() {
		defer close(out)
		var some []T
		send := func() bool {
			select {
			case out <- some:
				some = nil
				return true
			case <-ctx.Done():
				return false
			}
		}
		err := read(func(one T) bool {
			some = append(some, one)
			return len(some) < together || send()
		})
		if err != nil {
			cancel(err)
			return
		}
		send()
	})
	return out
}

// queue hands out a stream one by one.
type queue[T any] struct {
	from <-chan []T
	some []T
}

func (q *queue[T]) first() (one *T) {
	for len(q.some) == 0 {
		var ok bool
		if q.some, ok = <-q.from; !ok {
			return nil
		}
	}
	return &q.some[0]
}

func (q *queue[T]) next() { q.some = q.some[1:] }

func merge(from <-chan []row, documents <-chan []Document, columns []Column) (*Verdict, error) {
	v := &Verdict{}
	left, right := queue[row]{from: from}, queue[Document]{from: documents}
	for {
		r, d := left.first(), right.first()
		if r == nil && d == nil {
			return v, nil
		}
		var n int64
		if d != nil {
			var err error
			if n, err = d.number(); err != nil {
				return v, err
			}
		}
		switch {
		case d == nil || r != nil && r.n < n:
			v.Rows++
			v.differ(&v.Lost, "row %s (n %d) has no document", r.cells[0], r.n)
			left.next()
		case r == nil || n < r.n || d.ID != string(r.cells[0]):
			v.Documents++
			v.differ(&v.Extra, "document %q (n %d) has no row: %.300s", d.ID, n, d.Source)
			right.next()
		default:
			v.Rows++
			v.Documents++
			if wrong := compare(r, d, columns); wrong != "" {
				v.differ(&v.Altered, "row %s (n %d): %s", r.cells[0], r.n, wrong)
			}
			left.next()
			right.next()
		}
	}
}

// number is the place of the document in the order. A document without n comes last.
func (d *Document) number() (int64, error) {
	if len(d.Sort) != 1 {
		return 0, fmt.Errorf("read index: document %q has no place in the order", d.ID)
	}
	n, err := d.Sort[0].Int64()
	if err != nil {
		return 0, fmt.Errorf("read index: place of document %q: %w", d.ID, err)
	}
	return n, nil
}

// compare says in words what differs; "" is nothing. A document has exactly the columns as members, each once.
func compare(r *row, d *Document, columns []Column) string {
	var wrong []string
	seen := make([]bool, len(columns))
	next := 0
	err := members(d.Source, func(name, value []byte) {
		i := find(columns, string(name), next)
		switch {
		case i < 0:
			wrong = append(wrong, fmt.Sprintf("member %q is no column: %.300s", name, value))
			return
		case seen[i]:
			wrong = append(wrong, fmt.Sprintf("member %q is there twice", name))
		case !same(columns[i].form, r.cells[i], value):
			wrong = append(wrong, fmt.Sprintf("column %s is %.300s in the table, %.300s in the index", name, r.cells[i], value))
		}
		seen[i], next = true, i+1
	})
	if err != nil {
		return err.Error()
	}
	for i, c := range columns {
		if !seen[i] {
			wrong = append(wrong, fmt.Sprintf("column %s is %.300s in the table, absent in the index", c.Name, r.cells[i]))
		}
	}
	return strings.Join(wrong, "; ")
}

// find returns the column of that name, most likely at next.
func find(columns []Column, name string, next int) int {
	if next < len(columns) && columns[next].Name == name {
		return next
	}
	for i, c := range columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}
