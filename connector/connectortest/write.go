package connectortest

import (
	"context"
	"slices"

	"github.com/towpath/towpath/connector"
)

const (
	shardA = "shard-a"
	shardB = "shard-b"
)

// plan: it changes nothing, and says what the engine needs.
func (s Suite) plan(tb TB) {
	for _, mode := range s.Modes {
		j := s.job(tb, mode, s.tableFor(mode, 1))
		x := j.open(tb)
		t := j.target
		if t.Dataset == "" || t.Way == "" || t.Reason == "" || t.Mode != mode {
			tb.Errorf("%s: plan lacks dataset, way, reason or mode: %+v", mode, t)
		}
		if t.Stored == nil || !slices.Equal(names(t.Stored), names(j.table.Schema)) {
			tb.Errorf("%s: plan's stored columns are not those asked for", mode)
		}
		if got := s.datasets(tb, x.client, j.dataset+"*"); len(got) > 0 {
			tb.Errorf("%s: planning made %q", mode, got)
		}
	}
}

// tableFor returns a table that the mode can keep apart: with a key, unless rows are appended.
func (s Suite) tableFor(mode connector.Mode, n int) Table {
	if mode == connector.Append {
		return Fixture(NoKey, n)
	}
	return Fixture(IntKey, n)
}

// writeTypes: every value stands in the target as it was sent.
//
// Invariant 6: no silent change of a value.
func (s Suite) writeTypes(tb TB) {
	x := s.job(tb, s.Modes[0], s.typesTable()).start(tb, true)
	x.take(shardA, 1, connector.Checkpoint{}).write(x.table.Rows)
	x.finish(connector.Seal, connector.Publish)
	if d := diffCells(s.ReadBack(tb, x.dataset, x.table.Schema), x.table); d != "" {
		tb.Errorf("%s", d)
	}
}

// borrow: Write leaves the batches as they are, and needs them no more once it has returned.
func (s Suite) borrow(tb TB) {
	x := s.job(tb, s.Modes[0], s.tableFor(s.Modes[0], 40)).start(tb, true)
	o := x.take(shardA, 1, connector.Checkpoint{})
	group := x.group(x.table.Rows)
	before := []uint64{fingerprint(group[0], nil), fingerprint(group[1], nil)}
	if _, err := o.sw.Write(tb.Context(), group); err != nil {
		tb.Fatalf("write: %v", err)
	}
	for i, b := range group {
		if fingerprint(b, nil) != before[i] {
			tb.Errorf("write changed batch %d of its group", i)
		}
		for c, v := range b.Cols { // another row over and over, as the pool's next user would leave it
			clear(v.Data)
			clear(v.Int64)
			v.Reset(v.Form)
			b.Cols[c] = v
		}
		b.Len = 0
	}
	o.pending = connector.Counts{Read: 40, Written: 40}
	o.commit()
	x.publishes(x.table.Rows)
}

// replay: after a cut the target's checkpoint, or the last known one, tells what to send again, and nothing is doubled.
//
// Invariant 1: order.
func (s Suite) replay(tb TB, mode connector.Mode) {
	table := s.tableFor(mode, 90)
	j := s.job(tb, mode, table)
	x := j.start(tb, true)
	o := x.take(shardA, 1, connector.Checkpoint{})
	o.write(table.Rows[:30])
	first := o.cp
	o.write(table.Rows[30:60])
	second := o.cp
	x.close()

	x = j.start(tb, false)
	o = x.take(shardA, 2, first) // the control database's copy is one behind
	want := first
	if j.target.Remembers() {
		want = second
	}
	if !sameCheckpoint(o.cp, want) {
		tb.Fatalf("take after a cut: checkpoint %+v, want %+v", o.cp, want)
	}
	if !j.target.Remembers() && mode == connector.Append {
		tb.Fatalf("append without a checkpoint at the target doubles rows")
	}
	for at := int(o.cp.Read); at < 90; at += 30 {
		o.write(table.Rows[at : at+30])
	}
	if want := (connector.Counts{Read: 90, Written: 90}); o.cp.Counts != want || o.cp.Seq != 3 {
		tb.Errorf("counts %+v after %d commits, want %+v after 3", o.cp.Counts, o.cp.Seq, want)
	}
	x.publishes(table.Rows)
}

