package local

import (
	"context"
	"sync/atomic"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// ledger keeps one leased shard's progress in the store.
type ledger struct {
	store  *store.Store
	leased store.Leased
	read   *atomic.Int64 // rows that are read and committed
}

// unkept is an error of the control database: what it means for a shard it means for the whole run.
type unkept struct{ error }

func (u unkept) Unwrap() error { return u.error }

func keeping(err error) error {
	if err == nil {
		return nil
	}
	return unkept{err}
}

func (l *ledger) Dirty(ctx context.Context, seq int64, rows []engine.DirtyRow) error {
	return keeping(l.store.AddDirty(ctx, l.leased.Run, l.leased.Shard.ID, l.leased.Lease.Epoch, seq, dirtyRows(rows)))
}

func (l *ledger) Checkpoint(ctx context.Context, c connector.Checkpoint, rows []engine.DirtyRow) error {
	l.read.Store(c.Read)
	if len(rows) > 0 {
		return keeping(l.store.CommitCheckpoint(ctx, l.leased.Run, l.leased.Lease.Epoch, c, dirtyRows(rows)))
	}
	return keeping(l.store.SaveCheckpoint(ctx, l.leased.Run, l.leased.Lease.Epoch, c))
}

func (l *ledger) Forget(ctx context.Context, seq int64) error {
	return keeping(l.store.DropDirty(ctx, l.leased.Run, l.leased.Shard.ID, l.leased.Lease.Epoch, seq))
}

func dirtyRows(rows []engine.DirtyRow) []store.DirtyRow {
	out := make([]store.DirtyRow, len(rows))
	for i, d := range rows {
		out[i] = store.DirtyRow{Ordinal: d.Ordinal, Code: record.Code(d.Code), Column: d.Column, Reason: d.Reason, Row: d.Row, Origin: d.Ref}
	}
	return out
}
