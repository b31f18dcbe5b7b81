// Package servertest bears a share of the kills of servers whose runs, or whose control database, need other servers.
package servertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/machine"
	"github.com/towpath/towpath/proofs/served"
	"github.com/towpath/towpath/proofs/served/servedtest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// rows are so many that a run lasts some seconds.
const rows = 8000

func reached(t *testing.T, s servers.Server) machine.Server {
	t.Helper()
	address, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return machine.Server{Name: s.Name, URL: address, Client: s.Client}
}

// scenes are those of the proof; what they make goes with the test.
func scenes(t *testing.T, s *served.Site) []kill.Scene {
	t.Helper()
	all, drop, err := served.Scenes(t.Context(), served.Places{MySQL: reached(t, servers.Need(t, "mariadb")), Postgres: reached(t, servers.Need(t, "postgres")),
		Search: servers.Need(t, "elasticsearch8").URL, Dir: filepath.Join(s.Files(), "sources"), Prefix: fmt.Sprintf("towpath_served_%d", os.Getpid()), Rows: rows})
	t.Cleanup(func() {
		// t's own context ends before its cleanups
		if err := drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestServerIsKilled(t *testing.T) {
	s := servedtest.Opened(t, servedtest.Site(t), 1)
	servedtest.Survives(t, &served.Killing{Site: s, Scenes: scenes(t, s), Seed: 5}, 6)
}

// TestServersAndTheirDatabaseAreKilled: two servers in turn, and each third time the PostgreSQL of their control database, which is their own.
func TestServersAndTheirDatabaseAreKilled(t *testing.T) {
	database := servers.Private(t, "postgres")
	s := servedtest.Site(t)
	s.OnPostgres(reached(t, database.Server))
	servedtest.Opened(t, s, 2)
	servedtest.Survives(t, &served.Killing{Site: s, Scenes: scenes(t, s), Seed: 6, Database: func(context.Context) error {
		database.Kill(t)
		database.Start(t)
		return nil
	}}, 6)
}
