package team_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

// TestDirtyRowsOfATeam: who may mend rows mends and replays them through the pool; what was done is recorded, without values.
func TestDirtyRowsOfATeam(t *testing.T) {
	t.Parallel()
	r, _ := newPoolRig(t)
	r.source.Make("odd", people(), rowsOf(1, 30)...)
	r.pool(r.Team, team.PoolOptions{Parallel: 4})
	ann, oda := actor("ann", team.Editor), actor("oda", team.Operator)
	started, err := r.StartDocument(r.ctx, ann, []byte(`{name: odd, mode: batch, source: {connection: shop}, target: {connection: search},
		streams: [{source: odd, write: upsert, columns: [id, {from: name, type: text(8)}]}]}`), team.StartInput{})
	r.must(err)
	key := started.Run.Key
	r.reaches(key, store.Succeeded)
	text := "secret"
	values := map[string]*string{"name": &text}
	_, err = r.MendDirty(r.ctx, oda, key, store.Choice{}, values)
	codeIs(t, err, "TOW-261")
	_, _, err = r.ReplayDirty(r.ctx, oda, key, team.ReplayInput{})
	codeIs(t, err, "TOW-261")
	elsewhere := ann
	elsewhere.Workspace = "other"
	_, err = r.MendDirty(r.ctx, elsewhere, key, store.Choice{}, values)
	codeIs(t, err, "TOW-210")
	_, _, err = r.ReplayDirty(r.ctx, elsewhere, key, team.ReplayInput{})
	codeIs(t, err, "TOW-210")

	n, err := r.MendDirty(r.ctx, ann, key, store.Choice{Code: "TRUNC"}, values)
	r.must(err)
	if n != 21 {
		t.Errorf("%d rows mended", n)
	}
	search, err := r.Store.Connection(r.ctx, store.ConnectionKey{Workspace: "main", Environment: team.DefaultEnvironment, Alias: "search"})
	r.must(err)
	for _, role := range []string{"admin", "operator"} { // who may mend rows needs the right to use the target, too
		kept, err := r.PutConnection(r.ctx, actor("root", team.Admin), team.ConnectionInput{Alias: "search", Connector: "to", UseRole: role, Version: search.Version})
		r.must(err)
		search = kept.Connection
		if role == "admin" {
			_, _, err = r.ReplayDirty(r.ctx, ann, key, team.ReplayInput{})
			codeIs(t, err, "TOW-261")
		}
	}
	replay, again, err := r.ReplayDirty(r.ctx, ann, key, team.ReplayInput{Key: "once", Why: "mended"})
	r.must(err)
	if again || replay.Replays != key || replay.Mode != control.ReplayMode || replay.JobID != started.Job.ID || replay.State != store.Planning {
		t.Errorf("replay is %+v", replay)
	}
	r.reaches(replay.Key, store.Succeeded)
	if same, again, err := r.ReplayDirty(r.ctx, ann, key, team.ReplayInput{Key: "once"}); err != nil || !again || same.Key != replay.Key {
		t.Errorf("asked for twice: run %s, %t, %v", same.Key, again, err)
	}
	_, err = r.StartDocument(r.ctx, ann, []byte("{name: odd2, mode: full, source: {connection: shop}, target: {connection: search}, streams: [{source: odd}]}"), team.StartInput{Key: "once"})
	codeIs(t, err, "TOW-188")
	_, _, err = r.ReplayDirty(r.ctx, ann, key, team.ReplayInput{})
	codeIs(t, err, "TOW-341")
	_, p, err := r.Status(r.ctx, ann, key)
	r.must(err)
	if c := p.Total.Counts; c.Written != 30 || c.Dirty != 0 || len(r.target.Rows("odd")) != 30 {
		t.Errorf("counts are %+v, the target holds %d rows", c, len(r.target.Rows("odd")))
	}
	entries, err := r.Store.AuditEntries(r.ctx, store.AuditFilter{})
	r.must(err)
	var recorded []string
	for _, e := range entries {
		if e.Action == string(team.MendRows) {
			recorded = append(recorded, e.Who+": "+e.Detail)
		}
	}
	if diff := cmp.Diff([]string{"ann: dirty rows replayed: mended", "ann: dirty rows mended in name"}, recorded); diff != "" {
		t.Errorf("recorded: %s", diff)
	}
	synced, err := r.SyncStatus(r.ctx, ann, "", "shop")
	r.must(err)
	if len(synced) == 0 || synced[len(synced)-1].Last.Run != key {
		t.Errorf("the dataset was copied by %+v, not by run %s", synced, key)
	}
}
