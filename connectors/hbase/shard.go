package hbase

import (
	"bytes"
	"context"

	"github.com/towpath/towpath/connector"
)

// rangeKind is that of the ranges of this package.
const rangeKind = "hbase.range"

// keys is the rows [start, stop) of a table, nil being an open end, and the moment (ms, 0: none) whose cells are the first not read.
type keys struct {
	start, stop []byte
	before      int64
	from        connector.Position // within the row start, where the shard begins; nil: with the row
}

func (k keys) encode() []byte {
	parts := []connector.Part{{Tag: connector.TagInt, Int: k.before}}
	for _, end := range [...][]byte{k.start, k.stop, k.from} {
		if len(end) == 0 {
			parts = append(parts, connector.Part{Tag: connector.TagOpen})
			continue
		}
		parts = append(parts, connector.Part{Tag: connector.TagBytes, Bytes: end})
	}
	return connector.NewPosition(rangeKind, parts...)
}

// parseRange reads what encode wrote; nil is the whole table. What does not check is an error of class Changed, TOW-105.
func parseRange(b []byte) (keys, error) {
	if b == nil {
		return keys{}, nil
	}
	parts, err := connector.Position(b).Parts(rangeKind)
	if err != nil {
		return keys{}, err
	}
	if len(parts) != 4 || parts[0].Tag != connector.TagInt {
		return keys{}, malformedRecord(rangeKind)
	}
	k := keys{before: parts[0].Int}
	for i, end := range [...]*[]byte{&k.start, &k.stop, (*[]byte)(&k.from)} {
		switch parts[i+1].Tag {
		case connector.TagOpen:
		case connector.TagBytes:
			*end = parts[i+1].Bytes
		default:
			return keys{}, malformedRecord(rangeKind)
		}
	}
	return k, nil
}

func malformedRecord(kind string) error {
	return connector.Errorf(connector.Changed, "TOW-105", "%s record is malformed", kind)
}

// left is what is left of a shard of the reader's behind a position, nil being its beginning.
func (r *reader) left(of connector.Shard, after connector.Position) (keys, error) {
	k, err := parseRange(of.Range)
	if err != nil {
		return keys{}, err
	}
	if of.Range == nil {
		k = keys{start: r.start, stop: r.stop, before: r.planned}
	}
	if after == nil {
		return k, nil
	}
	s, err := parsePosition(after)
	if err != nil {
		return keys{}, err
	}
	k.start, k.from = s.start(), nil
	if s.parted() {
		k.from = after
	}
	return k, nil
}

// within returns the parts of regions that lie in [start, stop).
func within(regions []region, start, stop []byte) []region {
	var out []region
	for _, r := range regions {
		if len(r.stop) > 0 && bytes.Compare(r.stop, start) <= 0 || len(stop) > 0 && bytes.Compare(r.start, stop) >= 0 {
			continue
		}
		if bytes.Compare(r.start, start) < 0 {
			r.start = start
		}
		if len(stop) > 0 && (len(r.stop) == 0 || bytes.Compare(r.stop, stop) > 0) {
			r.stop = stop
		}
		out = append(out, r)
	}
	return out
}

// Split cuts at the borders of regions, and where that makes too few shards, at keys of rows that lie between them.
//
// Invariant 5: HBase keeps rows in the order of their keys' bytes (https://hbase.apache.org/book.html#_data_model_operations), so
// comparing them here is comparing as the source does; borders are borders of regions or keys of rows.
func (r *reader) Split(ctx context.Context, of connector.Shard, after connector.Position, hint connector.Hint) ([]connector.Shard, error) {
	begin, err := r.left(of, nil)
	if err != nil {
		return nil, err
	}
	whole, err := r.left(of, after)
	if err != nil {
		return nil, err
	}
	regions, err := r.client.regions(ctx, r.table)
	if err != nil {
		return nil, err
	}
	parts := within(regions, whole.start, whole.stop)
	if hint.Shards == 0 && len(parts) > mostShards {
		hint.Shards = mostShards
	}
	if hint.Shards > 0 {
		if parts, err = r.cutInto(ctx, parts, hint.Shards); err != nil {
			return nil, err
		}
	}
	var shards []connector.Shard
	for i, p := range parts {
		k := keys{start: p.start, stop: p.stop, before: whole.before}
		if i == 0 { // it can be read again from its beginning
			k.start, k.from = begin.start, begin.from
		}
		shards = append(shards, connector.Shard{Range: k.encode(), Replay: connector.Exact})
	}
	if len(parts) > 0 {
		r.estimate(ctx, shards, parts, regions, whole.before)
	}
	return shards, nil
}

