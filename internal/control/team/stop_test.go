package team_test

import (
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

// TestStopOfAQueuedRun: what never began is stopped by who asked, and no process is said to be gone.
func TestStopOfAQueuedRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.connect("", "shop", "from")
	r.connect("", "search", "to")
	ann := actor("ann", team.Editor)
	started, err := r.StartDocument(r.ctx, ann, []byte(document), team.StartInput{Why: "first load"})
	r.must(err)
	run, err := r.Stop(r.ctx, ann, started.Run.Key, "not now")
	if err != nil || run.State != store.Stopped || run.Queued != 0 {
		t.Fatalf("run is %s, queued %d: %v", run.State, run.Queued, err)
	}
	events, err := r.Events(r.ctx, ann, run.Key, 0, 10)
	r.must(err)
	var told []string
	for _, e := range events {
		told = append(told, string(e.To)+" by "+e.Who+": "+e.Why)
	}
	if got, want := strings.Join(told, ", "), "planning by ann: first load, stopped by ann: not now"; got != want {
		t.Errorf("told is %s; want %s", got, want)
	}
}
