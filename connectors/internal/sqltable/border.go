package sqltable

import (
	"context"

	"github.com/towpath/towpath/connector"
)

// MaxShards is the most shards of a stream.
const MaxShards = 10_000

// The bounds of a shard's size when nobody asks for one, and the number of shards aimed at between them: more than workers.
const (
	minShardBytes = 64 << 20
	maxShardBytes = 512 << 20
	usualShards   = 32
)

// walkRows is the number of rows up to which borders are found by walking the index, which is exact.
const walkRows = 1_000_000

// quick is how many rows are counted without looking at the source's statistics first: of more, an estimate of twice as many is taken for
// true, as counting would take longer than all the rest. Wrong statistics make uneven shards, no wrong ones.
const quick = 100_000

// CountOrEstimate answers Source.Rows for a server that can do both: count stops behind upTo rows, estimate reads no row.
func CountOrEstimate(upTo int64, count, estimate func() (int64, error)) (int64, error) {
	var estimated int64
	if upTo > quick {
		var err error
		if estimated, err = estimate(); err != nil || estimated > 2*upTo {
			return estimated, err
		}
	}
	n, err := count()
	if err != nil || n <= upTo {
		return n, err
	}
	if estimated == 0 {
		estimated, err = estimate()
	}
	return max(n, estimated), err
}

// Source answers the questions by which borders are found. Its statements are those of Select.
//
// Invariant 5: only the source compares and orders keys. The one exception are keys of one integer column.
type Source interface {
	// Rows returns the number of rows of the range: exactly when there are at most upTo, else any estimate above upTo. See CountOrEstimate.
	Rows(ctx context.Context, r Range, upTo int64) (int64, error)
	// End returns the least value of a key of one integer column, or the greatest; TagNull: the range is empty.
	End(ctx context.Context, r Range, greatest bool) (connector.Part, error)
	// KeyAt returns the key of row n of the range, counted from 0; nil: there are not that many.
	KeyAt(ctx context.Context, r Range, n int64) ([]connector.Part, error)
}

// Ends returns both ends of a range; TagNull in both: it is empty, or became so meanwhile.
func Ends(ctx context.Context, src Source, r Range) (least, greatest connector.Part, err error) {
	if least, err = src.End(ctx, r, false); err != nil || least.Tag == connector.TagNull {
		return connector.Part{}, connector.Part{}, err
	}
	if greatest, err = src.End(ctx, r, true); err != nil || greatest.Tag == connector.TagNull {
		return connector.Part{}, connector.Part{}, err
	}
	return least, greatest, nil
}

// Sizing says how large shards shall be.
type Sizing struct {
	Rows     int64 // the source's estimate of the whole table; 0: none
	RowBytes int64 // average; 0: 256
	Hint     connector.Hint
	// WalkRows is the number of rows up to which borders are found by walking the index; 0: a million. Beyond it, keys of one
	// integer column are halved by samples.
	WalkRows int64
	// Sample returns the keys of about n rows of a keyed range, which has some rows, in the key's order, as far as can be from rows anywhere
	// in it with equal chance, without reading the whole range. Beyond WalkRows it finds the borders of keys that cannot be halved;
	// fewer keys than n, or none, are a coarser answer and no error. nil: such keys are found by walking the index.
	Sample func(ctx context.Context, r Range, rows, n int64) ([][]connector.Part, error)
}

// complete puts the defaults in.
func (s Sizing) complete() Sizing {
	if s.RowBytes <= 0 {
		s.RowBytes = 256
	}
	if s.WalkRows <= 0 {
		s.WalkRows = walkRows
	}
	return s
}

// Shards implements Reader.Split: it cuts what shard of still has behind after; the first part begins where of does. The zero shard is the whole table, with a
// shard of its own for NULL keys, which replays None as a table without a key does. A shard without an order comes back whole.
// Shards come in the key's order, the one of NULLs last.
func Shards(ctx context.Context, src Source, k Key, of connector.Shard, after connector.Position, size Sizing) ([]connector.Shard, error) {
	size = size.complete()
	r, nulls := Range{}, of.Range == nil && k.Nullable()
	if !nulls {
		var err error
		if r, err = k.ShardRange(of, after); err != nil {
			return nil, err
		}
	}
	if r.Part != Keyed {
		rows, err := src.Rows(ctx, r, size.WalkRows)
		if err != nil {
			return nil, err
		}
		return []connector.Shard{shard(of, r, rows, size)}, nil
	}
	cuts, err := Cut(ctx, src, k, r, size)
	if err != nil {
		return nil, err
	}
	if after != nil {
		begin, err := k.ShardRange(of, nil)
		if err != nil {
			return nil, err
		}
		cuts[0].Low = begin.Low
	}
	if nulls {
		rows, err := src.Rows(ctx, Range{Part: Nulls}, size.WalkRows)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, Piece{Range{Part: Nulls}, rows})
	}
	if of.Range == nil {
		scaleDown(cuts, size)
	}
	shards := make([]connector.Shard, len(cuts))
	for i, c := range cuts {
		shards[i] = shard(of, c.Range, c.Rows, size)
	}
	return shards, nil
}