// mostShards is into how many a table is cut without a wish; regions that lie together share one.
const mostShards = 256

// cutInto makes about so many parts: neighbours become one, or parts are cut at keys that rows have.
func (r *reader) cutInto(ctx context.Context, parts []region, wanted int) ([]region, error) {
	if len(parts) >= wanted {
		var out []region
		for i := range wanted {
			from, to := i*len(parts)/wanted, (i+1)*len(parts)/wanted
			out = append(out, region{parts[from].start, parts[to-1].stop})
		}
		return out, nil
	}
	var out []region
	for i, p := range parts {
		n := (i+1)*wanted/len(parts) - i*wanted/len(parts)
		cut, err := r.cutRegion(ctx, p, n)
		if err != nil {
			return nil, err
		}
		out = append(out, cut...)
	}
	return out, nil
}

// cutRegion cuts a part of a region into up to n, at the first rows behind keys that are spread evenly between its first and last row.
func (r *reader) cutRegion(ctx context.Context, p region, n int) ([]region, error) {
	if n < 2 {
		return []region{p}, nil
	}
	first, err := r.edge(ctx, p.start, p.stop)
	if err != nil || first == nil {
		return []region{p}, err
	}
	last, err := r.highest(ctx, p, first)
	if err != nil {
		return nil, err
	}
	var out []region
	from := p.start
	for i := 1; i < n; i++ {
		border, err := r.edge(ctx, between(first, last, i, n), p.stop)
		if err != nil {
			return nil, err
		}
		if border == nil { // nothing behind
			break
		}
		if bytes.Compare(border, first) > 0 && bytes.Compare(border, from) > 0 {
			out = append(out, region{from, border})
			from = border
		}
	}
	return append(out, region{from, p.stop}), nil
}

// between returns the key at i of n steps from low to high, by the eight bytes behind what both begin with.
func between(low, high []byte, i, n int) []byte {
	same := 0
	for same < len(low) && same < len(high) && low[same] == high[same] {
		same++
	}
	at := func(b []byte) (x uint64) {
		for k := same; k < same+8; k++ {
			x <<= 8
			if k < len(b) {
				x |= uint64(b[k])
			}
		}
		return x
	}
	from, to := at(low), at(high)
	x := from + uint64(float64(to-from)*float64(i)/float64(n))
	key := append([]byte(nil), low[:same]...)
	for shift := 56; shift >= 0; shift -= 8 {
		key = append(key, byte(x>>shift))
	}
	return key
}

// steps is how many bytes decide where a region is cut.
const steps = 8

// highest returns what the last row of a part begins with, steps bytes behind what it shares with the first, found byte by byte.
func (r *reader) highest(ctx context.Context, p region, first []byte) ([]byte, error) {
	last := first
	for at, deciding := 0, 0; deciding < steps; at++ {
		low, high := 0, 255 // a row has a byte of at least low there
		if at < len(last) {
			low = int(last[at])
		}
		for low < high {
			middle := (low + high + 1) / 2
			row, err := r.edge(ctx, append(bytes.Clone(last[:min(at, len(last))]), byte(middle)), p.stop)
			if err != nil {
				return nil, err
			}
			if row == nil {
				high = middle - 1
				continue
			}
			last, low = row, int(row[at])
		}
		if at >= len(last) {
			break
		}
		if at >= len(first) || last[at] != first[at] || deciding > 0 {
			deciding++
		}
	}
	return last, nil
}

// edge returns the first row in [start, stop); nil: there is none.
func (r *reader) edge(ctx context.Context, start, stop []byte) ([]byte, error) {
	filter, err := keysOnly()
	if err != nil {
		return nil, err
	}
	x := r.client.scanner(scan{table: r.table, start: start, stop: stop, filter: filter, rows: 1, bytes: metaBytes})
	defer x.close()
	for !x.done {
		a, err := x.next(ctx, nil)
		if err != nil {
			return nil, classify(err, "look for a row of %s", r.table)
		}
		if len(a.cells) > 0 {
			c, _, err := cutCell(a.cells)
			return c.row, err
		}
	}
	return nil, nil
}
