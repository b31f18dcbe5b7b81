package hbase

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

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
	last   []byte    // key of the last row in them, or in those handed on

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
	size  int // bytes of the key and of the cells that are taken
	next  int // the column after the last cell's, which the next cell most likely has
}

// lingering is after what time a batch that fills slowly is handed on.
const lingering = time.Second

func (r *reader) pager(ctx context.Context, q connector.Query, yield func(connector.Chunk, error) bool) (*pager, error) {
	within, err := parseRange(q.Shard.Range)
	if err != nil {
		return nil, err
	}
	if q.Shard.Range == nil {
		within = keys{start: r.start, stop: r.stop, before: r.planned}
	}
	if q.From != nil {
		behind, err := parsePosition(q.From)
		if err != nil {
			return nil, err
		}
		within.start = afterRow(behind)
	}
	b, err := r.bind(q.Schema)
	if err != nil {
		return nil, err
	}
	s := scan{table: r.table, start: within.start, stop: within.stop, before: within.before, rows: r.options.FetchRows, bytes: r.options.FetchBytes}
	if r.options.SkipEmpty && b.rest < 0 {
		s.columns = b.wanted()
	}
	p := &pager{binding: b, r: r, ctx: ctx, query: q, yield: yield, scan: r.client.scanner(s)}
	p.row.cells = make([][]byte, len(b.places))
	return p, nil
}

// wanted lists the columns for the server; nil when the row keys alone are wanted.
func (b *binding) wanted() []*pb.Column {
	var out []*pb.Column
	for _, c := range b.names {
		if c.family == "" {
			continue
		}
		at := slices.IndexFunc(out, func(x *pb.Column) bool { return string(x.Family) == c.family })
		if at < 0 {
			at, out = len(out), append(out, &pb.Column{Family: []byte(c.family)})
		}
		out[at].Qualifier = append(out[at].Qualifier, []byte(c.qualifier))
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
		if err != nil || !more {
			return err
		}
	}
	_, err := p.flush()
	return err
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
			p.cell(c)
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

// cell takes a cell of the row that is coming, or of a new one.
func (p *pager) cell(c cell) {
	w := &p.row
	if !w.open {
		w.open, w.key, w.size, w.next = true, c.row, len(c.row), 0
	}
	if at := w.next; at < len(p.names) && p.names[at].family == string(c.family) && p.names[at].qualifier == string(c.qualifier) {
		w.take(at, c.value)
	} else {
		p.scratch.text = append(append(append(p.scratch.text[:0], c.family...), 0), c.qualifier...)
		if at, found := p.columns[string(p.scratch.text)]; found {
			w.take(at, c.value)
		} else if p.rest >= 0 {
			w.size += len(c.row) + len(c.qualifier) + len(c.value) + cellBytes
			w.rest = append(w.rest, c)
		}
	}
	if w.size > p.r.options.RowMax {
		w.drop()
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
	w.rest = nil
}

// clear forgets the row.
func (w *row) clear() {
	clear(w.cells)
	w.rest = w.rest[:0]
	w.open = false
}

// end puts the row that has all its cells into the batch; more is false when the receiver wants no more.
func (p *pager) end() (more bool, err error) {
	defer p.row.clear()
	w := &p.row
	if w.size > p.r.options.RowMax {
		p.begin()
		p.bad = append(p.bad, connector.Bad{Code: record.TooBig, Raw: slices.Clone(w.key[:min(len(w.key), 64<<10)]),
			Reason: fmt.Sprintf("row %s has %d bytes, row_max is %d", escape(w.key), w.size, p.r.options.RowMax)})
		p.last = w.key
		return p.flush() // so that few wait
	}
	if p.batch != nil && p.batch.Len > 0 && w.size > record.MaxBytes { // a batch of its own
		if more, err := p.flush(); err != nil || !more {
			return false, err
		}
	}
	if p.batch == nil {
		p.begin()
		if p.batch, err = p.query.Batches.Get(p.ctx, p.query.Schema); err != nil {
			return false, err
		}
	}
	p.append()
	p.last = w.key
	if p.batch.Full() {
		return p.flush()
	}
	return true, nil
}

// begin notes when the first row of a chunk came.
func (p *pager) begin() {
	if p.batch == nil && len(p.bad) == 0 {
		p.filled = time.Now()
	}
}

// append appends the row to the batch.
func (p *pager) append() {
	w, b := &p.row, p.batch
	p.parts = p.r.key.cut(p.parts[:0], w.key)
	for i := range p.places {
		at, v, t := &p.places[i], b.Cols[i], &p.query.Schema.Fields[i].Type
		x := w.cells[i]
		switch {
		case at.rest:
			if len(w.rest) == 0 {
				v.AppendNull()
				continue
			}
			p.scratch.text = appendRest(p.scratch.text[:0], w.rest)
			x = p.scratch.text
			v.AppendBytes(x)
			b.Size += len(x)
			continue
		case at.part >= 0:
			if x = p.parts[at.part]; x == nil {
				b.MarkNull(i, record.WrongType, w.key)
				continue
			}
		case x == nil:
			v.AppendNull()
			b.Size++
			continue
		}
		b.Size += max(len(x), 8)
		code := record.WrongType
		if at.as.width == 0 || at.as.width == len(x) {
			code = at.as.put(&p.scratch, t, v, x)
		}
		if code != "" {
			b.MarkNull(i, code, x)
		}
	}
	b.Len++
}

// appendRest appends the cells as JSON, {"family":{"qualifier":value}}, in their order. A value that is UTF-8 is a text, any other
// {"$base64":"..."}; qualifiers are written as escape does.
func appendRest(dst []byte, cells []cell) []byte {
	dst = append(dst, '{')
	for i, c := range cells {
		switch {
		case i == 0:
			dst = append(appendJSON(dst, string(c.family)), ":{"...)
		case string(c.family) != string(cells[i-1].family):
			dst = append(appendJSON(append(dst, "},"...), string(c.family)), ":{"...)
		default:
			dst = append(dst, ',')
		}
		dst = append(appendJSON(dst, escape(c.qualifier)), ':')
		if utf8.Valid(c.value) {
			dst = appendJSON(dst, string(c.value))
			continue
		}
		dst = append(dst, `{"$base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, c.value)
		dst = append(dst, `"}`...)
	}
	return append(dst, "}}"...)
}

// appendJSON appends a string as JSON writes it.
func appendJSON(dst []byte, s string) []byte {
	text, _ := json.Marshal(s) // of a string: never an error
	return append(dst, text...)
}

// flush hands batch and bad rows on; more is false when the receiver wants no more.
func (p *pager) flush() (more bool, err error) {
	if p.batch == nil && len(p.bad) == 0 {
		return true, nil
	}
	chunk := connector.Chunk{Batch: p.batch, Bad: p.bad, After: newPosition(p.last)}
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
