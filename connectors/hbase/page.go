package hbase

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/tsuna/gohbase/pb"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// pager reads a shard. One goroutine uses it.
type pager struct {
	*binding
	r     *reader
	ctx   context.Context
	query connector.Query
	yield func(connector.Chunk, error) bool
	scan  *scanner

	batch  *record.Batch // nil: none is begun
	bad    []connector.Bad
	filled time.Time // when the first row came into batch or bad
	at     spot      // behind the last row in them, or in those handed on
	last   []byte    // key of the last whole row in them
	gave   bool      // the region gave a row

	row row
	scratch
	parts [][]byte
}

// row is one whose cells are coming.
type row struct {
	open  bool
	key   []byte
	cells [][]byte // by column of the schema; nil: there is none
	rest  []cell
	all   []cell // where versions are read: the cells, in their order
	time  int64  // of the version that cells and rest are of
	size  int    // bytes of the key and of the cells that are taken
	next  int    // the column after the last cell's, which the next cell most likely has
}

// lingering is after what time a batch that fills slowly is handed on.
const lingering = time.Second

func (r *reader) pager(ctx context.Context, q connector.Query, yield func(connector.Chunk, error) bool) (*pager, error) {
	left, err := r.left(q.Shard, q.From)
	if err != nil {
		return nil, err
	}
	b, err := r.bind(q.Schema)
	if err != nil {
		return nil, err
	}
	s := scan{table: r.table, start: left.start, stop: left.stop, before: left.before, filter: r.conditions.filter, versions: r.versions(), rows: r.options.FetchRows, bytes: r.options.FetchBytes}
	if r.options.SkipEmpty { // there is no rest then
		s.columns = wanted(slices.Concat(b.names, r.conditions.columns))
	}
	p := &pager{binding: b, r: r, ctx: ctx, query: q, yield: yield, scan: r.client.scanner(s)}
	p.row.cells = make([][]byte, len(b.places))
	if left.from != nil {
		if p.at, err = parsePosition(left.from); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// versions is how many versions of a cell are asked for.
func (r *reader) versions() int {
	if r.options.Versions == 0 {
		return math.MaxInt32
	}
	return r.options.Versions
}

// wanted lists the columns for the server; nil when the row keys alone are wanted.
func wanted(names []columnName) []*pb.Column {
	var out []*pb.Column
	for _, c := range names {
		if c.family == "" {
			continue
		}
		at := slices.IndexFunc(out, func(x *pb.Column) bool { return string(x.Family) == c.family })
		if at < 0 {
			at, out = len(out), append(out, &pb.Column{Family: []byte(c.family)})
		}
		if !slices.ContainsFunc(out[at].Qualifier, func(q []byte) bool { return string(q) == c.qualifier }) {
			out[at].Qualifier = append(out[at].Qualifier, []byte(c.qualifier))
		}
	}
	return out
}

// run reads to the shard's end.
func (p *pager) run() error {
	defer func() {
		p.batch.Release()
		p.batch = nil
		p.scan.close()
	}()
	for !p.scan.done {
		a, err := p.scan.next(p.ctx, p.last)
		if err != nil {
			return err
		}
		if a.again {
			p.row.clear()
			continue
		}
		more, err := p.take(a)
		if err == nil && more && a.border && !p.scan.done {
			more = p.cross()
		}
		if err != nil || !more {
			return err
		}
	}
	_, err := p.flush()
	return err
}

// cross tells, at the border of a region that gave no row, that it is read: conditions may let none pass for long.
func (p *pager) cross() (more bool) {
	gave := p.gave
	if p.gave = false; gave || p.batch != nil {
		return true
	}
	p.at = spot{row: p.scan.start, within: everything}
	return p.yield(connector.Chunk{After: p.at.position()}, nil)
}

// take takes an answer's rows; more is false when the receiver wants no more.
func (p *pager) take(a answer) (more bool, err error) {
	block := a.cells
	for i, n := range a.counts {
		for range n {
			var c cell
			if c, block, err = cutCell(block); err != nil {
				return false, err
			}
			if p.row.open && string(p.row.key) != string(c.row) {
				if more, err := p.end(); err != nil || !more {
					return false, err
				}
			}
			if more, err := p.cell(&c); err != nil || !more {
				return false, err
			}
		}
		if !a.parts[i] && p.row.open {
			if more, err := p.end(); err != nil || !more {
				return false, err
			}
		}
	}
	if len(block) > 0 {
		return false, malformed("has cells of no result")
	}
	if a.border && p.row.open {
		if more, err := p.end(); err != nil || !more {
			return false, err
		}
	}
	if (p.batch != nil || len(p.bad) > 0) && time.Since(p.filled) > lingering {
		return p.flush()
	}
	return true, nil
}

// cell takes a cell of the row that is coming, or of a new one; more is false when the receiver wants no more.
func (p *pager) cell(c *cell) (more bool, err error) {
	w := &p.row
	if !w.open {
		w.open, w.key, w.size, w.next = true, c.row, len(c.row), 0
		if p.r.options.Cells {
			p.parts = p.r.key.cut(p.parts[:0], c.row)
		}
	}
	switch {
	case p.at.within != nothing && p.at.has(c):
	case p.r.options.Cells:
		return p.putCell(c)
	case p.r.options.Versions != 1:
		if _, found := p.column(c); !found && !p.rest { // its moment alone matters
			c.value = nil
		}
		w.size += len(c.row) + len(c.qualifier) + len(c.value) + cellBytes
		w.all = append(w.all, *c)
	default:
		p.sort(c)
	}
	if w.size > p.r.options.RowMax {
		w.drop()
	}
	return true, nil
}

// column is the place of the column that a cell is of.
func (p *pager) column(c *cell) (at int, found bool) {
	if at := p.row.next; at < len(p.names) && p.names[at].family == string(c.family) && p.names[at].qualifier == string(c.qualifier) {
		return at, true
	}
	p.scratch.text = append(append(append(p.scratch.text[:0], c.family...), 0), c.qualifier...)
	at, found = p.columns[string(p.scratch.text)]
	return at, found
}

// sort puts a cell where it goes in the row.
func (p *pager) sort(c *cell) {
	w := &p.row
	if at, found := p.column(c); found {
		w.take(at, c.value)
	} else if p.rest {
		w.size += len(c.row) + len(c.qualifier) + len(c.value) + cellBytes
		w.rest = append(w.rest, *c)
	}
}

// take notes the value of a column.
func (w *row) take(at int, value []byte) {
	w.cells[at], w.next = value, at+1
	w.size += len(value)
}

// drop forgets the cells of a row that is too large; its size goes on counting.
func (w *row) drop() {
	clear(w.cells)
	w.rest, w.all = nil, nil
}

// clear forgets the row.
func (w *row) clear() {
	clear(w.cells)
	w.rest, w.all = w.rest[:0], w.all[:0]
	w.open = false
}

// flush hands batch and bad rows on; more is false when the receiver wants no more.
func (p *pager) flush() (more bool, err error) {
	if p.batch == nil && len(p.bad) == 0 {
		return true, nil
	}
	chunk := connector.Chunk{Batch: p.batch, Bad: p.bad, After: p.at.position()}
	if p.batch != nil {
		p.batch.CheckText()
		p.batch.Settle()
	}
	p.batch, p.bad = nil, nil
	if !p.yield(chunk, nil) {
		return false, nil
	}
	return true, nil
}
