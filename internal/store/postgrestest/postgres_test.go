// Package postgrestest runs what package store promises on real servers of PostgreSQL.
package postgrestest

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/store/storetest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// direct is the server past any store.
func direct(t *testing.T, s servers.Server) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func wantError(t *testing.T, err error, class connector.Class, code, text string) {
	t.Helper()
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || e.Class != class || e.Code != code || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v (%s), want %s (%s) %q", err, connector.ClassOf(err), code, class, text)
	}
}

// place makes a schema that goes with the test, and returns the URL of a store in it.
func place(t *testing.T, s servers.Server) string {
	t.Helper()
	schema := "store_" + strings.ToLower(rand.Text()[:10])
	db := direct(t, s)
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "postgres", User: url.User(s.User()), Host: s.Addr(), Path: "/" + s.Database(), RawQuery: "schema=" + schema}
	return u.String()
}

func open(t *testing.T, s servers.Server, place string) *store.Store {
	t.Helper()
	opened, err := store.Open(t.Context(), place, store.Options{Password: s.Password()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func TestConformance(t *testing.T) {
	for _, name := range []string{"postgres", "postgres18"} {
		t.Run(name, func(t *testing.T) {
			s := servers.Need(t, name)
			storetest.Run(t, func(t *testing.T) func(*testing.T) *store.Store {
				at := place(t, s)
				return func(t *testing.T) *store.Store { return open(t, s, at) }
			})
		})
	}
}

func TestProcesses(t *testing.T) {
	s := servers.Need(t, "postgres")
	at := place(t, s)
	storetest.Processes(t, open(t, s, at), at, s.Password())
}

// TestOpenAtOnce: stores that are opened at once in an empty schema bring it to this version's form together.
func TestOpenAtOnce(t *testing.T) {
	s := servers.Need(t, "postgres")
	at := place(t, s)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			opened, err := store.Open(t.Context(), at, store.Options{Password: s.Password()})
			if err != nil {
				t.Error(err)
				return
			}
			defer opened.Close()
			if _, err := opened.CreateRun(t.Context(), store.NewRun{Key: fmt.Sprintf("k%d", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runs, err := open(t, s, at).Runs(t.Context(), store.Filter{}); err != nil || len(runs) != 8 {
		t.Errorf("%d runs, %v; want 8", len(runs), err)
	}
}

// TestLocked: who writes waits for others as long as it is told, who reads does not.
func TestLocked(t *testing.T) {
	s := servers.Need(t, "postgres")
	at := place(t, s)
	opened, err := store.Open(t.Context(), at, store.Options{Password: s.Password(), Busy: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	storetest.Begin(t, opened, 1)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	other := direct(t, s)
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"SET LOCAL search_path = " + u.Query().Get("schema"), "SELECT pg_advisory_xact_lock(1953462113, hashtext(current_schema()))"} {
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	wish := func() error { return opened.SetWish(t.Context(), "k1", store.Wish{Kind: store.WishPause}) }
	wantError(t, wish(), connector.Retry, "TOW-201", "set wish of run k1: control database is locked by another process ("+at+")")
	if _, err := opened.Run(t.Context(), "k1"); err != nil {
		t.Errorf("a reader waits for the writer: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := wish(); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

// TestFencedWhileItWaits: who has lost a run's lease while its change waited for others is fenced, whatever the role's settings make of what a transaction sees.
func TestFencedWhileItWaits(t *testing.T) {
	s := servers.Need(t, "postgres")
	at := place(t, s)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	schema, role, db := u.Query().Get("schema"), "role_"+strings.ToLower(rand.Text()[:10]), direct(t, s)
	owner := open(t, s, at)
	run := func(statements ...string) {
		for _, statement := range statements {
			if _, err := db.ExecContext(context.Background(), statement); err != nil {
				t.Error(err)
			}
		}
	}
	run("CREATE ROLE "+role+" LOGIN PASSWORD 'fenced'", "GRANT ALL ON SCHEMA "+schema+" TO "+role, "GRANT ALL ON ALL TABLES IN SCHEMA "+schema+" TO "+role,
		"ALTER ROLE "+role+" SET default_transaction_isolation = 'repeatable read'")
	t.Cleanup(func() { run("DROP OWNED BY "+role, "DROP ROLE "+role) })
	u.User = url.User(role)
	former, err := store.Open(t.Context(), u.String(), store.Options{Password: "fenced"})
	if err != nil {
		t.Fatal(err)
	}
	defer former.Close()
	lease, err := owner.CreateRun(t.Context(), store.NewRun{Key: "k1", Owner: store.Owner{ID: "former"}, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	do := func(statement string) {
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do("SET LOCAL search_path = " + schema)
	do("SELECT pg_advisory_xact_lock(1953462113, hashtext(current_schema()))")
	got := make(chan error)
	go func() {
		_, err := former.BeginSteps(t.Context(), "k1", lease.Epoch, "publish")
		got <- err
	}()
	for waits := 0; waits == 0 && t.Context().Err() == nil; {
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM pg_stat_activity WHERE usename = $1 AND wait_event_type = 'Lock'", role).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	do("UPDATE run SET epoch = epoch + 1, owner = 'new' WHERE run_key = 'k1'")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-got, connector.Fenced, "TOW-213", "")
	if steps, err := owner.Steps(t.Context(), "k1"); err != nil || len(steps) > 0 {
		t.Errorf("steps of who was fenced: %+v, %v", steps, err)
	}
}

// TestStandsStill: a process that stands still in a transaction keeps others waiting for a while, not for ever, and has changed nothing.
func TestStandsStill(t *testing.T) {
	s := servers.Need(t, "postgres")
	at := place(t, s)
	still, err := store.Open(t.Context(), at, store.Options{Password: s.Password(), Idle: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer still.Close()
	other := open(t, s, at)
	lease, err := other.CreateRun(t.Context(), store.NewRun{Key: "k1", Owner: store.Owner{ID: "p"}, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	inside, goOn := make(chan struct{}), make(chan struct{})
	saved := make(chan error)
	go func() {
		saved <- still.SavePlan(t.Context(), "k1", lease.Epoch, store.Plan{Format: 1}, []store.Stream{{ID: "s"}}, func(yield func(connector.Shard) bool) {
			close(inside) // the transaction has begun
			<-goOn
			yield(connector.Shard{ID: "a", Stream: "s"})
		})
	}()
	<-inside
	if err := other.SetWish(t.Context(), "k1", store.Wish{Kind: store.WishPause}); err != nil {
		t.Errorf("another process: %v", err)
	}
	close(goOn)
	wantError(t, <-saved, connector.Retry, "TOW-224", "save plan of run k1: control database does not answer")
	_, err = other.Plan(t.Context(), "k1")
	wantError(t, err, connector.Missing, "TOW-221", "has no plan")
	if _, err := still.Run(t.Context(), "k1"); err != nil {
		t.Errorf("the store goes on: %v", err)
	}
}

// TestRefused: what is wrong, and what to do; a password is in no message.
func TestRefused(t *testing.T) {
	s := servers.Need(t, "postgres")
	newer := place(t, s)
	open(t, s, newer)
	u, err := url.Parse(newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := direct(t, s).ExecContext(t.Context(), "INSERT INTO "+u.Query().Get("schema")+".towpath_version (version_id, is_applied) VALUES (9999, true)"); err != nil {
		t.Fatal(err)
	}
	base := "postgres://towpath@" + s.Addr()
	for name, c := range map[string]struct {
		place, password, code, text string
		class                       connector.Class
	}{
		"newer":         {newer, s.Password(), "TOW-205", "has form 9999", connector.Config},
		"wrong user":    {"postgres://nobody@" + s.Addr() + "/towpath", "wr0ng", "TOW-203", "cannot be opened for writing", connector.Config},
		"no database":   {base + "/nowhere", s.Password(), "TOW-203", "cannot be opened for writing", connector.Config},
		"no schema":     {base + "/towpath?schema=nowhere", s.Password(), "TOW-223", "its schema is not there for the user", connector.Config},
		"nobody there":  {"postgres://towpath@127.0.0.1:9/towpath", "wr0ng", "TOW-224", "control database does not answer", connector.Retry},
		"with password": {"postgres://towpath:wr0ng@" + s.Addr() + "/towpath", "", "TOW-223", "the URL of the control database has a password, which others could read", connector.Config},
		"no URL":        {"postgres://towpath:wr0ng@[/towpath", "", "TOW-223", "the URL of the control database is none of PostgreSQL", connector.Config},
		"other scheme":  {"mysql://towpath:wr0ng@" + s.Addr() + "/towpath", "", "TOW-223", "the URL of the control database is none of PostgreSQL", connector.Config},
		"capitals":      {"Postgres://towpath:wr0ng@" + s.Addr() + "/towpath", "", "TOW-223", "has a password", connector.Config},
		"no host":       {"postgres:///towpath", "", "TOW-223", "lacks user, host or database", connector.Config},
		"unknown":       {base + "/towpath?sslmode=disable", "", "TOW-223", "has an option beside schema and ca", connector.Config},
		"port":          {base[:strings.LastIndex(base, ":")] + ":0/towpath", "", "TOW-223", "has no port 0", connector.Config},
		"no file":       {base + "/towpath?ca=/nowhere.pem", "", "TOW-223", "read the certificates of the control database", connector.Config},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := store.Open(t.Context(), c.place, store.Options{Password: c.password})
			wantError(t, err, c.class, c.code, c.text)
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), "wr0ng") {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}

// TestMoves: what a file of SQLite held is in PostgreSQL what it was, and comes back.
func TestMoves(t *testing.T) {
	s := servers.Need(t, "postgres")
	file := func() *store.Store {
		opened, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "control.db"), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { opened.Close() })
		return opened
	}
	from := file()
	storetest.Fill(t, from)
	want := ""
	for i, to := range []*store.Store{open(t, s, place(t, s)), file()} {
		var backup bytes.Buffer
		if _, err := from.Backup(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		lines := strings.Join(storetest.Lines(t, backup.Bytes()), "\n")
		if i > 0 && lines != want {
			t.Errorf("got\n%s\nwant\n%s", lines, want)
		}
		want = lines
		if _, err := to.Restore(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		from = to
	}
	if runs, err := from.Runs(t.Context(), store.Filter{}); err != nil || len(runs) != 2 {
		t.Errorf("back in a file: %d runs, %v", len(runs), err)
	}
}

// TestServerIsKilled: workers go on where they were when the server is killed and started again, and nothing that was told to be durable is gone.
func TestServerIsKilled(t *testing.T) {
	server := servers.Private(t, "postgres")
	const shards, workers, kills = 400, 4, 3
	const breath = 10 * time.Millisecond // between tries
	at := place(t, server.Server)
	s := open(t, server.Server, at)
	storetest.Begin(t, s, shards)
	var done, troubles atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			one := open(t, server.Server, at)
			for done.Load() < shards && !t.Failed() {
				l, ok, err := storetest.LeaseShard(t.Context(), one, store.LeaseRequest{Worker: "w", TTL: time.Second})
				if connector.ClassOf(err) == connector.Retry {
					troubles.Add(1)
					<-time.After(breath)
				} else if err != nil {
					t.Error(err)
				}
				if err != nil || !ok {
					continue
				}
				commit := func() error {
					return one.CommitCheckpoint(t.Context(), "k1", l.Lease.Epoch, storetest.Done(l), []store.DirtyRow{{Code: "RANGE"}})
				}
				for err = commit(); connector.ClassOf(err) == connector.Retry; err = commit() { // perhaps it is committed, and the answer is lost
					troubles.Add(1)
					<-time.After(breath)
				}
				switch {
				case err == nil:
					done.Add(1)
				case connector.ClassOf(err) != connector.Fenced: // while the server was away the lease ran out
					t.Error(err)
				}
			}
		})
	}
	for kill := range int64(kills) {
		for done.Load() < (kill+1)*shards/(kills+1) && !t.Failed() {
			runtime.Gosched()
		}
		server.Kill(t)
		server.Start(t)
	}
	wg.Wait()
	progress, err := s.Progress(t.Context(), "k1")
	if err != nil {
		t.Fatal(err)
	}
	dirty, err := s.DirtyCount(t.Context(), "k1")
	if p := progress[0]; err != nil || p.Done != shards || p.Counts.Read != 2*shards || dirty != shards || troubles.Load() < kills {
		t.Errorf("%d dirty rows, %v, %d troubles, progress %+v", dirty, err, troubles.Load(), p)
	}
	t.Logf("%d calls met a server that was not there", troubles.Load())
}
