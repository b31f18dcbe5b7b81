package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/sqlite"
)

func measureSQLite(ctx context.Context, b *bench) ([]Figure, error) {
	source := filepath.Join(b.folder, "source.db")
	t := task{Kind: "generated", Rows: cmp.Or(b.rows, 1_000_000), Target: source}
	if _, err := b.job("make", t).once(ctx); err != nil {
		return nil, err
	}
	target := filepath.Join(b.folder, "target.db")
	read := b.ours("sqlite to null", task{Kind: "read", Source: source, Dataset: "rows", Ranges: 1})
	copies := contender{"sqlite to sqlite", func(ctx context.Context) (Sample, error) {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.RemoveAll(target + suffix); err != nil {
				return Sample{}, err
			}
		}
		return b.job("", task{Kind: "sqlite-copy", Source: source, Target: target}).once(ctx)
	}}
	samples, err := b.interleave(ctx, read, copies)
	if err != nil {
		return nil, err
	}
	return []Figure{figureOf("sqlite-read", samples[0], "", nil), figureOf("sqlite-copy", samples[1], "", nil)}, nil
}

// sqliteCopy copies a table into another file by a job.
func sqliteCopy(ctx context.Context, t task) (Sample, error) {
	s, done, err := openService(ctx, t.State)
	if err != nil {
		return Sample{}, err
	}
	defer done()
	j, err := jobText(map[string]any{"connector": "sqlite", "path": t.Source}, map[string]any{"connector": "sqlite", "path": t.Target},
		map[string]any{"source": "rows", "target": "rows", "write": "upsert"}, map[string]any{"shards": 8})
	if err != nil {
		return Sample{}, err
	}
	return sampled(func() (int64, error) { return runJob(ctx, s, j) })
}

// openFile opens a SQLite file.
func openFile(ctx context.Context, path string) (connector.Connector, connector.Client, error) {
	c := sqlite.Connector()
	options, err := json.Marshal(map[string]any{"path": path})
	if err != nil {
		return c, nil, err
	}
	client, err := c.Open(ctx, connector.Connection{Name: "bench", Options: options})
	return c, client, err
}
