package connectortest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// snapshot: all shards of a dataset are read as it was at one instant, whatever becomes of its rows, until the snapshot ends.
func (s Suite) snapshot(tb TB) {
	for _, key := range []Key{s.Keys[0], NoKey} {
		if slices.Contains(s.Keys, key) {
			tb.Run(string(key), func(tb TB) { s.snapshotOf(tb, Fixture(key, s.Rows/2)) })
		}
	}
}

func (s Suite) snapshotOf(tb TB, before Table) {
	x := s.source(tb, before)
	client := s.open(tb)
	reader, err := s.Connector.Read(tb.Context(), client, x.from)
	if err != nil {
		tb.Fatalf("open reader: %v", err)
	}
	tb.Cleanup(func() { _ = reader.Close() })
	x.reader = reader
	shards := x.cut(connector.Shard{}, nil, connector.Hint{Shards: 3})
	snap, err := s.Connector.Snapshot(tb.Context(), client, []string{x.from.Dataset}, 2)
	if err != nil {
		tb.Fatalf("snapshot: %v", err)
	}
	closed := false
	tb.Cleanup(func() {
		if !closed {
			_ = snap.Close()
		}
	})
	token, _ := snap.Token()
	if len(token) == 0 {
		tb.Fatalf("snapshot: its token is empty, which is that of none")
	}
	if snap.Locked() < 0 {
		tb.Errorf("snapshot: writes waited for %s", snap.Locked())
	}
	after := changed(before)
	s.ChangeDataset(tb, x.from.Dataset, after)
	rows, chunks := x.readIn(token, shards)
	if d := Diff(rows, before.Rows); d != "" {
		tb.Errorf("read in the snapshot, in %d shards: %s", len(shards), d)
	}
	for i, shard := range shards {
		if shard.Replay != connector.Exact || len(chunks[i]) < 2 {
			continue
		}
		again := x.readOne(token, shard, chunks[i][0].after)
		if got, want := flat(again), flat(chunks[i][1:]); !sameOrder(got, want) {
			tb.Errorf("shard %d from its first position in the snapshot: %s", i, Diff(got, want))
		}
	}
	fresh := s.sourceOf(tb, x.from, after)
	if d := Diff(fresh.readAll(fresh.cut(connector.Shard{}, nil, connector.Hint{Shards: 2})), after.Rows); d != "" {
		tb.Errorf("read beside the snapshot: %s", d)
	}
	closed = true
	if err := snap.Close(); err != nil {
		tb.Errorf("close the snapshot: %v", err)
	}
	x.gone(token, shards[0])
}

// changed is the table after others wrote to it: rows gone, rows changed, rows that came.
func changed(t Table) Table {
	out := Table{Schema: t.Schema}
	text := len(t.Schema.Fields) - 1
	for i, row := range t.Rows {
		row = slices.Clone(row)
		if i%3 == 1 {
			row[text] = Cell{Text: "changed"}
		}
		if i%3 != 2 {
			out.Rows = append(out.Rows, row)
		}
	}
	for i := range t.Rows[:min(len(t.Rows), 20)] {
		row := slices.Clone(t.Rows[i])
		for k := range row[:text-1] {
			switch t.Schema.Fields[k].Type.Kind {
			case record.Int:
				row[k] = Cell{Text: fmt.Sprint(1_000_000 + i)}
			default:
				row[k] = Cell{Text: fmt.Sprintf("new %06d", i)}
			}
		}
		row[text] = Cell{Text: "came later"}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// readIn reads shards in a snapshot, two at a time.
func (x *source) readIn(token []byte, shards []connector.Shard) (rows []Row, chunks [][]chunk) {
	x.tb.Helper()
	chunks, errs := make([][]chunk, len(shards)), make([]error, len(shards))
	slots := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for i, shard := range shards {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			chunks[i], errs[i] = x.try(token, shard, nil)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		x.tb.Fatalf("read in the snapshot: %v", err)
	}
	for _, some := range chunks {
		rows = append(rows, flat(some)...)
	}
	return rows, chunks
}

func (x *source) readOne(token []byte, shard connector.Shard, from connector.Position) []chunk {
	x.tb.Helper()
	chunks, err := x.try(token, shard, from)
	if err != nil {
		x.tb.Fatalf("read in the snapshot: %v", err)
	}
	return chunks
}

// try reads a shard in a snapshot to its end or its first error.
func (x *source) try(token []byte, shard connector.Shard, from connector.Position) (chunks []chunk, err error) {
	pool := record.NewPool(0).LimitRows(smallBatch)
	for c, err := range x.reader.Read(x.tb.Context(), connector.Query{Shard: shard, From: from, Schema: x.schema, Batches: pool, Snapshot: token}) {
		if err != nil {
			return chunks, err
		}
		got := chunk{after: slices.Clone(c.After)}
		if c.Batch != nil {
			got.rows = Rows(c.Batch)
			c.Batch.Release()
		}
		chunks = append(chunks, got)
	}
	return chunks, nil
}

// gone: a snapshot that has ended is never silently another instant.
func (x *source) gone(token []byte, shard connector.Shard) {
	x.tb.Helper()
	chunks, err := x.try(token, shard, nil)
	if connector.ClassOf(err) != connector.Lost || len(flat(chunks)) > 0 {
		x.tb.Errorf("read in a snapshot that has ended: %d rows and %v, want none and an error of class lost", len(flat(chunks)), err)
	}
}
