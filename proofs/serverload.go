package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/towpath/towpath/proofs/served"
)

// proveServerLoad starts 200 small runs and 20 large ones at once, while 500 listen of whom 50 read nothing.
func proveServerLoad(ctx context.Context, w *work) (any, error) {
	program, err := served.Build(ctx, w.root, w.dir)
	if err != nil {
		return nil, err
	}
	site := &served.Site{Program: program, Dir: filepath.Join(w.dir, "site"), Log: w.log}
	if err := errors.Join(os.RemoveAll(site.Dir), site.Open(ctx, 1)); err != nil {
		return nil, err
	}
	l := &served.Load{Site: site, Small: 200, Large: 20, Rows: 100_000, Places: 4, Limit: 2, Clients: 450, Stalled: 50}
	f, err := l.Run(ctx)
	if err != nil {
		return nil, err
	}
	w.log("%+v", f)
	if len(f.Faults) > 0 {
		err = fmt.Errorf("%d faults", len(f.Faults))
	}
	return f, err
}
