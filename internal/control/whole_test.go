package control_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// document makes a job of streams and settings.
func (r *rig) document(mode, streams, settings string) *job.Job {
	r.t.Helper()
	text := "{name: test, mode: " + mode + ", source: {connector: from}, target: {connector: to}, streams: [" + streams + "], settings: " + settings + "}"
	j, err := job.Parse([]byte(text), "job.yaml")
	if err == nil {
		j, err = j.Bind(nil)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return j
}

// denied makes the writing of datasets fail for good while it holds their names.
type denied struct {
	mu    sync.Mutex
	names map[string]bool
}

func (d *denied) set(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = map[string]bool{}
	for _, name := range names {
		d.names[name] = true
	}
}

func (d *denied) of(c connector.Connector) connector.Connector {
	write := c.Write
	c.Write = func(ctx context.Context, client connector.Client, s connector.Sink) (connector.Writer, error) {
		w, err := write(ctx, client, s)
		return &deniedWriter{w, d, s.Dataset}, err
	}
	return c
}

type deniedWriter struct {
	connector.Writer
	denied  *denied
	dataset string
}

func (w *deniedWriter) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	w.denied.mu.Lock()
	no := w.denied.names[w.dataset]
	w.denied.mu.Unlock()
	if no {
		return nil, last, connector.Errorf(connector.Denied, "TOW-999", "write %s: no right", w.dataset)
	}
	return w.Writer.Take(ctx, s, l, last)
}

// newWhole is a rig whose source holds tables t01, t02 ... with n rows each, and whose target may be denied.
func newWhole(t *testing.T, tables, rows int) (*rig, *denied) {
	t.Helper()
	from, fromStore := memory.New(memory.Options{Name: "from"})
	to, toStore := memory.New(memory.Options{Name: "to"})
	d := new(denied)
	r := &rig{t: t, source: fromStore, target: toStore, path: t.TempDir() + "/towpath.db"}
	for i := range tables {
		fromStore.Make(fmt.Sprintf("t%02d", i+1), people(), peopleRows(i*rows+1, (i+1)*rows)...)
	}
	r.Service = r.service(connector.NewSet(from, d.of(to)))
	return r, d
}

