package servers_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/towpath/towpath/tools/apptest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// TestReplay mends and replays dirty rows of real servers: into a table that keeps checkpoints in its transactions, and into an index that was swapped in.
func TestReplay(t *testing.T) {
	db, search := servers.Need(t, "mariadb"), servers.Need(t, "elasticsearch8")
	name := names(t, db)
	index := strings.ReplaceAll(name, "_", "-")
	t.Cleanup(func() { ask(t, http.MethodDelete, search.URL+"/"+index+"*") })
	client(t, db, "CREATE DATABASE "+name+"; CREATE TABLE "+name+".orders (id INT PRIMARY KEY, day DATE, cents BIGINT, note TEXT);"+
		"SET SESSION sql_mode = ''; INSERT INTO "+name+".orders VALUES (1, '2026-01-02', 1, 'fits'), (2, '2026-01-00', 2, 'x'), (3, '2026-01-04', 3, 'too long'), (4, '0000-00-00', 3000000000, 'y')")
	p := apptest.Params("testdata/replay", "HOST="+db.Host(), "PORT="+db.Port(), "NAME="+name, "INDEX="+index, "ADMIN="+db.User(),
		"TOWPATH_SOURCE_PASSWORD="+db.Password(), "TOWPATH_TARGET_PASSWORD="+db.Password(), "SEARCH="+search.URL)
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error { // the jobs name places of this test
		err := setup(env)
		for _, file := range []string{"table.yaml", "index.yaml"} {
			if err == nil {
				err = os.WriteFile(filepath.Join(env.WorkDir, file), []byte(os.Expand(read(t, env.WorkDir, file), env.Getenv)), 0o600)
			}
		}
		return err
	}
	t.Run("script", func(t *testing.T) { testscript.Run(t, p) }) // returns when its parallel scripts are through
	if got := ask(t, http.MethodGet, search.URL+"/"+index+"/_source/2"); !strings.Contains(got, `"day":"2026-01-31"`) {
		t.Errorf("document 2 is %s", got)
	}
	if got := ask(t, http.MethodGet, search.URL+"/"+index+"/_count"); !strings.Contains(got, `"count":4`) {
		t.Errorf("the index holds %s", got)
	}
	c := exec.CommandContext(context.Background(), db.Client, "-h", db.Host(), "-P", db.Port(), "-u", db.User(), "-N", "-B", "-e", "SELECT * FROM "+name+".copies ORDER BY id")
	c.Env = append(os.Environ(), "MYSQL_PWD="+db.Password())
	got, err := c.Output()
	if want := "1\t2026-01-02\t1\tfits\n2\t2026-01-31\t2\tx\n3\t2026-01-04\t3\ttoo l\n4\tNULL\t2147483647\ty\n"; err != nil || string(got) != want {
		t.Errorf("the table holds, %v:\n%swant\n%s", err, got, want)
	}
}
