// Package servers gives tests the real servers they need: the one whose address is set in the environment, else one that
// tools/testservers installs and starts on this machine. It knows how servers are reached, not what they speak.
package servers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/tools/testservers/ports"
)

// Server says how a running server is reached.
type Server struct {
	Name   string
	URL    string // the user who may do everything: mysql://user:password@host:port/database, postgres://..., http://..., hbase://zookeeper:port
	Reader string // the same as a user who may only read; "" where there is none
	Writer string // the same as a user who may change rows but makes no tables; "" where there is none
	Client string // path of the system's own command line client, for judges that must not use our reader; "" where there is none
}

// Names lists the servers that Need and Private know, in order.
func Names() []string {
	return []string{"elasticsearch7", "elasticsearch8", "hbase", "mariadb", "mysql55", "opensearch", "postgres", "postgres11", "postgres17", "postgres18"}
}

// missing is the exit status of servers.sh when this machine lacks what only its owner can install.
const missing = 69

// startTimeout bounds one command, the download of a cold installation included.
const startTimeout = 8 * time.Minute

// Need returns the server of that name. Its variable (TOWPATH_TEST_MYSQL for mariadb, see the README of tools/testservers) wins and
// then nothing is installed; else the shared server is started if it is not up, and stays up: tests make and drop only objects of
// their own prefix. A server that cannot start fails the test. One that this machine cannot have skips it, or fails it when
// TOWPATH_STRICT is 1.
func Need(t testing.TB, name string) Server {
	t.Helper()
	check(t, name)
	if os.Getenv(variable(name)) != "" {
		return fromEnv(name, os.LookupEnv)
	}
	command(t, nil, "up", name)
	return fromLines(name, command(t, nil, "env", name))
}

// Instance is a server of one test's own, with its data in the test's folder.
type Instance struct {
	Server
	data string // folder
	env  []string
}

// Private starts a second server of that name on free ports, which the test may kill and start again without disturbing others.
// It ends with the test.
func Private(t testing.TB, name string) *Instance {
	t.Helper()
	return private(t, name)
}

// Replica starts a server that follows this one, reads only and answers as it does. PostgreSQL's alone know how.
func (i *Instance) Replica(t testing.TB) *Instance {
	t.Helper()
	return private(t, i.Name, "TOWPATH_POSTGRES_PRIMARY="+i.Port())
}

// Guarded is a private HBase that checks what users may do. The user that the test runs as may do everything, others nothing at first.
func Guarded(t testing.TB) *Instance {
	t.Helper()
	return private(t, "hbase", "TOWPATH_HBASE_ACCESS=1")
}

// RegionServer starts one more region server of this HBase, in a process of its own that the test may kill and start again. Its address is its own.
func (i *Instance) RegionServer(t testing.TB) *Instance {
	t.Helper()
	return private(t, i.Name, "TOWPATH_HBASE_JOIN="+i.data)
}

func private(t testing.TB, name string, more ...string) *Instance {
	t.Helper()
	check(t, name)
	data := t.TempDir()
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	i := &Instance{data: data, env: append([]string{
		"TOWPATH_SERVERS_DATA=" + data,
		fmt.Sprintf("TOWPATH_SERVERS_GUARD=%d", os.Getpid()),
		fmt.Sprintf("TOWPATH_%s_PORT=%d", strings.ToUpper(name), port),
	}, more...)}
	i.Name = name
	t.Cleanup(func() { i.Kill(t) })
	i.Start(t)
	i.Server = fromLines(name, command(t, i.env, "env", name))
	return i
}

// Start starts the server again on its old ports and data and returns when it answers.
func (i *Instance) Start(t testing.TB) {
	t.Helper()
	command(t, i.env, "up", i.Name)
}

// Stop ends the server as its administrator would.
func (i *Instance) Stop(t testing.TB) {
	t.Helper()
	command(t, i.env, "down", i.Name)
}

// Kill ends the server with SIGKILL and returns when it is gone.
func (i *Instance) Kill(t testing.TB) {
	t.Helper()
	command(t, i.env, "kill", i.Name)
}

// Addr is host:port.
func (s Server) Addr() string { return s.parsed().Host }

