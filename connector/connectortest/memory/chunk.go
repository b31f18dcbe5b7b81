package memory

import (
	"context"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

// read yields the chunks of a shard; the error it returns is still to be yielded.
func (r *reader) read(ctx context.Context, q connector.Query, yield func(connector.Chunk, error) bool) error {
	b, after, err := r.start(q)
	if err != nil {
		return err
	}
	limit := record.MaxRows
	if r.o.ChunkRows > 0 {
		limit = min(limit, r.o.ChunkRows)
	}
	var rows []connectortest.Row
	var keys [][]string
	for {
		if len(rows) == 0 {
			if rows, keys, err = r.rowsBehind(q.Snapshot, b, after, limit); err != nil || len(rows) == 0 {
				return err
			}
		}
		if _, err := r.s.enter(ctx, Read); err != nil {
			return err
		}
		batch, err := q.Batches.Get(ctx, q.Schema)
		if err != nil {
			return err
		}
		chunk := connector.Chunk{Batch: batch}
		taken := r.fill(&chunk, rows, limit)
		if keys != nil {
			after, keys = keys[taken-1], keys[taken:]
			chunk.After = position(after)
		}
		rows = rows[taken:]
		if batch.Len == 0 {
			batch.Release()
			chunk.Batch = nil
		} else {
			batch.Settle()
		}
		if !yield(chunk, nil) || b.what != keyed && len(rows) == 0 {
			return nil
		}
	}
}

// fill moves rows into the chunk and returns how many it took.
func (r *reader) fill(c *connector.Chunk, rows []connectortest.Row, limit int) (taken int) {
	table := r.places(c.Batch.Schema)
	for taken < min(len(rows), limit) && !c.Batch.Full() {
		row := rows[taken]
		taken++
		if r.s.options.Ragged != nil {
			if code := r.s.options.Ragged(r.from.Dataset, row); code != "" {
				c.Bad = append(c.Bad, connector.Bad{Code: code, Reason: "ragged", Raw: []byte(row.String())})
				continue
			}
		}
		out := make(connectortest.Row, len(table))
		for i, at := range table {
			out[i] = row[at]
		}
		connectortest.Append(c.Batch, out)
	}
	return taken
}

// places returns where the columns of a batch stand in the dataset's rows.
func (r *reader) places(s *record.Schema) []int {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	places := make([]int, len(s.Fields))
	for i, f := range s.Fields {
		if t := r.s.tables[r.from.Dataset]; t != nil {
			places[i] = max(t.schema.Index(f.Name), 0)
		}
	}
	return places
}
