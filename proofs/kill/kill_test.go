package kill_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/proofs/kill"
)

// A run of the small sources still commits more than 100 times.
const smallRows = 11_000

// harness builds the program and makes a harness of a fixed seed; only the moments at which processes die differ.
func harness(t *testing.T, tags ...string) *kill.Harness {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, err := kill.Build(t.Context(), root, dir, tags...)
	if err != nil {
		t.Fatal(err)
	}
	return &kill.Harness{Program: program, Dir: dir, Rand: rand.New(rand.NewPCG(11, 12)), Log: t.Logf}
}

func file(t *testing.T, kind string) *kill.File {
	t.Helper()
	// t's context ends before its cleanups, and the source is read until then
	scene, err := kill.NewFile(context.Background(), kind, t.TempDir(), smallRows, 1)
	if err != nil {
		t.Fatal(err)
	}
	return scene
}

func unsaved() error { return nil }

func TestRunsSurvive(t *testing.T) {
	h := harness(t)
	for _, c := range []struct {
		kind          string
		kills, trials int
	}{{kill.Append, 7, 2}, {kill.Replace, 5, 1}, {kill.Keyless, 3, 0}} {
		t.Run(c.kind, func(t *testing.T) {
			scene := file(t, c.kind)
			var so kill.Tally
			if err := h.Until(t.Context(), scene, c.kills, &so, true, unsaved); err != nil {
				t.Fatal(err)
			}
			for i := range c.trials {
				tally, err := h.Trial(t.Context(), scene, kill.Moment(2*i))
				if err != nil {
					t.Fatal(err)
				}
				so.Add(tally)
			}
			t.Logf("%d runs, %d kills at %v, %d trials of which %d count", so.Runs, so.Kills, so.Points, so.Trials, so.Tried)
			if !so.Good() {
				t.Errorf("%+v %q", so.Verdict, so.Faults)
			}
		})
	}
}

// What is broken on purpose must be found, within so many kills or trials.
func TestBrokenOrderIsFound(t *testing.T) {
	const most = 60
	h := harness(t, "broken_order")
	var so kill.Tally
	if err := h.Until(t.Context(), file(t, kill.Append), most, &so, true, unsaved); err != nil {
		t.Fatal(err)
	}
	if so.Lost == 0 {
		t.Errorf("no row lost in %d kills at %v, though positions are saved before rows", so.Kills, so.Points)
	}
}

func TestBrokenFenceIsFound(t *testing.T) {
	const most = 25
	h := harness(t, "broken_fence")
	scene := file(t, kill.Append)
	var so kill.Tally
	for so.Good() && so.Trials < most {
		tally, err := h.Trial(t.Context(), scene, kill.After)
		if err != nil {
			t.Fatal(err)
		}
		so.Add(tally)
	}
	if so.Doubled == 0 {
		t.Errorf("no row doubled in %d trials, though nothing is fenced: %+v %q", so.Trials, so.Verdict, so.Faults)
	}
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