// uncommitted: what was written and not committed does not count, and sending it again doubles nothing.
func (s Suite) uncommitted(tb TB, mode connector.Mode) {
	table := s.tableFor(mode, 60)
	j := s.job(tb, mode, table)
	x := j.start(tb, true)
	o := x.take(shardA, 1, connector.Checkpoint{})
	o.write(table.Rows[:30])
	if _, err := o.tryWrite(table.Rows[30:]); err != nil {
		tb.Fatalf("write: %v", err)
	}
	last := o.cp
	_ = o.sw.Close()
	x.close()

	x = j.start(tb, false)
	o = x.take(shardA, 2, last)
	if !sameCheckpoint(o.cp, last) {
		tb.Fatalf("take after a cut: checkpoint %+v, want %+v", o.cp, last)
	}
	if mode == connector.Insert && !j.target.Remembers() {
		_, err := o.tryWrite(table.Rows[30:]) // rows of the lost group may be there already
		if err != nil {
			tb.Fatalf("write: %v", err)
		}
		o.commit()
	} else {
		o.write(table.Rows[30:])
	}
	x.publishes(table.Rows)
}

// answer: when the answer to a commit is lost, Take's Seq tells whether it was applied.
func (s Suite) answer(tb TB) {
	for _, applied := range []bool{true, false} {
		table := s.tableFor(s.Modes[0], 60)
		j := s.job(tb, s.Modes[0], table)
		x := j.start(tb, true)
		o := x.take(shardA, 1, connector.Checkpoint{})
		o.write(table.Rows[:30])
		last := o.cp
		if _, err := o.tryWrite(table.Rows[30:]); err != nil {
			tb.Fatalf("write: %v", err)
		}
		switch {
		case s.LoseCommit != nil:
			s.LoseCommit(tb, applied)
			if err := o.tryCommit(); connector.ClassOf(err) != connector.Unknown {
				tb.Fatalf("commit without an answer: got %v, want an error of class unknown", err)
			}
		case applied:
			o.commit() // and its answer is not looked at
		}
		_ = o.sw.Close()
		o = x.take(shardA, 2, last)
		want := last.Seq
		if applied && j.target.Remembers() {
			want++
		}
		if o.cp.Seq != want {
			tb.Fatalf("take after a lost answer (applied: %t): seq %d, want %d", applied, o.cp.Seq, want)
		}
		if o.cp.Seq == last.Seq && (s.Modes[0] != connector.Insert || j.target.Remembers()) {
			o.write(table.Rows[30:])
		}
		x.publishes(table.Rows)
	}
}

// fence: once a newer epoch has taken a shard, an older one has no effect.
//
// Invariant 3: one owner.
func (s Suite) fence(tb TB) {
	table := s.tableFor(s.Modes[0], 60)
	j := s.job(tb, s.Modes[0], table)
	x, y := j.start(tb, true), (*session)(nil)
	older := x.take(shardA, 1, connector.Checkpoint{})
	older.write(table.Rows[:20])
	y = j.start(tb, false)
	newer := y.take(shardA, 2, older.cp)
	newer.write(table.Rows[20:40])
	if s.Fence == Unfenced {
		if len(j.target.Notes) == 0 {
			tb.Errorf("the target fences nothing and the plan's notes do not say so")
		}
		return
	}
	late := table.Rows[40:]
	if s.Fence == Outranks {
		late = nil
		for _, r := range table.Rows[20:40] { // the same keys, another value
			late = append(late, append(slices.Clone(r[:len(r)-1]), Cell{Text: "of an older epoch"}))
		}
	}
	_, err := older.tryWrite(late)
	if err == nil {
		err = older.tryCommit()
	}
	if s.Fence == Refuses && connector.ClassOf(err) != connector.Fenced {
		tb.Errorf("write and commit of an older epoch: got %v, want an error of class fenced", err)
	}
	if _, err := x.tryTake(shardA, 1, older.cp); s.Fence == Refuses && connector.ClassOf(err) != connector.Fenced {
		tb.Errorf("take with an older epoch: got %v, want an error of class fenced", err)
	}
	if s.Fence == Refuses {
		newer.write(table.Rows[40:])
		y.publishes(table.Rows)
		return
	}
	y.publishes(table.Rows[:40])
}

