package sqltarget_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // any database will do: the statements are standard SQL

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// conn is a real database behind the interface.
type conn struct{ db *sql.DB }

func (c conn) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	r, err := c.db.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (c conn) Query(ctx context.Context, text string, args ...any) ([][][]byte, error) {
	rows, err := c.db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, _ := rows.Columns()
	var all [][][]byte
	for rows.Next() {
		row, into := make([][]byte, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func newMemory(t *testing.T) (*sqltarget.Memory, conn) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "m.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	_, err = db.Exec(`CREATE TABLE "me?mory" (run_id TEXT, dataset TEXT, shard_id TEXT, epoch INT, seq INT, record BLOB, PRIMARY KEY (run_id, dataset, shard_id))`)
	if err != nil {
		t.Fatal(err)
	}
	return &sqltarget.Memory{Table: `"me?mory"`, Run: "r", Dataset: "d", Where: "the file", Place: func(n int) string { return "?" + strconv.Itoa(n) }}, conn{db}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	m, c := newMemory(t)
	m.Table, m.Place = "me", nil
	if _, err := c.db.Exec(`ALTER TABLE "me?mory" RENAME TO me`); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	state := func(want sqltarget.State) {
		t.Helper()
		if got, err := m.Marker(ctx, c); err != nil || got != want {
			t.Fatalf("marker %q, %v, want %q", got, err, want)
		}
	}
	fenced := func(err error) {
		t.Helper()
		if connector.ClassOf(err) != connector.Fenced {
			t.Fatalf("got %v, want class fenced", err)
		}
	}
	state(sqltarget.Absent)
	must(m.Begin(ctx, c))
	state(sqltarget.Open)
	shard := connector.Shard{ID: "s", Rev: 3, Range: []byte("range")}
	first, err := m.Raise(ctx, c, shard, 5, connector.Checkpoint{})
	if err != nil || first.Seq != 0 || first.Rev != 3 || string(first.Range) != "range" {
		t.Fatalf("a shard that nobody had: %+v, %v", first, err)
	}
	must(m.Fence(ctx, c, "s", 5, 0))
	fenced(m.Fence(ctx, c, "s", 5, 1))
	fenced(m.Fence(ctx, c, "s", 4, 0))
	next := first
	next.Seq, next.Counts = 1, connector.Counts{Read: 7, Written: 7}
	fenced(m.Advance(ctx, c, 4, 0, next))
	must(m.Advance(ctx, c, 5, 0, next))
	fenced(m.Advance(ctx, c, 5, 0, next))
	_, err = m.Raise(ctx, c, shard, 5, next)
	fenced(err)
	got, err := m.Raise(ctx, c, shard, 6, connector.Checkpoint{})
	if d := cmp.Diff(next, got); err != nil || d != "" {
		t.Fatalf("a newer owner: %v %s", err, d)
	}
	fenced(m.Fence(ctx, c, "s", 5, 1))
	if _, err := m.Raise(ctx, c, connector.Shard{ID: "lost"}, 9, connector.Checkpoint{Seq: 4}); connector.ClassOf(err) != connector.Changed {
		t.Fatalf("a checkpoint that was there and is not: %v", err)
	}
	all, err := m.Remembered(ctx, c)
	if d := cmp.Diff([]connector.Checkpoint{next}, all); err != nil || d != "" {
		t.Fatalf("%v %s", err, d)
	}
	other := *m
	other.Run, other.Dataset = "q", "e"
	must(other.Begin(ctx, c))
	other.Dataset = "f"
	must(other.Begin(ctx, c))
	must(m.Collapse(ctx, c))
	state(sqltarget.Published)
	left, err := m.Leftovers(ctx, c, []string{"r"}, false)
	if d := cmp.Diff([]connector.Leftover{{Run: "q", What: "checkpoints of e, f"}, {Run: "r", What: "checkpoints of d"}}, left); err != nil || d != "" {
		t.Fatalf("%v %s", err, d)
	}
	must(m.Forget(ctx, c))
	state(sqltarget.Absent)
	if empty, err := m.Empty(ctx, c); err != nil || empty {
		t.Fatalf("empty %t, %v", empty, err)
	}
	left, err = m.Leftovers(ctx, c, []string{"q"}, true)
	if err != nil || len(left) != 1 || !left[0].Removed {
		t.Fatalf("%+v, %v", left, err)
	}
	if empty, err := m.Empty(ctx, c); err != nil || !empty {
		t.Fatalf("empty %t, %v", empty, err)
	}
}

// The table's name is put in after the parameters are numbered.
func TestMemoryQuotesItsTable(t *testing.T) {
	t.Parallel()
	m, c := newMemory(t)
	if err := m.Begin(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if state, err := m.Marker(t.Context(), c); err != nil || state != sqltarget.Open {
		t.Errorf("marker %q, %v", state, err)
	}
}

// TestShardsOfARunThatEnded: a process that stood still before its first Take finds no row of the shard once the run has ended, and makes
// none: it would own a shard whose rows are all there.
//
// Invariant 3: one owner.
func TestShardsOfARunThatEnded(t *testing.T) {
	t.Parallel()
	m, c := newMemory(t)
	for _, x := range []struct {
		state string
		end   func() error
		class connector.Class
	}{
		{"nothing is known of the run", func() error { return nil }, connector.Changed},
		{"published", func() error {
			if err := m.Begin(t.Context(), c); err != nil {
				return err
			}
			return m.Collapse(t.Context(), c)
		}, connector.Fenced},
		{"stopped", func() error { return m.Forget(t.Context(), c) }, connector.Changed},
	} {
		if err := x.end(); err != nil {
			t.Fatal(err)
		}
		_, err := m.Raise(t.Context(), c, connector.Shard{ID: "s"}, 1, connector.Checkpoint{})
		if connector.ClassOf(err) != x.class {
			t.Errorf("%s: got %v, want class %s", x.state, err, x.class)
		}
		if all, err := m.Remembered(t.Context(), c); err != nil || len(all) > 0 {
			t.Errorf("%s: remembered %v, %v", x.state, all, err)
		}
	}
}
