// Package local runs the shards of a run in this process: it leases them from the store, copies several at a time, keeps the
// leases alive, heeds wishes and limits, and tries again what failed in passing.
package local

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/executor/slot"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// tick is how often wishes and limits are looked at.
const tick = 250 * time.Millisecond

// lookEvery is how often a run without a place looks whether anything is left to do.
const lookEvery = time.Second

// Executor runs shards in this process.
type Executor struct {
	Store  *store.Store
	Log    *slog.Logger
	Worker string                   // this process's name in leases
	TTL    time.Duration            // of shard leases
	Clean  func(text string) string // takes secrets out of what is kept
}

// Work is a run as the executor sees it.
type Work struct {
	Run       string
	Epoch     int64 // of the run lease
	Streams   Streams
	Flow      *engine.Flow
	Seat      *slot.Seat // its part in the places that the runs of this process share; nil: as many as its limits say
	Most      int        // shards at work at once, whatever the run's limits say; 0: as they say
	BatchRows int        // rows of a batch at most; 0: record.MaxRows
	Memory    int64      // bytes of rows under way, over all shards
	Outage    time.Duration
	Joined    bool // another process steers the run; it ends when that halts or steers it no more, or when shards have waited for nobody for a while
}

// Opening returns the pipe that copies a shard, at once or when what it needs is open.
type Opening func(ctx context.Context) (*engine.Pipe, error)

// Streams are the streams of a run, opened and closed by who steers it. The executor's loop alone calls them.
type Streams interface {
	// Begin is told that a shard of a stream is at work from here on, and returns what opens the pipe that copies it, from wherever; nil when the stream was
	// given up while the shard was leased: then none is.
	Begin(stream string) Opening
	// End is told that the shard is at work no more; done says that it is complete.
	End(stream string, done bool)
	// Divided is told that so many more shards of the stream came of one at work.
	Divided(stream string, more int)
	// Fail is told that a stream failed for good and records it; no more of it is leased then. Other streams go on.
	Fail(ctx context.Context, stream string, cause error) error
	// Ready receives when there may be more to lease.
	Ready() <-chan struct{}
}

// Leave is the kind of a Halt that nobody wished of the run: its process ends, and others go on with it.
const Leave store.Kind = "leave"

// Halt is why the shards of a run stopped before they were done. It is the cause with which their work ends.
type Halt struct {
	Kind store.Kind
	Who  string
	Err  error // why, when the run itself had to
}

// Error tells why.
func (h *Halt) Error() string {
	if h.Err != nil {
		return h.Err.Error()
	}
	return string(h.Kind) + " by " + h.Who
}

// Unwrap returns the cause.
func (h *Halt) Unwrap() error { return h.Err }

// Run copies until nothing is left to do (nil, nil), a wish or a limit halts the run, or it fails as a whole: by its control database or
// by an imbalance. Streams fail one by one. On return no shard of the run is at work in this process.
func (e *Executor) Run(ctx context.Context, w Work, halt *Brake) (*Halt, error) {
	r := &runner{Executor: e, Work: w, brake: halt, attempts: map[string]*attempt{}, streams: map[string]*stream{}, trouble: map[string]*trouble{},
		undivided: map[string]bool{}, results: make(chan result)}
	err := r.heed(ctx)
	if err == nil {
		err = r.pace(ctx)
	}
	if err != nil {
		return nil, err
	}
	return r.loop(ctx)
}

// runner is one call of Run; only its loop touches it.
type runner struct {
	*Executor
	Work
	brake    *Brake
	attempts map[string]*attempt // by shard
	streams  map[string]*stream  // that have shards at work
	trouble  map[string]*trouble // by shard
	// undivided are shards that could not be divided.
	undivided map[string]bool
	results   chan result
	pools     []*record.Pool // of idle workers
	parallel  int            // shards at work at once
	revision  int64          // of the wishes heeded
	limits    store.Limits
	paced     time.Time // when the rate was last shared
	busy      time.Time // when a shard was last at work
	renewed   time.Time
	looked    time.Time // for whether others have ended its shards
	troubled  time.Time // since when the control database refuses; zero: it does not
}

// attempt is a shard at work.
type attempt struct {
	leased  store.Leased
	cancel  context.CancelCauseFunc
	yield   context.CancelFunc // ends it with the group in hand; nil: it was called
	began   time.Time
	read    atomic.Int64 // rows of the shard that are read and committed
	divided atomic.Bool  // it was ended to be divided
}

