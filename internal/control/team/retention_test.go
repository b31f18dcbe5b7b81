package team_test

import (
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

// TestForget: what ended long enough ago goes, what goes on and what is young stays.
func TestForget(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.connect("", "shop", "from")
	r.connect("", "search", "to")
	ann := actor("ann", team.Editor)
	over, err := r.StartDocument(r.ctx, ann, []byte(document), team.StartInput{})
	r.must(err)
	if run, err := r.Service("main", team.DefaultEnvironment, "ann").TakeUp(r.ctx, over.Run.Key, control.Taking{}, nil); err != nil || run.State != store.Succeeded {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	goes, err := r.Start(r.ctx, ann, team.StartInput{Job: "people"})
	r.must(err)
	r.must(r.Forget(r.ctx, team.Retention{Runs: time.Hour, Dirty: time.Hour}))
	if _, err := r.Run(r.ctx, ann, over.Run.Key); err != nil {
		t.Errorf("a young run is forgotten: %v", err)
	}
	for { // until it ended a millisecond ago
		r.must(r.Forget(r.ctx, team.Retention{Runs: time.Millisecond}))
		_, err = r.Run(r.ctx, ann, over.Run.Key)
		if err != nil {
			break
		}
	}
	if connector.ClassOf(err) != connector.Missing {
		t.Error(err)
	}
	if run, err := r.Run(r.ctx, ann, goes.Run.Key); err != nil || run.State != store.Planning {
		t.Errorf("a run that goes on is %s: %v", run.State, err)
	}
}

// TestWorkspaces: an administrator of the installation makes them, each name once.
func TestWorkspaces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	root := team.Actor{Account: "root", Workspace: "main", Admin: true, Via: "session"}
	codeIs(t, r.CreateWorkspace(r.ctx, actor("ann", team.Admin), "north"), "TOW-261")
	r.must(r.CreateWorkspace(r.ctx, root, "north"))
	codeIs(t, r.CreateWorkspace(r.ctx, root, "north"), "TOW-231")
	codeIs(t, r.CreateWorkspace(r.ctx, root, "main"), "TOW-231")
	codeIs(t, r.CreateWorkspace(r.ctx, root, "a/b"), "TOW-181")
	all, err := r.Workspaces(r.ctx, root)
	if err != nil || len(all) != 2 || all[0].Name != "main" || all[1].Name != "north" {
		t.Errorf("workspaces are %+v: %v", all, err)
	}
}
