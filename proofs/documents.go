package main

import (
	"context"
	"time"

	"github.com/towpath/towpath/proofs/documents"
)

// proveDocuments copies 3,000,000 rows of 20 columns from MariaDB into each search server and compares every document.
func proveDocuments(ctx context.Context, w *work) (any, error) {
	f := &documents.Figures{}
	if err := w.resume(f); err != nil {
		return nil, err
	}
	began := time.Now()
	p := documents.Proof{Root: w.root, Dir: w.dir, Rows: 3_000_000, Seed: w.seed, Database: "towpath_proof", Log: w.log,
		Save: func(f *documents.Figures) error { return w.save(f, time.Since(began)) }}
	err := p.Run(ctx, f)
	if len(f.Servers) < len(documents.Servers()) {
		return nil, err
	}
	return f, err
}
