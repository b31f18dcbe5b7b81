package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/towpath/towpath/app"
)

// childFlag is the argument with which the program runs one task in a process of its own: memory and CPU of a run are then its
// process's, and no run finds caches or heap of another one.
const childFlag = "-child"

// task is what a child does.
type task struct {
	Kind    string `json:"kind"`
	Rows    int64  `json:"rows,omitempty"`
	Ranges  int    `json:"ranges,omitempty"`
	Source  string `json:"source,omitempty"` // URL or path
	Dataset string `json:"dataset,omitempty"`
	Target  string `json:"target,omitempty"`
	Index   string `json:"index,omitempty"` // or table, or a name for each
	Write   string `json:"write,omitempty"` // mode; "": insert
	State   string `json:"state,omitempty"` // folder of the control database
	Procs   int    `json:"procs,omitempty"`
	Profile string `json:"profile,omitempty"` // file for a CPU profile
}

// tasks are what a child can be asked for.
func tasks() map[string]func(context.Context, task) (Sample, error) {
	return map[string]func(context.Context, task) (Sample, error){
		"engine":      func(ctx context.Context, t task) (Sample, error) { return engineCopy(ctx, t.Rows) },
		"read":        readTask,
		"sqlite-copy": sqliteCopy,
		"pause":       pauseTask,
		"generated":   generatedCopy,
		"to-null":     copyToNull,
		"to-search":   copyToSearch,
		"copy":        copyTask,
		"boxed":       boxedTask,
		"write":       writeTask,
	}
}

func childMain(ctx context.Context, args []string, out, log io.Writer) int {
	var t task
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &t) != nil || tasks()[t.Kind] == nil {
		fmt.Fprintln(log, "bench: a child wants one task")
		return 2
	}
	debug.SetGCPercent(app.GCPercent) // as the program does
	s, err := profiled(ctx, t)
	if err == nil {
		err = json.NewEncoder(out).Encode(s)
	}
	if err != nil {
		fmt.Fprintln(log, err)
		return 1
	}
	return 0
}

// profiled runs a task, and writes a CPU profile of it where one is wanted.
func profiled(ctx context.Context, t task) (Sample, error) {
	if t.Profile == "" {
		return tasks()[t.Kind](ctx, t)
	}
	f, err := os.Create(t.Profile)
	if err != nil {
		return Sample{}, err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return Sample{}, err
	}
	s, err := tasks()[t.Kind](ctx, t)
	pprof.StopCPUProfile()
	return s, errors.Join(err, f.Close())
}

// child runs a task in a process of its own. What it took in memory is what the kernel counted.
func (b *bench) child(ctx context.Context, t task) (Sample, error) {
	self, err := os.Executable()
	if err != nil {
		return Sample{}, err
	}
	if b.profiles != "" {
		b.profiled++
		t.Profile = filepath.Join(b.profiles, fmt.Sprintf("%s-%d.pprof", t.Kind, b.profiled))
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return Sample{}, err
	}
	c := exec.CommandContext(ctx, self, childFlag, string(raw))
	if t.Procs > 0 {
		c.Env = append(c.Environ(), fmt.Sprintf("GOMAXPROCS=%d", t.Procs))
	}
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	if err := c.Run(); err != nil {
		return Sample{}, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var s Sample
	err = json.Unmarshal(out.Bytes(), &s)
	s.RSS = rusage(c).rss
	return s, err
}

// ours makes a contender of a task.
func (b *bench) ours(name string, t task) contender {
	return contender{name, func(ctx context.Context) (Sample, error) { return b.child(ctx, t) }}
}

// rusage is what an ended command took.
func rusage(c *exec.Cmd) used {
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return usedOf(u)
	}
	return used{}
}
