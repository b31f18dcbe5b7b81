package kill_test

import (
	"context"
	"testing"

	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/kill/killtest"
)

func file(t *testing.T, kind string) *kill.File {
	t.Helper()
	// t's context ends before its cleanups, and the source is read until then
	scene, err := kill.NewFile(context.Background(), kind, t.TempDir(), killtest.SmallRows, 1)
	if err != nil {
		t.Fatal(err)
	}
	return scene
}

func TestRunsSurvive(t *testing.T) {
	h := killtest.Harness(t)
	for _, c := range []struct {
		kind    string
		kills   int
		moments []kill.Moment
	}{{kill.Append, 7, []kill.Moment{kill.During, kill.After}}, {kill.Replace, 5, []kill.Moment{kill.During}}, {kill.Keyless, 3, nil}} {
		t.Run(c.kind, func(t *testing.T) { killtest.Survives(t, h, file(t, c.kind), c.kills, c.moments...) })
	}
}

// What is broken on purpose must be found, within so many kills or trials.
func TestBrokenIsFound(t *testing.T) {
	t.Run("order", func(t *testing.T) {
		killtest.LosesRows(t, killtest.Harness(t, "broken_order"), file(t, kill.Append), 60)
	})
	t.Run("fence", func(t *testing.T) {
		killtest.TakesOldRows(t, killtest.Harness(t, "broken_fence"), file(t, kill.Append), kill.After, 25, func(v kill.Verdict) int { return v.Doubled })
	})
}

func TestMissedPoints(t *testing.T) {
	t.Parallel()
	so := kill.Tally{Kills: 100, Points: map[string]int{"P0": 2, "P1": 98, "P2": 1}}
	got := so.Missed([]crashpoint.Point{crashpoint.Leased, crashpoint.Reading, crashpoint.Writing, crashpoint.Swapping}, 0.02)
	if len(got) != 2 {
		t.Errorf("got %q, want P2 and P8", got)
	}
}

func TestTalliesAddUp(t *testing.T) {
	t.Parallel()
	all := kill.Tally{}
	all.Add(kill.Tally{Runs: 1, Kills: 3, Commits: 130, Fewest: 130, Points: map[string]int{"P1": 3}})
	all.Add(kill.Tally{Runs: 2, Kills: 4, Commits: 250, Fewest: 120, Points: map[string]int{"P1": 1, "P2": 3}, Verdict: kill.Verdict{Lost: 1}})
	if all.Runs != 3 || all.Kills != 7 || all.Fewest != 120 || all.Points["P1"] != 4 || all.Good() {
		t.Errorf("got %+v", all)
	}
}
