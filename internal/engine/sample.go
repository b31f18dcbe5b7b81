package engine

import (
	"context"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Sample reads up to most rows of a dataset, as JSON objects.
func Sample(ctx context.Context, r connector.Reader, schema *record.Schema, most int) ([][]byte, error) {
	shards, err := r.Split(ctx, connector.Shard{}, nil, connector.Hint{Shards: 1})
	if err != nil {
		return nil, err
	}
	var rows [][]byte
	pool := record.NewPool(record.MinBudget).LimitRows(most)
	for _, shard := range shards {
		for chunk, err := range r.Read(ctx, connector.Query{Shard: shard, Schema: schema, Batches: pool}) {
			if err != nil {
				return nil, err
			}
			if chunk.Batch == nil {
				continue
			}
			for i := 0; i < chunk.Batch.Len && len(rows) < most; i++ {
				rows = append(rows, record.AppendRowJSON(nil, chunk.Batch, i, maxRowBytes))
			}
			chunk.Batch.Release()
			if len(rows) >= most {
				return rows, nil
			}
		}
	}
	return rows, nil
}
