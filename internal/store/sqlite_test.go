package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/store/storetest"
)

func wantError(t *testing.T, err error, class connector.Class, code, text string) {
	t.Helper()
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || e.Class != class || e.Code != code || !strings.Contains(err.Error(), text) || e.Hint == "" {
		t.Errorf("got %v (class %s), want class %s, code %s, text %q and a hint", err, connector.ClassOf(err), class, code, text)
	}
}

// direct opens the file beside the store, as another process would.
func direct(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// begin makes a running run k1 with shards s-0, s-1, ... and returns its lease.
func begin(t *testing.T, s *store.Store, shards int) store.RunLease {
	t.Helper()
	l, err := s.CreateRun(t.Context(), store.NewRun{Key: "k1", Owner: store.Owner{ID: "p"}, TTL: time.Minute})
	if err == nil {
		all := make([]connector.Shard, shards)
		for i := range all {
			all[i] = connector.Shard{ID: fmt.Sprintf("s-%d", i), Stream: "s", Rows: int64(i + 1)}
		}
		err = s.SavePlan(t.Context(), "k1", l.Epoch, store.Plan{Format: 1}, []store.Stream{{ID: "s"}}, slices.Values(all))
	}
	if err == nil {
		_, err = s.Transition(t.Context(), "k1", store.Planning, store.Running, store.Change{})
	}
	if err == nil {
		_, err = s.ReadyStream(t.Context(), "k1", l.Epoch, "s", store.Remembered{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	s := open(t, path, store.Options{Busy: 20 * time.Millisecond})
	begin(t, s, 1)
	other := direct(t, path)
	run(t, other, "BEGIN IMMEDIATE")
	err := s.SetWish(t.Context(), "k1", store.Wish{Kind: store.WishPause})
	wantError(t, err, connector.Retry, "TOW-201", "set wish of run k1: control database is locked by another process ("+path+")")
	if _, err := s.Run(t.Context(), "k1"); err != nil {
		t.Errorf("a reader waits for the writer: %v", err)
	}
	again, err := store.Open(t.Context(), path, store.Options{Busy: 20 * time.Millisecond})
	if err != nil {
		t.Fatalf("open while another process writes: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	run(t, other, "ROLLBACK")
	if err := s.SetWish(t.Context(), "k1", store.Wish{Kind: store.WishPause}); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestLockedWhileNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	run(t, direct(t, path), "BEGIN EXCLUSIVE")
	_, err := store.Open(t.Context(), path, store.Options{Busy: 20 * time.Millisecond})
	wantError(t, err, connector.Retry, "TOW-201", "locked by another process")
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	s := open(t, path, store.Options{MaxPages: 80})
	lease := begin(t, s, 10)
	ctx := t.Context()
	l, ok, err := storetest.LeaseShard(ctx, s, store.LeaseRequest{Worker: "w", TTL: time.Minute})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	dirty := make([]store.DirtyRow, 20)
	for i := range dirty {
		dirty[i] = store.DirtyRow{Ordinal: int64(i), Code: "RANGE", Row: make([]byte, 2000)}
	}
	var seq int64
	for err = error(nil); err == nil && seq < 100; {
		seq++
		err = s.CommitCheckpoint(ctx, "k1", l.Lease.Epoch, connector.Checkpoint{Shard: l.Shard.ID, Seq: seq, Counts: connector.Counts{Read: seq * 20, Dirty: seq * 20}}, dirty)
	}
	wantError(t, err, connector.Full, "TOW-202", "disk under the control database is full")
	row, err := s.Shard(ctx, "k1", l.Shard.ID)
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.DirtyCount(ctx, "k1")
	if err != nil || row.Checkpoint.Seq != seq-1 || n != (seq-1)*20 {
		t.Errorf("half done: seq %d, %d dirty rows, %v; want %d and %d", row.Checkpoint.Seq, n, err, seq-1, (seq-1)*20)
	}
	// What needs no room still works, so the run can pause; with room the work goes on.
	if _, err := s.RenewRun(ctx, lease, time.Minute); err != nil {
		t.Errorf("renew on a full disk: %v", err)
	}
	if err := s.ReleaseShard(ctx, store.ShardEpoch{Run: "k1", Shard: l.Shard.ID, Epoch: l.Lease.Epoch}, store.Failure{}); err != nil {
		t.Errorf("release on a full disk: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, store.Options{})
	if err := s.CommitCheckpoint(ctx, "k1", l.Lease.Epoch, connector.Checkpoint{Shard: l.Shard.ID, Seq: seq}, dirty); err != nil {
		t.Errorf("with room: %v", err)
	}
}

func TestDamagedCheckpoint(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	s := open(t, path, store.Options{})
	begin(t, s, 1)
	ctx := t.Context()
	l, _, err := storetest.LeaseShard(ctx, s, store.LeaseRequest{Worker: "w", TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	good := connector.Checkpoint{Shard: "s-0", Seq: 5, Counts: connector.Counts{Read: 7, Written: 7}}
	e := store.ShardEpoch{Run: "k1", Shard: "s-0", Epoch: l.Lease.Epoch}
	if err := errors.Join(s.SaveCheckpoint(ctx, "k1", e.Epoch, good), s.ReleaseShard(ctx, e, store.Failure{})); err != nil {
		t.Fatal(err)
	}
	record := connector.AppendCheckpoint(nil, good)
	flipped := slices.Clone(record)
	flipped[20] ^= 1
	foreign := good
	foreign.Shard = "s-9"
	for name, bad := range map[string][]byte{"cut": record[:len(record)-3], "empty": {}, "lost": nil, "flipped": flipped, "foreign": connector.AppendCheckpoint(nil, foreign)} {
		run(t, direct(t, path), "UPDATE shard SET record = $1", bad)
		leased, ok, err := storetest.LeaseShard(ctx, s, store.LeaseRequest{Worker: "w", TTL: time.Minute})
		if ok || leased.Run != "k1" || leased.Shard.ID != "s-0" {
			t.Errorf("%s: leased %v, %+v", name, ok, leased)
		}
		wantError(t, err, connector.Changed, "TOW-105", "read checkpoint of run k1 shard s-0")
		_, err = s.Shard(ctx, "k1", "s-0")
		wantError(t, err, connector.Changed, "TOW-105", "read checkpoint of run k1 shard s-0")
		for _, err := range s.Shards(ctx, "k1", "s") {
			wantError(t, err, connector.Changed, "TOW-105", "read checkpoint of run k1 shard s-0")
		}
	}
	run(t, direct(t, path), "UPDATE shard SET record = $1", record)
	if leased, ok, err := storetest.LeaseShard(ctx, s, store.LeaseRequest{Worker: "w", TTL: time.Minute}); err != nil || !ok || leased.Lease.Epoch != 2 {
		t.Errorf("after the repair: %+v, %v, %v", leased, ok, err)
	}
}

func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "er", "control.db")
	stores := make([]*store.Store, 8)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			s, err := store.Open(t.Context(), path, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
			if _, err := s.CreateRun(t.Context(), store.NewRun{Key: fmt.Sprintf("k%d", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		if s == nil {
			continue
		}
		if runs, err := s.Runs(t.Context(), store.Filter{}); err != nil || len(runs) != len(stores) {
			t.Errorf("%d runs, %v; want %d", len(runs), err, len(stores))
		}
		_ = s.Close()
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("mode of %s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

func TestOpenRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text, newer, odd := filepath.Join(folder, "text"), filepath.Join(folder, "newer"), filepath.Join(folder, "a b?c#d%20.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, newer, store.Options{})
	run(t, direct(t, newer), "INSERT INTO towpath_version (version_id, is_applied) VALUES (9999, 1)")
	for name, c := range map[string]struct{ path, code, text string }{
		"no database": {text, "TOW-204", "damaged or no database"},
		"folder":      {folder, "TOW-203", "open control database"},
		"below file":  {filepath.Join(text, "x"), "TOW-203", "open control database"},
		"newer":       {newer, "TOW-205", "has form 9999"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := store.Open(t.Context(), c.path, store.Options{})
			wantError(t, err, connector.Config, c.code, c.text)
		})
	}
	open(t, odd, store.Options{})
	if _, err := os.Stat(odd); err != nil {
		t.Errorf("a path with signs that mean something in URLs: %v", err)
	}
}

// TestDurable pins what survives a power cut: settings that a driver's update could change in silence.
func TestDurable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	s := open(t, path, store.Options{})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000"} {
		if got := store.Pragma(t, s, pragma); got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
}

// TestIndexes pins that leasing reads no table of shards from end to end.
func TestIndexes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	open(t, path, store.Options{})
	db := direct(t, path)
	for name, statement := range store.LeaseStatements() {
		rows, err := db.Query("EXPLAIN QUERY PLAN "+statement, "a", "b", 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(detail, "SCAN") || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s: %s", name, detail)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOlderForm opens a database of the first form that holds a run: it is brought to this version's, and the run is there.
func TestOlderForm(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	first, err := os.ReadFile("migrations/00001_control.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := direct(t, path)
	run(t, db, string(first))
	run(t, db, "CREATE TABLE towpath_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))")
	run(t, db, "INSERT INTO towpath_version (version_id, is_applied) VALUES (0, 1), (1, 1)")
	run(t, db, `INSERT INTO run VALUES ('k1', 'job', 'full', x'', 'paused', 'lunch', '', 3, 7, 7, 0, '', '', 0, 0, '', 2, 0, '', '', '', 0, 0, 4, 1)`)
	run(t, db, `INSERT INTO stream (run, id, ordinal, source, identity, dataset, guarantee, parallel, row_count, bytes) VALUES ('k1', 's', 0, 'a', 'i', 'b', 'exactly-once', 0, 5, 50)`)
	s := open(t, path, store.Options{})
	r, err := s.Run(t.Context(), "k1")
	if err != nil || r.State != store.Paused || r.Reason != "lunch" || r.Consistency != (store.Consistency{Wanted: "fuzzy"}) {
		t.Errorf("run is %+v, %v", r, err)
	}
	p, err := s.Progress(t.Context(), "k1")
	if err != nil || len(p) != 1 || p[0].State != store.StreamWaiting || p[0].Stream.Rows != 5 {
		t.Errorf("progress is %+v, %v", p, err)
	}
}

// TestBackupHoldsAll pins that no table of the database is left out of its backups but those of sessions and links.
func TestBackupHoldsAll(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	open(t, path, store.Options{})
	rows, err := direct(t, path).Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'towpath_version' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var there []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		there = append(there, name)
	}
	saved, passing := store.BackupTables()
	if want := []string{"session", "link"}; !slices.Equal(passing, want) {
		t.Errorf("a backup leaves out %v, want %v", passing, want)
	}
	saved = append(saved, passing...)
	slices.Sort(saved)
	if !slices.Equal(there, saved) || rows.Err() != nil {
		t.Errorf("the database has tables %v, %v; a backup holds %v", there, rows.Err(), saved)
	}
}