// scaleDown brings the estimates of a table's pieces down to the estimate of the table: sources estimate ranges on the safe side,
// InnoDB doubles them. Counts are left alone, and a table's estimate that is far lower is not believed: it can be of before a load.
func scaleDown(cuts []Piece, size Sizing) {
	var sum int64
	for _, c := range cuts {
		sum += c.Rows
	}
	if sum <= size.WalkRows || sum <= size.Rows || sum/4 > size.Rows {
		return
	}
	ratio := float64(size.Rows) / float64(sum)
	for i := range cuts {
		cuts[i].Rows = int64(float64(cuts[i].Rows) * ratio)
	}
}

func shard(of connector.Shard, r Range, rows int64, size Sizing) connector.Shard {
	s := of
	s.Range, s.Rows, s.Bytes, s.Replay = r.Encode(), rows, satMul(rows, size.RowBytes), connector.Exact
	if r.Part != Keyed {
		s.Replay = connector.None
	}
	return s
}

// Piece is a range and the estimate of its rows.
type Piece struct {
	Range
	Rows int64
}

// Cut cuts a keyed range into disjoint, together complete ranges in the key's order. There is always at least one.
func Cut(ctx context.Context, src Source, k Key, r Range, size Sizing) ([]Piece, error) {
	size = size.complete()
	rows, err := src.Rows(ctx, r, size.WalkRows)
	if err != nil {
		return nil, err
	}
	n := pieces(rows, size)
	switch {
	case n <= 1:
		return []Piece{{r, rows}}, nil
	case rows <= size.WalkRows:
		return walk(ctx, src, r, rows, n)
	case k.computable():
		return halve(ctx, src, r, rows, n)
	case size.Sample != nil:
		return sampled(ctx, size, r, rows, n)
	}
	return walk(ctx, src, r, rows, n)
}

// How many keys are sampled for one shard: its size is then off by a tenth, more where there are so many shards that the sample would
// be large.
const (
	samplesEach = 100
	mostSamples = 200_000
)

// sampled takes every so manieth key of a sample for a border.
func sampled(ctx context.Context, size Sizing, r Range, rows, n int64) ([]Piece, error) {
	keys, err := size.Sample(ctx, r, rows, min(samplesEach*n, mostSamples))
	if err != nil {
		return nil, err
	}
	n = max(min(n, int64(len(keys))), 1)
	out := make([]Piece, 0, n)
	low := r.Low
	for i := int64(1); i < n; i++ {
		high := keys[i*int64(len(keys))/n]
		out = append(out, Piece{Range{Low: low, High: high}, rows / n})
		low = high
	}
	return append(out, Piece{Range{Low: low, High: r.High}, rows / n}), nil
}

// pieces returns the number of shards for the rows: rows × average bytes over the size of a shard.
func pieces(rows int64, size Sizing) int64 {
	if rows <= 1 {
		return 1
	}
	n := int64(size.Hint.Shards)
	if n <= 0 {
		total, each := satMul(rows, size.RowBytes), size.Hint.Bytes
		if each <= 0 {
			each = min(max(total/usualShards, minShardBytes), maxShardBytes)
		}
		n = (total-1)/each + 1
	}
	return min(n, rows, MaxShards)
}

// walk finds borders by stepping through the index from border to border. It is exact but for rows that come and go
// meanwhile, and reads the whole index, so it is for tables of some size only or for keys nobody can compute with.
func walk(ctx context.Context, src Source, r Range, rows, n int64) ([]Piece, error) {
	var out []Piece
	rest := r
	for i, done := int64(1), int64(0); i < n; i++ {
		// i × rows / n without overflow: rows and n are split into quotient and rest.
		goal := i*(rows/n) + i*(rows%n)/n
		step := goal - done
		if step <= 0 {
			continue
		}
		key, err := src.KeyAt(ctx, rest, step-1)
		if err != nil {
			return nil, err
		}
		if key == nil {
			break
		}
		out = append(out, Piece{Range{Low: rest.Low, High: key}, step})
		rest.Low, done = key, goal
	}
	left := rows
	for _, p := range out {
		left -= p.Rows
	}
	return append(out, Piece{rest, max(left, 0)}), nil
}

// satMul multiplies numbers that are not negative; too large a product is the greatest int64.
func satMul(a, b int64) int64 {
	if a > 0 && b > (1<<63-1)/a {
		return 1<<63 - 1
	}
	return a * b
}
