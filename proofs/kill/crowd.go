package kill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/proofs/machine"
)

// Crowd is a server that does no work of its own, and workers, on one control database in PostgreSQL. Each job copies a file of rows of its own environment.
type Crowd struct {
	*Harness
	Control machine.Server // its user may make schemas and roles
	Name    string         // of the schema and the role of the workers
	Workers int
	Pace    int // rows a second of each job
	Source  *File

	server  *member
	workers []*member
	api     client.Client
	jobs    []*crowdJob
}

// Crowded is what kills of servers and workers came to.
type Crowded struct {
	Jobs    int `json:"jobs"`
	Workers int `json:"worker_kills"`
	Servers int `json:"server_kills"`
	Tally
}

// crowdJob is a run and the folder of its target.
type crowdJob struct{ dir, environment, run string }

// member is a process that is started again when it was killed.
type member struct {
	args []string
	env  []string
	cmd  *exec.Cmd
	said bytes.Buffer
}

// Begin makes the database and starts the workers, which wait, and then the server.
func (c *Crowd) Begin(ctx context.Context) error {
	password := "worker-" + c.Name
	if _, err := (postgres{c.Control}).run(ctx, fmt.Sprintf("CREATE SCHEMA %[1]s; CREATE ROLE %[1]s LOGIN PASSWORD '%[2]s'", c.Name, password)); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	listener.Close()
	state := func(user string) string {
		return fmt.Sprintf("TOWPATH_STATE=postgres://%s@%s/%s?schema=%s", user, c.Control.URL.Host, (postgres{c.Control}).database(), c.Name)
	}
	shared := []string{"TOWPATH_MASTER_KEY=" + strings.Repeat("A", 43) + "=", "TOWPATH_LEASE=2s", "TOWPATH_CONNECTIONS=", "TOWPATH_FILES=" + c.Dir + "," + filepath.Dir(c.Source.source)}
	worker := append([]string{state(c.Name), "TOWPATH_STATE_PASSWORD=" + password}, shared...)
	server := append([]string{state(c.Control.URL.User.Username()), "TOWPATH_STATE_PASSWORD=" + passwordOf(c.Control.URL)}, shared...)
	for range c.Workers {
		m := &member{args: []string{"worker", "--parallel", "4"}, env: worker}
		c.workers = append(c.workers, m)
		if err := c.launch(m); err != nil {
			return err
		}
	}
	c.server = &member{args: []string{"server", "--parallel", "0", "--listen", address}, env: server}
	if err := c.launch(c.server); err != nil {
		return err
	}
	c.api = client.Client{URL: "http://" + address}
	if err := c.until(ctx, "the server answers", func() bool {
		_, err := c.api.WhoAmI(ctx)
		_, refused := errors.AsType[*client.Problem](err)
		return refused
	}); err != nil {
		return err
	}
	if _, err := (postgres{c.Control}).run(ctx, "SET search_path = "+c.Name+"; "+of(workerGrants, c.Name, c.Name)); err != nil {
		return err
	}
	var token struct {
		Token string `json:"token"`
	}
	for _, args := range [][]string{{"user", "add", "ann"}, {"user", "role", "ann", "editor"}, {"token", "create", "kill", "--account", "ann", "--role", "editor"}} {
		if err := c.say(ctx, server, &token, args...); err != nil {
			return err
		}
	}
	c.api.Token = token.Token
	return nil
}

// workerGrants are the rights of docs/pool.md, for a schema and a role.
const workerGrants = `GRANT USAGE ON SCHEMA {place} TO {table};
	GRANT SELECT ON towpath_version, run, run_connection, plan, stream, shard, step, target, dirty, connection, sealed TO {table};
	GRANT INSERT, UPDATE ON shard, target TO {table}; GRANT UPDATE ON stream TO {table}; GRANT INSERT, UPDATE, DELETE ON dirty TO {table}`

