package team_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

// gauge counts the shards that write to a connector, and slows down those of datasets called large.
type gauge struct {
	mu           sync.Mutex
	atWork, most int
	slow         chan struct{} // closed: no longer
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.atWork += n
	g.most = max(g.most, g.atWork)
}

func (g *gauge) of(c connector.Connector) connector.Connector {
	write := c.Write
	c.Write = func(ctx context.Context, client connector.Client, s connector.Sink) (connector.Writer, error) {
		w, err := write(ctx, client, s)
		return &gaugedWriter{w, g, strings.HasPrefix(s.Dataset, "large")}, err
	}
	return c
}

type gaugedWriter struct {
	connector.Writer
	gauge *gauge
	large bool
}

func (w *gaugedWriter) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	sw, at, err := w.Writer.Take(ctx, s, l, last)
	if err == nil {
		w.gauge.add(1)
		sw = &gaugedShard{sw, w}
	}
	return sw, at, err
}

type gaugedShard struct {
	connector.ShardWriter
	of *gaugedWriter
}

func (s *gaugedShard) Commit(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
	if s.of.large {
		select {
		case <-s.of.gauge.slow:
		case <-time.After(50 * time.Millisecond):
		}
	}
	return s.ShardWriter.Commit(ctx, c)
}

func (s *gaugedShard) Close() error {
	s.of.gauge.add(-1)
	return s.ShardWriter.Close()
}

// newPoolRig is a rig with connections shop and search, whose target is gauged.
func newPoolRig(t *testing.T) (*rig, *gauge) {
	t.Helper()
	r := newRig(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	r.ctx = ctx
	from, err := r.Connectors.Get("from")
	r.must(err)
	to, err := r.Connectors.Get("to")
	r.must(err)
	g := &gauge{slow: make(chan struct{})}
	r.Connectors = connector.NewSet(from, g.of(to))
	r.connect("", "shop", "from")
	r.connect("", "search", "to")
	return r, g
}

// start queues a run that copies a dataset.
func (r *rig) start(dataset, settings string, priority int) string {
	r.t.Helper()
	document := fmt.Sprintf("{name: %s, mode: full, source: {connection: shop}, target: {connection: search}, streams: [{source: %s}], settings: %s}", dataset, dataset, settings)
	started, err := r.StartDocument(r.ctx, actor("ann", team.Editor), []byte(document), team.StartInput{Priority: priority})
	r.must(err)
	return started.Run.Key
}

// pool runs one until stop is called, or the test ends.
func (r *rig) pool(t *team.Team, o team.PoolOptions) (stop func()) {
	o.Every = 100 * time.Millisecond
	return r.beside(t.NewPool(o).Run)
}

// beside runs what ends with its context until stop is called, or the test ends.
func (r *rig) beside(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-ended
	}
	r.t.Cleanup(stop)
	return stop
}

// until waits until a run is as it should be.
func (r *rig) until(key, what string, is func(store.Run) bool) store.Run {
	r.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		run, err := r.Store.Run(r.ctx, key)
		r.must(err)
		if is(run) {
			return run
		}
		select {
		case <-ticker.C:
		case <-r.ctx.Done():
			r.t.Fatalf("run %s is %s (%s, %q) and not %s", key, run.State, run.Reason, run.Waits, what)
		}
	}
}

func (r *rig) reaches(key string, state store.State) store.Run {
	r.t.Helper()
	return r.until(key, string(state), func(run store.Run) bool { return run.State == state && (run.Owner.ID == "" || state == store.Running) })
}

func (r *rig) wantStates(key, want string) {
	r.t.Helper()
	events, err := r.Store.Events(r.ctx, key, 0, 100)
	r.must(err)
	var names []string
	for _, e := range events {
		names = append(names, string(e.To))
	}
	if got := strings.Join(names, " "); got != want {
		r.t.Errorf("run %s was %q, want %q", key, got, want)
	}
}

func (r *rig) copied(datasets ...string) {
	r.t.Helper()
	for _, dataset := range datasets {
		if diff := connectortest.Diff(r.target.Rows(dataset), r.source.Rows(dataset)); diff != "" {
			r.t.Errorf("%s: %s", dataset, diff)
		}
	}
}

const straight = "planning running verifying finishing succeeded"

