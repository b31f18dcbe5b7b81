// Package readtest is what tests of readers of tables have in common: rows as texts, and readings that are stopped and taken up again.
package readtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Row is a row as texts; a mark is code:raw.
type Row []string

// RowsOf returns the rows of a batch.
func RowsOf(b *record.Batch) []Row {
	out := make([]Row, b.Len)
	for i := range out {
		out[i] = make(Row, len(b.Cols))
		for c, v := range b.Cols {
			out[i][c] = "<null>"
			if !v.Null(i) {
				out[i][c] = string(record.AppendText(nil, &b.Schema.Fields[c].Type, v, i))
			}
		}
	}
	for _, m := range b.Marks {
		out[m.Row][m.Col] = string(m.Code) + ":" + string(m.Raw)
	}
	return out
}

// Shard reads a shard from a position on, in the snapshot of a token where it is not nil, and returns the rows and behind each one the
// position of its chunk. A batch that is not given back is an error.
func Shard(ctx context.Context, r connector.Reader, s connector.Shard, from connector.Position, token []byte) (rows []Row, after []connector.Position, err error) {
	schema, _, err := r.Schema(ctx)
	if err != nil {
		return nil, nil, err
	}
	pool := record.NewPool(0)
	for chunk, err := range r.Read(ctx, connector.Query{Shard: s, From: from, Schema: schema, Batches: pool, Snapshot: token}) {
		if err != nil {
			return rows, after, err
		}
		got := RowsOf(chunk.Batch)
		rows = append(rows, got...)
		for range got {
			after = append(after, chunk.After)
		}
		chunk.Batch.Release()
	}
	if used := pool.Used(); used != 0 {
		return rows, after, fmt.Errorf("%d bytes of batches were not given back", used)
	}
	return rows, after, nil
}

// All reads a whole dataset in the given number of shards.
func All(t *testing.T, r connector.Reader, shards int) (rows []Row, cut []connector.Shard) {
	t.Helper()
	cut = split(t, r, connector.Shard{}, shards)
	for _, s := range cut {
		rows = append(rows, whole(t, r, s)...)
	}
	return rows, cut
}

func split(t *testing.T, r connector.Reader, s connector.Shard, shards int) []connector.Shard {
	t.Helper()
	cut, err := r.Split(t.Context(), s, nil, connector.Hint{Shards: shards})
	if err != nil {
		t.Fatalf("split: %v", err)
	}
	return cut
}

func whole(t *testing.T, r connector.Reader, s connector.Shard) []Row {
	t.Helper()
	rows, _, err := Shard(t.Context(), r, s, nil, nil)
	if err != nil {
		t.Fatalf("read shard: %v", err)
	}
	return rows
}

// ResumeBehindEveryChunk reads a dataset in two shards and each again behind every chunk: what follows is exactly the rest. It returns the
// number of all rows.
func ResumeBehindEveryChunk(t *testing.T, r connector.Reader) (total int) {
	t.Helper()
	for _, s := range split(t, r, connector.Shard{}, 2) {
		all, after, err := Shard(t.Context(), r, s, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		total += len(all)
		for i := 1; i <= len(all); i++ {
			if i < len(all) && bytes.Equal(after[i], after[i-1]) {
				continue
			}
			rest, _, err := Shard(t.Context(), r, s, after[i-1], nil)
			if err != nil || !slices.EqualFunc(rest, all[i:], slices.Equal) {
				t.Fatalf("behind row %d: got %d rows, want %d, %v", i, len(rest), len(all)-i, err)
			}
		}
	}
	return total
}

// ResumeEverywhere reads a dataset in three shards; of those that are replayed exactly nothing follows the last position, and the positions
// of all rows, as splitting to single rows makes them, are the borders of just these rows.
func ResumeEverywhere(t *testing.T, r connector.Reader, what string) {
	t.Helper()
	for _, s := range split(t, r, connector.Shard{}, 3) {
		all, after, err := Shard(t.Context(), r, s, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if s.Replay != connector.Exact {
			continue
		}
		if len(all) > 0 {
			rest, _, err := Shard(t.Context(), r, s, after[len(after)-1], nil)
			if err != nil || len(rest) != 0 {
				t.Errorf("%s: %d rows follow the last position, %v", what, len(rest), err)
			}
		}
		var again []Row
		for _, p := range split(t, r, s, len(all)) {
			got, _, err := Shard(t.Context(), r, p, nil, nil)
			if err != nil || (len(got) != 1 && len(all) > 0) {
				t.Errorf("%s: piece of one row holds %d, %v", what, len(got), err)
			}
			again = append(again, got...)
		}
		if !slices.EqualFunc(all, again, slices.Equal) {
			t.Errorf("%s: single rows read\n%v, want\n%v", what, again, all)
		}
	}
}

// FarPart cuts the part of a shard off that is behind its first chunk, into three: together they are exactly the rest.
func FarPart(t *testing.T, r connector.Reader) {
	t.Helper()
	shards := split(t, r, connector.Shard{}, 2)
	if len(shards) != 2 {
		t.Fatalf("got %d shards", len(shards))
	}
	all, after, err := Shard(t.Context(), r, shards[1], nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := slices.IndexFunc(after, func(p connector.Position) bool { return !bytes.Equal(p, after[0]) })
	far, err := r.Split(t.Context(), shards[1], after[0], connector.Hint{Shards: 3})
	if err != nil || len(far) != 3 {
		t.Fatalf("got %d shards, %v", len(far), err)
	}
	rest, _, err := Shard(t.Context(), r, far[0], after[0], nil) // its owner reads on
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range far[1:] {
		rest = append(rest, whole(t, r, s)...)
	}
	if !slices.EqualFunc(rest, all[seen:], slices.Equal) {
		t.Errorf("far part has %d rows, want %d", len(rest), len(all)-seen)
	}
}

// WaitFor waits up to ten seconds until done says so.
func WaitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
