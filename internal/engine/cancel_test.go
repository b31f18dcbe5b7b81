package engine_test

import (
	"context"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/record"
)

// slowTarget answers nothing until it is no longer waited for.
type slowTarget struct{ connector.Writer }

func (slowTarget) Take(ctx context.Context, _ connector.Shard, _ connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	<-ctx.Done()
	return nil, last, connector.Errorf(connector.Other, "TOW-999", "take: %w", ctx.Err())
}

func TestLostLeaseDecidesOverWhatItCutShort(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(connector.Errorf(connector.Fenced, "TOW-998", "the lease ran out"))
	p := &engine.Pipe{Writer: slowTarget{}}
	_, err := p.Copy(ctx, t.Context(), engine.Work{Shard: connector.Shard{ID: "s"}, Pool: record.NewPool(record.MinBudget)})
	if got := connector.ClassOf(err); got != connector.Fenced {
		t.Errorf("class of %v is %v, want %v", err, got, connector.Fenced)
	}
}
