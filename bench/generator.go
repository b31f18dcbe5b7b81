package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// generator is a source whose rows cost almost nothing, so that what is measured is everything behind it: every batch is the
// same rows but for their ids, copied column by column.
type generator struct {
	rows   int64 // of each dataset
	shards int
	schema *record.Schema
	model  *record.Batch

	reading atomic.Int64 // shards being read
	stopped atomic.Int64 // when the newest of them ended, in Unix nanoseconds
}

// positionKind names the positions of generated shards: the next id.
const positionKind = "generator.rows"

func newGenerator(rows int64, shards int) *generator {
	s := &record.Schema{Fields: []record.Field{
		{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1},
		{Name: "customer", Type: record.Type{Kind: record.Int, Bits: 64}},
		{Name: "weight", Type: record.Type{Kind: record.Float, Bits: 64}},
		{Name: "ordered", Type: record.Type{Kind: record.Datetime, Precision: 6}},
		{Name: "name", Type: record.Type{Kind: record.Text, Length: 20}},
		{Name: "note", Type: record.Type{Kind: record.Text, Length: 40}},
	}}
	return &generator{rows: rows, shards: shards, schema: s, model: modelBatch(s)}
}

// modelBatch is a full batch: texts of 4 to 20 and of 8 to 40 bytes.
func modelBatch(s *record.Schema) *record.Batch {
	const letters = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
	b := record.NewBatch(s)
	for i := range record.MaxRows {
		b.Cols[0].AppendInt64(int64(i))
		b.Cols[1].AppendInt64(int64(i) * 2654435761)
		b.Cols[2].AppendFloat64(float64(i) / 7)
		b.Cols[3].AppendInt64(1_700_000_000_000_000 + int64(i)*1_000_003)
		b.Cols[4].AppendString(letters[i%26 : i%26+4+i%17])
		b.Cols[5].AppendString(letters[i%12 : i%12+8+i%33])
		b.Len++
	}
	b.Size = 4*8*b.Len + len(b.Cols[4].Data) + len(b.Cols[5].Data)
	return b
}

// Schema implements connector.Reader.
func (g *generator) Schema(context.Context) (*record.Schema, bool, error) { return g.schema, true, nil }

// Close implements connector.Reader.
func (g *generator) Close() error { return nil }

// Split implements connector.Reader.
func (g *generator) Split(_ context.Context, of connector.Shard, _ connector.Position, hint connector.Hint) ([]connector.Shard, error) {
	return splitRows(g.rows, 64, of, cmp.Or(hint.Shards, g.shards)), nil
}

// splitRows cuts rows of so many bytes into n equal parts; a shard's range is its first id and the one behind its last.
func splitRows(rows, rowBytes int64, of connector.Shard, shards int) []connector.Shard {
	if of.Range != nil {
		return []connector.Shard{of}
	}
	n := int64(shards)
	out := make([]connector.Shard, n)
	for i := range n {
		first, end := rows/n*i, rows/n*(i+1)
		if i == n-1 {
			end = rows
		}
		out[i] = connector.Shard{Range: fmt.Appendf(nil, "%d %d", first, end), Replay: connector.Exact, Rows: end - first, Bytes: rowBytes * (end - first)}
	}
	return out
}

// Read implements connector.Reader.
func (g *generator) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	return func(yield func(connector.Chunk, error) bool) {
		g.reading.Add(1)
		defer func() {
			g.stopped.Store(time.Now().UnixNano())
			g.reading.Add(-1)
		}()
		at, end, err := rangeOf(q)
		for err == nil && at < end && ctx.Err() == nil {
			var b *record.Batch
			if b, err = q.Batches.Get(ctx, q.Schema); err != nil {
				break
			}
			fill(b, g.model, at, int(min(end-at, record.MaxRows)))
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

// rangeOf returns the first id that a query asks for and the one behind the last.
func rangeOf(q connector.Query) (at, end int64, err error) {
	if _, err := fmt.Sscanf(string(q.Shard.Range), "%d %d", &at, &end); err != nil {
		return 0, 0, fmt.Errorf("read range %q: %w", q.Shard.Range, err)
	}
	if q.From != nil {
		parts, err := q.From.Parts(positionKind)
		if err != nil {
			return 0, 0, err
		}
		at = parts[0].Int
	}
	return at, end, nil
}

// afterRow is the position in front of the row with an id.
func afterRow(id int64) connector.Position {
	return connector.NewPosition(positionKind, connector.Part{Tag: connector.TagInt, Int: id})
}

// fill copies the model's rows, most of them at most, with the ids from first on in the first column.
func fill(b, model *record.Batch, first int64, most int) {
	for i, from := range model.Cols {
		to := b.Cols[i]
		to.Len, to.Nulls = from.Len, from.Nulls
		if from.Nulls > 0 {
			copy(to.Valid, from.Valid)
		}
		switch from.Form {
		case record.FormInt64:
			to.Int64 = append(to.Int64[:0], from.Int64...)
		case record.FormFloat64:
			to.Float64 = append(to.Float64[:0], from.Float64...)
		case record.FormInt128:
			to.Int128 = append(to.Int128[:0], from.Int128...)
		case record.FormBytes:
			to.Offsets = append(to.Offsets[:0], from.Offsets...)
			to.Data = append(to.Data[:0], from.Data...)
		}
	}
	b.Len, b.Size = model.Len, model.Size
	if most < model.Len {
		b.Truncate(most)
		b.Size = model.Size * most / model.Len
	}
	ids := b.Cols[0].Int64
	for i := range ids {
		ids[i] = first + int64(i)
	}
}

// anyConnection describes connections of the connectors that are made for the benchmark: none has options.
type anyConnection struct{}

// connector is the generator as a source of jobs.
func (g *generator) connector() connector.Connector {
	return connector.Connector{Name: "generator", Title: "Generated rows",
		Connection: connector.Describe(anyConnection{}), Reading: connector.Describe(anyConnection{}),
		Open: func(context.Context, connector.Connection) (connector.Client, error) {
			return nowhere("generator"), nil
		},
		Read: func(context.Context, connector.Client, connector.Source) (connector.Reader, error) { return g, nil },
	}
}

// nowhere is the client of a connector without servers; its text is its identity.
type nowhere string

// Identity implements connector.Client.
func (n nowhere) Identity(context.Context) (string, error) { return string(n), nil }

// Datasets implements connector.Client.
func (n nowhere) Datasets(_ context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if strings.Contains(pattern, "*") {
			yield("", errors.New("list datasets: a generator has any, and none to list"))
			return
		}
		yield(pattern, nil)
	}
}

// Close implements connector.Client.
func (n nowhere) Close() error { return nil }