// Host is the host without the port.
func (s Server) Host() string { return s.parsed().Hostname() }

// Port is the port as text; "" where the address names none.
func (s Server) Port() string { return s.parsed().Port() }

// User is the user who may do everything; "" where the server asks for none.
func (s Server) User() string { return s.parsed().User.Username() }

// Password belongs to User.
func (s Server) Password() string {
	p, _ := s.parsed().User.Password()
	return p
}

// Database is the database of the address; "" where it names none.
func (s Server) Database() string { return strings.TrimPrefix(s.parsed().Path, "/") }

func (s Server) parsed() *url.URL {
	u, err := url.Parse(s.URL)
	if err != nil {
		return &url.URL{}
	}
	return u
}

func check(t testing.TB, name string) {
	t.Helper()
	if !slices.Contains(Names(), name) {
		t.Fatalf("no test server %q; there are: %s", name, strings.Join(Names(), " "))
	}
}

// variable is the environment variable that holds a server's address.
func variable(name string) string {
	switch {
	case name == "mariadb":
		return "TOWPATH_TEST_MYSQL"
	case name == "hbase", name == "mysql55", strings.HasPrefix(name, "postgres"):
		return "TOWPATH_TEST_" + strings.ToUpper(name)
	}
	return "TOWPATH_TEST_" + strings.ToUpper(name) + "_URL"
}

func fromLines(name, lines string) Server {
	vars := map[string]string{}
	for line := range strings.Lines(lines) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			vars[key] = value
		}
	}
	return fromEnv(name, func(key string) (string, bool) {
		value, ok := vars[key]
		return value, ok
	})
}

func fromEnv(name string, lookup func(string) (string, bool)) Server {
	get := func(suffix string) string {
		value, _ := lookup(strings.TrimSuffix(variable(name), "_URL") + suffix)
		return value
	}
	s := Server{Name: name}
	address, _ := lookup(variable(name))
	s.URL = normal(address)
	s.Reader, s.Writer = normal(get("_READER")), normal(get("_WRITER"))
	switch {
	case strings.HasPrefix(s.URL, "mysql:"):
		s.Client = cmp.Or(get("_CLIENT"), "mariadb")
	case strings.HasPrefix(s.URL, "postgres"):
		s.Client = cmp.Or(get("_CLIENT"), "psql")
	case strings.HasPrefix(s.URL, "hbase:"):
		s.Client = get("_CLIENT") // HBase's own command is no judge: it writes for people
	}
	return s
}

// normal turns the form of Go's usual driver, user:password@tcp(host:port)/database, into a URL; a URL stays as it is.
func normal(address string) string {
	user, rest, ok := strings.Cut(address, "@tcp(")
	if !ok || strings.Contains(user, "://") {
		return address
	}
	host, path, _ := strings.Cut(rest, ")")
	name, password, _ := strings.Cut(user, ":")
	path, _, _ = strings.Cut(path, "?")
	u := url.URL{Scheme: "mysql", User: url.UserPassword(name, password), Host: host, Path: path}
	return u.String()
}

// command runs servers.sh and returns what it printed. Whatever goes wrong ends the test.
func command(t testing.TB, env []string, args ...string) string {
	t.Helper()
	script, err := script()
	if err != nil {
		t.Fatalf("test server: %v", err)
	}
	// not the test's context: a private server is killed after the test, when that is done
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", append([]string{script}, args...)...)
	c.Env = append(os.Environ(), env...)
	c.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err == nil {
		return string(out)
	}
	unavailable := errors.Is(err, exec.ErrNotFound)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		unavailable = exit.ExitCode() == missing
	}
	if unavailable && os.Getenv("TOWPATH_STRICT") != "1" {
		t.Skipf("%s: %s", strings.Join(args, " "), strings.TrimSpace(stderr.String()))
	}
	t.Fatalf("testservers %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	return ""
}

// script finds servers.sh from the folder of the running test, which lies inside the module.
func script() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(folder, "tools", "testservers", "servers.sh")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("find tools/testservers/servers.sh above the test's folder: none")
		}
		folder = parent
	}
}
