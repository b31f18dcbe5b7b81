package connectortest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// chunk is what a reader yielded, as read at once.
type chunk struct {
	rows  []Row
	after connector.Position
}

// source is a dataset that was made, with its reader.
type source struct {
	tb     TB
	from   connector.Source
	table  Table
	reader connector.Reader
	schema *record.Schema
}

// smallBatch is the number of rows of a batch in tests that need many chunks.
const smallBatch = 17

func (s Suite) source(tb TB, table Table) *source {
	tb.Helper()
	name := s.NewName(tb)
	s.MakeDataset(tb, name, table)
	return s.sourceOf(tb, connector.Source{Dataset: name, Options: s.readingOf(table)}, table)
}

func (s Suite) sourceOf(tb TB, from connector.Source, table Table) *source {
	tb.Helper()
	r, err := s.Connector.Read(tb.Context(), s.open(tb), from)
	if err != nil {
		tb.Fatalf("open reader: %v", err)
	}
	tb.Cleanup(func() { _ = r.Close() })
	schema, _, err := r.Schema(tb.Context())
	if err != nil {
		tb.Fatalf("schema: %v", err)
	}
	return &source{tb, from, table, r, schema}
}

func (s Suite) readingOf(table Table) json.RawMessage {
	if s.ReadingOf != nil {
		return s.ReadingOf(table)
	}
	return s.Reading
}

func (x *source) cut(of connector.Shard, after connector.Position, hint connector.Hint) []connector.Shard {
	x.tb.Helper()
	shards, err := x.reader.Split(x.tb.Context(), of, after, hint)
	if err != nil {
		x.tb.Fatalf("split into %d: %v", hint.Shards, err)
	}
	for i := range shards {
		shards[i].ID = fmt.Sprint("shard-", i)
		shards[i].Range = slices.Clone(shards[i].Range)
	}
	return shards
}

// read reads a shard to its end and checks that the pool gets back all it gave.
func (x *source) read(of connector.Shard, from connector.Position) []chunk {
	x.tb.Helper()
	pool := record.NewPool(0).LimitRows(smallBatch)
	var chunks []chunk
	for c, err := range x.reader.Read(x.tb.Context(), connector.Query{Shard: of, From: from, Schema: x.schema, Batches: pool}) {
		if err != nil {
			x.tb.Fatalf("read: %v", err)
		}
		got := chunk{after: slices.Clone(c.After)}
		if c.Batch != nil {
			got.rows = Rows(c.Batch)
			c.Batch.Release()
		}
		chunks = append(chunks, got)
	}
	if used := pool.Used(); used != 0 {
		x.tb.Errorf("memory: the reader kept batches of %d bytes", used)
	}
	return chunks
}

func (x *source) readAll(shards []connector.Shard) []Row {
	x.tb.Helper()
	var rows []Row
	for _, shard := range shards {
		rows = append(rows, flat(x.read(shard, nil))...)
	}
	return rows
}

func flat(chunks []chunk) []Row {
	var rows []Row
	for _, c := range chunks {
		rows = append(rows, c.rows...)
	}
	return rows
}

// readSchema: names, order and key as made; columns in the order asked for.
func (s Suite) readSchema(tb TB) {
	for _, key := range s.Keys {
		table := Fixture(key, 3)
		name := s.NewName(tb)
		s.MakeDataset(tb, name, table)
		x := s.sourceOf(tb, connector.Source{Dataset: name, Options: s.readingOf(table)}, table)
		if got, want := names(x.schema), names(table.Schema); !slices.Equal(got, want) {
			tb.Errorf("%s key: columns %q, want %q", key, got, want)
			continue
		}
		if key != NullableKey && !slices.Equal(x.schema.Key(), table.Schema.Key()) {
			tb.Errorf("%s key: key columns %v, want %v", key, x.schema.Key(), table.Schema.Key())
		}
		y := s.sourceOf(tb, connector.Source{Dataset: name, Columns: []string{"note", "amount"}, Options: s.readingOf(table)}, table)
		if got := names(y.schema); !slices.Equal(got, []string{"note", "amount"}) {
			tb.Errorf("%s key: columns asked for: got %q", key, got)
			continue
		}
		var want []Row
		for _, r := range table.Rows {
			want = append(want, Row{r[len(r)-1], r[len(r)-2]})
		}
		if d := Diff(y.readAll(y.cut(connector.Shard{}, nil, connector.Hint{Shards: 1})), want); d != "" {
			tb.Errorf("%s key: columns asked for: %s", key, d)
		}
	}
}

func names(s *record.Schema) []string {
	var list []string
	for _, f := range s.Fields {
		list = append(list, f.Name)
	}
	return list
}

