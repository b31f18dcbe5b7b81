package team

import (
	"context"
	"iter"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// run returns a run of the actor's workspace; those of others are not there.
func (t *Team) run(ctx context.Context, a Actor, key string) (store.Run, error) {
	r, err := t.Store.Run(ctx, key)
	if err == nil && r.Workspace != a.Workspace || connector.ClassOf(err) == connector.Missing {
		return store.Run{}, connector.Errorf(connector.Missing, "TOW-210", "no run %s", key) // without keys alike: they may be another workspace's
	}
	return r, err
}

// at is the application for what is done to a run.
func (t *Team) at(a Actor, r store.Run) *control.Service {
	return t.Service(r.Workspace, r.Environment, a.Account)
}

// ListRuns returns a page of the workspace's runs, newest first.
func (t *Team) ListRuns(ctx context.Context, a Actor, f store.Filter) ([]store.Run, error) {
	if err := a.May(SeeRuns); err != nil {
		return nil, err
	}
	if f.Before != "" {
		if _, err := t.run(ctx, a, f.Before); err != nil {
			return nil, err
		}
	}
	f.Workspace = a.Workspace
	return t.Store.Runs(ctx, f)
}

// Run returns a run.
func (t *Team) Run(ctx context.Context, a Actor, key string) (store.Run, error) {
	if err := a.May(SeeRuns); err != nil {
		return store.Run{}, err
	}
	return t.run(ctx, a, key)
}

// Status returns a run and how far it is.
func (t *Team) Status(ctx context.Context, a Actor, key string) (store.Run, control.Progress, error) {
	r, err := t.Run(ctx, a, key)
	if err != nil {
		return r, control.Progress{}, err
	}
	r, p, _, err := t.at(a, r).Status(ctx, key)
	return r, p, err
}

// Events returns up to limit changes of a run's state with numbers above after.
func (t *Team) Events(ctx context.Context, a Actor, key string, after int64, limit int) ([]store.Event, error) {
	if _, err := t.Run(ctx, a, key); err != nil {
		return nil, err
	}
	return t.Store.Events(ctx, key, after, limit)
}

// Dirty yields up to most dirty rows of a run behind a cursor, those of one stream or with "" of all.
func (t *Team) Dirty(ctx context.Context, a Actor, key, stream string, after store.DirtyCursor, most int) iter.Seq2[store.DirtyAt, error] {
	return func(yield func(store.DirtyAt, error) bool) {
		err := a.May(SeeRows)
		if err == nil {
			_, err = t.run(ctx, a, key)
		}
		if err != nil {
			yield(store.DirtyAt{}, err)
			return
		}
		for row, err := range t.Store.Dirty(ctx, key, stream, after, most) {
			if !yield(row, err) {
				return
			}
		}
	}
}

// FindStreams returns the streams of a run that people call so.
func (t *Team) FindStreams(ctx context.Context, a Actor, key, name string) ([]store.Stream, error) {
	r, err := t.Run(ctx, a, key)
	if err != nil {
		return nil, err
	}
	return t.at(a, r).FindStreams(ctx, key, name)
}

// Limits returns the limits of a run.
func (t *Team) Limits(ctx context.Context, a Actor, key string) (store.Limits, error) {
	r, err := t.Run(ctx, a, key)
	if err != nil {
		return store.Limits{}, err
	}
	return t.at(a, r).Limits(ctx, key, nil, nil, nil)
}

// SetLimits changes the limits of a run; nil leaves one as it is, 0 takes it away.
func (t *Team) SetLimits(ctx context.Context, a Actor, key string, rows, bytes *int64, parallel *int) (store.Limits, error) {
	s, err := t.steering(ctx, a, key, "limits changed")
	if err != nil {
		return store.Limits{}, err
	}
	return s.Limits(ctx, key, rows, bytes, parallel)
}

// steering returns the application for one who may steer the run, and records what is done.
func (t *Team) steering(ctx context.Context, a Actor, key, what string) (*control.Service, error) {
	if err := a.May(SteerRuns); err != nil {
		return nil, err
	}
	r, err := t.run(ctx, a, key)
	if err != nil {
		return nil, err
	}
	return t.at(a, r), t.Store.Audit(ctx, a.Entry(SteerRuns, key, what))
}

// Pause asks for a pause and returns the run as it is by then: pausing, or paused where nobody steers it.
func (t *Team) Pause(ctx context.Context, a Actor, key, why string) (store.Run, error) {
	why = t.Scrub.Clean(why)
	s, err := t.steering(ctx, a, key, reason("paused", why))
	if err != nil {
		return store.Run{}, err
	}
	return s.Pause(ctx, key, why)
}

// Stop asks for the end of a run, for good.
func (t *Team) Stop(ctx context.Context, a Actor, key, why string) (store.Run, error) {
	why = t.Scrub.Clean(why)
	s, err := t.steering(ctx, a, key, reason("stopped", why))
	if err != nil {
		return store.Run{}, err
	}
	return s.Stop(ctx, key, why)
}

func reason(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// Resume has a run that is paused or failed go on: it waits for the pool, also where it was started on a command line.
func (t *Team) Resume(ctx context.Context, a Actor, key, why string) (store.Run, error) {
	s, err := t.steering(ctx, a, key, reason("resumed", t.Scrub.Clean(why)))
	if err != nil {
		return store.Run{}, err
	}
	r, err := t.run(ctx, a, key)
	if err == nil && r.Environment == "" {
		err = connector.Errorf(connector.Config, "TOW-190", "run %s was started where connections stand in a file", key).WithHint("Resume it there: towpath resume %s.", key)
	}
	if err != nil {
		return r, err
	}
	defer t.wake()
	return s.Queue(ctx, key, store.Entry{}) // it is recorded
}
