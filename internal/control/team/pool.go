package team

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/executor/slot"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// PoolOptions of NewPool. The zero value steers runs and leaves their shards to other processes.
type PoolOptions struct {
	Parallel int   // shards at work in this process, over all runs; 0: none
	Memory   int64 // bytes of rows under way, over all of them; 0: as little as goes
	Runs     int   // that are steered at once; 0: 64
	// Watch returns who is told how a run goes on; nil: nobody is.
	Watch func(run string) control.Observer
	Every time.Duration // how often the pool looks for runs that wait or lost their process; 0: 2 s
	Grace time.Duration // how long shards may take to end with the group in hand when the pool ends; 0: 20 s
	Test  time.Duration // how often the connections of runs that an outage has paused are tried; 0: 30 s
}

// Pool takes up the runs that wait and those that lost their process, and runs their shards side by side. Several pools may share a control database.
type Pool struct {
	*Team
	o     PoolOptions
	slots *slot.Slots
	leave chan struct{}
	wake  chan struct{} // there may be something to do

	mu      sync.Mutex
	steered map[string]bool
	resting map[string]time.Time // runs that could not be taken up, until when they are left alone
}

// NewPool returns a pool that does nothing until Run.
func (t *Team) NewPool(o PoolOptions) *Pool {
	o.Runs = cmp.Or(o.Runs, 64)
	o.Every = cmp.Or(o.Every, 2*time.Second)
	o.Grace = cmp.Or(o.Grace, 20*time.Second)
	o.Test = cmp.Or(o.Test, 30*time.Second)
	o.Memory = max(o.Memory, int64(o.Parallel)*record.MinBudget)
	return &Pool{Team: t, o: o, slots: slot.New(o.Parallel, o.Memory), leave: make(chan struct{}), wake: make(chan struct{}, 1),
		steered: map[string]bool{}, resting: map[string]time.Time{}}
}

// Wake lets the pool look at once, as for a run that was started.
func (p *Pool) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. Then shards end with the group in hand, and runs are left as they are: the next pool goes on with them, and nobody has paused
// them. Trouble with the control database is told in the log and borne.
func (p *Pool) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var runs, testing sync.WaitGroup
	testing.Go(func() { p.testAway(ctx) })
	ticker := time.NewTicker(p.o.Every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := p.look(ctx, work, &runs); err != nil && ctx.Err() == nil {
			p.Log.Warn("pool cannot look for runs", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-ticker.C:
		}
	}
	close(p.leave)
	late := time.AfterFunc(p.o.Grace, cancel)
	defer late.Stop()
	runs.Wait()
	testing.Wait()
	return nil
}

// mostWaiting is how many waiting runs are looked at; those behind them are told of when they come nearer.
const mostWaiting = 1000

// look takes up what there is to take up, and tells the others for what they wait.
func (p *Pool) look(ctx, work context.Context, runs *sync.WaitGroup) error {
	base := p.Service("", "", "")
	orphans, err := base.Orphans(ctx)
	if err != nil {
		return err
	}
	for _, run := range orphans {
		if p.cannot(run) == "" && !p.take(work, run, runs) {
			break // they were at work before: those that wait come behind them
		}
	}
	waiting, err := base.Waiting(ctx, mostWaiting)
	if err != nil || len(waiting) == 0 {
		return err
	}
	held, err := p.Store.HeldRuns(ctx)
	if err != nil {
		return err
	}
	waits := map[string]string{}
	before := 0
	for _, run := range waiting {
		why := cmp.Or(held[run.Key], p.cannot(run))
		if why == "" && p.take(work, run, runs) {
			continue
		}
		if why == "" {
			why = ahead(before)
			before++
		}
		if why = "waits: " + why; run.Waits != why {
			waits[run.Key] = why
		}
	}
	return p.Store.SetWaits(ctx, waits)
}

// cannot says why the pool takes a run up in no case; "": it may.
func (p *Pool) cannot(run store.Run) string {
	if p.o.Parallel == 0 && run.Consistency.Wanted == string(job.Snapshot) {
		return "a snapshot is read by the server that holds it, and this one has no places"
	}
	return ""
}

