// Package machine starts the servers of tools/testservers for proofs, which are programs and no tests: shared ones that stay up, and
// private ones that may be killed. It knows how servers are reached, not what they speak.
package machine

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/towpath/towpath/tools/testservers/ports"
)

// Machine is this machine, with the tree at Root.
type Machine struct{ Root string }

// Server says how a running server is reached.
type Server struct {
	Name   string
	URL    *url.URL // of the user who may do everything
	Client string   // the system's own command; "" where there is none
}

// script runs servers.sh and returns what it prints.
func (m Machine) script(ctx context.Context, env []string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(m.Root, "tools", "testservers", "servers.sh")}, args...)...)
	c.Env = append(os.Environ(), env...)
	c.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("testservers %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}

// Shared is the server of that name which all use, or the one whose address is set. It stays up.
func (m Machine) Shared(ctx context.Context, name string) (Server, error) {
	if _, err := m.script(ctx, nil, "up", name); err != nil {
		return Server{}, err
	}
	return m.reach(ctx, name, nil)
}

// reach asks for the address of a server.
func (m Machine) reach(ctx context.Context, name string, env []string) (Server, error) {
	lines, err := m.script(ctx, env, "env", name)
	if err != nil {
		return Server{}, err
	}
	s := Server{Name: name}
	for line := range strings.Lines(lines) {
		variable, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case strings.HasSuffix(variable, "_CLIENT"):
			s.Client = value
		case strings.HasSuffix(variable, "_READER"), strings.HasSuffix(variable, "_WRITER"):
		default:
			if s.URL, err = url.Parse(value); err != nil {
				return s, fmt.Errorf("testservers: address of %s: %w", name, err)
			}
		}
	}
	switch {
	case s.URL == nil || s.URL.Host == "":
		return s, fmt.Errorf("testservers: no address of %s in %q", name, lines)
	case s.Client == "" && s.URL.Scheme == "mysql":
		s.Client = "mariadb"
	case s.Client == "" && s.URL.Scheme == "postgres":
		s.Client = "psql"
	}
	return s, nil
}

// Instance is a server with its data in a folder of its own, which ends with this process.
type Instance struct {
	Server
	machine Machine
	env     []string
}

// Private starts another server of that name with its data in dir; what an earlier one left there is removed.
func (m Machine) Private(ctx context.Context, name, dir string) (*Instance, error) {
	port, err := ports.Free()
	if err != nil {
		return nil, err
	}
	i := &Instance{machine: m, env: []string{
		"TOWPATH_SERVERS_DATA=" + dir, fmt.Sprintf("TOWPATH_SERVERS_GUARD=%d", os.Getpid()),
		fmt.Sprintf("TOWPATH_%s_PORT=%d", strings.ToUpper(name), port),
	}}
	i.Name = name
	if err := i.Wipe(ctx); err != nil {
		return nil, err
	}
	if err := i.Start(ctx); err != nil {
		return nil, err
	}
	i.Server, err = m.reach(ctx, name, i.env)
	return i, err
}

// Start starts the server, on its old port and data, and returns when it answers.
func (i *Instance) Start(ctx context.Context) error { return i.do(ctx, "up") }

// Kill ends it with SIGKILL and returns when it is gone.
func (i *Instance) Kill(ctx context.Context) error { return i.do(ctx, "kill") }

// Wipe ends it and removes its data.
func (i *Instance) Wipe(ctx context.Context) error { return i.do(ctx, "wipe") }

func (i *Instance) do(ctx context.Context, what string) error {
	_, err := i.machine.script(ctx, i.env, what, i.Name)
	return err
}
