package team_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

// crew runs a worker of its own process until stop is called, or the test ends.
func (r *rig) crew(o team.PoolOptions) (stop func()) {
	r.t.Helper()
	t := r.team(r.Connectors)
	t.Base.Owner.ID = control.NewKey(12)
	o.Every = 50 * time.Millisecond
	return r.beside(t.NewCrew(o).Run)
}

// moving waits until rows of a run have moved, and not all.
func (r *rig) moving(key string) {
	r.t.Helper()
	r.until(key, "in the middle", func(store.Run) bool {
		progress, err := r.Store.Progress(r.ctx, key)
		return err == nil && len(progress) > 0 && progress[0].Counts.Read > 100
	})
}

// TestWorkersRunTheShards of a server that has no places, within the limits of all.
func TestWorkersRunTheShards(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	close(g.slow)
	var keys, names []string
	r.crew(team.PoolOptions{Parallel: 2}) // before there is anything
	r.pool(r.Team, team.PoolOptions{})
	for i := range 8 {
		names = append(names, fmt.Sprint("table", i))
		r.source.Make(names[i], people(), rowsOf(i, i+500)...)
		keys = append(keys, r.start(names[i], "{group_rows: 50, shards: 3}", 0))
	}
	r.crew(team.PoolOptions{Parallel: 2})
	for _, key := range keys {
		r.reaches(key, store.Succeeded)
		r.wantStates(key, straight)
	}
	r.copied(names...)
	if g.most > 4 || g.atWork != 0 {
		t.Errorf("%d shards were at work at once, %d are", g.most, g.atWork)
	}
}

// TestServerAndWorkerSideBySide: shards that wait for places of the server go to the worker.
func TestServerAndWorkerSideBySide(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	r.source.Make("large", people(), rowsOf(1, 3000)...)
	r.pool(r.Team, team.PoolOptions{Parallel: 2})
	r.crew(team.PoolOptions{Parallel: 2})
	key := r.start("large", "{group_rows: 10, shards: 4, rate: {rows: 100000}}", 0)
	r.until(key, "at work in two processes", func(store.Run) bool {
		n, err := r.Store.AtWork(r.ctx, key, r.Base.Owner.ID)
		return err == nil && n > 0
	})
	r.until(key, "copied in part", func(store.Run) bool { return r.read(key) > 2000 })
	close(g.slow)
	r.reaches(key, store.Succeeded)
	r.wantStates(key, straight)
	r.copied("large")
	if progress, err := r.Store.Progress(r.ctx, key); err != nil || progress[0].Counts.Read != 3000 || progress[0].Shards < 3 {
		t.Errorf("%+v, %v", progress, err)
	}
}

// TestManyStreamsOfWorkers: streams are made ready as workers begin with those before them.
func TestManyStreamsOfWorkers(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	close(g.slow)
	var names []string
	for i := range 80 {
		names = append(names, fmt.Sprintf("table%02d", i))
		r.source.Make(names[i], people(), rowsOf(i, i+5)...)
	}
	r.pool(r.Team, team.PoolOptions{})
	r.crew(team.PoolOptions{Parallel: 2})
	key := r.start("table*", "{}", 0)
	r.reaches(key, store.Succeeded)
	r.copied(names...)
}

// TestServersAndWorkersComeAndGo: whoever ends, nothing is lost or doubled, and the others go on.
func TestServersAndWorkersComeAndGo(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	r.source.Make("large", people(), rowsOf(1, 4000)...)
	key := r.start("large", "{group_rows: 10, shards: 4}", 0)
	stop := r.pool(r.Team, team.PoolOptions{})
	first := r.crew(team.PoolOptions{Parallel: 2})
	r.moving(key)
	stop() // the worker goes on
	at := r.read(key)
	r.until(key, "going on without a server", func(store.Run) bool { return r.read(key) > at+200 })
	r.crew(team.PoolOptions{Parallel: 2})
	first()
	close(g.slow)
	r.until(key, "copied", func(store.Run) bool { return r.read(key) == 4000 })
	r.pool(r.team(r.Connectors), team.PoolOptions{})
	r.reaches(key, store.Succeeded)
	r.wantStates(key, straight)
	r.copied("large")
}

