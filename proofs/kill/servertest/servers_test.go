package servertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/kill/killtest"
	"github.com/towpath/towpath/proofs/machine"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// need starts a server.
func need(t *testing.T, name string) machine.Server {
	t.Helper()
	return reached(t, servers.Need(t, name))
}

// reached is a server as proofs know it.
func reached(t *testing.T, s servers.Server) machine.Server {
	t.Helper()
	address, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return machine.Server{Name: s.Name, URL: address, Client: s.Client}
}

// prefix begins the names of what is made at servers.
func prefix() string { return fmt.Sprintf("towpath_kill_%d", os.Getpid()) }

// dropped takes a scene that was made, and drops it at the end of the test.
func dropped[S interface {
	kill.Scene
	Drop(ctx context.Context) error
}](t *testing.T, scene S, err error) kill.Scene {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// t's own context ends before its cleanups
		if err := scene.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return scene
}

func search(t *testing.T, kind string) kill.Scene {
	t.Helper()
	s, err := kill.NewSearch(t.Context(), kind, kill.SearchConfig{MySQL: need(t, "mariadb"), Search: need(t, "elasticsearch8").URL.String(),
		Prefix: prefix(), Rows: killtest.SmallRows})
	return dropped(t, s, err)
}

func hbase(t *testing.T, kind string) kill.Scene {
	t.Helper()
	s, err := kill.NewSearch(t.Context(), kind, kill.SearchConfig{HBase: need(t, "hbase"), Search: need(t, "elasticsearch8").URL.String(),
		Prefix: prefix() + "_hbase", Rows: killtest.SmallRows})
	return dropped(t, s, err)
}

func columns(t *testing.T) kill.Scene {
	t.Helper()
	s, err := kill.NewColumns(t.Context(), kill.ColumnsConfig{MySQL: need(t, "mariadb"), HBase: need(t, "hbase"), Prefix: prefix() + "_columns", Rows: killtest.SmallRows})
	return dropped(t, s, err)
}

func tables(t *testing.T, name string) kill.Scene { return tablesBy(t, name, false) }

func tablesBy(t *testing.T, name string, divided bool) kill.Scene {
	t.Helper()
	s, err := kill.NewTables(t.Context(), name, kill.TablesConfig{MySQL: need(t, "mariadb"), Postgres: need(t, "postgres"), Dir: t.TempDir(),
		Prefix: prefix(), Rows: killtest.SmallRows, Divided: divided})
	return dropped(t, s, err)
}
