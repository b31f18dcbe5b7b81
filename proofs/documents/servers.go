package documents

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/towpath/towpath/bench/data"
)

// Servers lists the kinds of search servers that the proof runs on.
func Servers() []string { return []string{"elasticsearch7", "elasticsearch8", "opensearch"} }

// machine starts servers by tools/testservers.
type machine struct {
	root string // of the tree
	dir  string // where private servers keep their data
}

// script runs servers.sh and returns what it prints as variables.
func (m machine) script(ctx context.Context, env []string, args ...string) (map[string]string, error) {
	c := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(m.root, "tools", "testservers", "servers.sh")}, args...)...)
	c.Env = append(os.Environ(), env...)
	c.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("testservers %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	variables := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			variables[name] = value
		}
	}
	return variables, nil
}

// mariadb is the shared server, or the one whose address is set. It stays up.
func (m machine) mariadb(ctx context.Context) (data.Server, error) {
	if _, err := m.script(ctx, nil, "up", "mariadb"); err != nil {
		return data.Server{}, err
	}
	variables, err := m.script(ctx, nil, "env", "mariadb")
	if err != nil {
		return data.Server{}, err
	}
	address, err := url.Parse(variables["TOWPATH_TEST_MYSQL"])
	client := variables["TOWPATH_TEST_MYSQL_CLIENT"]
	if client == "" {
		client = "mariadb"
	}
	return data.Server{Client: client, URL: address}, err
}

// search starts a search server of the proof's own, or takes the one whose address is set, and returns its URL. It is down after
// stop, or when this process ends.
func (m machine) search(ctx context.Context, name string) (address string, stop func() error, err error) {
	variable := "TOWPATH_TEST_" + strings.ToUpper(name) + "_URL"
	if address := os.Getenv(variable); address != "" {
		return address, func() error { return nil }, nil
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	env := []string{
		"TOWPATH_SERVERS_DATA=" + m.dir, fmt.Sprintf("TOWPATH_SERVERS_GUARD=%d", os.Getpid()),
		fmt.Sprintf("TOWPATH_%s_PORT=%d", strings.ToUpper(name), port),
	}
	stop = func() error {
		_, err := m.script(context.WithoutCancel(ctx), env, "wipe", name)
		return err
	}
	// of an earlier proof that was cut off
	if err := stop(); err != nil {
		return "", nil, err
	}
	if _, err := m.script(ctx, env, "up", name); err != nil {
		return "", nil, err
	}
	variables, err := m.script(ctx, env, "env", name)
	return variables[variable], stop, err
}

// freePort finds a port that is free together with the one 100 above it, which the servers use between nodes.
func freePort() (int, error) {
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+100)))
		first.Close()
		if err == nil {
			second.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port: none in 100 tries")
}
