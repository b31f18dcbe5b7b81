package connectortest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// parallel: shards are read side by side through one reader.
func (s Suite) parallel(tb TB) {
	x := s.source(tb, Fixture(s.Keys[0], s.Rows))
	shards := x.cut(connector.Shard{}, nil, connector.Hint{Shards: 4})
	rows, errs := make([][]Row, len(shards)), make([]error, len(shards))
	pool := record.NewPool(0).LimitRows(smallBatch)
	var wg, begun sync.WaitGroup
	begun.Add(len(shards))
	all := make(chan struct{})
	wg.Go(func() {
		begun.Wait()
		close(all)
	})
	for i, shard := range shards {
		wg.Go(func() {
			begin := sync.OnceFunc(begun.Done)
			defer begin()
			for c, err := range x.reader.Read(tb.Context(), connector.Query{Shard: shard, Schema: x.schema, Batches: pool}) {
				errs[i] = err
				if c.Batch != nil {
					rows[i] = append(rows[i], Rows(c.Batch)...)
					c.Batch.Release()
				}
				begin()
				select { // until all are under way, but for readers that have fewer connections
				case <-all:
				case <-time.After(soon / 4):
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		tb.Fatalf("read: %v", err)
	}
	if d := Diff(slices.Concat(rows...), x.table.Rows); d != "" {
		tb.Errorf("%d shards side by side: %s", len(shards), d)
	}
	if used := pool.Used(); used != 0 {
		tb.Errorf("memory: the reader kept batches of %d bytes", used)
	}
}

// killReader: a reader whose connections end says so, by an error to try again, and then goes on from its last position.
func (s Suite) killReader(tb TB) {
	x, shard := s.stopSource(tb)
	if shard.Replay == connector.None {
		return
	}
	pool := record.NewPool(0).LimitRows(smallBatch)
	var rows []Row
	var after connector.Position
	for n := 0; n < 2; n++ {
		var last error
		chunks := 0
		for c, err := range x.reader.Read(tb.Context(), connector.Query{Shard: shard, From: after, Schema: x.schema, Batches: pool}) {
			last = err
			if c.Batch != nil {
				rows = append(rows, Rows(c.Batch)...)
				c.Batch.Release()
			}
			if err == nil {
				after = c.After
			}
			if chunks++; chunks == 2 && n == 0 {
				s.Kill(tb)
			}
		}
		if last == nil {
			break
		}
		if class := connector.ClassOf(last); n > 0 || class != connector.Retry && class != connector.Busy {
			tb.Fatalf("read after its connections ended: %v, want at most once an error of class retry", last)
		}
	}
	if d := Diff(rows, x.table.Rows); d != "" && (shard.Replay == connector.Exact || !covers(rows, x.table.Rows)) {
		tb.Errorf("%s", d)
	}
}

// killWriter: what was not committed when the connections ended does not count, or the answer is unknown.
func (s Suite) killWriter(tb TB) {
	table := s.tableFor(s.Modes[0], 60)
	j := s.job(tb, s.Modes[0], table)
	x := j.start(tb, true)
	o := x.take(shardA, 1, connector.Checkpoint{})
	o.write(table.Rows[:30])
	last := o.cp
	if _, err := o.tryWrite(table.Rows[30:]); err != nil {
		tb.Fatalf("write: %v", err)
	}
	s.Kill(tb)
	err := o.tryCommit()
	if class := connector.ClassOf(err); err != nil && class != connector.Retry && class != connector.Unknown && class != connector.Busy {
		tb.Errorf("commit after its connections ended: %v, want class retry or unknown", err)
	}
	if err == nil {
		last = o.cp
	}
	_ = o.sw.Close()
	o = x.take(shardA, 2, last)
	if o.cp.Seq < last.Seq || o.cp.Seq > 2 {
		tb.Fatalf("take after its connections ended: seq %d, last known %d", o.cp.Seq, last.Seq)
	}
	if o.cp.Seq == 1 {
		o.write(table.Rows[30:])
	}
	x.publishes(table.Rows)
}

// long: a shard that replays only from its beginning is written in many groups and committed once.
func (s Suite) long(tb TB) {
	table := s.tableFor(s.Modes[0], 90)
	j := s.job(tb, s.Modes[0], table)
	x := j.start(tb, true)
	o := x.take(shardA, 1, connector.Checkpoint{})
	for at := 0; at < 90; at += 30 {
		if _, err := o.tryWrite(table.Rows[at : at+30]); err != nil {
			tb.Fatalf("write: %v", err)
		}
	}
	o.commit()
	if want := (connector.Counts{Read: 90, Written: 90}); o.cp.Counts != want {
		tb.Errorf("counts %+v, want %+v", o.cp.Counts, want)
	}
	x.publishes(table.Rows)
}

// two: two shards are written in turn, unless the target takes one at a time.
func (s Suite) two(tb TB) {
	table := s.tableFor(s.Modes[0], 80)
	j := s.job(tb, s.Modes[0], table)
	x := j.start(tb, true)
	if j.target.Limits.Shards == 1 {
		return
	}
	a, b := x.take(shardA, 1, connector.Checkpoint{}), x.take(shardB, 2, connector.Checkpoint{})
	for at := 0; at < 80; at += 40 {
		a.write(table.Rows[at : at+20])
		b.write(table.Rows[at+20 : at+40])
	}
	if a.cp.Seq != 2 || b.cp.Seq != 2 {
		tb.Errorf("seq %d and %d, want 2 and 2", a.cp.Seq, b.cp.Seq)
	}
	x.publishes(table.Rows)
}

// join: a process that does not steer the run writes a shard of it; whenever it comes, it leaves the target as it is.
func (s Suite) join(tb TB) {
	for _, mode := range s.Modes {
		table := s.tableFor(mode, 80)
		j := s.job(tb, mode, table)
		x := j.start(tb, true)
		if j.target.Limits.Shards == 1 {
			continue
		}
		y := j.join(tb)
		if err := y.prepare(false); err != nil {
			tb.Fatalf("%s: prepare in a process that joins: %v", mode, err)
		}
		a, b := x.take(shardA, 1, connector.Checkpoint{}), y.take(shardB, 2, connector.Checkpoint{})
		for at := 0; at < 80; at += 40 {
			a.write(table.Rows[at : at+20])
			b.write(table.Rows[at+20 : at+40])
		}
		x.finish(connector.Seal)
		if late := j.join(tb); late.prepare(false) != nil {
			tb.Errorf("%s: prepare in a process that joins late: it does not find the target", mode)
		}
		x.finish(connector.Publish)
		x.holds(table.Rows)
		late := j.join(tb)
		_ = late.prepare(false) // it may find that the run is over
		late.close()
		x.holds(table.Rows)
	}
}
