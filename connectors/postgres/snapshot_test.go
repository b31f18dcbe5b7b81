package postgres

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/record"
)

// psql runs a script through the server's own client.
func (j *judge) psql(script string) string {
	j.t.Helper()
	c := exec.Command(j.srv.Client, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", j.srv.URL)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
	c.Stdin = strings.NewReader(script)
	out, err := c.CombinedOutput()
	if err != nil {
		j.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestSnapshot: all shards of all tables are read as of one instant while rows are changed, moved and deleted; psql in the same snapshot is
// the judge.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 40_000)
	j.exec("CREATE TABLE u AS SELECT i AS id, 'v' || i AS v FROM generate_series(1, 20000) i; CREATE MATERIALIZED VIEW m AS SELECT * FROM t; CREATE VIEW w AS SELECT * FROM t")
	c := j.client(nil)
	datasets := []string{"t", j.schema + ".u", "m", "w"}
	end := j.churn("t", 40_000)
	readtest.WaitFor(j.t, "changes", func() bool { return j.rows("SELECT count(*) FROM t WHERE v IN ('changed', 'new')")[0][0] != "0" })
	snap, err := Connector().Snapshot(t.Context(), c, datasets, 4)
	if err != nil {
		t.Fatal(err)
	}
	token, anywhere := snap.Token()
	if !anywhere || snap.Locked() != 0 {
		t.Errorf("got anywhere %v, locked for %s", anywhere, snap.Locked())
	}
	_, name, err := parseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	j.exec("DELETE FROM u WHERE id % 3 = 0; INSERT INTO u VALUES (-1, 'later')")
	want := map[string]string{}
	for _, table := range []string{"t", "u", "m", "w"} {
		want[table] = j.psql(fmt.Sprintf("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '%s'; SELECT id, v FROM %s.%s ORDER BY id", name, j.schema, table))
	}
	// Another client stands for another process: it is told the token and no more.
	other := j.client(nil)
	for _, table := range []string{"t", "u", "m", "w"} {
		r := j.reader(other, connector.Source{Dataset: table}).(*reader)
		r.options.StatementSeconds = 1
		shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 5})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var lines []string
		var wg sync.WaitGroup
		for _, s := range shards {
			wg.Go(func() {
				rows, _, err := readtest.Shard(t.Context(), r, s, nil, token)
				if err != nil {
					t.Errorf("%s: %v", table, err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, row := range rows {
					lines = append(lines, strings.Join(row, "|"))
				}
			})
		}
		wg.Wait()
		wanted := strings.Split(want[table], "\n")
		slices.Sort(lines)
		slices.Sort(wanted)
		if !slices.Equal(lines, wanted) {
			t.Errorf("%s: got %d rows, want the %d that psql sees", table, len(lines), len(wanted))
		}
	}
	j.guarded(t)
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	if err := snap.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	rows, _, err := readtest.Shard(t.Context(), j.reader(other, connector.Source{Dataset: "t"}), connector.Shard{}, nil, token)
	if connector.ClassOf(err) != connector.Lost || codeOf(err) != "TOW-733" || len(rows) > 0 {
		t.Errorf("a snapshot that is gone: got %d rows, %v of class %s", len(rows), err, connector.ClassOf(err))
	}
	j.exec("TRUNCATE u")
}

// guarded: while the snapshot lasts, its tables cannot be emptied under it, and rows can be written.
func (j *judge) guarded(t *testing.T) {
	j.exec("INSERT INTO u VALUES (-2, 'later')")
	if _, err := j.try("SET lock_timeout = '100ms'; TRUNCATE u"); err == nil || !strings.Contains(err.Error(), "55P03") {
		t.Errorf("a table was emptied under the snapshot: %v", err)
	}
	j.exec("RESET lock_timeout")
}

// TestSnapshotDies: the process that holds the snapshot is cut off; who has joined reads to the end, others are told.
func TestSnapshotDies(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 60_000)
	c := j.client(nil)
	snap, err := Connector().Snapshot(t.Context(), c, []string{"t"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	token, _ := snap.Token()
	r := j.reader(c, connector.Source{Dataset: "t"})
	schema, _, _ := r.Schema(t.Context())
	rows, killed := 0, false
	for chunk, err := range r.Read(t.Context(), connector.Query{Schema: schema, Batches: record.NewPool(0), Snapshot: token}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += chunk.Batch.Len
		chunk.Batch.Release()
		if !killed {
			killed = true
			j.execf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%%pg_export_snapshot%%' AND pid <> pg_backend_pid() AND state = 'idle in transaction' AND application_name = 'towpath' "+
				"AND pid IN (SELECT pid FROM pg_locks WHERE relation = '%s.t'::regclass)", j.schema)
			j.exec("UPDATE t SET v = 'later'")
		}
	}
	if rows != 60_000 {
		t.Errorf("got %d rows", rows)
	}
	if _, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, token); connector.ClassOf(err) != connector.Lost {
		t.Errorf("got %v, want the snapshot to be lost", err)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	if err := c.with(t.Context(), func(s *session) error { return s.ping() }); err != nil {
		t.Error(err)
	}
}

func TestSnapshotErrors(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 10)
	j.extend("postgres_fdw")
	j.exec("CREATE SERVER " + j.schema + " FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE f (id int) SERVER " + j.schema)
	t.Cleanup(func() { j.other().exec("DROP SERVER " + j.schema + " CASCADE") })
	c := j.client(nil)
	for dataset, code := range map[string]string{"nowhere": "TOW-711", "f": "TOW-733", "a.b.c": "TOW-715"} {
		if _, err := Connector().Snapshot(t.Context(), c, []string{"t", dataset}, 1); codeOf(err) != code {
			t.Errorf("%s: got %v", dataset, err)
		}
	}
	r := j.reader(c, connector.Source{Dataset: "t"})
	for name, token := range map[string][]byte{"spoilt": []byte("abc"), "of another kind": connector.NewPosition("sql.key"),
		"with a statement": connector.NewPosition(snapshotKind, connector.Part{Tag: connector.TagText, Bytes: []byte(j.srv.Addr())}, connector.Part{Tag: connector.TagText, Bytes: []byte("x'; DROP TABLE t; --")})} {
		if _, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, token); connector.ClassOf(err) != connector.Changed {
			t.Errorf("token %s: got %v", name, err)
		}
	}
	// A table that someone alters is waited for, for a time.
	o := j.other()
	o.exec("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
	ctx, cancel := contextFor(t, time.Second/2)
	defer cancel()
	began := time.Now()
	if _, err := Connector().Snapshot(ctx, c, []string{"t"}, 1); err == nil || time.Since(began) > 2*time.Second {
		t.Errorf("got %v after %s", err, time.Since(began))
	}
	o.exec("ROLLBACK")
	if _, err := Connector().Snapshot(t.Context(), c, []string{"t"}, 1); err != nil {
		t.Error(err)
	}
}
