package local

import (
	"context"
	"errors"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
)

// stream is a stream with shards at work.
type stream struct {
	halt   context.Context // ends when the run halts or the stream has failed: groups in hand are committed
	cancel context.CancelFunc
	shards int // at work
}

// begin counts a shard of a stream in and returns what copies it, and when that halts; nil when the stream is given up.
func (r *runner) begin(name string) (pipe *engine.Pipe, halt context.Context) {
	if pipe = r.Streams.Begin(name); pipe == nil {
		return nil, nil
	}
	st := r.streams[name]
	if st == nil {
		st = new(stream)
		st.halt, st.cancel = context.WithCancel(r.brake.ctx)
		r.streams[name] = st
	}
	st.shards++
	return pipe, st.halt
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
	r.release(ctx, res.leased, failedRest, res.err)
	if _, whole := errors.AsType[unkept](res.err); whole {
		r.brake.Fail(res.err)
		return
	}
	if e, ok := errors.AsType[*connector.Error](res.err); ok && e.Code == "TOW-110" { // Invariant 4: an imbalance stops the run
		r.brake.Fail(res.err)
		return
	}
	r.streams[res.leased.Stream].cancel()
	if err := r.Streams.Fail(ctx, res.leased.Stream, res.err); err != nil {
		r.bear(err)
	}
}
