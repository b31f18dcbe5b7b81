package main

import (
	"context"
	"time"

	"github.com/towpath/towpath/proofs/corpus"
)

// proveCorpus takes every cell of the corpus through every lane under three settings of time zones.
func proveCorpus(ctx context.Context, w *work) (any, error) {
	f := &corpus.Figures{}
	if err := w.resume(f); err != nil {
		return nil, err
	}
	began := time.Now()
	p := corpus.Proof{Root: w.root, Dir: w.dir, Log: w.log, Save: func(f *corpus.Figures) error { return w.save(f, time.Since(began)) }}
	err := p.Run(ctx, f)
	if f.All.Cells == 0 {
		return nil, err
	}
	return f, err
}
