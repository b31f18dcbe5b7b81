package mysql

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/record"
)

// instant opens a snapshot of the tables.
func (j *judge) instant(c *Client, parallel int, tables ...string) connector.Snapshot {
	j.t.Helper()
	s, err := Connector().Snapshot(j.t.Context(), c, tables, parallel)
	if err != nil {
		j.t.Fatalf("snapshot: %v", err)
	}
	j.t.Cleanup(func() { s.Close() })
	return s
}

// readAt reads a shard in a snapshot and calls each for its chunks; false stops it.
func readAt(ctx context.Context, r connector.Reader, s connector.Shard, snapshot []byte, each func([]row) bool) error {
	schema, _, err := r.Schema(ctx)
	if err != nil {
		return err
	}
	pool := record.NewPool(0)
	for chunk, err := range r.Read(ctx, connector.Query{Shard: s, Schema: schema, Batches: pool, Snapshot: snapshot}) {
		if err != nil {
			return err
		}
		got := readtest.RowsOf(chunk.Batch)
		chunk.Batch.Release()
		if !each(got) {
			return nil
		}
	}
	return nil
}

// TestSnapshot: all shards of all tables are of one instant, whatever is written and read meanwhile.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("a", 30_000)
	j.fill("b", 100)
	c := j.client(map[string]any{"connections": 6})
	r := j.reader(c, connector.Source{Dataset: "a"})
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 4})
	if err != nil || len(shards) < 4 {
		t.Fatalf("%d shards, %v", len(shards), err)
	}
	want := fmt.Sprint(j.rows("SELECT COUNT(*), SUM(id) FROM a"), j.rows("SELECT COUNT(*), SUM(id) FROM b"))
	snapshot := j.instant(c, 2, "a", "b")
	token, anywhere := snapshot.Token()
	if anywhere || snapshot.Locked() <= 0 {
		t.Errorf("anywhere %t, locked %s", anywhere, snapshot.Locked())
	}
	j.exec("DELETE FROM b WHERE id % 2 = 0")
	j.exec("UPDATE a SET id = id + 1000000 WHERE id % 3 = 0")
	j.exec("INSERT INTO a (id) VALUES (-5)")
	var mu sync.Mutex
	count, sum := 0, 0
	add := func(rows []row) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, x := range rows {
			n := 0
			_, _ = fmt.Sscan(x[0], &n)
			count, sum = count+1, sum+n
		}
		return true
	}
	// Reads that are stopped, and those whose context ends, leave the snapshot to others.
	if err := readAt(t.Context(), r, shards[0], token, func([]row) bool { return false }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := readAt(ctx, r, connector.Shard{}, token, func([]row) bool { cancel(); return true }); err != nil && err != context.Canceled {
		t.Fatalf("got %v, want the context's error, or none where it was quicker", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	slow := j.reader(c, connector.Source{Query: "SELECT id, SLEEP(5) AS s FROM b"})
	if err := readAt(ctx, slow, connector.Shard{}, token, func([]row) bool { return true }); err == nil || time.Since(began) > 1300*time.Millisecond {
		t.Fatalf("a statement that stands still: got %v after %s", err, time.Since(began))
	}
	var wg sync.WaitGroup
	for _, s := range shards {
		wg.Go(func() {
			if err := readAt(t.Context(), r, s, token, add); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := fmt.Sprintf("[[%d %d]]", count, sum)
	count, sum = 0, 0
	if err := readAt(t.Context(), j.reader(c, connector.Source{Query: "SELECT id FROM b"}), connector.Shard{Range: nil}, token, add); err != nil {
		t.Error(err)
	}
	if got += fmt.Sprintf(" [[%d %d]]", count, sum); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := snapshot.Close(); err != nil {
		t.Fatal(err)
	}
	if err := readAt(t.Context(), r, shards[0], token, add); connector.ClassOf(err) != connector.Lost {
		t.Errorf("read in a closed snapshot: got %v, want class lost", err)
	}
}

// TestSnapshotIsLostWithItsSession: no other session shows its instant, so nothing is read on.
func TestSnapshotIsLostWithItsSession(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("a", 30_000)
	c := j.client(nil)
	r := j.reader(c, connector.Source{Dataset: "a"})
	token, _ := j.instant(c, 2, "a").Token()
	var mine []string
	for _, p := range j.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '%s' AND ID <> CONNECTION_ID()", j.db) {
		mine = append(mine, p[0])
	}
	err := readAt(t.Context(), r, connector.Shard{}, token, func([]row) bool {
		for _, id := range mine {
			_, _ = j.conn.Execute("KILL " + id)
		}
		mine = nil
		return true
	})
	if connector.ClassOf(err) != connector.Lost {
		t.Errorf("got %v, want class lost", err)
	}
	if err := readAt(t.Context(), r, connector.Shard{}, token, func([]row) bool { return true }); connector.ClassOf(err) != connector.Lost {
		t.Errorf("read after it: got %v, want class lost", err)
	}
}

func TestSnapshotRefuses(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("a", 10)
	j.exec("CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM")
	user := "u" + j.db[3:]
	j.execf("CREATE USER %s@'%%' IDENTIFIED BY 'secret'", user)
	t.Cleanup(func() { j.exec("DROP USER " + user) })
	j.execf("GRANT SELECT ON %s.* TO %s", j.db, user)
	open := func(c *Client, parallel int, tables ...string) error {
		s, err := Connector().Snapshot(t.Context(), c, tables, parallel)
		if err == nil {
			s.Close()
		}
		return err
	}
	all, few := j.client(map[string]any{"connections": 4}), j.client(map[string]any{"user": user, "password": "secret"})
	if err := open(all, 2, "m"); err == nil || !strings.Contains(err.Error(), "MyISAM") {
		t.Errorf("a table without transactions: got %v", err)
	}
	if err := open(all, 3, "a"); err == nil || err.(*connector.Error).Hint != "Set connections to 5 or more, or parallel to 2 or less." {
		t.Errorf("more shards than sessions: got %v", err)
	}
	if err := open(few, 1, "a"); connector.ClassOf(err) != connector.Denied {
		t.Errorf("no right to lock: got %v, want class denied", err)
	}
	j.execf("GRANT LOCK TABLES ON %s.* TO %s", j.db, user)
	again := j.client(map[string]any{"user": user, "password": "secret"})
	if err := open(again, 1, "a"); err != nil {
		t.Errorf("tables are locked where the server cannot be: %v", err)
	}
	// Nothing is left locked, and a lock of others is waited for some time.
	j.exec("INSERT INTO a (id) VALUES (77)")
	j.exec("LOCK TABLES a WRITE")
	err := again.with(t.Context(), func(s *session) error { return s.stopWrites([]tableName{{j.db, "a"}}, 1) })
	if connector.ClassOf(err) != connector.Busy {
		t.Errorf("tables that others hold: got %v, want class busy", err)
	}
	j.exec("UNLOCK TABLES")
}

// TestSnapshotThatIsGivenUp while it waits for its lock leaves no wish for it at the server, which would keep others from writing.
func TestSnapshotThatIsGivenUp(t *testing.T) {
	t.Parallel()
	j, other := newJudge(t), newJudge(t)
	j.fill("a", 10)
	c := j.client(nil)
	other.execf("LOCK TABLES %s.a WRITE", j.db)
	defer other.exec("UNLOCK TABLES")
	waiting := func() int {
		return len(j.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '%s' AND INFO LIKE 'FLUSH TABLES%%'", j.db))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := Connector().Snapshot(ctx, c, []string{"a"}, 1)
		ended <- err
	}()
	eventually(t, "the lock is waited for", func() bool { return waiting() == 1 })
	began := time.Now()
	cancel()
	if err := <-ended; err != context.Canceled || time.Since(began) > time.Second {
		t.Errorf("got %v after %s, want the context's error within a second", err, time.Since(began))
	}
	eventually(t, "the wish for the lock is gone", func() bool { return waiting() == 0 })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("others could not write for %s", took)
	}
}

// TestTablesOfASnapshotStayAsTheyAre: what takes a table away, or puts another in its place, waits until the snapshot is over.
func TestTablesOfASnapshotStayAsTheyAre(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	for _, table := range []string{"a", "b", "c", "other"} {
		j.fill(table, 10)
	}
	j.exec("UPDATE other SET id = id + 100")
	c := j.client(nil)
	token, _ := j.instant(c, 2, "a", "b", "c").Token()
	j.exec("SET lock_wait_timeout = 1")
	for _, text := range []string{"RENAME TABLE a TO old, other TO a", "TRUNCATE TABLE b", "ALTER TABLE c ADD COLUMN more INT"} {
		if _, err := j.conn.Execute(text); err == nil {
			t.Errorf("not waited for: %s", text)
		}
	}
	for _, table := range []string{"a", "b", "c"} {
		count := 0
		err := readAt(t.Context(), j.reader(c, connector.Source{Dataset: table}), connector.Shard{}, token, func(rows []row) bool {
			count += len(rows)
			for _, r := range rows {
				if len(r[0]) > 2 {
					t.Errorf("table %s has row %s of another one", table, r[0])
				}
			}
			return true
		})
		if err != nil || count != 10 {
			t.Errorf("table %s: %d rows, %v", table, count, err)
		}
	}
}
