package servers_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/tools/testservers/servers"
)

// psql runs a script through the server's own client, as the user of a URL.
func psql(t *testing.T, s servers.Server, url, sql string) (string, error) {
	t.Helper()
	c := exec.Command(s.Client, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
	c.Stdin = strings.NewReader(sql)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustPsql(t *testing.T, s servers.Server, url, sql string) string {
	t.Helper()
	out, err := psql(t, s, url, sql)
	if err != nil {
		t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return out
}

func TestPrivatePostgresSurvivesKill(t *testing.T) {
	for _, name := range []string{"postgres", "postgres11", "postgres17", "postgres18"} {
		t.Run(name, func(t *testing.T) {
			s := servers.Private(t, name)
			mustPsql(t, s.Server, s.URL, "CREATE TABLE kept (id INT PRIMARY KEY); INSERT INTO kept VALUES (7)")
			if got := mustPsql(t, s.Server, s.URL, "SHOW fsync; SHOW synchronous_commit"); got != "on\non" {
				t.Errorf("durability: got %q, want the server's default", got)
			}
			// a session at work belongs to the server and must not outlive it, or the server would not start again
			busy := exec.Command(s.Client, "-X", "-d", s.URL, "-c", "SELECT pg_sleep(600)")
			if err := busy.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the session works", func() bool {
				return mustPsql(t, s.Server, s.URL, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'") == "1"
			})
			s.Kill(t)
			if busy.Wait() == nil {
				t.Error("the session's client noticed nothing")
			}
			if out, err := psql(t, s.Server, s.URL, "SELECT 1"); err == nil {
				t.Fatalf("the killed server answers: %s", out)
			}
			s.Start(t)
			s.Stop(t)
			s.Start(t)
			if got := mustPsql(t, s.Server, s.URL, "SELECT id FROM kept"); got != "7" {
				t.Errorf("rows after kill, stop and start: got %q, want 7", got)
			}
			rights(t, s.Server)
		})
	}
}

// rights checks what the users may do that are no administrators.
func rights(t *testing.T, s servers.Server) {
	t.Helper()
	for _, c := range []struct{ url, sql, want string }{
		{s.Reader, "SELECT count(*) FROM kept", "1"},
		{s.Reader, "INSERT INTO kept VALUES (8)", "permission denied"},
		{s.Writer, "INSERT INTO kept VALUES (9); UPDATE kept SET id = 10 WHERE id = 9; DELETE FROM kept WHERE id = 10; SELECT count(*) FROM kept", "1"},
		{s.Writer, "CREATE TABLE made (id INT)", "permission denied"},
	} {
		if out, _ := psql(t, s, c.url, c.sql); !strings.Contains(out, c.want) {
			t.Errorf("%s: got %q, want %q", c.sql, out, c.want)
		}
	}
}

func TestReplicaFollows(t *testing.T) {
	primary := servers.Private(t, "postgres")
	mustPsql(t, primary.Server, primary.URL, "CREATE TABLE followed (id INT); INSERT INTO followed VALUES (1)")
	replica := primary.Replica(t)
	mustPsql(t, primary.Server, primary.URL, "INSERT INTO followed VALUES (2)")
	eventually(t, "the row arrives", func() bool {
		return mustPsql(t, replica.Server, replica.URL, "SELECT count(*) FROM followed") == "2"
	})
	const identity = "SELECT system_identifier FROM pg_control_system()"
	if got, want := mustPsql(t, replica.Server, replica.URL, identity), mustPsql(t, primary.Server, primary.URL, identity); got != want {
		t.Errorf("the replica is %s, its primary %s", got, want)
	}
	if out, err := psql(t, replica.Server, replica.URL, "INSERT INTO followed VALUES (3)"); err == nil || !strings.Contains(out, "read-only") {
		t.Errorf("a row for the replica: got %q, %v", out, err)
	}
}
