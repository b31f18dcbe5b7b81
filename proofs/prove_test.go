package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/proofs/kill"
)

func TestStateOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	w := &work{dir: t.TempDir(), state: state{Tree: "t", Seed: 7, Seconds: 10}}
	f := &fights{Scenes: map[string]*kill.Tally{"append": {Runs: 2, Kills: 9, Points: map[string]int{"P1": 9}}}}
	if err := w.save(f, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.path())
	if err != nil {
		t.Fatal(err)
	}
	var got state
	var back fights
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got.Figures, &back); err != nil {
		t.Fatal(err)
	}
	if got.Tree != "t" || got.Seed != 7 || got.Seconds != 15 || back.Scenes["append"].Points["P1"] != 9 {
		t.Errorf("got %+v with %s", got, got.Figures)
	}
}

// allPoints is a scene of which only the points matter.
type allPoints struct{ kill.Scene }

func (allPoints) Wants() kill.Wants {
	return kill.Wants{Points: []crashpoint.Point{crashpoint.Leased, crashpoint.Reading}}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		all  kill.Tally
		want string // part of the error; "": none
	}{
		{"good", kill.Tally{Kills: 100, Points: map[string]int{"P0": 2, "P1": 98}}, ""},
		{"trials", kill.Tally{Trials: 70, Tried: 60}, ""},
		{"lost", kill.Tally{Verdict: kill.Verdict{Lost: 1}}, "lost 1"},
		{"fault", kill.Tally{Faults: []string{"stuck"}}, "other faults 1"},
		{"seldom", kill.Tally{Kills: 100, Points: map[string]int{"P0": 1, "P1": 98}}, "P0: 1 of 100"},
		{"never", kill.Tally{Kills: 10, Points: map[string]int{"P1": 10}}, "P0: 0 of 10"},
	} {
		err := (&fights{All: c.all}).verdict([]kill.Scene{allPoints{}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestPartsHaveNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range parts() {
		if seen[p.name] || p.title == "" || p.run == nil {
			t.Errorf("part %q is there twice, or has no title or nothing to do", p.name)
		}
		seen[p.name] = true
	}
	if err := run(t.Context(), "no-such", false, 1); err == nil || !strings.Contains(err.Error(), "no-such") {
		t.Errorf("got %v", err)
	}
}
