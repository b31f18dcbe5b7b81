package team

import (
	"context"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// MendDirty gives dirty rows of a run other values, by column of the source, nil for NULL, in place of those given before; with none they are
// as read again. It returns how many rows it were. The record names the columns, not the values.
func (t *Team) MendDirty(ctx context.Context, a Actor, key string, c store.Choice, values map[string]*string) (int64, error) {
	if err := a.May(MendRows); err != nil {
		return 0, err
	}
	r, err := t.run(ctx, a, key)
	if err != nil {
		return 0, err
	}
	what := "mend of dirty rows taken back"
	if len(values) > 0 {
		columns := make([]string, 0, len(values))
		for name := range values {
			columns = append(columns, name)
		}
		slices.Sort(columns)
		what = "dirty rows mended in " + strings.Join(columns, ", ")
	}
	return t.at(a, r).Mend(ctx, key, c, values, a.Entry(MendRows, key, what))
}

// ReplayInput says what is to be replayed, and how.
type ReplayInput struct {
	control.Replaying
	Priority int    // as StartInput has it
	Key      string // makes a request that is sent twice one replay; "": each is its own
	Why      string
}

// ReplayDirty queues a run that writes dirty rows of another, in its environment, and answers at once: the pool plans and copies. again says that it
// was asked for before. Who may mend rows may replay them, where the role also may use the target's connection.
func (t *Team) ReplayDirty(ctx context.Context, a Actor, key string, in ReplayInput) (replay store.Run, again bool, err error) {
	if err := a.May(MendRows); err != nil {
		return store.Run{}, false, err
	}
	if err := checkPriority(in.Priority); err != nil {
		return store.Run{}, false, err
	}
	r, err := t.run(ctx, a, key)
	if err == nil && r.Environment == "" {
		err = connector.Errorf(connector.Config, "TOW-190", "run %s was started where connections stand in a file", key).WithHint("Replay it there: towpath replay %s.", key)
	}
	if err != nil {
		return store.Run{}, false, err
	}
	if before, err := t.Store.Started(ctx, a.Workspace, in.Key); before != "" || err != nil { // its rows are taken: by itself
		if err == nil {
			replay, err = t.replayOf(ctx, key, before)
		}
		return replay, err == nil, err
	}
	n, err := t.at(a, r).NewReplay(ctx, key, in.Replaying, t.Scrub.Clean(in.Why))
	if err == nil {
		err = t.mayUse(ctx, a, r.Environment, n.Aliases)
	}
	if err == nil {
		err = t.Store.Audit(ctx, a.Entry(MendRows, key, reason("dirty rows replayed", n.Why)))
	}
	if err != nil {
		return store.Run{}, false, err
	}
	n.StartKey = in.Key
	n.Duty = store.Duty{Workspace: a.Workspace, Environment: r.Environment, JobID: r.JobID, JobVersion: r.JobVersion, Priority: in.Priority, Served: true, Queued: 1}
	replay, again, err = t.create(ctx, n)
	if again && err == nil {
		replay, err = t.replayOf(ctx, key, replay.Key)
	}
	return replay, again, err
}

// replayOf returns a run that was started before, which must be a replay of this one.
func (t *Team) replayOf(ctx context.Context, key, before string) (store.Run, error) {
	r, err := t.Store.Run(ctx, before)
	if err == nil && r.Replays != key {
		err = startedBefore(before)
	}
	return r, err
}
