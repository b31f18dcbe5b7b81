package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// takeSnapshots makes the instant at which the rows of the run are read, one for each source connection, unless rows were read before. It
// returns what is to be told of it.
func (h *helm) takeSnapshots(ctx context.Context) (string, error) {
	if h.plan.Consistency != job.Snapshot {
		return "", nil
	}
	if !h.untouched {
		return h.withoutSnapshot(), nil
	}
	wishes, err := h.Store.Wishes(ctx, h.lease.Run)
	if err != nil {
		return "", err
	}
	h.snapshotShards = max(wishes[h.lease.Run].Limits.Parallel, 1)
	datasets, seen := map[string][]string{}, map[[2]string]bool{}
	for _, s := range h.streams {
		list := datasets[s.Connection]
		if at := [2]string{s.Connection, s.Source}; s.Source != "" && !seen[at] { // a query is read from the connection, too
			seen[at] = true
			list = append(list, s.Source)
		}
		datasets[s.Connection] = list
	}
	tokens := map[string][]byte{}
	var locked time.Duration
	for _, alias := range slices.Sorted(maps.Keys(datasets)) { // of those alone that are read from: a snapshot makes a server's writers wait
		snapshot, err := h.takeSnapshot(ctx, alias, datasets[alias])
		if err != nil {
			h.endSnapshots()
			return "", err
		}
		tokens[alias], _ = snapshot.Token()
		locked = max(locked, snapshot.Locked())
	}
	if err := h.Store.SetSnapshot(ctx, h.lease, locked); err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens = tokens
	for _, s := range h.streams { // what was opened before there was a snapshot has not read a row
		if s.open != nil && s.open.pipe != nil {
			s.open.pipe.Snapshot = tokens[s.Connection]
		}
	}
	return snapshotText(len(tokens), locked), nil
}

// withoutSnapshot tells of a run that has rows to read and its snapshot no more.
func (h *helm) withoutSnapshot() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.streams {
		if s.left > 0 || s.state == store.StreamWaiting && s.done < s.shards {
			return "its snapshot has ended: rows that are read from here on are as they are at that moment"
		}
	}
	return ""
}

func (h *helm) takeSnapshot(ctx context.Context, alias string, datasets []string) (snapshot connector.Snapshot, err error) {
	end := h.ends.sources[alias]
	if end.Snapshot == nil {
		return nil, connector.Errorf(connector.Config, "TOW-128", "connector %s has no snapshots", end.Side.Connector)
	}
	take := func() error {
		snapshot, err = end.Snapshot(ctx, end.Client, datasets, h.snapshotShards)
		return err
	}
	if h.stands() == store.Planning {
		err = take()
	} else {
		err = h.patiently(ctx, take)
	}
	if err != nil {
		return nil, fmt.Errorf("take the snapshot of %s: %w", end.Side.Connector, err)
	}
	h.snapshots = append(h.snapshots, snapshot)
	return snapshot, nil
}

// endSnapshots ends the snapshots of the run.
func (h *helm) endSnapshots() {
	var all error
	for _, s := range h.snapshots {
		all = errors.Join(all, s.Close())
	}
	h.snapshots = nil
	if all != nil {
		h.Log.Warn("snapshot not ended", "run", h.lease.Run, "error", all)
	}
}

// goOnFuzzily records, before any row is read without it, that the run goes on without the snapshot that it had.
func (h *helm) goOnFuzzily(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.plan.Consistency != job.Snapshot || h.tokens != nil || h.fuzzy || h.untouched {
		return nil
	}
	err := h.Store.EndSnapshot(ctx, h.lease)
	h.fuzzy = err == nil
	return err
}
