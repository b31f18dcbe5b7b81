package kill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/towpath/towpath/internal/crashpoint"
)

// process is one life of the program.
type process struct {
	cmd    *exec.Cmd
	points string // its crash point file
	stdout bytes.Buffer
	stderr bytes.Buffer
	exited chan struct{}
	err    error // after exited is closed
}

// start starts the program, which stays a while at the point dwell.
func (h *Harness) start(dir string, dwell crashpoint.Point, env []string, args ...string) (*process, error) {
	f, err := os.CreateTemp(dir, "points-")
	if err != nil {
		return nil, err
	}
	f.Close()
	p := &process{points: f.Name(), exited: make(chan struct{})}
	p.cmd = exec.Command(h.Program, append(args, "--json")...)
	p.cmd.Dir = dir
	p.cmd.Env = environment(dir, append(env, "TOWPATH_CRASHPOINTS="+p.points, "TOWPATH_CRASHPOINT_DWELL="+strconv.Itoa(int(dwell)))...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// kill ends the process and reports the points at which its shards stood; ok is false when it had ended by itself.
func (p *process) kill() (points []crashpoint.Point, ok bool) {
	_ = p.cmd.Process.Kill() // one that has ended is told below
	<-p.exited
	status, signaled := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !signaled || !status.Signaled() {
		return nil, false
	}
	seen := map[crashpoint.Point]bool{}
	for _, at := range p.stands() {
		if !seen[at] {
			seen[at] = true
			points = append(points, at)
		}
	}
	return points, true
}

// stands returns where the shards stand.
func (p *process) stands() []crashpoint.Point {
	page, err := os.ReadFile(p.points)
	if err != nil {
		return nil
	}
	var at []crashpoint.Point
	for _, b := range page {
		if b != 0 && int(b) < len(crashpoint.Names) {
			at = append(at, crashpoint.Point(b))
		}
	}
	return at
}

// watchEvery is how often the crash point file is looked at; a process that dwells stays 10 ms at a point on average.
const watchEvery = 250 * time.Microsecond

// reach waits until a shard stands at one of the points; false: the process ended before, or within most none did.
func (p *process) reach(most time.Duration, points ...crashpoint.Point) bool {
	end := time.Now().Add(most)
	for time.Now().Before(end) {
		for _, at := range p.stands() {
			for _, want := range points {
				if at == want {
					return true
				}
			}
		}
		if p.wait(watchEvery) {
			return false
		}
	}
	return false
}

// wait reports whether the process ended within d.
func (p *process) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// result is how a process that ended by itself did.
func (p *process) result() (code int, a answer) {
	_ = json.Unmarshal(p.stdout.Bytes(), &a) // without an answer the exit code and stderr speak
	return p.cmd.ProcessState.ExitCode(), a
}

// lastWords ends a process that is stuck, and tells what it said.
func (p *process) lastWords() string {
	p.kill()
	return p.said()
}

// said is what a process that has ended printed.
func (p *process) said() string {
	text := strings.TrimSpace(p.stdout.String() + p.stderr.String())
	if len(text) > 1500 {
		text = text[:700] + " ... " + text[len(text)-700:]
	}
	return text
}

// freeze stops the process and returns when no thread of it runs.
func (p *process) freeze() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); errors.Is(err, os.ErrProcessDone) {
		return errEnded
	} else if err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if stopped(p.cmd.Process.Pid) {
			return nil
		}
		if p.wait(time.Millisecond) {
			return errEnded
		}
	}
	return errors.New("freeze: the process does not stop")
}

var errEnded = errors.New("the process has ended")

// wake lets a frozen process go on; one that has ended stays so.
func (p *process) wake() error {
	if err := p.cmd.Process.Signal(syscall.SIGCONT); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// stopped reports whether all threads of the process are stopped. Without /proc it believes the signal.
func stopped(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(tasks) == 0 {
		return true
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task)
		if err != nil {
			continue // a thread that ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return true
}
