// Package served proves the server: `towpath server` as real processes, spoken to over its API by package client, killed and started again. What
// runs have moved is judged as package kill does, by the systems' own means. It knows nothing of how the server keeps its promises.
package served

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/tools/testservers/ports"
)

// Site is an installation: a program, its control database, and one or more servers on it.
type Site struct {
	Program string
	Dir     string   // for all that it keeps, made by Open
	State   string   // URL of the control database; "": a file in Dir
	Env     []string // beside: the password of the control database, say
	Args    []string // of towpath server, beside those that each needs
	Log     func(format string, args ...any)

	token   string
	Servers []*Server
}

// patience is how long anything may take before it counts as stuck.
const patience = 3 * time.Minute

// Build builds the program of the tree at root into dir.
func Build(ctx context.Context, root, dir string, tags ...string) (string, error) {
	return kill.Build(ctx, root, dir, tags...)
}

// Open makes an account with a token, and so many servers, which are not started.
func (s *Site) Open(ctx context.Context, servers int) error {
	for _, folder := range []string{s.Dir, s.Files()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	var made struct {
		Token string `json:"token"`
	}
	if err := s.Command(ctx, nil, nil, "user", "add", "proof", "--admin", "--role", "admin"); err != nil {
		return err
	}
	if err := s.Command(ctx, &made, nil, "token", "create", "proof", "--account", "proof", "--role", "admin"); err != nil {
		return err
	}
	s.token = made.Token
	for i := range servers {
		port, err := ports.Free()
		if err != nil {
			return err
		}
		s.Servers = append(s.Servers, &Server{site: s, name: fmt.Sprintf("server %d", i+1), address: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	return nil
}

// Files is the folder in which connections may name files.
func (s *Site) Files() string { return filepath.Join(s.Dir, "files") }

func (s *Site) env(more ...string) []string {
	state := s.State
	if state == "" {
		state = filepath.Join(s.Dir, "state")
	}
	env := []string{"TOWPATH_STATE=" + state, "TOWPATH_LOG=info"} // what a bad run leaves is evidence
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "TOWPATH_") {
			env = append(env, entry)
		}
	}
	return append(append(env, s.Env...), more...)
}

// Command runs a short command on the control database and reads its data into into, unless that is nil.
func (s *Site) Command(ctx context.Context, into any, env []string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, s.Program, append(args, "--json")...)
	c.Env, c.Dir = s.env(env...), s.Dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	var answer struct {
		OK   bool            `json:"ok"`
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(out, &answer) != nil || !answer.OK {
		return fmt.Errorf("towpath %s: %w: %s%s", strings.Join(args, " "), errors.Join(err, errors.New("no good answer")), out, stderr.Bytes())
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, into)
}

// Client speaks to a server.
func (s *Site) Client(to *Server) *client.Client {
	return &client.Client{URL: "http://" + to.address, Token: s.token, HTTP: &http.Client{Timeout: time.Minute}}
}

// Server is one process after another, at one address.
type Server struct {
	site    *Site
	name    string
	address string
	cmd     *exec.Cmd
	log     *os.File
	exited  chan struct{}
	meant   atomic.Bool // its end
}

// Start starts the process and returns when it answers.
func (s *Server) Start(ctx context.Context) (err error) {
	args := append([]string{"server", "--listen", s.address, "--files", s.site.Files()}, s.site.Args...)
	if s.log, err = os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	s.cmd = exec.Command(s.site.Program, args...) // ends with Kill or Stop
	s.cmd.Env, s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.site.env(), s.site.Dir, s.log, s.log
	s.meant.Store(false)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan struct{})
	go func(exited chan struct{}) {
		_ = s.cmd.Wait() // how it ended is asked of its state
		close(exited)
	}(s.exited)
	return s.await(ctx)
}

// LogFile is where the processes write what they say.
func (s *Server) LogFile() string {
	return filepath.Join(s.site.Dir, strings.ReplaceAll(s.name, " ", "-")+".log")
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/healthz", nil); err != nil {
			return err
		} else if answer, err := http.DefaultClient.Do(request); err == nil {
			answer.Body.Close()
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("%s ends instead of serving: see %s", s.name, s.LogFile())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", s.name, context.Cause(ctx))
		}
	}
}

// Kill ends the process with SIGKILL; one that has ended by itself is an error.
func (s *Server) Kill() error { return s.end(os.Kill) }

// Stop ends it as an administrator does.
func (s *Server) Stop() error {
	if err := s.end(os.Interrupt); err != nil {
		return err
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d: see %s", s.name, code, s.LogFile())
	}
	return nil
}

func (s *Server) end(signal os.Signal) error {
	select {
	case <-s.exited:
		return fmt.Errorf("%s has ended by itself, with %s: see %s", s.name, s.cmd.ProcessState, s.LogFile())
	default:
	}
	if err := s.cmd.Process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill() // it is stuck, which is said
		<-s.exited
		return fmt.Errorf("%s does not end: see %s", s.name, s.LogFile())
	}
	return s.log.Close()
}

// Close ends all processes that are left.
func (s *Site) Close() {
	for _, server := range s.Servers {
		if server.exited == nil {
			continue
		}
		select {
		case <-server.exited:
		default:
			_ = server.cmd.Process.Kill()
			<-server.exited
		}
	}
}