// readTypes: every value arrives as it was made.
//
// Invariant 6: no silent change of a value.
func (s Suite) readTypes(tb TB) {
	x := s.source(tb, s.typesTable())
	if d := diffCells(x.readAll(x.cut(connector.Shard{}, nil, connector.Hint{Shards: 1})), x.table); d != "" {
		tb.Errorf("%s", d)
	}
}

// tables calls f with every kind of key and the sizes that matter.
func (s Suite) tables(tb TB, sizes []int, f func(tb TB, x *source)) {
	for _, key := range s.Keys {
		for _, n := range sizes {
			tb.Run(fmt.Sprintf("%s-%d", key, n), func(tb TB) { f(tb, s.source(tb, Fixture(key, n))) })
		}
	}
}

// split: any number of shards is disjoint and complete.
func (s Suite) split(tb TB) {
	s.tables(tb, []int{0, 1, s.Rows}, func(tb TB, x *source) {
		for _, n := range []int{1, 2, 7, 64} {
			shards := x.cut(connector.Shard{}, nil, connector.Hint{Shards: n})
			if d := Diff(x.readAll(shards), x.table.Rows); d != "" {
				tb.Errorf("in %d shards (%d came): %s", n, len(shards), d)
			}
			if n == 7 && !s.Whole && len(x.table.Rows) >= 7 && len(x.table.Schema.Key()) > 0 && len(shards) < 2 {
				tb.Errorf("a hint of 7 shards gave %d", len(shards))
			}
		}
		shards := x.cut(connector.Shard{}, nil, connector.Hint{Bytes: 4 << 10})
		if d := Diff(x.readAll(shards), x.table.Rows); d != "" {
			tb.Errorf("in %d shards by size: %s", len(shards), d)
		}
	})
}

// resume: from every position exactly what follows it, also in another process.
func (s Suite) resume(tb TB) {
	s.tables(tb, []int{1, s.Rows / 2}, func(tb TB, x *source) {
		other := s.sourceOf(tb, x.from, x.table)
		for i, shard := range x.cut(connector.Shard{}, nil, connector.Hint{Shards: 2}) {
			chunks := x.read(shard, nil)
			for k := range chunks {
				if shard.Replay == connector.None {
					break
				}
				y := other
				if shard.Scope != "" {
					y = x
				}
				want, got := flat(chunks[k+1:]), flat(y.read(shard, chunks[k].after))
				switch {
				case shard.Replay == connector.Exact && !sameOrder(got, want):
					tb.Fatalf("shard %d from position %d of %d: %d rows, want %d in the same order: %s", i, k, len(chunks), len(got), len(want), Diff(got, want))
				case shard.Replay == connector.Superset && !covers(got, want):
					tb.Fatalf("shard %d from position %d of %d: lacks rows: %s", i, k, len(chunks), Diff(got, want))
				}
			}
			if again := flat(x.read(shard, nil)); Diff(again, flat(chunks)) != "" {
				tb.Errorf("shard %d from its beginning: %s", i, Diff(again, flat(chunks)))
			}
		}
	})
}

func sameOrder(a, b []Row) bool { return slices.EqualFunc(a, b, slices.Equal[Row]) }

// covers reports whether all rows of want are in got.
func covers(got, want []Row) bool {
	count := map[string]int{}
	for _, r := range got {
		count[r.String()]++
	}
	for _, r := range want {
		if count[r.String()]--; count[r.String()] < 0 {
			return false
		}
	}
	return true
}

// far: what is behind a position can be cut off and read by others; the first part is read on from the position, or again from its beginning.
func (s Suite) far(tb TB) {
	s.tables(tb, []int{s.Rows}, func(tb TB, x *source) {
		for i, shard := range x.cut(connector.Shard{}, nil, connector.Hint{Shards: 2}) {
			chunks := x.read(shard, nil)
			if shard.Replay != connector.Exact || len(chunks) < 3 {
				continue
			}
			for _, k := range []int{0, len(chunks) / 2, len(chunks) - 1} {
				parts := x.cut(shard, chunks[k].after, connector.Hint{Shards: 3})
				behind := append(flat(x.read(parts[0], chunks[k].after)), x.readAll(parts[1:])...)
				if d := Diff(behind, flat(chunks[k+1:])); d != "" {
					tb.Errorf("shard %d behind position %d of %d, in %d parts: %s", i, k, len(chunks), len(parts), d)
				}
				if d := Diff(x.readAll(parts), flat(chunks)); d != "" {
					tb.Errorf("shard %d cut behind position %d of %d, read again from its beginning: %s", i, k, len(chunks), d)
				}
			}
		}
	})
}