// TestPoolIsShared: three large runs begin with all places; many small ones that come later are over long before them.
func TestPoolIsShared(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	var large, small, names []string
	r.pool(r.Team, team.PoolOptions{Parallel: 4})
	for i := range 3 {
		names = append(names, fmt.Sprint("large", i))
		r.source.Make(names[i], people(), rowsOf(1, 3000)...)
		large = append(large, r.start(names[i], "{group_rows: 10, shards: 4}", 0))
		r.reaches(large[i], store.Running)
	}
	for i := range smallRuns {
		names = append(names, fmt.Sprint("small", i))
		r.source.Make(names[3+i], people(), rowsOf(i, i+100)...)
		small = append(small, r.start(names[3+i], "{group_rows: 50, shards: 2}", 0))
	}
	for _, key := range small {
		r.reaches(key, store.Succeeded)
	}
	for _, key := range large {
		if run, err := r.Store.Run(r.ctx, key); err != nil || run.State != store.Running {
			t.Errorf("a large run is %s already, %v", run.State, err)
		}
	}
	close(g.slow)
	for _, key := range append(large, small...) {
		r.reaches(key, store.Succeeded)
		r.wantStates(key, straight)
	}
	r.copied(names...)
	if g.most > 4 || g.atWork != 0 {
		t.Errorf("%d shards were at work at once, %d are", g.most, g.atWork)
	}
}

// TestPoolsTakeEachRunOnce: two servers on one control database.
func TestPoolsTakeEachRunOnce(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	close(g.slow)
	var keys, names []string
	for i := range 12 {
		names = append(names, fmt.Sprint("table", i))
		r.source.Make(names[i], people(), rowsOf(i, i+500)...)
		keys = append(keys, r.start(names[i], "{group_rows: 50, shards: 3}", 0))
	}
	r.pool(r.Team, team.PoolOptions{Parallel: 2})
	r.pool(r.team(r.Connectors), team.PoolOptions{Parallel: 2})
	for _, key := range keys {
		r.reaches(key, store.Succeeded)
		r.wantStates(key, straight)
	}
	r.copied(names...)
	if g.most > 4 {
		t.Errorf("%d shards were at work at once", g.most)
	}
}

// TestPoolEnds: its runs stay as they are, and go on with the next pool. One that does no work of its own steers them and leaves their shards alone.
func TestPoolEnds(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	r.source.Make("large", people(), rowsOf(1, 4000)...)
	idle := r.pool(r.Team, team.PoolOptions{})
	key := r.start("large", "{group_rows: 10, shards: 4}", 0)
	waiting := r.start("people", "{}", -1)
	r.reaches(key, store.Running)
	r.reaches(waiting, store.Running)
	idle()
	if g.most != 0 {
		t.Errorf("%d shards were at work though there is no place", g.most)
	}
	stop := r.pool(r.team(r.Connectors), team.PoolOptions{Parallel: 2})
	r.reaches(waiting, store.Succeeded)
	stop()
	run, err := r.Store.Run(r.ctx, key)
	if err != nil || run.State != store.Running || run.Owner.ID != "" || g.atWork != 0 {
		t.Fatalf("run is %s of %v with %d shards at work: %v", run.State, run.Owner, g.atWork, err)
	}
	progress, err := r.Store.Progress(r.ctx, key)
	r.must(err)
	if read := progress[0].Counts.Read; read == 0 || read == 4000 {
		t.Errorf("left at %d rows, want it in the middle", read)
	}
	close(g.slow)
	r.pool(r.team(r.Connectors), team.PoolOptions{Parallel: 2})
	r.reaches(key, store.Succeeded)
	r.wantStates(key, straight)
	r.wantStates(waiting, straight)
	r.copied("large", "people")
}

// TestServerDies in the middle of one run and while it plans another: the next pool goes on with both at once.
func TestServerDies(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	r.source.Make("large", people(), rowsOf(1, 4000)...)
	dying := r.team(r.Connectors)
	dying.Base.Owner.PID = 1 << 30
	never, reached := make(chan struct{}), make(chan struct{})
	defer close(never)
	key := r.start("large", "{group_rows: 10, shards: 4}", 0)
	r.pool(dying, team.PoolOptions{Parallel: 2, Grace: time.Millisecond})
	r.until(key, "in the middle", func(run store.Run) bool {
		progress, err := r.Store.Progress(r.ctx, key)
		return err == nil && len(progress) > 0 && progress[0].Counts.Read > 100
	})
	r.source.Inject(memory.Schema, 1, memory.Fault{Reached: func() { close(reached) }, Wait: never})
	planned := r.start("people", "{}", 0)
	<-reached
	r.must(dying.Store.Close())
	close(g.slow)
	r.pool(r.Team, team.PoolOptions{Parallel: 2})
	for _, key := range []string{key, planned} {
		r.reaches(key, store.Succeeded)
		r.wantStates(key, straight)
	}
	r.copied("large", "people")
}

