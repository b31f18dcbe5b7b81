package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/transform"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// pipeOf binds a pipe that stores all columns as they are read.
func pipeOf(ctx context.Context, r connector.Reader, w connector.Writer) (*engine.Pipe, error) {
	schema, _, err := r.Schema(ctx)
	if err != nil {
		return nil, err
	}
	target, err := w.Plan(ctx, schema)
	if err != nil {
		return nil, err
	}
	columns := make([]transform.Column, len(schema.Fields))
	for i := range columns {
		columns[i] = transform.Column{From: i, Want: schema.Fields[i].Type}
	}
	return &engine.Pipe{Stream: "1", Reader: r, Writer: w, Schema: schema, Target: target, Seed: 1,
		Stage: transform.New(schema, target.Stored, columns, transform.Options{Key: target.Key}),
		Gate:  engine.NewFlow(job.Dirty{}, func(error) {})}, nil
}

// copyAll copies all shards of a pipe one after another and checks that every row was counted.
func copyAll(ctx context.Context, p *engine.Pipe, pool *record.Pool, shards []connector.Shard) (rows int64, err error) {
	for i, s := range shards {
		s.ID, s.Stream = fmt.Sprintf("1-%05d", i+1), "1"
		at, err := p.Copy(ctx, ctx, engine.Work{Shard: s, Lease: connector.Lease{Run: "bench", Worker: "bench", Epoch: 1, Stamp: 1},
			Pool: pool, Ledger: &memoryLedger{}})
		if err != nil {
			return rows, err
		}
		if !at.Done || at.Written != at.Read || at.Sum.Count != at.Written {
			return rows, fmt.Errorf("copy shard %s: read %d, written %d, hashed %d", s.ID, at.Read, at.Written, at.Sum.Count)
		}
		rows += at.Written
	}
	return rows, nil
}

// engineCopy copies generated rows to nothing through the whole pipe: transform, row hashes, groups, commits, checkpoints.
func engineCopy(ctx context.Context, rows int64) (Sample, error) {
	pool := record.NewPool(64 << 20)
	once := func(n int64) (int64, error) {
		g := newGenerator(n, 1)
		p, err := pipeOf(ctx, g, null{})
		if err != nil {
			return 0, err
		}
		shards, err := g.Split(ctx, connector.Shard{}, nil, connector.Hint{})
		if err != nil {
			return 0, err
		}
		return copyAll(ctx, p, pool, shards)
	}
	if _, err := once(min(rows, 1<<20)); err != nil { // fills the pool
		return Sample{}, err
	}
	return sampled(func() (int64, error) { return once(rows) })
}

func measureEngine(ctx context.Context, b *bench) ([]Figure, error) {
	samples, err := b.interleave(ctx, b.ours("engine", task{Kind: "engine", Rows: cmp.Or(b.rows, 30_000_000), Procs: 1}))
	if err != nil {
		return nil, err
	}
	f := figureOf("engine", samples[0], "", nil)
	// A core's second, not the clock's: what else the machine does is no part of it.
	f.Value = median(samples[0], func(s Sample) float64 { return over(float64(s.Rows), s.CPU) })
	return []Figure{f}, nil
}
