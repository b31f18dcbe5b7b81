package sqltable_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
)

// table is a source of sorted integer keys in memory; it counts what it was asked.
type table struct {
	keys     []uint64 // ordinals, ascending, without doubles
	unsigned bool
	asked    *int
	scanned  *int64
}

func newTable(unsigned bool, values ...uint64) table {
	if !unsigned {
		for i := range values {
			values[i] ^= 1 << 63
		}
	}
	slices.Sort(values)
	return table{slices.Compact(values), unsigned, new(int), new(int64)}
}

func signed(values ...int64) table {
	list := make([]uint64, len(values))
	for i, v := range values {
		list[i] = uint64(v)
	}
	return newTable(false, list...)
}

func (t table) key() sqltable.Key {
	return sqltable.Key{{Name: "id", Quoted: "id", Integer: true, Tag: connector.TagInt}}
}

func (t table) ordinal(p connector.Part) uint64 {
	if t.unsigned {
		return p.Uint
	}
	return uint64(p.Int) ^ 1<<63
}

func (t table) part(x uint64) connector.Part {
	if t.unsigned {
		return connector.Part{Tag: connector.TagUint, Uint: x}
	}
	return connector.Part{Tag: connector.TagInt, Int: int64(x ^ 1<<63)}
}

// within returns the keys of (low, high].
func (t table) within(r sqltable.Range) []uint64 {
	*t.asked++
	if r.Part == sqltable.Nulls {
		return nil
	}
	from, to := 0, len(t.keys)
	if r.Low != nil {
		from = sort.Search(len(t.keys), func(i int) bool { return t.keys[i] > t.ordinal(r.Low[0]) })
	}
	if r.High != nil {
		to = sort.Search(len(t.keys), func(i int) bool { return t.keys[i] > t.ordinal(r.High[0]) })
	}
	return t.keys[from:max(from, to)]
}

func (t table) Rows(ctx context.Context, r sqltable.Range, upTo int64) (int64, error) {
	rows := t.within(r)
	*t.scanned += min(int64(len(rows)), upTo)
	if int64(len(rows)) <= upTo {
		return int64(len(rows)), nil
	}
	n, err := sqltable.Probe(ctx, t, r, t.part(rows[0]), t.part(rows[len(rows)-1]))
	return max(n, upTo+1), err
}

func (t table) End(_ context.Context, r sqltable.Range, greatest bool) (connector.Part, error) {
	rows := t.within(r)
	switch {
	case len(rows) == 0:
		return connector.Part{}, nil
	case greatest:
		return t.part(rows[len(rows)-1]), nil
	}
	return t.part(rows[0]), nil
}

func (t table) KeyAt(_ context.Context, r sqltable.Range, n int64) ([]connector.Part, error) {
	rows := t.within(r)
	*t.scanned += min(n+1, int64(len(rows)))
	if n >= int64(len(rows)) {
		return nil, nil
	}
	return []connector.Part{t.part(rows[n])}, nil
}

// together fails unless the pieces are disjoint and complete, and returns the rows of each.
func together(t interface{ Fatalf(string, ...any) }, src table, r sqltable.Range, pieces []sqltable.Piece) []int {
	var sizes []int
	var got []uint64
	for _, p := range pieces {
		rows := src.within(p.Range)
		sizes = append(sizes, len(rows))
		got = append(got, rows...)
	}
	if want := src.within(r); !slices.Equal(got, want) {
		t.Fatalf("pieces hold %d rows, want %d, each once and in order", len(got), len(want))
	}
	return sizes
}

func shapes() map[string]table {
	var skewed, gaps, clusters, dense []int64
	for i := range int64(20_000) {
		dense = append(dense, i)
		gaps = append(gaps, i*1_000_000_000_000)
		if i < 19_800 {
			skewed = append(skewed, 5_000_000+i)
		} else {
			skewed = append(skewed, i*1_000_000_007)
		}
		clusters = append(clusters, (i/500)*400_000_000_000_000+i%500)
	}
	var high []uint64
	for i := range uint64(20_000) {
		high = append(high, math.MaxUint64-i*3)
	}
	ends := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}
	for i := range int64(5000) {
		ends = append(ends, math.MinInt64+i*7, math.MaxInt64-i*11, i-2500)
	}
	return map[string]table{
		"empty": signed(), "one row": signed(42), "one at the lower end": signed(math.MinInt64), "two at both ends": signed(math.MinInt64, math.MaxInt64),
		"dense": signed(dense...), "gaps of 10^12": signed(gaps...), "99 % in one place": signed(skewed...), "clusters": signed(clusters...),
		"int64 ends": signed(ends...), "uint64 high end": newTable(true, high...), "uint64 both ends": newTable(true, 0, 1, math.MaxUint64-1, math.MaxUint64),
	}
}

