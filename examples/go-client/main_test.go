package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/serve"
	"github.com/towpath/towpath/internal/store"
)

// server starts a server that may name files of a folder, and returns a client of it that may change jobs and connections.
func server(t *testing.T, files string) *client.Client {
	t.Helper()
	state := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(state, "towpath.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	keys, err := secret.LoadKeys(filepath.Join(state, secret.KeyFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	scrub, log := new(secret.Scrubber), slog.New(slog.DiscardHandler)
	tm := &team.Team{Store: s, Connectors: all.Connectors(), Keys: keys, Scrub: scrub, Log: log,
		Base: control.Service{Store: s, Connectors: all.Connectors(), Owner: control.ThisProcess(), Log: log, Lease: 15 * time.Second, Clean: scrub.Clean}}
	owner := team.Actor{Account: "owner", Workspace: "main", Role: team.Admin, Admin: true, Via: team.ViaCommand}
	if _, err := tm.CreateAccount(t.Context(), owner, "ann", true); err != nil {
		t.Fatal(err)
	}
	token, _, err := tm.CreateToken(t.Context(), owner, team.TokenWish{Name: "test", Account: "ann", Role: team.Editor, Lasts: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	address, ended := make(chan serve.Address, 1), make(chan error, 1)
	go func() {
		ended <- serve.Run(ctx, tm, serve.Options{Listen: "127.0.0.1:0", Pool: team.PoolOptions{Parallel: 2, Memory: 64 << 20}, Files: []string{files},
			Told: func(a serve.Address) { address <- a }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-address:
		return &client.Client{URL: a.URL, Token: token}
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
		return nil
	}
}

// connect stores a connection to a file.
func connect(t *testing.T, c *client.Client, alias, file string) {
	t.Helper()
	options, err := json.Marshal(map[string]string{"path": file})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutConnection(t.Context(), "", alias, 0, client.ConnectionInput{Connector: "sqlite", Options: options}); err != nil {
		t.Fatal(err)
	}
}

// TestCopyAll: the program waits for nothing that is missing, copies what is there, and says how it ended.
func TestCopyAll(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	source, target := filepath.Join(files, "shop.db"), filepath.Join(files, "copy.db")
	db, err := sql.Open("sqlite", source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT); "+
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO orders SELECT i, 'note ' || i FROM n; CREATE TABLE empty (id INTEGER PRIMARY KEY)")
	if err != nil {
		t.Fatal(err)
	}
	c := server(t, files)
	connect(t, c, "shop", source)
	var out strings.Builder
	_, err = copyAll(t.Context(), c, client.Full{Source: "shop", Target: "copy", Datasets: []string{"orders"}}, &out)
	if err == nil || err.Error() != "job shop-to-copy waits for connections: [copy]" {
		t.Errorf("got %v", err)
	}
	connect(t, c, "copy", target)
	run, err := copyAll(t.Context(), c, client.Full{Source: "shop", Target: "copy", Datasets: []string{"orders"}}, &out)
	if err != nil || run.State != client.Succeeded || exitCode(run) != 0 {
		t.Errorf("got %+v, %v", run, err)
	}
	if want := "5000 rows written, 0 dirty\n"; !strings.HasPrefix(out.String(), "run "+run.Run+"\n") || !strings.HasSuffix(out.String(), want) {
		t.Errorf("got %s", out.String())
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	for want, run := range map[int]client.Run{
		0: {State: client.Succeeded, Total: &client.Counts{Written: 1}}, 1: {State: client.Stopped}, 4: {State: client.Paused},
		5: {State: client.Succeeded, Total: &client.Counts{Dirty: 1}},
	} {
		if got := exitCode(run); got != want {
			t.Errorf("%s: got %d, want %d", run.State, got, want)
		}
	}
}
