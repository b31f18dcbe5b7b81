package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

// worlds are what the model of the scheduler plays through, some at a time.
const (
	worlds       = 1_000_000
	worldsAtOnce = 50_000
)

// played are the figures of the model.
type played struct {
	Worlds int    `json:"worlds"`
	Fault  string `json:"fault,omitempty"` // what went wrong in the first world that was not right
}

// proveScheduler plays the model of internal/executor/slot through its worlds.
func proveScheduler(ctx context.Context, w *work) (any, error) {
	f := &played{}
	if err := w.resume(f); err != nil {
		return nil, err
	}
	for began := time.Now(); f.Worlds < worlds; {
		c := exec.CommandContext(ctx, "go", "test", "./internal/executor/slot", "-run", "^TestModel$", "-count=1", "-timeout", "1h",
			"-first", strconv.Itoa(f.Worlds), "-seeds", strconv.Itoa(worldsAtOnce))
		c.Dir = w.root
		out, err := c.CombinedOutput()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			f.Fault = string(out)
			return f, fmt.Errorf("a world is not right: %w", err)
		}
		f.Worlds += worldsAtOnce
		w.log("%d worlds", f.Worlds)
		if err := w.save(f, time.Since(began)); err != nil {
			return nil, err
		}
	}
	return f, nil
}