func TestCutIsDisjointAndComplete(t *testing.T) {
	t.Parallel()
	for name, src := range shapes() {
		for _, walkRows := range []int64{1, math.MaxInt64} {
			for _, n := range []int{1, 2, 7, 64} {
				t.Run(fmt.Sprintf("%s/%d/walk %v", name, n, walkRows > 1), func(t *testing.T) {
					pieces, err := sqltable.Cut(t.Context(), src, src.key(), sqltable.Range{}, sqltable.Sizing{Hint: connector.Hint{Shards: n}, WalkRows: walkRows})
					if err != nil {
						t.Fatal(err)
					}
					sizes := together(t, src, sqltable.Range{}, pieces)
					if len(sizes) > n {
						t.Errorf("got %d pieces, want at most %d", len(sizes), n)
					}
					fair := len(src.keys)/n + 1
					for _, size := range sizes {
						if size == 0 && len(src.keys) > 0 {
							t.Errorf("empty piece among %v", sizes)
						}
						if limit := 2*fair + 600; size > limit {
							t.Errorf("piece of %d rows among %v, want at most %d", size, sizes, limit)
						}
					}
				})
			}
		}
	}
}

func TestHalvingReadsNoWholeTable(t *testing.T) {
	t.Parallel()
	keys := make([]int64, 3_000_000)
	for i := range keys {
		keys[i] = int64(i) * 3
	}
	src := signed(keys...)
	pieces, err := sqltable.Cut(t.Context(), src, src.key(), sqltable.Range{}, sqltable.Sizing{Hint: connector.Hint{Shards: 16}, WalkRows: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range together(t, src, sqltable.Range{}, pieces) {
		if size < 90_000 || size > 400_000 {
			t.Errorf("piece %d has %d rows, want about 187500", i, size)
		}
	}
	if *src.scanned > int64(len(keys))/4 {
		t.Errorf("planning looked at %d of %d rows", *src.scanned, len(keys))
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	keys := make([]int64, 40_000)
	for i := range keys {
		keys[i] = int64(i)
	}
	src := signed(keys...)
	for _, c := range []struct {
		name     string
		rowBytes int64
		hint     connector.Hint
		want     int
	}{
		{"small table is one shard", 100, connector.Hint{}, 1},
		{"64 MB each at least", 16 << 10, connector.Hint{}, 10},
		{"512 MB each at most", 1 << 20, connector.Hint{}, 79},
		{"bytes as hinted", 1000, connector.Hint{Bytes: 1_000_000}, 40},
		{"number as hinted", 1, connector.Hint{Shards: 11}, 11},
		{"never more than 10,000", 1 << 40, connector.Hint{}, sqltable.MaxShards},
		{"absurd sizes do not overflow", math.MaxInt64, connector.Hint{Bytes: math.MaxInt64}, 1},
	} {
		pieces, err := sqltable.Cut(t.Context(), src, src.key(), sqltable.Range{}, sqltable.Sizing{RowBytes: c.rowBytes, Hint: c.hint})
		if err != nil {
			t.Fatal(err)
		}
		if len(pieces) != c.want {
			t.Errorf("%s: got %d shards, want %d", c.name, len(pieces), c.want)
		}
		together(t, src, sqltable.Range{}, pieces)
	}
}

func TestCutAnyKeysAnyRange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-50, 50), rapid.Map(rapid.Int64Range(0, 9), func(x int64) int64 { return math.MaxInt64 - x }))
		src := signed(rapid.SliceOfN(value, 0, 400).Draw(t, "keys")...)
		r := sqltable.Range{}
		if rapid.Bool().Draw(t, "low") {
			r.Low = []connector.Part{{Tag: connector.TagInt, Int: value.Draw(t, "low value")}}
		}
		if rapid.Bool().Draw(t, "high") {
			r.High = []connector.Part{{Tag: connector.TagInt, Int: value.Draw(t, "high value")}}
		}
		size := sqltable.Sizing{Hint: connector.Hint{Shards: rapid.IntRange(1, 70).Draw(t, "shards")}, WalkRows: rapid.SampledFrom([]int64{1, 1000}).Draw(t, "walk")}
		pieces, err := sqltable.Cut(t.Context(), src, src.key(), r, size)
		if err != nil {
			t.Fatalf("cut: %v", err)
		}
		together(t, src, r, pieces)
	})
}

