package sqltable

import (
	"container/heap"
	"context"
	"slices"

	"github.com/towpath/towpath/connector"
)

// firstCells is the number of cells below which no estimate is trusted: a cluster may hide between samples.
const firstCells = 64

// cell is a range of integer values whose first and last row are known: it is never empty and has no gap at its ends.
type cell struct {
	first, last uint64 // ordinals of the values
	rows        int64
}

// cells is a heap, the cell with the most rows on top; among equals the widest.
type cells []cell

func (c cells) Len() int { return len(c) }
func (c cells) Less(i, j int) bool {
	if c[i].rows != c[j].rows {
		return c[i].rows > c[j].rows
	}
	return c[i].last-c[i].first > c[j].last-c[j].first
}
func (c cells) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *cells) Push(x any)   { *c = append(*c, x.(cell)) }
func (c *cells) Pop() any {
	old := *c
	x := old[len(old)-1]
	*c = old[:len(old)-1]
	return x
}

// halver builds a histogram of the values of an integer key.
type halver struct {
	src Source
	tag connector.Tag
	r   Range
}

// halve finds the borders of an integer key: cells are halved, densest first, each half is narrowed to the rows it has, and
// neighbours are joined up to the size of a shard. Skew and gaps so make neither giant nor empty shards, and no statement
// reads more than some rows.
func halve(ctx context.Context, src Source, r Range, rows, n int64) ([]Piece, error) {
	least, greatest, err := Ends(ctx, src, r)
	if err != nil || least.Tag == connector.TagNull {
		return []Piece{{r, 0}}, err
	}
	h := &halver{src, least.Tag, r}
	whole := cell{ordinal(least), ordinal(greatest), rows}
	if whole.rows, err = h.estimate(ctx, whole); err != nil {
		return nil, err
	}
	list, err := h.widest(ctx, cells{whole})
	if err != nil {
		return nil, err
	}
	if list, err = h.densest(ctx, list, n); err != nil {
		return nil, err
	}
	return h.join(list, n), nil
}

// widest halves the widest cells until there are firstCells of them.
func (h *halver) widest(ctx context.Context, list cells) (cells, error) {
	for len(list) < firstCells {
		at := 0
		for i, c := range list {
			if c.last-c.first > list[at].last-list[at].first {
				at = i
			}
		}
		if len(list) == 0 || list[at].first == list[at].last {
			break
		}
		halves, err := h.split(ctx, list[at])
		if err != nil {
			return nil, err
		}
		list = append(slices.Delete(list, at, at+1), halves...)
	}
	return list, nil
}

// densest halves the cells with the most rows until none holds more than half a shard, so that joining comes close to n.
func (h *halver) densest(ctx context.Context, list cells, n int64) (cells, error) {
	var closed cells
	var total int64
	for _, c := range list {
		total += c.rows
	}
	heap.Init(&list)
	for len(list) > 0 && int64(len(list)+len(closed)) < 4*n+firstCells {
		if list[0].rows <= total/n/2 {
			break
		}
		c := heap.Pop(&list).(cell)
		if c.first == c.last {
			closed = append(closed, c)
			continue
		}
		halves, err := h.split(ctx, c)
		if err != nil {
			return nil, err
		}
		total -= c.rows
		for _, half := range halves {
			heap.Push(&list, half)
			total += half.rows
		}
	}
	return append(list, closed...), nil
}

// split halves a cell by value and narrows both halves to their rows.
func (h *halver) split(ctx context.Context, c cell) ([]cell, error) {
	mid := c.first + (c.last-c.first)/2 // never overflows: last >= first
	below, err := h.src.End(ctx, h.between(c.first, mid), true)
	if err != nil {
		return nil, err
	}
	above, err := h.src.End(ctx, h.between(mid+1, c.last), false)
	if err != nil {
		return nil, err
	}
	var out []cell
	// Rows may have gone since the cell was looked at: then a half is empty, and gone.
	if below.Tag != connector.TagNull {
		out = append(out, cell{c.first, ordinal(below), 0})
	}
	if above.Tag != connector.TagNull {
		out = append(out, cell{ordinal(above), c.last, 0})
	}
	for i := range out {
		if out[i].rows, err = h.estimate(ctx, out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// estimate asks for the rows of a cell; there cannot be more than values.
func (h *halver) estimate(ctx context.Context, c cell) (int64, error) {
	rows, err := h.src.Rows(ctx, h.between(c.first, c.last), probeRows)
	if width := c.last - c.first; width < uint64(rows) {
		rows = int64(width) + 1
	}
	return rows, err
}

// between returns the range of the values from first to last, both included.
func (h *halver) between(first, last uint64) Range {
	r := Range{Low: h.r.Low, High: []connector.Part{h.part(last)}}
	if first > h.smallest() {
		r.Low = []connector.Part{h.part(first - 1)}
	}
	return r
}

// smallest is the ordinal below which no value lies in the range.
func (h *halver) smallest() uint64 {
	if h.r.Low != nil {
		return ordinal(h.r.Low[0])
	}
	return 0
}

// join makes at most about n shards of cells: neighbours are put together until the next would exceed the goal.
func (h *halver) join(list cells, n int64) []Piece {
	sortCells(list)
	var total int64
	for _, c := range list {
		total += c.rows
	}
	goal := total/n + 1
	var out []Piece
	low, rows := h.r.Low, int64(0)
	for i, c := range list {
		if i > 0 && rows > 0 && rows+c.rows/2 > goal && int64(len(out)) < n-1 {
			high := []connector.Part{h.part(list[i-1].last)}
			out = append(out, Piece{Range{Low: low, High: high}, rows})
			low, rows = high, 0
		}
		rows += c.rows
	}
	return append(out, Piece{Range{Low: low, High: h.r.High}, rows})
}

// ordinal maps integers to uint64 in their order.
func ordinal(p connector.Part) uint64 {
	if p.Tag == connector.TagUint {
		return p.Uint
	}
	return uint64(p.Int) ^ 1<<63
}

func (h *halver) part(x uint64) connector.Part {
	if h.tag == connector.TagUint {
		return connector.Part{Tag: connector.TagUint, Uint: x}
	}
	return connector.Part{Tag: connector.TagInt, Int: int64(x ^ 1<<63)}
}
