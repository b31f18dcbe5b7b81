package searchtest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// A run of the small tables still commits more than 100 times.
const smallRows = 11_000

func harness(t *testing.T, tags ...string) *kill.Harness {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, err := kill.Build(t.Context(), root, dir, tags...)
	if err != nil {
		t.Fatal(err)
	}
	return &kill.Harness{Program: program, Dir: dir, Rand: rand.New(rand.NewPCG(21, 22)), Log: t.Logf}
}

func scene(t *testing.T, kind string) *kill.Search {
	t.Helper()
	database, index := servers.Need(t, "mariadb"), servers.Need(t, "elasticsearch8")
	address, err := url.Parse(database.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := kill.NewSearch(t.Context(), kind, kill.SearchConfig{MySQL: address, Client: database.Client, Search: index.URL,
		Prefix: fmt.Sprintf("towpath_kill_%d", os.Getpid()), Rows: smallRows})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func unsaved() error { return nil }

func TestRunsSurvive(t *testing.T) {
	h := harness(t)
	for _, kind := range []string{kill.Upsert, kill.Swap} {
		t.Run(kind, func(t *testing.T) {
			s := scene(t, kind)
			var so kill.Tally
			if err := h.Until(t.Context(), s, 6, &so, true, unsaved); err != nil {
				t.Fatal(err)
			}
			for _, when := range []kill.Moment{kill.During, kill.Before, kill.After} {
				tally, err := h.Trial(t.Context(), s, when)
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
	if err := h.Until(t.Context(), scene(t, kill.Upsert), most, &so, true, unsaved); err != nil {
		t.Fatal(err)
	}
	if so.Good() {
		t.Errorf("no row lost in %d kills at %v, though positions are saved before rows", so.Kills, so.Points)
	}
}

func TestBrokenFenceIsFound(t *testing.T) {
	const most = 25
	h := harness(t, "broken_fence")
	s := scene(t, kill.Upsert)
	var so kill.Tally
	for so.Good() && so.Trials < most {
		tally, err := h.Trial(t.Context(), s, kill.Before)
		if err != nil {
			t.Fatal(err)
		}
		so.Add(tally)
	}
	if so.Altered == 0 {
		t.Errorf("no row altered in %d trials, though nothing is fenced: %+v %q", so.Trials, so.Verdict, so.Faults)
	}
}
