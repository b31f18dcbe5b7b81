package main

import (
	"context"
	"fmt"
	"time"

	"github.com/towpath/towpath/proofs/cells"
)

// proveCells copies 2,000,000 sparse rows and one of 200,000 cells from HBase into Elasticsearch and compares every document.
func proveCells(ctx context.Context, w *work) (any, error) {
	source, target, err := w.shared(ctx, "hbase", "elasticsearch8")
	if err != nil {
		return nil, err
	}
	p := cells.Proof{HBase: source, Search: target.URL, Table: w.prefix(), Fill: cells.Sparse(w.prefix(), 2_000_000, 200_000), Index: w.prefix(), Dir: w.dir, Root: w.root, Log: w.log}
	began := time.Now()
	f, err := p.Run(ctx)
	if err == nil {
		err = w.save(f, time.Since(began))
	}
	if err != nil {
		return nil, err
	}
	if !f.Good() {
		return f, fmt.Errorf("%d rows, %d documents, %d of them equal, %d lost, %d dirty: %q", f.Rows, f.Documents, f.Equal, f.Lost, f.Dirty, f.Wrong)
	}
	return f, p.Drop(ctx)
}
