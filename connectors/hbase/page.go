package hbase

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
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
	at     spot      // behind the last row in them, or in those handed on
	last   []byte    // key of the last whole row in them

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
	if r.options.SkipEmpty && !b.rest {
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

// cross tells, at the border of a region of which no row is waiting, that its rows are read: conditions may let none pass for long.
func (p *pager) cross() (more bool) {
	if p.batch != nil || len(p.bad) > 0 {
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
			if more, err := p.cell(c); err != nil || !more {
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
func (p *pager) cell(c cell) (more bool, err error) {
	w := &p.row
	if !w.open {
		w.open, w.key, w.size, w.next = true, c.row, len(c.row), 0
		if p.r.options.Cells {
			p.parts = p.r.key.cut(p.parts[:0], c.row)
		}
	}
	switch {
	case p.at.has(c):
	case p.r.options.Cells:
		return p.putCell(c)
	case p.r.options.Versions != 1:
		if !p.rest && !p.known(c) { // its moment alone matters
			c.value = nil
		}
		w.size += len(c.row) + len(c.qualifier) + len(c.value) + cellBytes
		w.all = append(w.all, c)
	default:
		p.sort(c)
	}
	if w.size > p.r.options.RowMax {
		w.drop()
	}
	return true, nil
}

// known reports whether the cell is of a column.
func (p *pager) known(c cell) bool {
	p.scratch.text = append(append(append(p.scratch.text[:0], c.family...), 0), c.qualifier...)
	_, found := p.columns[string(p.scratch.text)]
	return found
}

// sort puts a cell where it goes in the row.
func (p *pager) sort(c cell) {
	w := &p.row
	if at := w.next; at < len(p.names) && p.names[at].family == string(c.family) && p.names[at].qualifier == string(c.qualifier) {
		w.take(at, c.value)
		return
	}
	p.scratch.text = append(append(append(p.scratch.text[:0], c.family...), 0), c.qualifier...)
	if at, found := p.columns[string(p.scratch.text)]; found {
		w.take(at, c.value)
	} else if p.rest {
		w.size += len(c.row) + len(c.qualifier) + len(c.value) + cellBytes
		w.rest = append(w.rest, c)
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

// end puts the row that has all its cells into the batch; more is false when the receiver wants no more.
func (p *pager) end() (more bool, err error) {
	defer p.row.clear()
	w := &p.row
	p.last = w.key
	switch {
	case p.r.options.Cells:
		p.at = spot{row: w.key}
		return true, nil
	case w.size > p.r.options.RowMax:
		return p.refuse(spot{row: w.key}, fmt.Sprintf("row %s has %d bytes, row_max is %d", escape(w.key), w.size, p.r.options.RowMax))
	case p.r.options.Versions != 1:
		return p.putVersions()
	case p.unwanted():
		p.at = spot{row: w.key}
		return true, nil
	}
	if more, err := p.room(w.size); err != nil || !more {
		return false, err
	}
	p.append()
	return p.added(spot{row: w.key})
}

// putVersions puts a row for each moment at which cells of the row were written, the newest first.
func (p *pager) putVersions() (more bool, err error) {
	w := &p.row
	slices.SortStableFunc(w.all, func(a, b cell) int { return cmp.Compare(b.time, a.time) })
	for from, to := 0, 0; from < len(w.all); from = to {
		clear(w.cells)
		w.rest, w.size, w.next, w.time = w.rest[:0], len(w.key), 0, w.all[from].time
		for ; to < len(w.all) && w.all[to].time == w.time; to++ {
			p.sort(w.all[to])
		}
		if p.unwanted() {
			continue
		}
		at := spot{row: w.key}
		if to < len(w.all) {
			at.within, at.time = olderOnes, w.time
		}
		if more, err := p.room(w.size); err != nil || !more {
			return false, err
		}
		p.append()
		if more, err := p.added(at); err != nil || !more {
			return false, err
		}
	}
	p.at = spot{row: w.key}
	return true, nil
}

// unwanted reports whether the row has none of the columns, and is to be left out for that: its cells are those of a condition.
func (p *pager) unwanted() bool {
	return p.r.options.SkipEmpty && !slices.ContainsFunc(p.row.cells, func(x []byte) bool { return x != nil })
}

// putCell puts a cell as a row of its own.
func (p *pager) putCell(c cell) (more bool, err error) {
	at := spot{row: c.row, within: laterOnes, time: c.time, family: c.family, qualifier: c.qualifier}
	size := len(c.row) + len(c.family) + len(c.qualifier) + len(c.value)
	if size > p.r.options.RowMax {
		return p.refuse(at, fmt.Sprintf("cell %s of row %s has %d bytes, row_max is %d", columnName{string(c.family), string(c.qualifier)}.text(""), escape(c.row), size, p.r.options.RowMax))
	}
	if more, err := p.room(size); err != nil || !more {
		return false, err
	}
	p.appendCell(c)
	return p.added(at)
}

// refuse hands on that a row is too large, at once, so that few such rows wait.
func (p *pager) refuse(at spot, why string) (more bool, err error) {
	p.begin()
	p.bad = append(p.bad, connector.Bad{Code: record.TooBig, Raw: slices.Clone(at.row[:min(len(at.row), 64<<10)]), Reason: why})
	p.at = at
	return p.flush()
}

// room makes room in the batch for a row of so many bytes.
func (p *pager) room(size int) (more bool, err error) {
	if p.batch != nil && p.batch.Len > 0 && size > record.MaxBytes { // a batch of its own
		if more, err := p.flush(); err != nil || !more {
			return false, err
		}
	}
	if p.batch == nil {
		p.begin()
		p.batch, err = p.query.Batches.Get(p.ctx, p.query.Schema)
	}
	return err == nil, err
}

// added counts a row of the batch, behind which the shard is at a spot.
func (p *pager) added(at spot) (more bool, err error) {
	p.batch.Len++
	p.at = at
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
		at, v := &p.places[i], b.Cols[i]
		switch at.from {
		case fromRest:
			if len(w.rest) == 0 {
				v.AppendNull()
				continue
			}
			p.scratch.text = appendRest(p.scratch.text[:0], w.rest)
			v.AppendBytes(p.scratch.text)
			b.Size += len(p.scratch.text)
		case fromKey:
			p.key(i, w.key)
		case fromTime:
			v.AppendInt64(w.time)
			b.Size += 8
		default:
			if x := w.cells[i]; x == nil || len(x) == 0 && at.as.emptyNull {
				v.AppendNull()
				b.Size++
				continue
			}
			p.value(i, w.cells[i])
		}
	}
}

// key appends a column that is a part of the row key.
func (p *pager) key(i int, key []byte) {
	if x := p.parts[p.places[i].part]; x != nil {
		p.value(i, x)
		return
	}
	p.batch.MarkNull(i, record.WrongType, key)
}

// value appends a value of column i as its encoding reads it.
func (p *pager) value(i int, x []byte) {
	at, b := &p.places[i], p.batch
	b.Size += max(len(x), 8)
	code := record.WrongType
	if at.as.width == 0 || at.as.width == len(x) {
		code = at.as.put(&p.scratch, &p.query.Schema.Fields[i].Type, b.Cols[i], x)
	}
	if code != "" {
		b.MarkNull(i, code, x)
	}
}

// appendCell appends a cell to the batch.
func (p *pager) appendCell(c cell) {
	b := p.batch
	for i := range p.places {
		x := c.value
		switch v := b.Cols[i]; p.places[i].from {
		case fromKey:
			p.key(i, c.row)
			continue
		case fromTime:
			v.AppendInt64(c.time)
			b.Size += 8
			continue
		case fromFamily:
			x = c.family
		case fromQualifier:
			p.scratch.text = appendEscaped(p.scratch.text[:0], c.qualifier)
			x = p.scratch.text
		}
		b.Cols[i].AppendBytes(x)
		b.Size += len(x)
	}
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
