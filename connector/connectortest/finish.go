package connectortest

import (
	"slices"

	"github.com/towpath/towpath/connector"
)

// finish: each phase can be repeated, and a parked run goes on.
func (s Suite) finish(tb TB) {
	for _, mode := range s.Modes {
		table := s.tableFor(mode, 40)
		j := s.job(tb, mode, table)
		x := j.start(tb, true)
		o := x.take(shardA, 1, connector.Checkpoint{})
		o.write(table.Rows[:20])
		last := o.cp
		_ = o.sw.Close()
		x.finish(connector.Park, connector.Park)
		x.close()
		x = j.start(tb, false)
		x.take(shardA, 2, last).write(table.Rows[20:])
		x.finish(connector.Seal, connector.Seal, connector.Publish, connector.Publish)
		x.holds(table.Rows)
		x.close()
		x = j.start(tb, false) // the process died before it could note that it had published
		x.finish(connector.Publish, connector.Link, connector.Link)
		x.holds(table.Rows)
	}
}

// drop: a stopped run leaves no staging and no checkpoint behind.
func (s Suite) drop(tb TB) {
	for _, mode := range s.Modes {
		table := s.tableFor(mode, 20)
		j := s.job(tb, mode, table)
		x := j.start(tb, true)
		x.take(shardA, 1, connector.Checkpoint{}).write(table.Rows)
		x.finish(connector.Drop, connector.Drop)
		x.close()
		c := s.open(tb)
		if mode == connector.Replace {
			if left := s.datasets(tb, c, j.dataset+"*"); len(left) > 0 {
				tb.Errorf("%s: a dropped run left %q", mode, left)
			}
		}
		if s.Connector.Clean != nil {
			s.nothingLeft(tb, c, j.run)
		}
		x = j.open(tb)
		if err := x.prepare(true); err != nil {
			tb.Fatalf("%s: prepare after drop: %v", mode, err)
		}
		if len(x.remembered) > 0 {
			tb.Errorf("%s: a dropped run's checkpoints are still reported: %v", mode, x.remembered)
		}
	}
}

func (s Suite) nothingLeft(tb TB, c connector.Client, run string) {
	tb.Helper()
	left, err := s.Connector.Clean(tb.Context(), c, []string{run}, false)
	if err != nil {
		tb.Fatalf("clean: %v", err)
	}
	for _, l := range left {
		if l.Run == run {
			tb.Errorf("a dropped run left %s", l.What)
		}
	}
}

// replace: what stood in the target stays until Publish, and is gone after it.
func (s Suite) replace(tb TB) {
	first := s.job(tb, connector.Replace, Fixture(IntKey, 30))
	x := first.start(tb, true)
	x.take(shardA, 1, connector.Checkpoint{}).write(first.table.Rows)
	x.publishes(first.table.Rows)
	x.close()

	second := *first
	second.run, second.target = newRun(), nil
	second.table.Rows = nil
	for _, r := range first.table.Rows[10:20] {
		second.table.Rows = append(second.table.Rows, append(slices.Clone(r[:len(r)-1]), Cell{Text: "second"}))
	}
	y := second.start(tb, true)
	y.take(shardA, 1, connector.Checkpoint{}).write(second.table.Rows)
	y.holds(first.table.Rows)
	y.finish(connector.Seal)
	y.holds(first.table.Rows)
	y.finish(connector.Publish, connector.Publish)
	y.holds(second.table.Rows)
}