// TestHeldConnection: what uses it is paused, what starts waits and says why, and the release lets both go on, and nothing else.
func TestHeldConnection(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	ann := actor("ann", team.Admin)
	r.source.Make("large", people(), rowsOf(1, 4000)...)
	r.source.Make("large2", people(), rowsOf(1, 4000)...)
	r.pool(r.Team, team.PoolOptions{Parallel: 4})
	key, other := r.start("large", "{group_rows: 10, shards: 2}", 0), r.start("large2", "{group_rows: 10, shards: 2}", 0)
	r.reaches(key, store.Running)
	r.reaches(other, store.Running)
	_, err := r.Pause(r.ctx, actor("bob", team.Operator), other, "lunch")
	r.must(err)
	r.reaches(other, store.Paused)
	runs, err := r.Hold(r.ctx, ann, "", "shop", "new disks")
	if r.must(err); len(runs) != 1 || runs[0] != key {
		t.Errorf("held are %v", runs)
	}
	if run := r.reaches(key, store.Paused); run.Reason != "new disks" || run.Held != "shop" {
		t.Errorf("run is paused because %q, held by %q", run.Reason, run.Held)
	}
	later := r.start("people", "{}", 0)
	r.until(later, "told why it waits", func(run store.Run) bool { return run.Waits == "waits: connection shop is held by ann: new disks" })
	if g.atWork != 0 {
		t.Errorf("%d shards are at work", g.atWork)
	}
	_, err = r.Release(r.ctx, ann, "", "shop")
	r.must(err)
	close(g.slow)
	r.reaches(later, store.Succeeded)
	r.reaches(key, store.Succeeded)
	if run, err := r.Store.Run(r.ctx, other); err != nil || run.State != store.Paused {
		t.Errorf("a run that bob has paused is %s, %v", run.State, err)
	}
	_, err = r.Resume(r.ctx, actor("bob", team.Operator), other, "")
	r.must(err)
	r.reaches(other, store.Succeeded)
	r.copied("large", "large2", "people")
}

// TestQueueSaysWhy: no more runs are steered at once than the pool may, by priority; the others say how many come before them.
func TestQueueSaysWhy(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	r.source.Make("large", people(), rowsOf(1, 4000)...)
	r.pool(r.Team, team.PoolOptions{Parallel: 2, Runs: 1})
	first := r.start("large", "{group_rows: 10}", 0)
	r.reaches(first, store.Running)
	var keys []string
	for i, priority := range []int{0, 0, 5} {
		name := fmt.Sprint("table", i)
		r.source.Make(name, people(), rowsOf(1, 10)...)
		keys = append(keys, r.start(name, "{}", priority))
	}
	for i, want := range []string{"waits: 1 run before it", "waits: 2 runs before it", "waits: it is next"} {
		r.until(keys[i], want, func(run store.Run) bool { return run.Waits == want })
	}
	close(g.slow)
	for _, key := range append(keys, first) {
		if run := r.reaches(key, store.Succeeded); run.Waits != "" {
			t.Errorf("a run that is over waits: %s", run.Waits)
		}
	}
}

// TestOutageIsOver: a run whose job says so goes on by itself; one whose job does not, or that a person wants to rest, waits for a person.
func TestOutageIsOver(t *testing.T) {
	t.Parallel()
	r, g := newPoolRig(t)
	close(g.slow)
	r.source.Make("other", people(), rowsOf(1, 100)...)
	for n := 1; n <= 60; n++ {
		r.target.Inject(memory.Take, n, memory.Fault{Err: connector.Errorf(connector.Retry, "TOW-999", "connection refused")})
	}
	r.pool(r.Team, team.PoolOptions{Parallel: 2, Test: 50 * time.Millisecond})
	key, other := r.start("people", "{outage: 1s, outage_resume: true, shards: 1}", 0), r.start("other", "{outage: 1s, shards: 1}", 0)
	r.reaches(other, store.Paused)
	r.until(key, "paused and queued again", func(run store.Run) bool { return run.Event > 4 })
	r.target.Disarm()
	r.reaches(key, store.Succeeded)
	if run, err := r.Store.Run(r.ctx, other); err != nil || run.State != store.Paused || run.Code != "TOW-132" {
		t.Errorf("the other run is %s (%s), %v", run.State, run.Code, err)
	}
	r.copied("people")
}
