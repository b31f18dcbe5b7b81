package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/towpath/towpath/connector"
)

// SaveCheckpoint stores the copy of a checkpoint that the target has made durable (way A), or that says which rows it has
// (way B). cp.Rev is the shard's. An epoch that is not the shard's newest, or a lower Seq than the stored: class Fenced, TOW-215.
func (s *Store) SaveCheckpoint(ctx context.Context, run string, epoch int64, cp connector.Checkpoint) error {
	return s.change(ctx, "save checkpoint of shard "+cp.Shard, func(ctx context.Context, t *tx) error { return t.saveCheckpoint(ctx, run, epoch, cp) })
}

// CommitCheckpoint stores a checkpoint and the dirty rows of its Seq together: the commit of way B.
func (s *Store) CommitCheckpoint(ctx context.Context, run string, epoch int64, cp connector.Checkpoint, dirty []DirtyRow) error {
	return s.change(ctx, "commit checkpoint of shard "+cp.Shard, func(ctx context.Context, t *tx) error {
		if err := t.saveCheckpoint(ctx, run, epoch, cp); err != nil {
			return err
		}
		return t.putDirty(ctx, run, cp.Shard, cp.Seq, dirty)
	})
}

// checkpointSet sets the columns of a checkpoint, $4 to $11. Getting on ends a row of failures.
const checkpointSet = `seq = $4, record = $5, rows_read = $6, written = $7, dirty = $8, filtered = $9, superseded = $10, bytes_read = $11,
	attempts = 0, failing_since = 0, failure = '', failure_code = ''`

func checkpointArgs(cp connector.Checkpoint) []any {
	return []any{cp.Seq, connector.AppendCheckpoint(nil, cp), cp.Read, cp.Written, cp.Dirty, cp.Filtered, cp.Superseded, cp.Counts.Bytes}
}

// saveCheckpoint refuses what comes from a former owner or goes back.
//
// Invariant 3: only the newest epoch advances a shard.
func (t *tx) saveCheckpoint(ctx context.Context, run string, epoch int64, cp connector.Checkpoint) error {
	was, err := t.ownShard(ctx, run, cp.Shard, epoch)
	switch {
	case err != nil:
		return err
	case was.rev != cp.Rev:
		return connector.Errorf(connector.Changed, "TOW-216", "checkpoint of shard %s of run %s is of revision %d, the shard has %d", cp.Shard, run, cp.Rev, was.rev)
	case was.seq > cp.Seq:
		return fenced("TOW-215", "checkpoint %d of shard %s of run %s is older than the stored %d", cp.Seq, cp.Shard, run, was.seq)
	}
	args := append([]any{run, cp.Shard, epoch}, checkpointArgs(cp)...)
	n, err := t.exec(ctx, "UPDATE shard SET "+checkpointSet+`, state = CASE WHEN $12 = 1 THEN 2 ELSE state END
		WHERE run = $1 AND id = $2 AND epoch = $3 AND seq <= $4`, append(args, bit(cp.Done))...)
	if err != nil {
		return err
	}
	if n != 1 {
		return shardLost(ShardEpoch{run, cp.Shard, epoch})
	}
	return t.addProgress(ctx, run, was, cp.Counts, cp.Done || was.state == ShardDone)
}

// shardNow is what a shard is before it changes.
type shardNow struct {
	stream     string
	state      ShardState
	epoch, seq int64
	rev        int
	counts     connector.Counts
	record     []byte
	replays    string // the run whose dirty rows it writes
}

// shardNow returns sql.ErrNoRows for an unknown shard.
func (t *tx) shardNow(ctx context.Context, run, shard string) (w shardNow, err error) {
	c := &w.counts
	err = t.row(ctx, `SELECT stream, state, epoch, seq, rev, record, rows_read, written, dirty, filtered, superseded, bytes_read,
		(SELECT r.replays FROM run r WHERE r.run_key = shard.run) FROM shard WHERE run = $1 AND id = $2`, run, shard).
		Scan(&w.stream, &w.state, &w.epoch, &w.seq, &w.rev, &w.record, &c.Read, &c.Written, &c.Dirty, &c.Filtered, &c.Superseded, &c.Bytes, &w.replays)
	return w, err
}

