package hbase

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

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
			p.sort(&w.all[to])
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
func (p *pager) putCell(c *cell) (more bool, err error) {
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
	p.at, p.gave = at, true
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
	p.at, p.gave = at, true
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
func (p *pager) appendCell(c *cell) {
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