func TestShardsOfNullableKeyAndFarPart(t *testing.T) {
	t.Parallel()
	keys := make([]int64, 1000)
	for i := range keys {
		keys[i] = int64(i)
	}
	src := signed(keys...)
	key := src.key()
	key[0].Nullable = true
	shards, err := sqltable.Shards(t.Context(), src, key, connector.Shard{}, nil, sqltable.Sizing{Hint: connector.Hint{Shards: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if len(shards) != 4 || shards[3].Replay != connector.None || shards[0].Replay != connector.Exact {
		t.Fatalf("got %+v, want three keyed shards and one of NULLs", shards)
	}
	// The last keyed shard cut behind row 900: its ends stay, no second shard of NULLs appears, and the far part is behind the row.
	after := sqltable.NewPosition([]connector.Part{{Tag: connector.TagInt, Int: 900}})
	far, err := sqltable.Shards(t.Context(), src, key, shards[2], after, sqltable.Sizing{Hint: connector.Hint{Shards: 2}})
	if err != nil || len(far) != 2 {
		t.Fatalf("got %d shards, %v, want 2", len(far), err)
	}
	var rows int
	for _, s := range far {
		r, err := key.ShardRange(s, nil)
		if err != nil || s.Replay != connector.Exact {
			t.Fatalf("got %v, %v", s.Replay, err)
		}
		rows += len(src.within(r))
	}
	first, err := key.ShardRange(far[0], after)
	if err != nil {
		t.Fatal(err)
	}
	last, err := key.ShardRange(far[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	if behind := len(src.within(first)) + len(src.within(last)); behind != 99 || rows != 334 {
		t.Errorf("the parts have %d rows, %d of them behind row 900; want 334 and 99", rows, behind)
	}
	whole, err := sqltable.Shards(t.Context(), src, nil, connector.Shard{}, nil, sqltable.Sizing{})
	if err != nil || len(whole) != 1 || whole[0].Replay != connector.None {
		t.Errorf("without a key: got %+v, %v, want one shard that replays None", whole, err)
	}
}

// doubled estimates as InnoDB does.
type doubled struct{ table }

func (d doubled) Rows(ctx context.Context, r sqltable.Range, upTo int64) (int64, error) {
	n, err := d.table.Rows(ctx, r, upTo)
	if n > upTo {
		n = 2 * int64(len(d.within(r)))
	}
	return n, err
}

func TestEstimatesAddUpToTheTables(t *testing.T) {
	t.Parallel()
	values := make([]int64, 20_000)
	for i := range values {
		values[i] = int64(i) * 10
	}
	for _, c := range []struct {
		name        string
		rows, walk  int64 // of the sizing
		least, most int64 // in all shards
	}{
		{"the table's estimate is lower", 19_000, 100, 18_900, 19_000},
		{"the table's estimate is of before a load", 300, 100, 30_000, 60_000},
		{"no estimate of the table", 0, 100, 30_000, 60_000},
		{"counted", 15_000, 100_000, 20_000, 20_000},
	} {
		src := doubled{signed(values...)}
		size := sqltable.Sizing{Rows: c.rows, RowBytes: 100, WalkRows: c.walk, Hint: connector.Hint{Shards: 8}}
		shards, err := sqltable.Shards(t.Context(), src, src.key(), connector.Shard{}, nil, size)
		if err != nil {
			t.Fatal(err)
		}
		var sum, bytes int64
		for _, s := range shards {
			sum += s.Rows
			bytes += s.Bytes
		}
		if sum < c.least || sum > c.most || bytes != 100*sum {
			t.Errorf("%s: %d rows and %d bytes in %d shards, want %d to %d rows", c.name, sum, bytes, len(shards), c.least, c.most)
		}
	}
}

// TestSampledKeys: keys that cannot be halved are cut at sampled ones, however many there are, without a walk over the index.
func TestSampledKeys(t *testing.T) {
	t.Parallel()
	var values []int64
	for i := range int64(50_000) {
		values = append(values, i*i)
	}
	src := signed(values...)
	key := src.key()
	key[0].Integer = false
	for _, have := range []int{0, 1, 3, 40, 700, 50_000} {
		var asked, told int64
		sample := func(_ context.Context, r sqltable.Range, estimate, n int64) ([][]connector.Part, error) {
			asked, told = n, estimate
			rows := src.within(r)
			var keys [][]connector.Part
			for i := range min(have, len(rows)) {
				keys = append(keys, []connector.Part{src.part(rows[i*len(rows)/min(have, len(rows))])})
			}
			return keys, nil
		}
		for _, r := range []sqltable.Range{{}, {Low: ints(100), High: ints(40_000 * 40_000)}} {
			*src.scanned = 0
			pieces, err := sqltable.Cut(t.Context(), src, key, r, sqltable.Sizing{WalkRows: 1000, Sample: sample, Hint: connector.Hint{Shards: 7}})
			if err != nil {
				t.Fatal(err)
			}
			sizes := together(t, src, r, pieces)
			if want := max(1, min(7, have)); len(pieces) != want {
				t.Errorf("%d keys: got %d pieces, want %d", have, len(pieces), want)
			}
			if have >= 700 && (slices.Min(sizes) < 5000 || slices.Max(sizes) > 9000) {
				t.Errorf("%d keys: sizes are %v", have, sizes)
			}
			if *src.scanned > 20_000 || asked != 700 || told <= 1000 {
				t.Errorf("%d keys: %d rows were walked, %d samples of %d rows asked for", have, *src.scanned, asked, told)
			}
		}
	}
}
