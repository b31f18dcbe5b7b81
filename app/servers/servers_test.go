// Package servers_test runs scripts of the program against real servers.
package servers_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/towpath/towpath/app"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/tools/apptest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"towpath": func() { app.Main(all.Connectors(), "v0.0.0-test") }})
}

// client runs SQL through the system's own client.
func client(t *testing.T, s servers.Server, statements string) {
	t.Helper()
	c := exec.CommandContext(context.Background(), s.Client, "-h", s.Host(), "-P", s.Port(), "-u", s.User(), "--default-character-set=utf8mb4", "-e", statements)
	c.Env = append(os.Environ(), "MYSQL_PWD="+s.Password())
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("run SQL: %v\n%s", err, out)
	}
}

// names makes a name for the test's own objects, which end with it.
func names(t *testing.T, s servers.Server) string {
	t.Helper()
	name := "tw_" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() { client(t, s, "DROP DATABASE IF EXISTS "+name+"; DROP USER IF EXISTS "+name) })
	return name
}

// TestBadInput runs the scripts of testdata: what the program says where a server refuses.
func TestBadInput(t *testing.T) {
	db := servers.Need(t, "mariadb")
	name := names(t, db)
	client(t, db, "CREATE DATABASE "+name+"; CREATE USER "+name+" IDENTIFIED BY 'right-one'; CREATE TABLE "+name+".orders (id INT PRIMARY KEY, note TEXT);"+
		"CREATE TABLE "+name+".hidden (id INT PRIMARY KEY); CREATE TABLE "+name+".nullkey (code VARCHAR(10) UNIQUE, note TEXT);"+
		"INSERT INTO "+name+".orders VALUES (1, 'a'), (2, NULL); INSERT INTO "+name+".nullkey VALUES (NULL, 'a'), ('x', 'b'), (NULL, 'c');"+
		"GRANT SELECT ON "+name+".orders TO "+name+"; GRANT SELECT ON "+name+".nullkey TO "+name)
	testscript.Run(t, apptest.Params("testdata", "HOST="+db.Host(), "PORT="+db.Port(), "NAME="+name, "ADMIN="+db.User(), "ADMIN_PASSWORD="+db.Password()))
}

// TestExample does what the guide of examples/mysql-to-elasticsearch says, with names of its own at the servers of the tests.
func TestExample(t *testing.T) {
	db, search := servers.Need(t, "mariadb"), servers.Need(t, "elasticsearch8")
	name, folder := names(t, db), "../../examples/mysql-to-elasticsearch"
	index := strings.ReplaceAll(name, "_", "-")
	t.Cleanup(func() { ask(t, http.MethodDelete, search.URL+"/"+index) })
	_, statements, _ := strings.Cut(read(t, folder, "README.md"), "```sql\n")
	statements, _, _ = strings.Cut(statements, "```")
	client(t, db, strings.NewReplacer("shop", name, "towpath", name).Replace(statements))
	files := map[string]string{
		// The test server lacks the module with the analysers of languages.
		"job.yaml": strings.NewReplacer("shop.orders", name+".orders", "target: orders", "target: "+index, "english", "standard").Replace(read(t, folder, "job.yaml")),
		"connections.yaml": strings.NewReplacer("host: 127.0.0.1", "host: "+db.Host()+"\n  port: "+db.Port(), "user: towpath", "user: "+name,
			"http://127.0.0.1:9200", search.URL).Replace(read(t, folder, "connections.yaml")),
		"steps.txtar": steps,
	}
	work := t.TempDir()
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(work, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := apptest.Params(work, "SHOP_PASSWORD=choose-one", "SEARCH="+search.URL+"/"+index)
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		for _, file := range []string{"job.yaml", "connections.yaml"} {
			if err := os.WriteFile(filepath.Join(env.WorkDir, file), []byte(files[file]), 0o600); err != nil {
				return err
			}
		}
		return setup(env)
	}
	t.Run("guide", func(t *testing.T) { testscript.Run(t, p) }) // returns when its parallel scripts are through
	if got := ask(t, http.MethodGet, search.URL+"/"+index+"/_source/2"); !strings.Contains(got, `"customer_id":7`) {
		t.Errorf("document 2 is %s", got)
	}
	if got := ask(t, http.MethodGet, search.URL+"/"+index+"/_count"); !strings.Contains(got, `"count":2`) {
		t.Errorf("the index holds %s", got)
	}
}

const steps = `
code 0 towpath check shop
stdout '^ok: mysql '
code 0 towpath check search
stdout '^ok: elasticsearch '
code 0 towpath plan job.yaml
stdout '\(upsert\)$'
code 0 towpath run job.yaml --set since=2026-01-03
stdout ': 1 row written, in '
code 0 towpath run job.yaml
stdout ': 2 rows written, in '
nowhere choose-one
`

func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func ask(t *testing.T, method, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var b strings.Builder
	if err := answer.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
