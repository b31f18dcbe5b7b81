// Package killtest bears a share of the kills of a scene in tests, and looks whether a build that is broken on purpose is found.
package killtest

import (
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/proofs/kill"
)

// SmallRows are few, yet a run of them commits more than 100 times.
const SmallRows = 11_000

// Harness builds the program with the tags and makes a harness of a fixed seed; only the moments at which processes die differ.
func Harness(t *testing.T, tags ...string) *kill.Harness {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root, err := filepath.Abs(filepath.Join(filepath.Dir(here), "..", "..", ".."))
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

func unsaved() error { return nil }

// Survives kills so often, and freezes a process until each of the moments.
func Survives(t *testing.T, h *kill.Harness, scene kill.Scene, kills int, moments ...kill.Moment) {
	t.Helper()
	var so kill.Tally
	if err := h.Until(t.Context(), scene, kills, &so, true, unsaved); err != nil {
		t.Fatal(err)
	}
	for _, when := range moments {
		tally, err := h.Trial(t.Context(), scene, when)
		if err != nil {
			t.Fatal(err)
		}
		so.Add(tally)
	}
	t.Logf("%d runs, %d kills at %v, %d trials of which %d count", so.Runs, so.Kills, so.Points, so.Trials, so.Tried)
	if !so.Good() {
		t.Errorf("%+v %q", so.Verdict, so.Faults)
	}
}

// LosesRows checks that a build which saves positions before rows is found, within most kills: by the judge, or by the program itself
// where it owns all that the target holds and counts it.
func LosesRows(t *testing.T, h *kill.Harness, scene kill.Scene, most int) {
	t.Helper()
	var so kill.Tally
	if err := h.Until(t.Context(), scene, most, &so, true, unsaved); err != nil {
		t.Fatal(err)
	}
	counted := slices.ContainsFunc(so.Faults, func(fault string) bool { return strings.Contains(fault, `"code": "COUNT"`) })
	if so.Lost == 0 && !counted {
		t.Errorf("no row lost in %d kills at %v, though positions are saved before rows: %+v %q", so.Kills, so.Points, so.Verdict, so.Faults)
	}
}

// TakesOldRows checks that a build which fences nothing is found, within most trials that end at the moment; wrong counts the rows that
// should not be as they are.
func TakesOldRows(t *testing.T, h *kill.Harness, scene kill.Scene, when kill.Moment, most int, wrong func(kill.Verdict) int) {
	t.Helper()
	var so kill.Tally
	for so.Good() && so.Trials < most {
		tally, err := h.Trial(t.Context(), scene, when)
		if err != nil {
			t.Fatal(err)
		}
		so.Add(tally)
	}
	if wrong(so.Verdict) == 0 {
		t.Errorf("no row of a process that woke up in %d trials, though nothing is fenced: %+v %q", so.Trials, so.Verdict, so.Faults)
	}
}

// Outlives kills of a server.
func Outlives(t *testing.T, h *kill.Harness, scene kill.Scene, v kill.Victim, kills int) {
	t.Helper()
	var so kill.Outages
	if err := h.Outages(t.Context(), scene, v, kills, &so, true, unsaved); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d runs, %d kills at %v, %d pauses", so.Runs, so.Kills, so.Points, so.Paused)
	if !so.Good() {
		t.Errorf("%+v %q", so.Verdict, so.Faults)
	}
}
