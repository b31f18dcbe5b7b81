package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// openService wires the application as the command line does, over a control database in the folder, with more connectors
// beside its own.
func openService(ctx context.Context, folder string, more ...connector.Connector) (*control.Service, func(), error) {
	set := connector.NewSet(append(all.Connectors().All(), more...)...)
	s := &control.Service{Connectors: set, Owner: control.ThisProcess(), Who: "bench", Log: slog.New(slog.DiscardHandler), Lease: 15 * time.Second,
		Connections: func(_ context.Context, alias string) (job.Connection, error) {
			return job.Connection{}, errors.New("no aliases here")
		},
		Secrets:  func(_ context.Context, _ string, raw json.RawMessage) (json.RawMessage, error) { return raw, nil },
		Password: func(string) (string, error) { return "", nil },
		Clean:    func(text string) string { return text }}
	done, err := s.OpenStore(ctx, filepath.Join(folder, "towpath.db"))
	return s, done, err
}

// jobText writes a job document; JSON is YAML.
func jobText(source, target, stream, settings map[string]any) (*job.Job, error) {
	if settings == nil {
		settings = map[string]any{}
	}
	text, err := json.Marshal(map[string]any{"name": "bench", "mode": "batch", "source": source, "target": target,
		"streams": []any{stream}, "settings": settings})
	if err != nil {
		return nil, err
	}
	return job.Parse(text, "bench.yaml")
}

// runJob runs a job to its end and returns the rows that were written.
func runJob(ctx context.Context, s *control.Service, j *job.Job) (int64, error) {
	run, err := s.Run(ctx, j, nil, nil)
	if err != nil {
		return 0, err
	}
	_, progress, _, err := s.Status(ctx, run.Key)
	if err != nil {
		return 0, err
	}
	counts := progress.Total.Counts
	if run.State != store.Succeeded || counts.Written != counts.Read {
		return 0, fmt.Errorf("run %s is %s: %s: %d rows read, %d written", run.Key, run.State, run.Reason, counts.Read, counts.Written)
	}
	return counts.Written, nil
}

// generatedCopy copies generated rows by a job, planned, leased and steered with a control database on disk: to nothing, or
// into the SQLite file that the task names.
func generatedCopy(ctx context.Context, t task) (Sample, error) {
	s, done, err := openService(ctx, t.State, newGenerator(t.Rows, 16).connector(), null{}.connector())
	if err != nil {
		return Sample{}, err
	}
	defer done()
	target := map[string]any{"connector": "null"}
	if t.Target != "" {
		target = map[string]any{"connector": "sqlite", "path": t.Target}
	}
	j, err := jobText(map[string]any{"connector": "generator"}, target, map[string]any{"source": "rows", "target": "rows", "write": "upsert"}, nil)
	if err != nil {
		return Sample{}, err
	}
	return sampled(func() (int64, error) { return runJob(ctx, s, j) })
}

// state makes a folder for a control database of one run.
func (b *bench) state() (string, error) { return os.MkdirTemp(b.folder, "state-") }

// job makes a contender of a task that runs a job.
func (b *bench) job(name string, t task) contender {
	return contender{name, func(ctx context.Context) (s Sample, err error) {
		if t.State, err = b.state(); err != nil {
			return s, err
		}
		return b.child(ctx, t)
	}}
}

func measureMemory(ctx context.Context, b *bench) ([]Figure, error) {
	samples, err := b.interleave(ctx, b.job("generator to null", task{Kind: "generated", Rows: cmp.Or(b.rows, 10_000_000)}))
	if err != nil {
		return nil, err
	}
	f := figureOf("memory", samples[0], "", nil)
	f.Value, f.Unit = f.RSS, "MB"
	return []Figure{f}, nil
}
