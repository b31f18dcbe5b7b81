package main

import (
	"context"
	"time"

	"github.com/towpath/towpath/proofs/corpus/draw"
)

// mostDraws of random tables are made.
const mostDraws = 20_000

// proveProperties copies random tables between all pairs of systems and compares both sides.
func proveProperties(ctx context.Context, w *work) (any, error) {
	f := &draw.Figures{}
	if err := w.resume(f); err != nil {
		return nil, err
	}
	began := time.Now()
	p := draw.Proof{Root: w.root, Dir: w.dir, Seed: w.seed, Draws: mostDraws, Log: w.log, Save: func(f *draw.Figures) error { return w.save(f, time.Since(began)) }}
	err := p.Run(ctx, f)
	if f.Draws < mostDraws && len(f.Failures) == 0 {
		return nil, err
	}
	return f, err
}