// ownShard refuses when epoch is not the shard's newest.
func (t *tx) ownShard(ctx context.Context, run, shard string, epoch int64) (shardNow, error) {
	w, err := t.shardNow(ctx, run, shard)
	if errors.Is(err, sql.ErrNoRows) {
		return w, noShard(run, shard)
	}
	if err == nil && w.epoch != epoch {
		err = shardLost(ShardEpoch{run, shard, epoch})
	}
	return w, err
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// remember replaces a shard's checkpoint by the target's. Dirty rows beyond it stay: an owner who is still about may commit what they
// belong to until the target is taken from it, and who takes it drops those that were not.
func (t *tx) remember(ctx context.Context, run string, cp connector.Checkpoint) error {
	was, err := t.shardNow(ctx, run, cp.Shard)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return restored(run, "the target holds shard %s, which the control database does not know", cp.Shard)
	case err != nil:
		return err
	case cp.Rev > was.rev:
		return restored(run, "the target holds revision %d of shard %s, the control database %d", cp.Rev, cp.Shard, was.rev)
	case was.state == ShardDone && bytes.Equal(was.record, connector.AppendCheckpoint(nil, cp)):
		return nil
	}
	args := append([]any{run, cp.Shard, 2 * bit(cp.Done)}, checkpointArgs(cp)...)
	_, err = t.exec(ctx, "UPDATE shard SET "+checkpointSet+`, state = $3, worker = '', lease_until = 0, not_before = 0, epoch = epoch + 1,
		remaining = CASE WHEN row_count > $6 THEN row_count - $6 ELSE 0 END WHERE run = $1 AND id = $2`, args...)
	if err != nil {
		return err
	}
	return t.addProgress(ctx, run, was, cp.Counts, cp.Done)
}

func restored(run, format string, args ...any) error {
	return connector.Errorf(connector.Changed, "TOW-216", "control database was restored: "+format, args...).
		WithHint("Run %s went on after the copy was made. Bring back the newer control database, or stop the run and start another.", run)
}

// reset puts a shard back to its beginning: no checkpoint, former owners fenced. Dirty rows stay, as with remember.
func (t *tx) reset(ctx context.Context, run, id string) error {
	was, err := t.shardNow(ctx, run, id)
	if errors.Is(err, sql.ErrNoRows) {
		return noShard(run, id)
	}
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `UPDATE shard SET state = 0, remaining = CASE WHEN row_count > 0 THEN row_count ELSE 0 END, worker = '', lease_until = 0, not_before = 0, epoch = epoch + 1,
		seq = 0, record = NULL, rows_read = 0, written = 0, dirty = 0, filtered = 0, superseded = 0, bytes_read = 0 WHERE run = $1 AND id = $2`, run, id)
	if err != nil {
		return err
	}
	return t.addProgress(ctx, run, was, connector.Counts{}, false)
}

// Divide gives the unread far part of a shard away: near is the shard with its narrowed Range, its Rev raised by one and its new
// estimates; cp is its checkpoint, of that Rev; far are the shards that cover the rest, with ids of their own.
//
// Invariant 2: narrowed range, raised Rev and the other shards become durable in one transaction under the owner's epoch.
func (s *Store) Divide(ctx context.Context, run string, epoch int64, near connector.Shard, cp connector.Checkpoint, far []connector.Shard) error {
	return s.change(ctx, "divide shard "+near.ID+" of run "+run, func(ctx context.Context, t *tx) error {
		if _, err := t.ownShard(ctx, run, near.ID, epoch); err != nil {
			return err
		}
		n, err := t.exec(ctx, "UPDATE shard SET rev = $4, bounds = $5, row_count = $6, bytes = $7 WHERE run = $1 AND id = $2 AND epoch = $3 AND rev = $8 AND state < 2",
			run, near.ID, epoch, near.Rev, near.Range, near.Rows, near.Bytes, near.Rev-1)
		if err != nil {
			return err
		}
		if n == 0 {
			return fenced("TOW-215", "shard %s of run %s is done or was divided already", near.ID, run)
		}
		if err := t.saveCheckpoint(ctx, run, epoch, cp); err != nil {
			return err
		}
		return t.addShards(ctx, run, slices.Values(far))
	})
}
