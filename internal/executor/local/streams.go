package local

import (
	"context"
	"errors"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// stream is a stream with shards at work.
type stream struct {
	halt   context.Context // ends when the run halts or the stream has failed: groups in hand are committed
	cancel context.CancelFunc
	shards int // at work
}

// begin counts a shard of a stream in and returns what opens its pipe, and when its work halts; nil when the stream is given up.
func (r *runner) begin(name string) (open Opening, halt context.Context) {
	if open = r.Streams.Begin(name); open == nil {
		return nil, nil
	}
	st := r.streams[name]
	if st == nil {
		st = new(stream)
		st.halt, st.cancel = context.WithCancel(r.brake.ctx)
		r.streams[name] = st
	}
	st.shards++
	return open, st.halt
}

func (r *runner) end(name string, done bool) {
	st := r.streams[name]
	if st.shards--; st.shards == 0 {
		st.cancel()
		delete(r.streams, name)
	}
	r.Streams.End(name, done)
}

// failedRest is how long a shard that failed for good rests: should its stream's failure not be recorded, it is not tried again at once.
const failedRest = 2 * time.Second

// fail ends the stream of a shard that failed for good, or the run where more than a stream is at stake.
func (r *runner) fail(ctx context.Context, res result) {
	_, whole := errors.AsType[unkept](res.err)
	if e, ok := errors.AsType[*connector.Error](res.err); ok && e.Code == "TOW-110" { // Invariant 4: an imbalance stops the run
		whole = true
	}
	if whole {
		r.release(ctx, res.leased, failedRest, store.FailsRun, res.err)
		r.brake.Fail(res.err)
		return
	}
	r.release(ctx, res.leased, failedRest, store.FailsStream, res.err)
	r.streams[res.leased.Stream].cancel()
	if err := r.Streams.Fail(ctx, res.leased.Stream, res.err); err != nil {
		r.bear(err)
	}
}
