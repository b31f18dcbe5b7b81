package control

import (
	"context"
	"iter"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// dirtyRows is the source of a replay: the dirty rows that it has chosen, in the control database. Its list is frozen, so that it replays Exact.
type dirtyRows struct {
	store  *store.Store
	replay string
}

// dirtyPosition is the kind of positions in a list of dirty rows: the number of a row.
const dirtyPosition = "dirty rows"

// dirtySource is the side that a replay of a run reads from.
func (s *Service) dirtySource(replay, parent string) engine.End {
	return engine.End{Side: engine.Side{Connector: "dirty rows", Identity: "dirty rows of run " + parent}, Connector: connector.Connector{
		Read: func(context.Context, connector.Client, connector.Source) (connector.Reader, error) {
			return dirtyRows{s.Store, replay}, nil
		},
	}}
}

// Schema returns nothing to compare with: the schema is that of the plan.
func (dirtyRows) Schema(context.Context) (*record.Schema, bool, error) { return nil, false, nil }

// Split leaves a list whole: it is short, and its order is what a row is known by.
func (dirtyRows) Split(_ context.Context, of connector.Shard, _ connector.Position, _ connector.Hint) ([]connector.Shard, error) {
	return []connector.Shard{of}, nil
}

func (dirtyRows) Close() error { return nil }

// Read yields the rows with what people mended of them, each by its number.
func (d dirtyRows) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	return func(yield func(connector.Chunk, error) bool) {
		if err := d.read(ctx, q, yield); err != nil {
			yield(connector.Chunk{}, err)
		}
	}
}

func (d dirtyRows) read(ctx context.Context, q connector.Query, yield func(connector.Chunk, error) bool) error {
	after := int64(0)
	if q.From != nil {
		parts, err := q.From.Parts(dirtyPosition)
		if err == nil && len(parts) != 1 {
			err = connector.Errorf(connector.Changed, "TOW-343", "position of shard %s: it is none in a list of dirty rows", q.Shard.ID)
		}
		if err != nil {
			return err
		}
		after = parts[0].Int
	}
	for {
		rows, err := d.store.ReplayRows(ctx, d.replay, q.Shard.ID, after)
		if err != nil || len(rows) == 0 {
			return err
		}
		for len(rows) > 0 {
			b, err := q.Batches.Get(ctx, q.Schema)
			if err != nil {
				return err
			}
			for len(rows) > 0 && !b.Full() {
				r := rows[0]
				if err := record.ReadRowJSON(b, r.Row, r.Values); err != nil {
					b.Release()
					return connector.Errorf(connector.Changed, "TOW-343", "dirty row %d of shard %s: %w", r.Number, q.Shard.ID, err).WithHint("The control database is damaged.")
				}
				b.Refs, after, rows = append(b.Refs, r.Number), r.Number, rows[1:]
			}
			if !yield(connector.Chunk{Batch: b, After: connector.NewPosition(dirtyPosition, connector.Part{Tag: connector.TagInt, Int: after})}, nil) {
				return nil
			}
		}
	}
}
