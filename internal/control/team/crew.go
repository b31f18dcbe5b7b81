package team

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/executor/slot"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// Crew runs shards of the runs that other processes steer, and nothing else: it plans, prepares and ends no run.
type Crew struct {
	*Team
	o     PoolOptions
	slots *slot.Slots
	leave chan struct{}

	mu     sync.Mutex
	joined map[string]bool
}

// NewCrew returns a crew that does nothing until Run. Of the options Watch and Test are a pool's alone.
func (t *Team) NewCrew(o PoolOptions) *Crew {
	o.Runs = cmp.Or(o.Runs, 64)
	o.Every = cmp.Or(o.Every, time.Second)
	o.Grace = cmp.Or(o.Grace, 20*time.Second)
	o.Parallel = max(o.Parallel, 1)
	o.Memory = max(o.Memory, int64(o.Parallel)*record.MinBudget)
	return &Crew{Team: t, o: o, slots: slot.New(o.Parallel, o.Memory), leave: make(chan struct{}), joined: map[string]bool{}}
}

// Run works until ctx ends. Then shards end with the group in hand and are given back. Trouble with the control database is told in the log and borne.
func (c *Crew) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var runs sync.WaitGroup
	ticker := time.NewTicker(c.o.Every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := c.look(ctx, work, &runs); err != nil && ctx.Err() == nil {
			c.Log.Warn("worker cannot look for shards", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	close(c.leave)
	late := time.AfterFunc(c.o.Grace, cancel)
	defer late.Stop()
	runs.Wait()
	return nil
}

// look joins the runs of which shards wait.
func (c *Crew) look(ctx, work context.Context, runs *sync.WaitGroup) error {
	list, err := c.Store.Workable(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, run := range list {
		if c.joined[run.Key] || len(c.joined) >= c.o.Runs {
			continue
		}
		c.joined[run.Key] = true
		runs.Go(func() {
			c.join(work, run)
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.joined, run.Key)
		})
	}
	return nil
}

func (c *Crew) join(ctx context.Context, run store.Run) {
	seat := c.slots.Join(run.Key, slot.Weight(run.Priority))
	defer seat.Close()
	err := c.Service(run.Workspace, run.Environment, poolName).Work(ctx, run.Key, control.Taking{Seat: seat, Leave: c.leave})
	if err != nil && connector.ClassOf(err) != connector.Fenced && ctx.Err() == nil {
		c.Log.Warn("worker leaves a run", "run", run.Key, "error", c.Scrub.Clean(err.Error()))
	}
}