func (r *rig) read(key string) int64 {
	r.t.Helper()
	progress, err := r.Store.Progress(r.ctx, key)
	r.must(err)
	return progress[0].Counts.Read
}

// TestWorkersHeedWishes: a paused run has no shard at work anywhere, and what is stopped leaves nothing.
func TestWorkersHeedWishes(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	r.source.Make("large", people(), rowsOf(1, 4000)...)
	r.pool(r.Team, team.PoolOptions{})
	r.crew(team.PoolOptions{Parallel: 2})
	bob := actor("bob", team.Operator)
	key := r.start("large", "{group_rows: 10, shards: 4}", 0)
	r.moving(key)
	began := time.Now()
	_, err := r.Pause(r.ctx, bob, key, "lunch")
	r.must(err)
	r.reaches(key, store.Paused)
	if took := time.Since(began); g.atWork != 0 || took > 3*time.Second {
		t.Errorf("%d shards are at work %s after the wish", g.atWork, took)
	}
	_, err = r.Resume(r.ctx, bob, key, "")
	r.must(err)
	at := r.read(key)
	r.until(key, "going on", func(store.Run) bool { return r.read(key) > at })
	_, err = r.Stop(r.ctx, bob, key, "")
	r.must(err)
	r.reaches(key, store.Stopped)
	if g.atWork != 0 {
		t.Errorf("%d shards of a stopped run are at work", g.atWork)
	}
	if left := r.target.Checkpoints("large", key); len(left) != 0 {
		t.Errorf("a stopped run has left %v", left)
	}
}

// TestFailuresOfWorkers are acted on by the server: a stream fails and the others end; an outage that is too long, and too many dirty rows, pause.
func TestFailuresOfWorkers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings string
		fault    error
		state    store.State
		code     string
	}{
		"stream":  {"{shards: 2}", connector.Errorf(connector.Denied, "TOW-998", "no right"), store.Failed, "TOW-998"},
		"outage":  {"{shards: 2, outage: 1s}", connector.Errorf(connector.Retry, "TOW-999", "connection refused"), store.Paused, "TOW-132"},
		"disk":    {"{shards: 2}", connector.Errorf(connector.Full, "TOW-997", "no room"), store.Paused, "TOW-997"},
		"passing": {"{shards: 2, outage: 1m}", nil, store.Succeeded, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, g := newPoolRig(t)
			close(g.slow)
			faults := 200
			if c.fault == nil {
				c.fault, faults = connector.Errorf(connector.Retry, "TOW-999", "connection refused"), 3
			}
			for n := 1; n <= faults; n++ {
				r.target.Inject(memory.Take, n, memory.Fault{Err: c.fault})
			}
			r.pool(r.Team, team.PoolOptions{})
			r.crew(team.PoolOptions{Parallel: 1})
			r.crew(team.PoolOptions{Parallel: 1})
			key := r.start("people", c.settings, 0)
			if run := r.reaches(key, c.state); run.Code != c.code {
				t.Errorf("run is %s with %q: %s", run.State, run.Code, run.Reason)
			}
			if c.state == store.Succeeded {
				r.copied("people")
				return
			}
			r.target.Disarm()
			_, err := r.Resume(r.ctx, actor("bob", team.Operator), key, "")
			r.must(err)
			r.reaches(key, store.Succeeded)
			r.copied("people")
		})
	}
}

// TestSnapshotIsNotForWorkers: it waits for a server with places.
func TestSnapshotIsNotForWorkers(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	close(g.slow)
	stop := r.pool(r.Team, team.PoolOptions{})
	r.crew(team.PoolOptions{Parallel: 1})
	key := r.start("people", "{consistency: snapshot}", 0)
	r.until(key, "waiting for a server with places", func(run store.Run) bool {
		return run.Waits == "waits: a snapshot is read by the server that holds it, and this one has no places"
	})
	stop()
	r.pool(r.team(r.Connectors), team.PoolOptions{Parallel: 1})
	r.reaches(key, store.Succeeded)
	r.copied("people")
}