// moved reports whether the attempt has committed a group.
func (a *attempt) moved() bool { return a.read.Load() > a.leased.Checkpoint.Read }

type result struct {
	leased store.Leased
	at     connector.Checkpoint
	pool   *record.Pool
	far    int // shards that were cut off it
	err    error
}

func (r *runner) loop(ctx context.Context) (*Halt, error) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	r.renewed, r.busy = time.Now(), time.Now()
	for {
		done, err := r.staff(ctx)
		r.bear(err)
		if len(r.attempts) > 0 {
			r.busy = time.Now()
		}
		if len(r.attempts) == 0 && (done || r.brake.ctx.Err() != nil || ctx.Err() != nil) {
			break
		}
		select {
		case res := <-r.results:
			r.settle(ctx, res)
		case <-r.Streams.Ready():
		case <-r.Seat.Ready():
		case <-r.Seat.Yield():
			r.yield()
		case <-ticker.C:
			r.bear(r.tend(ctx))
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return r.brake.Halt(), r.brake.Failure()
}

// bear takes an error of the control database: one that passes is borne as long as an outage may last, a full disk pauses the
// run, and all others end its work.
func (r *runner) bear(err error) {
	if err == nil {
		r.troubled = time.Time{}
		return
	}
	switch connector.ClassOf(err) {
	case connector.Retry, connector.Busy:
		if r.troubled.IsZero() {
			r.troubled = time.Now()
		}
		if time.Since(r.troubled) < r.Outage {
			r.Log.Warn("control database", "run", r.Work.Run, "error", err)
			return
		}
	case connector.Full:
		r.brake.Pull(&Halt{Kind: store.WishPause, Err: err})
		return
	}
	r.brake.Fail(err)
}

// staff leases shards until enough are at work; done reports that none is left.
func (r *runner) staff(ctx context.Context) (done bool, err error) {
	for ctx.Err() == nil && r.brake.ctx.Err() == nil && len(r.attempts) < r.parallel {
		free := r.Seat.Want(r.parallel) - len(r.attempts)
		if free <= 0 && (len(r.attempts) > 0 || time.Since(r.looked) < lookEvery) {
			return false, nil
		}
		if free <= 0 { // other processes may end the run's shards
			r.looked = time.Now()
			return r.over(ctx)
		}
		leased, err := r.Store.LeaseShards(ctx, store.LeaseRequest{Worker: r.Worker, Runs: []string{r.Work.Run}, Joins: r.Joined, TTL: r.TTL}, free)
		if err != nil {
			return false, err
		}
		for _, l := range leased {
			r.start(ctx, l)
		}
		if len(leased) < free {
			r.Seat.Want(len(r.attempts))
			if err := r.divide(ctx); err != nil {
				return false, err
			}
			return r.over(ctx)
		}
	}
	r.Seat.Want(len(r.attempts))
	return false, nil
}

// idleRest is how long a process stays with a run of others that has no shard for it.
const idleRest = 5 * time.Second

// over reports whether nothing is left to do here.
func (r *runner) over(ctx context.Context) (bool, error) {
	if r.Joined {
		return time.Since(r.busy) > idleRest, nil
	}
	return r.Store.Finished(ctx, r.Work.Run)
}

// yield ends a shard with the group in hand, for a run that has none at work: one that got on since it was taken, or at a slow target turns would
// pass and nothing be done. One that cannot be read from its middle is left to its end.
func (r *runner) yield() {
	for _, a := range r.attempts {
		if a.yield != nil && a.moved() && a.leased.Shard.Replay != connector.None {
			a.yield()
			a.yield = nil
			return
		}
	}
	r.Seat.Keep()
}

func (r *runner) start(ctx context.Context, leased store.Leased) {
	id := leased.Shard.ID
	if former := r.attempts[id]; former != nil { // its lease ran out, and it has not ended
		former.cancel(connector.Errorf(connector.Fenced, "TOW-131", "the lease of shard %s ran out", id))
		r.release(ctx, leased, time.Second, store.TriedAgain, nil)
		return
	}
	open, halt := r.begin(leased.Stream)
	if open == nil {
		r.release(ctx, leased, 0, store.TriedAgain, nil)
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	halt, yield := context.WithCancel(halt)
	a := &attempt{leased: leased, cancel: cancel, yield: yield, began: time.Now()}
	a.read.Store(leased.Checkpoint.Read)
	r.attempts[id] = a
	pool := r.pool()
	r.Log.Debug("shard taken", "run", r.Work.Run, "shard", id, "epoch", leased.Lease.Epoch)
	go func() {
		defer cancel(nil)
		defer yield()
		at, far, err := r.work(ctx, halt, a, open, engine.Work{Shard: leased.Shard, Lease: leased.Lease,
			Last: leased.Checkpoint, Pool: pool, Ledger: &ledger{r.Store, leased, &a.read}})
		r.results <- result{leased, at, pool, far, err}
	}()
}

// pool returns the memory of a worker.
func (r *runner) pool() (pool *record.Pool) {
	n := len(r.pools)
	switch {
	case r.Seat != nil:
		pool = r.Seat.Pool()
	case n > 0:
		pool, r.pools = r.pools[n-1], r.pools[:n-1]
	default:
		pool = record.NewPool(r.Memory / int64(max(r.parallel, 1)))
	}
	if r.BatchRows > 0 {
		pool.LimitRows(r.BatchRows)
	}
	return pool
}

// settle looks at how an attempt ended.
func (r *runner) settle(ctx context.Context, res result) {
	id := res.leased.Shard.ID
	if r.attempts[id].divided.Load() && res.far == 0 {
		r.undivided[id] = true
	}
	delete(r.attempts, id)
	if res.far > 0 {
		r.Streams.Divided(res.leased.Stream, res.far)
	}
	if r.Seat != nil {
		r.Seat.Return(res.pool)
	} else {
		r.pools = append(r.pools, res.pool)
	}
	defer r.Seat.Free() // behind its release
	if res.at.Seq > res.leased.Checkpoint.Seq || res.err == nil && res.at.Done {
		delete(r.trouble, id)
	}
	r.judge(ctx, res)
	r.end(res.leased.Stream, res.err == nil && res.at.Done)
}

// judge decides what becomes of a shard whose attempt ended.
func (r *runner) judge(ctx context.Context, res result) {
	id := res.leased.Shard.ID
	if res.err == nil {
		if !res.at.Done {
			r.release(ctx, res.leased, 0, store.TriedAgain, nil)
		}
		return
	}
	class := connector.ClassOf(res.err)
	switch class { // also when the run has gone to another process: what was refused is told
	case connector.Fenced:
		r.Log.Warn("shard fenced: a newer owner has it", "run", r.Work.Run, "shard", id, "epoch", res.leased.Lease.Epoch, "error", res.err)
	case connector.Retry, connector.Busy, connector.Lost, connector.Unknown: // told when it is tried again
	default:
		r.Log.Warn("shard failed", "run", r.Work.Run, "shard", id, "epoch", res.leased.Lease.Epoch, "error", res.err)
	}
	if ctx.Err() != nil {
		return
	}
	switch class {
	case connector.Fenced:
		r.release(ctx, res.leased, time.Second, store.TriedAgain, nil) // does nothing, unless only the target knows of a newer epoch
	case connector.Retry, connector.Busy, connector.Lost, connector.Unknown:
		r.again(ctx, res)
	case connector.Full:
		r.pause(ctx, res.leased, &Halt{Kind: store.WishPause, Err: res.err})
	default:
		r.fail(ctx, res)
	}
}

// pause halts the run for what happened to a shard.
func (r *runner) pause(ctx context.Context, leased store.Leased, h *Halt) {
	r.brake.Pull(h)
	r.release(ctx, leased, 0, store.PausesRun, h.Err)
}

// release gives a shard back. The verdict is for who steers the run, where that is another process.
func (r *runner) release(ctx context.Context, leased store.Leased, after time.Duration, verdict store.Verdict, cause error) {
	f := store.Failure{After: after}
	if r.Joined {
		f.Verdict = verdict
	}
	if cause != nil {
		f.Text = r.Clean(cause.Error())
		if e, ok := errors.AsType[*connector.Error](cause); ok {
			f.Code = e.Code
		}
	}
	err := r.Store.ReleaseShard(ctx, store.ShardEpoch{Run: r.Work.Run, Shard: leased.Shard.ID, Epoch: leased.Lease.Epoch}, f)
	if err != nil { // its lease runs out by itself
		r.bear(err)
	}
}
