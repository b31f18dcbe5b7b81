package connectortest

import (
	"slices"

	"github.com/towpath/towpath/connector"
)

// outcome: what a write says became of its rows is what became of them.
//
// Invariant 4: balance.
func (s Suite) outcome(tb TB) {
	if slices.Contains(s.Modes, connector.Upsert) {
		s.supersedes(tb)
	}
	if slices.Contains(s.Modes, connector.Insert) {
		s.rejects(tb)
	}
}

// supersedes: of the rows of one key in a group the last one stays, the others are named.
func (s Suite) supersedes(tb TB) {
	table := Fixture(IntKey, 20)
	rows := slices.Clone(table.Rows)
	for _, at := range []int{2, 3, 11} {
		again := slices.Clone(table.Rows[at])
		again[len(again)-1] = Cell{Text: "the last one"}
		rows = append(rows, again)
	}
	j := s.job(tb, connector.Upsert, Table{Schema: table.Schema, Rows: rows})
	x := j.start(tb, true)
	o := x.take(shardA, 1, connector.Checkpoint{})
	out, err := o.tryWrite(rows)
	if err != nil {
		tb.Fatalf("write: %v", err)
	}
	o.commit()
	half := len(rows) / 2 // where the group's second batch begins
	want := []connector.RowRef{{Batch: 0, Row: 2}, {Batch: 0, Row: 3}, {Batch: 1, Row: 11 - half}}
	if half > 11 {
		want[2] = connector.RowRef{Batch: 0, Row: 11}
	}
	got := slices.SortedFunc(slices.Values(out.Superseded), byRef)
	if !slices.Equal(got, want) || len(out.Rejected) > 0 {
		tb.Errorf("superseded %v, rejected %v; want %v, none", got, out.Rejected, want)
	}
	left := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool {
		return slices.ContainsFunc([]int{2, 3, 11}, func(at int) bool { return slices.Equal(r, table.Rows[at]) })
	})
	x.publishes(left)
	if n := o.cp.Written - o.cp.Superseded; n != int64(len(left)) {
		tb.Errorf("counts say %d rows, the target holds %d", n, len(left))
	}
}

func byRef(a, b connector.RowRef) int {
	if a.Batch != b.Batch {
		return a.Batch - b.Batch
	}
	return a.Row - b.Row
}

// rejects: a key that is there is a rejected row, and the others of its group are written.
func (s Suite) rejects(tb TB) {
	table := Fixture(IntKey, 50)
	j := s.job(tb, connector.Insert, table)
	x := j.start(tb, true)
	o := x.take(shardA, 1, connector.Checkpoint{})
	o.write(table.Rows[:20])
	taken := slices.Clone(table.Rows[7])
	taken[len(taken)-1] = Cell{Text: "too late"}
	group := slices.Insert(slices.Clone(table.Rows[20:]), 3, taken)
	out, err := o.tryWrite(group)
	if err != nil {
		tb.Fatalf("write: %v", err)
	}
	o.commit()
	switch {
	case len(out.Rejected) != 1 || out.Rejected[0].RowRef != connector.RowRef{Batch: 0, Row: 3}:
		tb.Errorf("rejected %+v, want row 3 of batch 0", out.Rejected)
	case out.Rejected[0].Code == "" || out.Rejected[0].Reason == "":
		tb.Errorf("rejection has no code or no reason: %+v", out.Rejected[0])
	}
	if !o.cp.Balanced() || o.cp.Written != 50 {
		tb.Errorf("counts %+v, want 50 written and in balance", o.cp.Counts)
	}
	x.publishes(table.Rows)
}
