package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/towpath/towpath/proofs/kill"
)

// What killWorkers is to bear.
const (
	crowdJobs    = 20
	crowdWorkers = 100
	crowdServers = 20
)

// killWorkers kills workers and the server that steers their runs.
func killWorkers(ctx context.Context, w *work) (any, error) {
	control, err := w.servers().Shared(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	program, err := kill.Build(ctx, w.root, w.dir)
	if err != nil {
		return nil, err
	}
	source, err := kill.NewFile(ctx, kill.Append, filepath.Join(w.dir, "sources"), fileRows, 1)
	if err != nil {
		return nil, err
	}
	c := &kill.Crowd{Harness: &kill.Harness{Program: program, Dir: filepath.Join(w.dir, "runs"), Rand: rand.New(rand.NewPCG(w.seed, 0)), Log: w.log},
		Control: control, Name: w.prefix(), Workers: 2, Pace: 120, Source: source}
	began := time.Now()
	so := new(kill.Crowded)
	if err := c.Kills(ctx, crowdJobs, crowdWorkers, crowdServers, so); err != nil {
		return nil, err
	}
	if err := w.save(so, time.Since(began)); err != nil {
		return nil, err
	}
	if !so.Good() {
		return so, fmt.Errorf("lost %d, doubled %d, altered %d, extra %d, other faults %d", so.Lost, so.Doubled, so.Altered, so.Extra, len(so.Faults))
	}
	return so, nil
}
