package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// ready is a source of rows that lie in memory: some batches of a real table, again and again, with ids of their own. It is to a writer
// what a ready file is to a client: it costs a copy of the bytes.
type ready struct {
	rows    int64
	schema  *record.Schema
	batches []*record.Batch
}

// readyRows is how many different rows are kept.
const readyRows = 128 << 10

// keepRows reads the first rows of a dataset, whose first column is a number that tells rows apart.
func keepRows(ctx context.Context, address, dataset string, rows int64) (*ready, error) {
	c, client, err := openServer(ctx, address)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	r, err := c.Read(ctx, client, connector.Source{Dataset: dataset})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	schema, _, err := r.Schema(ctx)
	if err != nil {
		return nil, err
	}
	shards, err := r.Split(ctx, connector.Shard{}, nil, connector.Hint{Shards: 1})
	if err != nil {
		return nil, err
	}
	if schema.Fields[0].Type.Form() != record.FormInt64 || len(shards) != 1 {
		return nil, fmt.Errorf("keep rows of %s: its first column is no number, or it is not read in one part", dataset)
	}
	k := &ready{rows: rows, schema: schema}
	pool := record.NewPool(1 << 30) // nothing of it is given back
	kept := 0
	for chunk, err := range r.Read(ctx, connector.Query{Shard: shards[0], Schema: schema, Batches: pool}) {
		if err != nil {
			return nil, err
		}
		if chunk.Batch == nil || chunk.Batch.Len == 0 {
			continue
		}
		k.batches = append(k.batches, chunk.Batch)
		if kept += chunk.Batch.Len; kept >= readyRows {
			break
		}
	}
	if kept == 0 {
		return nil, fmt.Errorf("keep rows of %s: it has none", dataset)
	}
	return k, nil
}

// Schema implements connector.Reader.
func (k *ready) Schema(context.Context) (*record.Schema, bool, error) { return k.schema, true, nil }

// Close implements connector.Reader.
func (k *ready) Close() error { return nil }

// Split implements connector.Reader.
func (k *ready) Split(_ context.Context, of connector.Shard, _ connector.Position, hint connector.Hint) ([]connector.Shard, error) {
	return splitRows(k.rows, 240, of, max(hint.Shards, 1)), nil
}

// Read implements connector.Reader.
func (k *ready) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	return func(yield func(connector.Chunk, error) bool) {
		at, end, err := rangeOf(q)
		for n := 0; err == nil && at < end && ctx.Err() == nil; n++ {
			var b *record.Batch
			if b, err = q.Batches.Get(ctx, q.Schema); err != nil {
				break
			}
			fill(b, k.batches[n%len(k.batches)], at, int(end-at))
			at += int64(b.Len)
			if !yield(connector.Chunk{Batch: b, After: afterRow(at)}, nil) {
				return
			}
		}
		if err != nil && ctx.Err() == nil {
			yield(connector.Chunk{}, err)
		}
	}
}

// connector is these rows as a source of jobs.
func (k *ready) connector() connector.Connector {
	return connector.Connector{Name: "ready", Title: "Rows in memory",
		Connection: connector.Describe(anyConnection{}), Reading: connector.Describe(anyConnection{}),
		Open: func(context.Context, connector.Connection) (connector.Client, error) { return nowhere("ready"), nil },
		Read: func(context.Context, connector.Client, connector.Source) (connector.Reader, error) { return k, nil },
	}
}
