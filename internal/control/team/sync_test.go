package team_test

import (
	"testing"

	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

// verdict is how the one pair of a connection stands.
func (r *rig) verdict(check bool) (team.Verdict, string) {
	r.t.Helper()
	ann := actor("ann", team.Operator)
	look := r.SyncStatus
	if check {
		look = r.CheckSync
	}
	all, err := look(r.ctx, ann, "", "shop")
	r.must(err)
	if len(all) == 0 {
		return "none", ""
	}
	if len(all) > 1 || all[0].Pair != (store.Pair{Alias: "shop", Source: "people", TargetAlias: "search", Target: "people"}) {
		r.t.Fatalf("pairs are %+v", all)
	}
	return all[0].Verdict, all[0].Why
}

// TestSyncStatus goes through the verdicts of a pair: what was copied is in sync only once somebody has looked, and no longer than that holds.
func TestSyncStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.connect("", "shop", "from")
	r.connect("", "search", "to")
	is := func(check bool, want team.Verdict, why string) {
		t.Helper()
		if got, says := r.verdict(check); got != want || says != why {
			t.Errorf("%s (%s), want %s (%s)", got, says, want, why)
		}
	}
	is(false, "none", "")
	copied := func() string {
		t.Helper()
		started, err := r.StartDocument(r.ctx, actor("ann", team.Editor), []byte(document), team.StartInput{})
		r.must(err)
		run, err := r.Service("main", team.DefaultEnvironment, "ann").TakeUp(r.ctx, started.Run.Key, control.Taking{}, nil)
		if err != nil || run.State != store.Succeeded {
			t.Fatalf("run is %s: %v", run.State, err)
		}
		return run.Key
	}
	first := copied()
	is(false, team.Unverified, "nobody has looked since run "+first)
	is(true, team.InSync, "the target holds the 300 rows that were written, the source the 300 that were read")
	is(false, team.InSync, "the target holds the 300 rows that were written, the source the 300 that were read")
	r.source.Put("people", connectortest.Texts("301", "new"))
	is(true, team.Behind, "the source has 301 rows, the run read 300")
	second := copied()
	is(false, team.Unverified, "nobody has looked since run "+second)
	r.target.Put("people", connectortest.Texts("999", "of somebody else"))
	is(true, team.Differs, "the target holds 302 rows, the run wrote 301")
}
