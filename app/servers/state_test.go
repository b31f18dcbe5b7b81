package servers_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/towpath/towpath/tools/apptest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// TestScriptsOnPostgres runs the scripts of the program with the control database in PostgreSQL, each in a schema of its own: what people get to see is the same.
// Left out is the script about the file that it is in otherwise.
func TestScriptsOnPostgres(t *testing.T) {
	server := servers.Need(t, "postgres")
	db, err := sql.Open("pgx", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	scripts, err := filepath.Glob("../testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	params := apptest.Params("", "TOWPATH_STATE_PASSWORD="+server.Password())
	params.Files = slices.DeleteFunc(scripts, func(name string) bool { return filepath.Base(name) == "control.txtar" })
	if len(params.Files) < 10 {
		t.Fatalf("found %v", scripts)
	}
	setup := params.Setup
	var runs atomic.Int64
	params.Setup = func(env *testscript.Env) error {
		schema := "state_" + strings.ToLower(rand.Text()[:12])
		if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
			return err
		}
		env.Defer(func() {
			var n int64
			if err := db.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM "+schema+".run").Scan(&n); err == nil { // scripts that open none have no table
				runs.Add(n)
			}
			if _, err := db.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
				t.Error(err)
			}
		})
		err := setup(env)
		env.Setenv("TOWPATH_STATE", "postgres://"+server.User()+"@"+server.Addr()+"/"+server.Database()+"?schema="+schema)
		return err
	}
	t.Run("scripts", func(t *testing.T) { testscript.Run(t, params) })
	if runs.Load() < 20 {
		t.Errorf("the scripts left %d runs in PostgreSQL", runs.Load())
	}
}

// TestControlServerIsKilled runs the scripts in which the control database's server, one of their own, is away for a while.
func TestControlServerIsKilled(t *testing.T) {
	server := servers.Private(t, "postgres")
	params := apptest.Params("testdata/control", "TOWPATH_STATE_PASSWORD="+server.Password())
	setup := params.Setup
	params.Setup = func(env *testscript.Env) error {
		err := setup(env)
		env.Setenv("TOWPATH_STATE", "postgres://"+server.User()+"@"+server.Addr()+"/"+server.Database())
		return err
	}
	params.Cmds["server"] = func(ts *testscript.TestScript, neg bool, args []string) {
		switch {
		case neg || len(args) != 1:
			ts.Fatalf("usage: server kill|start")
		case args[0] == "kill":
			server.Kill(t)
		case args[0] == "start":
			server.Start(t)
		}
	}
	testscript.Run(t, params)
}