// ahead says how many runs are to be taken before one.
func ahead(n int) string {
	switch n {
	case 0:
		return "it is next"
	case 1:
		return "1 run before it"
	}
	return fmt.Sprintf("%d runs before it", n)
}

// refusedRest is how long a run that could not be taken up is left alone.
const refusedRest = 10 * time.Second

// take begins to steer a run, unless that is done already or it rests. false: there is no room.
func (p *Pool) take(ctx context.Context, run store.Run, runs *sync.WaitGroup) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.resting, func(_ string, until time.Time) bool { return time.Now().After(until) })
	if _, rests := p.resting[run.Key]; rests || p.steered[run.Key] {
		return true
	}
	if len(p.steered) >= p.o.Runs {
		return false
	}
	p.steered[run.Key] = true
	runs.Go(func() {
		rests := p.steer(ctx, run)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.steered, run.Key)
		if !rests {
			p.resting[run.Key] = time.Now().Add(refusedRest)
		}
		p.Wake()
	})
	return true
}

// steer goes on with a run until it rests. false: it was not to be had, or is left.
func (p *Pool) steer(ctx context.Context, run store.Run) (rests bool) {
	var obs control.Observer
	if p.o.Watch != nil {
		obs = p.o.Watch(run.Key)
	}
	seat := p.slots.Join(run.Key, slot.Weight(run.Priority))
	defer seat.Close()
	run, err := p.Service(run.Workspace, run.Environment, poolName).TakeUp(ctx, run.Key, control.Taking{Seat: seat, Leave: p.leave, Aside: p.o.Parallel == 0}, obs)
	if err != nil && connector.ClassOf(err) != connector.Busy { // else another pool has it
		p.Log.Warn("run does not go on", "run", run.Key, "state", run.State, "error", p.Scrub.Clean(err.Error()))
	}
	return run.State.Final() || (run.State == store.Paused || run.State == store.Failed) && (err == nil || run.Queued == 0)
}

// poolName stands in a run's history for what nobody did.
const poolName = "towpath"

// Bounds of testing what outages have paused.
const (
	mostAway    = 200 // runs a time
	awayAtATime = 8   // connections
	answerTime  = 10 * time.Second
)

// testAway queues runs again that an outage has paused, once their connections answer.
func (p *Pool) testAway(ctx context.Context) {
	ticker := time.NewTicker(p.o.Test)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := p.testOnce(ctx); err != nil && ctx.Err() == nil {
			p.Log.Warn("pool cannot look for paused runs", "error", err)
		}
	}
}

// testOnce tries each connection of those runs once.
func (p *Pool) testOnce(ctx context.Context) error {
	runs, err := p.Service("", "", "").Away(ctx, mostAway)
	if err != nil {
		return err
	}
	needs := map[string][]store.ConnectionKey{} // by run
	answers := map[store.ConnectionKey]bool{}
	for _, run := range runs {
		j := new(job.Job)
		if json.Unmarshal(run.Job, j) != nil || !j.Settings.OutageResume {
			continue
		}
		for _, alias := range aliasesOf(j) {
			k := store.ConnectionKey{Workspace: run.Workspace, Environment: run.Environment, Alias: alias}
			needs[run.Key] = append(needs[run.Key], k)
			answers[k] = false
		}
	}
	var mu sync.Mutex
	group := new(errgroup.Group)
	group.SetLimit(awayAtATime)
	for k := range maps.Clone(answers) {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, answerTime)
			defer cancel()
			if _, err := p.Service(k.Workspace, k.Environment, poolName).Check(ctx, job.Endpoint{Connection: k.Alias}); err == nil {
				mu.Lock()
				defer mu.Unlock()
				answers[k] = true
			}
			return nil
		})
	}
	_ = group.Wait() // no answer is an answer
	for run, keys := range needs {
		there := true
		for _, k := range keys {
			there = there && answers[k]
		}
		if !there || ctx.Err() != nil {
			continue
		}
		if err := p.Store.Enqueue(ctx, run, store.Entry{}); err != nil {
			if _, moved := errors.AsType[*store.StateError](err); !moved {
				return err
			}
		}
		p.Wake()
	}
	return nil
}