// streamStates are the states of a run's streams, by source.
func (r *rig) streamStates(key string) map[string]string {
	r.t.Helper()
	_, p, _, err := r.Status(context.Background(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	states := map[string]string{}
	for _, s := range p.Streams {
		states[s.Source] = string(s.State)
		if s.Error != "" {
			states[s.Source] += ": " + s.Error + " [" + s.Code + "]"
		}
	}
	return states
}

// TestStreamsFailOneByOne lets two of six streams fail for good: the others are published, and a resume goes on with those two alone.
func TestStreamsFailOneByOne(t *testing.T) {
	t.Parallel()
	r, d := newWhole(t, 6, 300)
	d.set("t02", "t05")
	run, err := r.run(r.document("full", `{source: "*"}`, "{group_rows: 50, shards: 3}"), nil)
	want := "2 of 6 streams failed: t02: write t02: no right; t05: write t05: no right"
	if err == nil || err.Error() != want || run.State != store.Failed || run.Reason != want || run.Code != "TOW-150" {
		t.Fatalf("run is %s (%s %s): %v", run.State, run.Reason, run.Code, err)
	}
	wantStates := map[string]string{"t01": "done", "t02": "failed: write t02: no right [TOW-999]", "t03": "done", "t04": "done",
		"t05": "failed: write t05: no right [TOW-999]", "t06": "done"}
	if diff := cmp.Diff(wantStates, r.streamStates(run.Key)); diff != "" {
		t.Errorf("streams: %s", diff)
	}
	if got, want := r.states(run.Key), "planning running verifying finishing failed"; got != want {
		t.Errorf("states are %q, want %q", got, want)
	}
	for _, name := range []string{"t01", "t02", "t03", "t04", "t05", "t06"} {
		published := len(r.target.Rows(name)) == 300
		if failed := name == "t02" || name == "t05"; failed == published {
			t.Errorf("%s holds %d rows", name, len(r.target.Rows(name)))
		}
	}
	reads := r.source.Calls(memory.Read)
	d.set()
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	for i := range 6 {
		name := fmt.Sprintf("t%02d", i+1)
		if diff := connectortest.Diff(r.target.Rows(name), r.source.Rows(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if again := r.source.Calls(memory.Read) - reads; again > 2*(3+3) { // a chunk and an end for each shard of the two
		t.Errorf("%d chunks were read again", again)
	}
	r.nothingStaged()
}

// TestAllStreamsFail: nothing is verified and nothing published, and each stream has its own reason.
func TestAllStreamsFail(t *testing.T) {
	t.Parallel()
	r, d := newWhole(t, 5, 20)
	d.set("t01", "t02", "t03", "t04", "t05")
	run, err := r.run(r.document("full", `{source: "*"}`, "{}"), nil)
	want := "5 of 5 streams failed: t01: write t01: no right; t02: write t02: no right; t03: write t03: no right; and 2 more"
	if err == nil || err.Error() != want || run.State != store.Failed {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	if got, want := r.states(run.Key), "planning running failed"; got != want {
		t.Errorf("states are %q, want %q", got, want)
	}
	if run, err := r.Stop(context.Background(), run.Key, ""); err != nil || run.State != store.Stopped {
		t.Errorf("run is %s: %v", run.State, err)
	}
	r.nothingStaged()
}

// TestStreamThatCannotBePrepared: a schema that has changed since the run was paused fails its stream, not the run.
func TestStreamThatCannotBePrepared(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 4, 200)
	r.target.Inject(memory.Write, 3, memory.Fault{Err: connector.Errorf(connector.Full, "TOW-999", "disk full")})
	run, err := r.run(r.document("full", `{source: "*"}`, "{group_rows: 50, parallel: 1}"), nil)
	if err != nil || run.State != store.Paused {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	other := people()
	other.Fields[1].Type = record.Type{Kind: record.Text, Length: 20}
	r.source.Make("t03", other, peopleRows(1, 5)...)
	run, err = r.resume(run.Key)
	want := "1 of 4 streams failed: t03: the schema of t03 has changed since the run was planned: column name is text(20), planned was text"
	if err == nil || err.Error() != want || run.State != store.Failed {
		t.Fatalf("run is %s: %v\nwant %s", run.State, err, want)
	}
	for _, name := range []string{"t01", "t02", "t04"} {
		if len(r.target.Rows(name)) != 200 {
			t.Errorf("%s holds %d rows", name, len(r.target.Rows(name)))
		}
	}
}

// TestCountOfOneStream: a target that does not hold what was written is not published, and the others are.
func TestCountOfOneStream(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 3, 50)
	r.target.Inject(memory.Count, 1, memory.Fault{Reached: func() {
		for _, name := range r.target.Names() {
			if strings.HasPrefix(name, "t02__tw_") {
				r.target.Put(name, connectortest.Texts("99999", "of somebody else"))
			}
		}
	}})
	run, err := r.run(r.document("full", `{source: "*"}`, "{}"), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "1 of 3 streams failed: t02: t02__tw_") || run.State != store.Failed {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	if r.target.Rows("t02") != nil || len(r.target.Rows("t01")) != 50 || len(r.target.Rows("t03")) != 50 {
		t.Errorf("published are %q", r.target.Names())
	}
}

// TestManyStreamsIntoOneTarget: streams of two connections share one target, its writer and its count; what fails of it keeps it from
// being published.
func TestManyStreamsIntoOneTarget(t *testing.T) {
	t.Parallel()
	for _, write := range []connector.Mode{connector.Replace, connector.Upsert, connector.Append} {
		t.Run(string(write), func(t *testing.T) {
			t.Parallel()
			from, fromStore := memory.New(memory.Options{Name: "from"})
			north, northStore := memory.New(memory.Options{Name: "north"})
			to, toStore := memory.New(memory.Options{Name: "to"})
			r := &rig{t: t, source: fromStore, target: toStore, path: t.TempDir() + "/towpath.db"}
			var want []connectortest.Row
			for store, names := range map[*memory.Store][]string{fromStore: {"shop_1.people", "shop_2.people", "shop_2.spoons"}, northStore: {"shop_1.people"}} {
				for _, name := range names {
					store.Make(name, people(), peopleRows(1, 400)...) // the same keys in each
					if strings.HasSuffix(name, "spoons") {
						continue
					}
					origin := "from:" + name
					if store == northStore {
						origin = "n:" + name
					}
					for _, row := range peopleRows(1, 400) {
						want = append(want, append(connectortest.Texts(origin), row...))
					}
				}
			}
			p := new(phases)
			r.Service = r.service(connector.NewSet(from, north, p.of(to)))
			r.Connections = func(_ context.Context, alias string) (job.Connection, error) {
				if alias != "n" {
					return job.Connection{}, errors.New("no alias " + alias)
				}
				return job.Connection{Connector: "north"}, nil
			}
			j := r.document("batch", fmt.Sprintf(`{source: "shop_*.*", exclude: ["*.spoons"], target: all, source_column: origin, write: %s},
				{source: shop_1.people, connection: n, target: all, source_column: origin, write: %s}`, write, write), "{group_rows: 50, shards: 3}")
			r.target.Inject(memory.Write, 9, memory.Fault{Err: connector.Errorf(connector.Full, "TOW-999", "disk full")})
			run, err := r.run(j, nil)
			if err != nil || run.State != store.Paused {
				t.Fatalf("run is %s: %v", run.State, err)
			}
			p.asked = nil
			if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
				t.Fatalf("resumed run is %s: %v", run.State, err)
			}
			if diff := connectortest.Diff(toStore.Rows("all"), want); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(p.asked, " "); got != "prepare seal publish" {
				t.Errorf("the one target was asked to %s", got)
			}
			_, progress, _, err := r.Status(context.Background(), run.Key)
			if err != nil || len(progress.Streams) != 3 || progress.Total.Counts.Written != 1200 {
				t.Errorf("progress is %+v, %v", progress.Total, err)
			}
		})
	}
}

// TestParentsAreLoadedFirst copies a family of tables into targets that hold to their foreign keys.
func TestParentsAreLoadedFirst(t *testing.T) {
	t.Parallel()
	r, d := newWhole(t, 0, 0)
	child := func(to string) *record.Schema {
		s := people()
		s.Fields = append(s.Fields, record.Field{Name: "parent", Type: record.Type{Kind: record.Int, Bits: 64}})
		s.References = []record.Reference{{Name: "fk", Columns: []string{"parent"}, Dataset: to, Foreign: []string{"id"}}}
		return s
	}
	children := func() (rows []connectortest.Row) {
		for i, row := range peopleRows(1, 500) {
			rows = append(rows, append(row, connectortest.Cell{Text: fmt.Sprint(500 - i)}))
		}
		return rows
	}
	r.source.Make("z_parents", people(), peopleRows(1, 500)...)
	r.source.Make("m_children", child("z_parents"), children()...)
	r.source.Make("a_grandchildren", child("m_children"), children()...)
	r.source.Make("others", people(), peopleRows(1, 500)...)
	r.target.Make("z_parents", people())
	r.target.Make("m_children", child("z_parents"))
	r.target.Make("a_grandchildren", child("m_children"))
	d.set("m_children")
	run, err := r.run(r.document("batch", `{source: "*", write: insert}`, "{group_rows: 50, shards: 3, parallel: 8}"), nil)
	want := "1 of 4 streams failed: m_children: write m_children: no right; 1 wait for rows of those"
	if err == nil || err.Error() != want || run.State != store.Failed {
		t.Fatalf("run is %s: %v\nwant %s", run.State, err, want)
	}
	states := map[string]string{"a_grandchildren": "held", "m_children": "failed: write m_children: no right [TOW-999]", "others": "done", "z_parents": "done"}
	if diff := cmp.Diff(states, r.streamStates(run.Key)); diff != "" {
		t.Errorf("streams: %s", diff)
	}
	d.set()
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	for _, name := range []string{"z_parents", "m_children", "a_grandchildren", "others"} {
		if diff := connectortest.Diff(r.target.Rows(name), r.source.Rows(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if c := r.counts(run.Key); c.Dirty != 0 {
		t.Errorf("%d rows were refused", c.Dirty)
	}
}

// TestOneOfACircleFails: a stream that cannot be prepared holds back those that refer to one another with it, also the ones of which a shard
// was leased in that moment.
func TestOneOfACircleFails(t *testing.T) {
	t.Parallel()
	const tables = 24
	for i := range 25 { // one at least meets that moment
		r, _ := newWhole(t, 0, 0)
		for n := range tables {
			s := people()
			s.References = []record.Reference{{Name: "fk", Columns: []string{"id"}, Dataset: fmt.Sprintf("c%02d", (n+1)%tables), Foreign: []string{"id"}}}
			r.source.Make(fmt.Sprintf("c%02d", n), s)
			r.target.Make(fmt.Sprintf("c%02d", n), s)
		}
		r.target.Inject(memory.Prepare, 3+i%20, memory.Fault{Err: connector.Errorf(connector.Denied, "TOW-999", "no right")})
		run, err := r.run(r.document("batch", `{source: "*", write: insert}`, "{shards: 1, parallel: 8}"), nil)
		if err == nil || !strings.HasPrefix(err.Error(), "1 of 24 streams failed: ") || run.State != store.Failed {
			t.Fatalf("run is %s: %v", run.State, err)
		}
		if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
			t.Fatalf("resumed run is %s: %v", run.State, err)
		}
	}
}

// TestForeignKeysAreMadeLast: targets that the run makes are linked once all of them are published, also where the link failed before.
func TestForeignKeysAreMadeLast(t *testing.T) {
	t.Parallel()
	r, d := newWhole(t, 0, 0)
	r.source.Make("parents", people(), peopleRows(1, 100)...)
	schema := people()
	schema.References = []record.Reference{{Name: "fk", Columns: []string{"id"}, Dataset: "parents", Foreign: []string{"id"}, OnDelete: record.Cascade}}
	schema.Comment, schema.Indexes = "who", []record.Index{{Name: "by_name", Columns: []record.IndexColumn{{Name: "name"}}}}
	r.source.Make("children", schema, peopleRows(50, 100)...)
	d.set("old")
	j := r.document("full", `{source: children, target: "kids"}, {source: parents, target: "old"}`, "{create: {indexes, foreign_keys, comments}}")
	run, err := r.run(j, nil)
	if err == nil || run.State != store.Failed || r.streamStates(run.Key)["children"] != "done" {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	if s := r.target.Schema("kids"); len(s.References) != 0 || len(s.Indexes) != 1 || s.Comment != "who" {
		t.Errorf("kids is %+v, want its index, and no foreign key to what is not there", s)
	}
	d.set()
	r.target.Inject(memory.Finish, 3, memory.Fault{Err: errors.New("cut off"), Applied: true}) // seal, publish, link
	run, err = r.resume(run.Key)
	if err == nil || err.Error() != "1 of 2 streams failed: children: cut off" || run.State != store.Failed {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	want := []record.Reference{{Name: "fk", Columns: []string{"id"}, Dataset: "old", Foreign: []string{"id"}, OnDelete: record.Cascade}}
	if diff := cmp.Diff(want, r.target.Schema("kids").References); diff != "" {
		t.Error(diff)
	}
	if got := r.streamStates(run.Key); got["children"] != "done" || got["parents"] != "done" {
		t.Errorf("streams are %v", got)
	}
}

// TestMoreTargetsThanStayOpen copies more targets than are kept open, is paused in the middle and goes on.
func TestMoreTargetsThanStayOpen(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 99, 40)
	for i := range 60 {
		r.source.Make(fmt.Sprintf("u%02d", i), people(), peopleRows(1, 7)...)
	}
	var last control.Progress
	most := 0
	seen := observer(func(p control.Progress) { last, most = p, max(most, len(p.Streams)) })
	r.target.Inject(memory.Commit, 80, memory.Fault{Err: connector.Errorf(connector.Full, "TOW-999", "disk full")})
	run, err := r.run(r.document("full", `{source: "*", target: "ods_${table}"}`, "{}"), seen)
	if err != nil || run.State != store.Paused {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	if n := last.States; most > control.FewStreams || n[store.StreamWaiting] == 0 || n[store.StreamWaiting]+n[store.StreamRunning]+n[store.StreamCopied] != 159 {
		t.Errorf("an observer was told of %d streams; states are %v", most, n)
	}
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	names := r.target.Names()
	if len(names) != 159 || !slices.Contains(names, "ods_u59") {
		t.Errorf("%d datasets are there", len(names))
	}
	for _, name := range names {
		if diff := connectortest.Diff(r.target.Rows(name), r.source.Rows(strings.TrimPrefix(name, "ods_"))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// Stopped in the middle, nothing stays.
	r.target.Inject(memory.Commit, 50, memory.Fault{Err: connector.Errorf(connector.Full, "TOW-999", "disk full")})
	if run, err = r.run(r.document("full", `{source: "*", target: "more_${table}"}`, "{}"), nil); err != nil || run.State != store.Paused {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	if run, err = r.Stop(context.Background(), run.Key, ""); err != nil || run.State != store.Stopped {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	r.nothingStaged()
}

// observer is told of progress alone.
type observer func(p control.Progress)

func (observer) State(store.Event) {}

func (o observer) Progress(p control.Progress) { o(p) }

// TestPatterns: renaming that clashes, and what matches nothing.
func TestPatterns(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 3, 1)
	for streams, want := range map[string]string{
		`{source: "x*"}`:                                       `no dataset matches "x*"`,
		`{source: "t*", exclude: ["t*"]}`:                      `no dataset matches "t*", those excluded left out`,
		`{source: "t*", target: "${schema}_x"}`:                `target "${schema}_x": dataset "t01" has no schema in its name`,
		`{source: "t*", target: all}`:                          "streams[0] (t01).target: all takes 3 streams together, whose keys could be the same",
		`{source: "t*"}, {source: t02, target: "t01"}`:         "streams[0] (t01).target: t01 takes 2 streams together, whose keys could be the same",
		`{source: "t*", target: "${table}", connection: gone}`: "streams[0].connection: no aliases here",
	} {
		_, err := r.Plan(context.Background(), r.document("full", streams, "{}"))
		if err == nil || err.Error() != want && err.Error() != strings.TrimPrefix(want, "streams[0].connection: ") {
			t.Errorf("%s: %v\nwant %s", streams, err, want)
		}
	}
	plan, err := r.Plan(context.Background(), r.document("full", `{source: "t*", exclude: [t02], target: "ods_${table}"}`, "{}"))
	if err != nil || plan.Totals.Streams != 2 || len(plan.Streams) != 2 || plan.Streams[1].Sink.Dataset != "ods_t03" || plan.Job.Streams[0].Source != "t*" {
		t.Errorf("plan is %+v, %v", plan, err)
	}
}

// TestCopiedStreamNeedsNoSource: of a stream that is copied and not yet published, a resume opens the target alone, and believes what that
// remembers.
func TestCopiedStreamNeedsNoSource(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 3, 200)
	want := r.source.Rows("t01")
	r.target.Inject(memory.Write, 6, memory.Fault{Err: connector.Errorf(connector.Full, "TOW-999", "disk full")})
	run, err := r.run(r.document("full", `{source: "*"}`, "{group_rows: 50, parallel: 1, shards: 1}"), nil)
	if err != nil || run.State != store.Paused || r.streamStates(run.Key)["t01"] != "copied" {
		t.Fatalf("run is %s with streams %v: %v", run.State, r.streamStates(run.Key), err)
	}
	r.source.Remove("t01")
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	if diff := connectortest.Diff(r.target.Rows("t01"), want); diff != "" {
		t.Error(diff)
	}
}

// TestPublishedAndNotRecorded: the control database refuses to hear that targets are published. The resume publishes them again, which does
// nothing, and ends.
func TestPublishedAndNotRecorded(t *testing.T) {
	t.Parallel()
	for name, trigger := range map[string]string{
		"steps":   "CREATE TRIGGER refuse BEFORE UPDATE ON step WHEN NEW.name LIKE 'publish %' AND NEW.done > 0 BEGIN SELECT RAISE(ABORT, 'refused'); END",
		"streams": "CREATE TRIGGER refuse BEFORE UPDATE ON stream WHEN NEW.state = 'done' BEGIN SELECT RAISE(ABORT, 'refused'); END",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newWhole(t, 5, 20)
			db, err := sql.Open("sqlite", r.path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(trigger); err != nil {
				t.Fatal(err)
			}
			run, err := r.run(r.document("full", `{source: "*"}`, "{}"), nil)
			if err == nil || run.State != store.Failed {
				t.Fatalf("run is %s: %v", run.State, err)
			}
			if _, err := db.Exec("DROP TRIGGER refuse"); err != nil {
				t.Fatal(err)
			}
			if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
				t.Fatalf("resumed run is %s: %v", run.State, err)
			}
			for i := range 5 {
				if rows := r.target.Rows(fmt.Sprintf("t%02d", i+1)); len(rows) != 20 {
					t.Errorf("t%02d holds %d rows", i+1, len(rows))
				}
			}
		})
	}
}
