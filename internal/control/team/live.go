package team

import (
	"context"
	"slices"

	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// Shown is a run and how far it is.
type Shown struct {
	Run      store.Run
	Progress control.Progress
}

// LiveStates are the states of runs that do not rest.
func LiveStates() []store.State {
	return []store.State{store.Planning, store.Running, store.Pausing, store.Stopping, store.Verifying, store.Finishing}
}

// LiveRuns returns the workspace's runs that do not rest, newest first, with how far they are.
func (t *Team) LiveRuns(ctx context.Context, a Actor) ([]Shown, error) {
	runs, err := t.ListRuns(ctx, a, store.Filter{States: LiveStates(), Limit: mostListed})
	if err != nil {
		return nil, err
	}
	live := make([]Shown, len(runs))
	for i, r := range runs {
		if live[i].Run, live[i].Progress, _, err = t.at(a, r).Status(ctx, r.Key); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// Watched is how far a run is, for who tells it to those that may see it: of many streams only those at work and some that failed.
func (t *Team) Watched(ctx context.Context, r store.Run) (control.Progress, error) {
	_, p, _, err := t.at(Actor{}, r).Status(ctx, r.Key)
	if len(p.Streams) > control.FewStreams {
		p.Streams = slices.DeleteFunc(p.Streams, func(s control.StreamProgress) bool { return s.Active == 0 && s.State != store.StreamFailed })
		p.Streams = p.Streams[:min(len(p.Streams), control.FewStreams)]
	}
	return p, err
}