// remembered: Prepare reports every checkpoint that the target keeps, each time the same.
func (s Suite) remembered(tb TB) {
	table := s.tableFor(s.Modes[0], 60)
	j := s.job(tb, s.Modes[0], table)
	x := j.start(tb, true)
	if len(x.remembered) > 0 {
		tb.Errorf("a fresh run remembers %v", x.remembered)
	}
	a := x.take(shardA, 1, connector.Checkpoint{})
	a.write(table.Rows[:30])
	_ = a.sw.Close()
	b := x.take(shardB, 2, connector.Checkpoint{})
	b.write(table.Rows[30:40])
	b.write(table.Rows[40:])
	x.close()
	x = j.start(tb, false)
	for range 2 {
		if j.target.Remembers() {
			for _, want := range []connector.Checkpoint{a.cp, b.cp} {
				if got, ok := x.remembered[want.Shard]; !ok || !sameCheckpoint(got, want) {
					tb.Errorf("prepare reports %+v (%t), want %+v", got, ok, want)
				}
			}
		}
		for shard, got := range x.remembered {
			if shard != shardA && shard != shardB {
				tb.Errorf("prepare reports a checkpoint of shard %q: %+v", shard, got)
			}
		}
		if err := x.prepare(false); err != nil {
			tb.Fatalf("prepare again: %v", err)
		}
	}
	x.publishes(table.Rows)
}

// marker: a target without the run's marker was restored from before the run's start.
func (s Suite) marker(tb TB) {
	j := s.job(tb, s.Modes[0], s.tableFor(s.Modes[0], 10))
	x := j.start(tb, true)
	x.take(shardA, 1, connector.Checkpoint{}).write(j.table.Rows)
	x.publishes(j.table.Rows)
	if s.Unmarked {
		if len(j.target.Notes) == 0 {
			tb.Errorf("the target keeps no marker and the plan's notes do not say so")
		}
		return
	}
	other := *j
	other.run, other.target = newRun(), nil
	if err := other.open(tb).prepare(false); connector.ClassOf(err) != connector.Changed {
		tb.Errorf("prepare of a run whose marker is missing: got %v, want an error of class changed", err)
	}
}

// empty: a commit without a write moves the position.
func (s Suite) empty(tb TB) {
	j := s.job(tb, s.Modes[0], s.tableFor(s.Modes[0], 10))
	x := j.start(tb, true)
	o := x.take(shardA, 1, connector.Checkpoint{})
	o.pending = connector.Counts{Read: 5, Filtered: 5}
	o.commit()
	o.write(j.table.Rows)
	last := o.cp
	_ = o.sw.Close()
	if o = x.take(shardA, 2, last); !sameCheckpoint(o.cp, last) {
		tb.Errorf("take after a commit without a write: %+v, want %+v", o.cp, last)
	}
	x.publishes(j.table.Rows)
	ctx, stop := context.WithCancel(tb.Context())
	stop()
	within(tb, "take with an ended context", func() {
		if _, _, err := x.writer.Take(ctx, connector.Shard{ID: shardB}, x.lease(3), connector.Checkpoint{Shard: shardB}); err == nil {
			tb.Errorf("take with an ended context: no error")
		}
	})
}
