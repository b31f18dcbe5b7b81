package api

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/event"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

// Feed tells the topics of runs how runs go on. It reads the control database, so that runs of other servers and of command lines are told as well;
// observers of runs of this process make it look at once, and tell progress more often.
type Feed struct {
	team   *team.Team
	events *event.Hub
	look   chan struct{} // something changed

	mu     sync.Mutex
	known  map[string]*told
	began  int64 // when it looked first, by the control database's clock
	looked int64 // when it looked last
}

// told is what was told of a run.
type told struct {
	workspace string
	event     int64     // number of the newest
	live      bool      // it did not rest
	seen      time.Time // when it was looked at
	progress  time.Time // when an observer told it
}

// How often the feed looks by itself, and how long it keeps what was told of runs that nobody hears.
const (
	lookEvery = 500 * time.Millisecond
	keptFor   = 24 * time.Hour
	// A change has the time at which its transaction began, and is seen when that is through.
	longestChange = time.Minute
)

// NewFeed makes a Feed. Run has to run.
func NewFeed(t *team.Team, events *event.Hub) *Feed {
	return &Feed{team: t, events: events, look: make(chan struct{}, 1), known: map[string]*told{}}
}

// Run tells until ctx ends. A control database that does not answer is asked again.
func (f *Feed) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := f.tell(ctx); err != nil && ctx.Err() == nil {
			f.team.Log.Warn("runs not looked at", "error", err)
		}
		select {
		case <-tick.C:
			f.events.Forget(time.Now().Add(-keptFor))
		case <-f.look:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tell tells what has changed since it told last.
func (f *Feed) tell(ctx context.Context) error {
	now, err := f.team.Store.Now(ctx)
	if err != nil {
		return err
	}
	if f.looked == 0 {
		f.began, f.looked = now, now
	}
	runs, err := f.team.Store.Runs(ctx, store.Filter{States: team.LiveStates(), Limit: 10_000})
	if err != nil {
		return err
	}
	newest, err := f.team.Store.Runs(ctx, store.Filter{Limit: 100}) // some may have begun and ended since
	if err != nil {
		return err
	}
	began := time.Now()
	for _, r := range append(runs, newest...) {
		if err := f.tellRun(ctx, r, began); err != nil {
			return err
		}
	}
	for _, key := range f.unseen(began) {
		r, err := f.team.Store.Run(ctx, key)
		if err == nil {
			err = f.tellRun(ctx, r, began)
		}
		if err != nil {
			return err
		}
	}
	f.looked = now
	return nil
}

// unseen are the runs that did not rest and were not looked at since a time. What was told long ago of others is forgotten.
func (f *Feed) unseen(since time.Time) (keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, t := range f.known {
		switch {
		case t.live && t.seen.Before(since):
			keys = append(keys, key)
		case since.Sub(t.seen) > keptFor:
			delete(f.known, key)
		}
	}
	return keys
}

// tellRun tells the events of a run that were not told, and how far it is unless an observer does.
func (f *Feed) tellRun(ctx context.Context, r store.Run, now time.Time) error {
	f.mu.Lock()
	was, known := f.known[r.Key]
	f.mu.Unlock()
	if known && !was.seen.Before(now) {
		return nil
	}
	if !known { // what happened before is history's to tell
		was = &told{workspace: r.Workspace, event: max(0, r.Event-100)}
	}
	events, err := f.news(ctx, r, was.event, !known)
	if err != nil {
		return err
	}
	for _, e := range events {
		f.publish(r.Workspace, r.Key, client.KindState, "", client.RunEvent{Run: r.Key, Event: view.Event(e)})
	}
	rests := client.State(r.State).Rests()
	f.mu.Lock()
	was.event, was.live, was.seen = r.Event, !rests, now
	f.known[r.Key] = was
	observed := now.Sub(was.progress) < 2*lookEvery
	f.mu.Unlock()
	if observed || r.PlanFormat == 0 || rests && len(events) == 0 {
		return nil
	}
	p, err := f.team.Watched(ctx, r)
	if err == nil {
		f.publish(r.Workspace, r.Key, client.KindProgress, r.Key, view.Progress(p))
	}
	return err
}

// news are the events of a run behind a number; of one that was not known, only those that the feed cannot have seen before.
func (f *Feed) news(ctx context.Context, r store.Run, after int64, unknown bool) ([]store.Event, error) {
	if r.Event <= after {
		return nil, nil
	}
	events, err := f.team.Store.Events(ctx, r.Key, after, int(r.Event-after))
	if unknown {
		since := max(f.began, f.looked-longestChange.Milliseconds())
		events = slices.DeleteFunc(events, func(e store.Event) bool { return e.At < since })
	}
	return events, err
}

func (f *Feed) publish(workspace, run, kind, key string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	c := client.Client{Workspace: workspace}
	for _, topic := range []string{c.RunsTopic(), c.RunTopic(run)} {
		f.events.Publish(event.Message{Topic: topic, Kind: kind, Key: key, Data: data})
	}
}

// Observer is told by who steers a run in this process.
func (f *Feed) Observer(run string) control.Observer { return observer{f, run} }

type observer struct {
	*Feed
	run string
}

// State makes the feed look: what it tells stands in the control database, in order.
func (o observer) State(store.Event) {
	select {
	case o.look <- struct{}{}:
	default:
	}
}

// Progress tells how far a run is.
func (o observer) Progress(p control.Progress) {
	o.mu.Lock()
	was := o.known[o.run]
	if was != nil {
		was.progress = time.Now()
	}
	o.mu.Unlock()
	if was != nil {
		o.publish(was.workspace, o.run, client.KindProgress, o.run, view.Progress(p))
	}
}
