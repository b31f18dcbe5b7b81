package memory

import (
	"context"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

type shardWriter struct {
	w     *writer
	shard connector.Shard
	lease connector.Lease
	rows  []connectortest.Row // written and not committed: way A
	keys  map[string]bool     // of rows
}

func (sw *shardWriter) Write(ctx context.Context, group []*record.Batch) (out connector.Outcome, err error) {
	after, err := sw.w.s.enter(ctx, Write)
	if err != nil {
		return out, err
	}
	s := sw.w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(sw.w.into())
	if err != nil {
		return out, err
	}
	if err := sw.fence(); err != nil {
		return out, err
	}
	if sw.keys == nil {
		sw.keys = map[string]bool{}
	}
	place := map[string]connector.RowRef{}
	for i, b := range group {
		for n, row := range connectortest.Rows(b) {
			ref := connector.RowRef{Batch: i, Row: n}
			key, hasKey := t.keyOf(row)
			if code, reason := sw.refuses(t, key, hasKey, row); code != "" {
				out.Rejected = append(out.Rejected, connector.Rejected{RowRef: ref, Code: code, Reason: reason})
				continue
			}
			if earlier, ok := place[key]; ok && hasKey {
				out.Superseded = append(out.Superseded, earlier)
			}
			place[key], sw.keys[key] = ref, hasKey
			if sw.w.target.Remembers() {
				sw.rows = append(sw.rows, row)
			} else {
				t.put(row, sw.lease.Stamp)
			}
		}
	}
	return out, after
}

// refuses returns why the target does not take a row.
func (sw *shardWriter) refuses(t *table, key string, hasKey bool, row connectortest.Row) (record.Code, string) {
	if reject := sw.w.s.options.Reject; reject != nil {
		if code := reject(sw.w.key.dataset, row); code != "" {
			return code, "refused by the test"
		}
	}
	if why := sw.w.s.orphan(t, row); why != "" {
		return record.Constraint, why
	}
	if sw.w.target.Mode != connector.Insert && !sw.folds() || !hasKey {
		return "", ""
	}
	if _, known := t.index[key]; known || sw.keys[key] {
		return record.Constraint, "key " + key + " is there"
	}
	return "", ""
}

// folds reports whether rows of a staging dataset may meet in a key that the source tells apart.
func (sw *shardWriter) folds() bool {
	return sw.w.target.Mode == connector.Replace && len(sw.w.target.Folded) > 0
}

// fence checks that no newer epoch has taken the shard. The caller holds the store's lock.
//
// Invariant 3: one owner.
func (sw *shardWriter) fence() error {
	if !sw.w.target.Remembers() {
		return nil
	}
	r := sw.w.s.runs[sw.w.key]
	if r == nil || r.shards[sw.shard.ID] == nil {
		return connector.Errorf(connector.Fenced, "", "write %s at epoch %d: the target forgot it", sw.shard.ID, sw.lease.Epoch)
	}
	if newest := r.shards[sw.shard.ID].epoch; newest != sw.lease.Epoch {
		return fenced(sw.shard.ID, sw.lease.Epoch, newest)
	}
	return nil
}

func (sw *shardWriter) Commit(ctx context.Context, c connector.Checkpoint) (state []byte, err error) {
	after, err := sw.w.s.enter(ctx, Commit)
	if err != nil {
		return nil, err
	}
	s := sw.w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sw.w.target.Remembers() {
		return nil, after
	}
	if err := sw.fence(); err != nil {
		return nil, err
	}
	held := s.runs[sw.w.key].shards[sw.shard.ID]
	before, err := connector.ParseCheckpoint(held.record)
	if err != nil {
		return nil, err
	}
	if before.Seq+1 != c.Seq {
		return nil, connector.Errorf(connector.Fenced, "", "commit %s: seq %d does not follow %d", sw.shard.ID, c.Seq, before.Seq)
	}
	t, err := s.table(sw.w.into())
	if err != nil {
		return nil, err
	}
	// Invariant 1: rows and checkpoint change together, under one lock.
	for _, row := range sw.rows {
		t.put(row, sw.lease.Stamp)
	}
	held.record = connector.AppendCheckpoint(nil, c)
	sw.rows, sw.keys = nil, nil
	return nil, after
}

func (sw *shardWriter) Close() error { return nil }
