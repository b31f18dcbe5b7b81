package connectortest

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

const (
	soon    = time.Second      // in which a reader has to stop
	patient = 20 * time.Second // after which one that hangs is given up
)

// within runs f and reports whether it ended in time.
func within(tb TB, what string, f func()) {
	tb.Helper()
	done := make(chan time.Duration, 1)
	start := time.Now()
	go func() {
		f()
		done <- time.Since(start)
	}()
	select {
	case took := <-done:
		if took > soon {
			tb.Errorf("%s took %s, more than %s", what, took, soon)
		}
	case <-time.After(patient):
		tb.Fatalf("%s hangs", what)
	}
}

func (s Suite) stopSource(tb TB) (*source, connector.Shard) {
	tb.Helper()
	x := s.source(tb, Fixture(s.Keys[0], s.Rows))
	shards := x.cut(connector.Shard{}, nil, connector.Hint{Shards: 1})
	if len(shards) == 0 {
		tb.Fatalf("no shards of %d rows", s.Rows)
	}
	return x, shards[0]
}

// stop: when yield returns false, the reader ends at once and gives all memory back.
func (s Suite) stop(tb TB) {
	x, shard := s.stopSource(tb)
	pool := record.NewPool(0).LimitRows(smallBatch)
	calls := 0
	within(tb, "read after yield returned false", func() {
		x.reader.Read(tb.Context(), connector.Query{Shard: shard, Schema: x.schema, Batches: pool})(func(c connector.Chunk, _ error) bool {
			calls++
			c.Batch.Release()
			return false
		})
	})
	if calls != 1 {
		tb.Errorf("yield was called %d times, want once", calls)
	}
	if used := pool.Used(); used != 0 {
		tb.Errorf("memory: the reader kept batches of %d bytes", used)
	}
}

// cancel: when the context ends, the reader ends with an error, also while it waits for memory.
func (s Suite) cancel(tb TB) {
	x, shard := s.stopSource(tb)
	for _, hold := range []bool{false, true} {
		pool := record.NewPool(0).LimitRows(smallBatch)
		ctx, stop := context.WithCancel(tb.Context())
		var held []*record.Batch
		var last error
		for hold && len(held) < record.MinBudget/record.MaxBytes-1 { // what is left of the pool is one batch
			b, err := pool.Get(ctx, x.schema)
			if err != nil {
				tb.Fatalf("get a batch: %v", err)
			}
			held = append(held, b)
		}
		spent := len(held)
		within(tb, "read after its context ended", func() {
			for c, err := range x.reader.Read(ctx, connector.Query{Shard: shard, Schema: x.schema, Batches: pool}) {
				last = err
				switch {
				case c.Batch == nil:
				case hold:
					held = append(held, c.Batch)
				default:
					c.Batch.Release()
				}
				if !hold {
					stop()
				} else if len(held) == spent+1 { // the reader goes on until the pool is spent
					timer := time.AfterFunc(soon/4, stop)
					defer timer.Stop()
				}
			}
		})
		stop()
		if last == nil {
			tb.Errorf("reading went on to its end though the context had ended (batches held: %t)", hold)
		}
		for _, b := range held {
			b.Release()
		}
		if used := pool.Used(); used != 0 {
			tb.Errorf("memory: the reader kept batches of %d bytes", used)
		}
	}
}

// batches: what was yielded is not touched any more: neither batch nor position.
func (s Suite) batches(tb TB) {
	x, shard := s.stopSource(tb)
	pool := record.NewPool(1 << 40).LimitRows(smallBatch)
	var batches []*record.Batch
	var positions []connector.Position
	var sums []uint64
	for c, err := range x.reader.Read(tb.Context(), connector.Query{Shard: shard, Schema: x.schema, Batches: pool}) {
		if err != nil {
			tb.Fatalf("read: %v", err)
		}
		if c.Batch != nil {
			batches, positions = append(batches, c.Batch), append(positions, c.After)
			sums = append(sums, fingerprint(c.Batch, c.After))
		}
	}
	for i, b := range batches {
		if slices.Contains(batches[:i], b) {
			tb.Fatalf("batch %d was yielded before", i)
		}
		if fingerprint(b, positions[i]) != sums[i] {
			tb.Fatalf("batch %d of %d was changed after it was yielded", i, len(batches))
		}
	}
	for _, b := range batches {
		b.Release()
	}
}

func fingerprint(b *record.Batch, after []byte) uint64 {
	h := fnv.New64a()
	for _, r := range Rows(b) {
		h.Write([]byte(r.String()))
	}
	h.Write(after)
	return h.Sum64()
}

// readErrors: a dataset that is not there, and positions that are not the reader's.
func (s Suite) readErrors(tb TB) {
	r, err := s.Connector.Read(tb.Context(), s.open(tb), connector.Source{Dataset: s.NewName(tb), Options: s.Reading})
	if err == nil {
		_, _, err = r.Schema(tb.Context())
		_ = r.Close()
	}
	if connector.ClassOf(err) != connector.Missing {
		tb.Errorf("read a dataset that is not there: got %v, want an error of class missing", err)
	}
	x, shard := s.stopSource(tb)
	if shard.Replay == connector.None {
		return
	}
	spoilt := x.read(shard, nil)[0].after
	spoilt[len(spoilt)/2] ^= 1
	for what, from := range map[string]connector.Position{"another kind's": connector.NewPosition("connectortest.strange"), "a spoilt": spoilt, "a short": {1}} {
		var first error
		rows := 0
		for c, err := range x.reader.Read(tb.Context(), connector.Query{Shard: shard, From: from, Schema: x.schema, Batches: record.NewPool(0)}) {
			if c.Batch != nil {
				rows += c.Batch.Len
				c.Batch.Release()
			}
			first = errors.Join(first, err)
		}
		if connector.ClassOf(first) != connector.Changed || rows > 0 {
			tb.Errorf("read from %s position: got %d rows and %v, want none and an error of class changed", what, rows, first)
		}
	}
}
