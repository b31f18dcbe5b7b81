package main

import (
	"context"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/record"
)

// null is a target that takes every row and keeps none; its progress lies in the control database (way B).
type null struct {
	answer time.Duration // how long a group takes
}

// Plan implements connector.Writer: everything is stored as it comes.
func (n null) Plan(_ context.Context, want *record.Schema) (*connector.Target, error) {
	t := &connector.Target{Dataset: "null", Mode: connector.Upsert, Way: connector.WayB, Reason: "nothing is kept", Stored: want}
	for _, k := range want.Key() {
		t.Key = append(t.Key, want.Fields[k].Name)
	}
	return t, nil
}

// Prepare implements connector.Writer.
func (n null) Prepare(context.Context, *connector.Target, bool, func(connector.Checkpoint) error) error {
	return nil
}

// Take implements connector.Writer.
func (n null) Take(_ context.Context, _ connector.Shard, _ connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	return n, last, nil
}

// Finish implements connector.Writer.
func (n null) Finish(context.Context, connector.Phase) error { return nil }

// Write implements connector.ShardWriter.
func (n null) Write(ctx context.Context, _ []*record.Batch) (connector.Outcome, error) {
	if n.answer == 0 {
		return connector.Outcome{}, nil
	}
	t := time.NewTimer(n.answer)
	defer t.Stop()
	select {
	case <-t.C:
		return connector.Outcome{}, nil
	case <-ctx.Done():
		return connector.Outcome{}, context.Cause(ctx)
	}
}

// Commit implements connector.ShardWriter.
func (n null) Commit(context.Context, connector.Checkpoint) ([]byte, error) { return nil, nil }

// Close implements connector.Writer and connector.ShardWriter.
func (n null) Close() error { return nil }

// connector is null as a target of jobs.
func (n null) connector() connector.Connector {
	return connector.Connector{Name: "null", Title: "Nothing",
		Connection: connector.Describe(anyConnection{}), Writing: connector.Describe(anyConnection{}),
		Open:  func(context.Context, connector.Connection) (connector.Client, error) { return nowhere("null"), nil },
		Write: func(context.Context, connector.Client, connector.Sink) (connector.Writer, error) { return n, nil },
	}
}

// memoryLedger keeps the newest checkpoint alone.
type memoryLedger struct{ last connector.Checkpoint }

// Dirty implements engine.Ledger.
func (l *memoryLedger) Dirty(context.Context, int64, []engine.DirtyRow) error { return nil }

// Checkpoint implements engine.Ledger.
func (l *memoryLedger) Checkpoint(_ context.Context, c connector.Checkpoint, _ []engine.DirtyRow) error {
	l.last = c
	return nil
}

// Forget implements engine.Ledger.
func (l *memoryLedger) Forget(context.Context, int64) error { return nil }
