package served_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/served"
	"github.com/towpath/towpath/proofs/served/servedtest"
)

// rows are so many that a run lasts some seconds.
const rows = 8000

func files(t *testing.T, s *served.Site, kinds ...string) (scenes []kill.Scene) {
	t.Helper()
	for _, kind := range kinds {
		// t's context ends before its cleanups, and the source is read until then
		scene, err := kill.NewFile(context.Background(), kind, filepath.Join(s.Files(), "sources"), rows, 1)
		if err != nil {
			t.Fatal(err)
		}
		scenes = append(scenes, scene)
	}
	return scenes
}

func TestServerIsKilled(t *testing.T) {
	t.Parallel()
	s := servedtest.Opened(t, servedtest.Site(t), 1)
	servedtest.Survives(t, &served.Killing{Site: s, Scenes: files(t, s, kill.Append, kill.Replace), Seed: 3, Longest: 1200 * time.Millisecond}, 6)
}

// TestBrokenIsFound: a program that saves positions before rows loses some in a few kills.
func TestBrokenIsFound(t *testing.T) {
	t.Parallel()
	s := servedtest.Opened(t, servedtest.Site(t, "broken_order"), 1)
	k := &served.Killing{Site: s, Scenes: files(t, s, kill.Append), Seed: 4, Longest: 700 * time.Millisecond}
	for range 4 {
		f, err := k.Run(t.Context(), 8)
		if err != nil {
			t.Fatal(err)
		}
		if f.Lost > 0 {
			return
		}
	}
	t.Error("no row is lost, though positions are saved before rows")
}
