package servers_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/tools/testservers/servers"
)

// query runs one statement through the server's own client, as the given user.
func query(t *testing.T, s servers.Server, user, password, sql string) (string, error) {
	t.Helper()
	c := exec.Command(s.Client, "--no-defaults", "--protocol=tcp", "--skip-ssl", "-N", "-B",
		"--host="+s.Host(), "--port="+s.Port(), "--user="+user, "--password="+password, "-e", sql)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustQuery(t *testing.T, s servers.Server, sql string) string {
	t.Helper()
	out, err := query(t, s, s.User(), s.Password(), sql)
	if err != nil {
		t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return out
}

func TestNeedStartsOnce(t *testing.T) {
	first := servers.Need(t, "mariadb")
	second := servers.Need(t, "mariadb")
	if first != second {
		t.Errorf("a second call gives another server: got %+v, want %+v", second, first)
	}
	if got := mustQuery(t, first, "SELECT 1"); got != "1" {
		t.Errorf("SELECT 1: got %q", got)
	}
}

func TestAddressThatIsSetIsUsed(t *testing.T) {
	for _, c := range []struct {
		name, server, variable, value string
		want                          servers.Server
	}{
		{
			"url", "mariadb", "TOWPATH_TEST_MYSQL", "mysql://u:p%40w@db.example:3307/shop",
			servers.Server{Name: "mariadb", URL: "mysql://u:p%40w@db.example:3307/shop", Client: "mariadb"},
		},
		{
			"driver form", "mysql55", "TOWPATH_TEST_MYSQL55", "u:p@tcp(127.0.0.1:3306)/shop?parseTime=true",
			servers.Server{Name: "mysql55", URL: "mysql://u:p@127.0.0.1:3306/shop", Client: "mariadb"},
		},
		{
			"postgres", "postgres17", "TOWPATH_TEST_POSTGRES17", "postgres://u:p@db.example:5433/shop",
			servers.Server{Name: "postgres17", URL: "postgres://u:p@db.example:5433/shop", Client: "psql"},
		},
		{
			"http", "elasticsearch8", "TOWPATH_TEST_ELASTICSEARCH8_URL", "http://search.example:9200",
			servers.Server{Name: "elasticsearch8", URL: "http://search.example:9200"},
		},
		{
			"hbase", "hbase", "TOWPATH_TEST_HBASE", "hbase://zk.example:2181",
			servers.Server{Name: "hbase", URL: "hbase://zk.example:2181"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, suffix := range []string{"_READER", "_WRITER", "_CLIENT"} {
				t.Setenv(strings.TrimSuffix(c.variable, "_URL")+suffix, "")
			}
			t.Setenv(c.variable, c.value)
			// nothing is installed: without a PATH the command could not even start
			t.Setenv("PATH", "")
			if got := servers.Need(t, c.server); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAddressParts(t *testing.T) {
	s := servers.Server{URL: "mysql://u:p%40w@db.example:3307/shop"}
	got := []string{s.Addr(), s.Host(), s.Port(), s.User(), s.Password(), s.Database()}
	want := []string{"db.example:3307", "db.example", "3307", "u", "p@w", "shop"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrivateSurvivesKill(t *testing.T) {
	for _, name := range []string{"mariadb", "mysql55"} {
		t.Run(name, func(t *testing.T) {
			s := servers.Private(t, name)
			mustQuery(t, s.Server, "CREATE TABLE towpath.kept (id INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO towpath.kept VALUES (7)")
			s.Kill(t)
			if out, err := query(t, s.Server, s.User(), s.Password(), "SELECT 1"); err == nil {
				t.Fatalf("the killed server answers: %s", out)
			}
			s.Start(t)
			if got := mustQuery(t, s.Server, "SELECT id FROM towpath.kept"); got != "7" {
				t.Errorf("rows after kill and start: got %q, want 7", got)
			}
			s.Stop(t)
			s.Start(t)
			if got := mustQuery(t, s.Server, "SELECT id FROM towpath.kept"); got != "7" {
				t.Errorf("rows after stop and start: got %q, want 7", got)
			}
			reader(t, s.Server)
		})
	}
}

// reader checks that the reading user reads and is refused a write.
func reader(t *testing.T, s servers.Server) {
	t.Helper()
	as := servers.Server{URL: s.Reader}
	if out, err := query(t, s, as.User(), as.Password(), "SELECT COUNT(*) FROM towpath.kept"); err != nil || out != "1" {
		t.Errorf("reader counts: got %q, %v, want 1", out, err)
	}
	if out, err := query(t, s, as.User(), as.Password(), "INSERT INTO towpath.kept VALUES (8)"); err == nil || !strings.Contains(out, "denied") {
		t.Errorf("reader writes: got %q, %v, want it denied", out, err)
	}
}

func TestPrivateSearchSurvivesKill(t *testing.T) {
	for _, name := range []string{"elasticsearch7", "elasticsearch8", "opensearch"} {
		t.Run(name, func(t *testing.T) {
			s := servers.Private(t, name)
			call(t, http.MethodPut, s.URL+"/kept/_doc/1?refresh=true", `{"a":1}`)
			s.Kill(t)
			if c, err := net.DialTimeout("tcp", s.Addr(), time.Second); err == nil {
				c.Close()
				t.Fatal("the killed server still listens")
			}
			s.Start(t)
			if got := call(t, http.MethodGet, s.URL+"/kept/_doc/1", ""); !strings.Contains(got, `"a":1`) {
				t.Errorf("document after kill and start: got %s", got)
			}
			if got := call(t, http.MethodGet, s.URL+"/", ""); !strings.Contains(got, `"number"`) {
				t.Errorf("GET / names no version: %s", got)
			}
		})
	}
}

func call(t *testing.T, method, url, body string) string {
	t.Helper()
	text, err := try(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func try(method, url, body string) (string, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, url, response.Status, text)
	}
	return string(text), err
}