// say runs a short command with an environment and decodes its data.
func (c *Crowd) say(ctx context.Context, env []string, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, c.Program, append(args, "--json")...)
	cmd.Env = environment(c.Dir, env...)
	out, err := cmd.Output()
	var a answer
	if jsonErr := json.Unmarshal(out, &a); jsonErr != nil || !a.OK {
		return fmt.Errorf("towpath %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return json.Unmarshal(a.Data, into)
}

func (c *Crowd) launch(m *member) error {
	m.cmd = exec.Command(c.Program, m.args...)
	m.cmd.Env = environment(c.Dir, m.env...)
	m.cmd.Stdout, m.cmd.Stderr = &m.said, &m.said
	return m.cmd.Start()
}

func (m *member) kill() {
	if m != nil && m.cmd != nil && m.cmd.Process != nil {
		_ = m.cmd.Process.Kill() // Wait tells
		_ = m.cmd.Wait()
	}
}

// until waits until what holds.
func (c *Crowd) until(ctx context.Context, what string, holds func() bool) error {
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; {
		if holds() {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("wait until %s: the server said %.2000s; a worker said %.2000s", what, c.server.said.String(), c.workers[0].said.String())
}

// Start begins a run of a job of its own.
func (c *Crowd) Start(ctx context.Context) error {
	dir, err := c.folder(ctx, c.Source)
	if err != nil {
		return err
	}
	j := &crowdJob{dir: dir, environment: fmt.Sprintf("e%d", len(c.jobs))}
	for alias, path := range map[string]string{"source": c.Source.source, "target": c.Source.target(dir)} {
		options, err := json.Marshal(map[string]string{"path": path})
		if err != nil {
			return err
		}
		if err := c.again(ctx, func() error {
			_, err := c.api.PutConnection(ctx, j.environment, alias, 0, client.ConnectionInput{Connector: "sqlite", Options: options})
			return err
		}); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "job.yaml"))
	if err != nil {
		return err
	}
	document, err := json.Marshal(strings.Replace(strings.Replace(string(text), "parallel: 4", fmt.Sprintf("parallel: 4, rate: {rows: %d}", c.Pace), 1), "name: kill", "name: "+j.environment, 1))
	if err != nil {
		return err
	}
	err = c.again(ctx, func() error {
		started, err := c.api.StartBatch(ctx, filepath.Base(dir), client.Batch{Start: client.Start{Environment: j.environment}, Document: document})
		j.run = started.Run.Run
		return err
	})
	c.jobs = append(c.jobs, j)
	return err
}

// again calls the server until it answers.
func (c *Crowd) again(ctx context.Context, call func() error) error {
	var err error
	wait := c.until(ctx, "the server answers", func() bool {
		err = call()
		_, answered := errors.AsType[*client.Problem](err)
		return err == nil || answered
	})
	return errors.Join(wait, err)
}

// Kill ends a worker, or the server, and starts it again.
func (c *Crowd) Kill(server bool, so *Crowded) error {
	time.Sleep(time.Duration(c.Rand.Int64N(int64(1500 * time.Millisecond))))
	m := c.workers[c.Rand.IntN(len(c.workers))]
	if server {
		m = c.server
		so.Servers++
	} else {
		so.Workers++
	}
	so.Kills++
	m.kill()
	time.Sleep(time.Duration(c.Rand.Int64N(int64(500 * time.Millisecond))))
	return c.launch(m)
}

// Over reports whether all runs have succeeded; one at rest elsewhere is a fault.
func (c *Crowd) Over(ctx context.Context, so *Crowded) (bool, error) {
	over := true
	for _, j := range c.jobs {
		var run client.Run
		if err := c.again(ctx, func() (err error) {
			run, err = c.api.Run(ctx, j.run, "")
			return err
		}); err != nil {
			return false, err
		}
		switch run.State {
		case "succeeded":
		case "failed", "paused", "stopped":
			so.fault("run %s is %s: %s", j.run, run.State, run.Reason)
			return true, nil
		default:
			over = false
		}
	}
	return over, nil
}

// Judge compares what each job has copied, and its counts.
func (c *Crowd) Judge(ctx context.Context, so *Crowded) error {
	wants := c.Source.Wants()
	for _, j := range c.jobs {
		so.Jobs++
		so.Runs++
		so.Rows += wants.Read
		v, err := c.Source.Judge(ctx, j.dir)
		if err != nil {
			return err
		}
		so.Verdict.Add(v)
		run, err := c.api.Run(ctx, j.run, "")
		if err != nil {
			return err
		}
		if t := run.Total; t == nil || t.Read != wants.Read || t.Dirty != int64(len(wants.Dirty)) || t.Read != t.Written+t.Dirty+t.Filtered {
			so.fault("run %s ended with %+v, wanted are %d rows read and %d dirty", j.run, t, wants.Read, len(wants.Dirty))
		}
		if v == (Verdict{}) {
			if err := os.RemoveAll(j.dir); err != nil {
				return err
			}
		}
	}
	c.jobs = nil
	return nil
}

// End ends all processes and removes the schema and the role.
func (c *Crowd) End(ctx context.Context) error {
	for _, m := range append(c.workers, c.server) {
		m.kill()
	}
	_, err := postgres{c.Control}.run(ctx, fmt.Sprintf("DROP SCHEMA IF EXISTS %[1]s CASCADE; DROP ROLE IF EXISTS %[1]s", c.Name))
	return err
}

// Kills starts jobs and kills so many workers and servers while they run; what is over is judged, and begun anew while kills are left.
func (c *Crowd) Kills(ctx context.Context, jobs, workers, servers int, so *Crowded) (err error) {
	if err := c.Begin(ctx); err != nil {
		return errors.Join(err, c.End(context.WithoutCancel(ctx)))
	}
	defer func() { err = errors.Join(err, c.End(context.WithoutCancel(ctx))) }()
	for so.Good() && ctx.Err() == nil {
		for range jobs {
			if err := c.Start(ctx); err != nil {
				return err
			}
		}
		for over := false; !over; {
			if left := workers - so.Workers + servers - so.Servers; left > 0 {
				if err := c.Kill(c.Rand.IntN(left) >= workers-so.Workers, so); err != nil {
					return err
				}
			} else {
				time.Sleep(200 * time.Millisecond)
			}
			if over, err = c.Over(ctx, so); err != nil {
				return err
			}
		}
		c.Log("%d jobs, %d workers and %d servers killed", len(c.jobs), so.Workers, so.Servers)
		if so.Good() {
			if err := c.Judge(ctx, so); err != nil {
				return err
			}
		}
		if so.Workers >= workers && so.Servers >= servers {
			break
		}
	}
	if !so.Good() {
		c.Log("the server said %.3000s\na worker said %.3000s", c.server.said.String(), c.workers[0].said.String())
	}
	return nil
}
