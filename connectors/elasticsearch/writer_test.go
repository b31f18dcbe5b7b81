package elasticsearch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/transform"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

func write(t *testing.T, sw connector.ShardWriter, b *record.Batch) connector.Outcome {
	t.Helper()
	out, err := sw.Write(t.Context(), []*record.Batch{b})
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	return out
}

func (s *search) options() string { return fmt.Sprintf(`{"urls":[%q]}`, s.base) }

// sources returns the documents of a dataset by their id, as the server holds them.
func (s *search) sources(t *testing.T, dataset string) map[string]string {
	t.Helper()
	out := map[string]string{}
	s.ask(t, "POST", "/"+dataset+"/_refresh", "")
	var answer struct {
		Hits struct {
			Hits []struct {
				ID     string          `json:"_id"`
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal(s.must(t, "GET", "/"+dataset+"/_search?size=10000", ""), &answer); err != nil {
		t.Fatal(err)
	}
	for _, h := range answer.Hits.Hits {
		out[h.ID] = string(h.Source)
	}
	return out
}

// An older lease's write has no effect, and says so; the newer one's stays.
func TestFence(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		r := start(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun()}, numbered(t))
		write(t, r.take(t, 2000, nil), batchOf(t, numbered(t), []string{"1", "new"}))
		out := write(t, r.sw, batchOf(t, numbered(t), []string{"1", "late"}, []string{"2", "own"}))
		if len(out.Rejected) != 1 || out.Rejected[0].Row != 0 || out.Rejected[0].Code != record.Rejected {
			t.Errorf("late write: %+v, want row 0 rejected", out.Rejected)
		}
		want := map[string]string{"1": `{"id":1,"note":"new"}`, "2": `{"id":2,"note":"own"}`}
		if d := cmp.Diff(want, s.sources(t, name)); d != "" {
			t.Error(d)
		}
	})
}

// The server's reason and the field it names come back with the row; its neighbours are written.
func TestServerRefusesRow(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		schema := schemaOf(t, 1, "id int64", "age text", "blob json")
		sink := connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun(), Options: []byte(`{"columns":{"age":{"type":"long"}}}`)}
		r := start(t, openClient(t, s.options()), sink, schema)
		if len(r.target.Losses) != 1 || r.target.Losses[0].Policy != "target_options.columns.age.type" {
			t.Errorf("losses %+v, want the chosen type named", r.target.Losses)
		}
		out := write(t, r.sw, batchOf(t, schema, []string{"1", "41", "{\"a\" :1,\n\"b\":1.10}"}, []string{"2", "abc", null}, []string{"3", null, `{"a":1,"a":2}`}, []string{"4", null, `[1e400]`}))
		if len(out.Rejected) != 2 || out.Rejected[0].Column != "age" || !strings.Contains(out.Rejected[0].Reason, "abc") || out.Rejected[1].Row != 2 {
			t.Errorf("rejected %+v", out.Rejected)
		}
		want := map[string]string{"1": `{"id":1,"age":"41","blob":{"a" :1, "b":1.10}}`, "4": `{"id":4,"age":null,"blob":[1e400]}`}
		if d := cmp.Diff(want, s.sources(t, name)); d != "" {
			t.Error(d)
		}
	})
}

// through makes of a batch as read what the target stores, as the engine does, with one policy for all columns of a code.
func through(t *testing.T, target *connector.Target, in *record.Batch, policies record.Policies) (out *record.Batch, dirty []string) {
	t.Helper()
	var columns []transform.Column
	for i := range in.Schema.Fields {
		columns = append(columns, transform.Column{From: i, Want: in.Schema.Fields[i].Type, Policies: policies})
	}
	stage := transform.New(in.Schema, target.Stored, columns, transform.Options{Key: target.Key})
	out, marks := stage.Apply(record.NewPool(0), in)
	var rows []int
	for _, m := range marks {
		dirty = append(dirty, fmt.Sprintf("%d %s %s", m.Row, m.Code, target.Stored.Fields[m.Col].Name))
		rows = append(rows, m.Row)
	}
	slices.Sort(dirty)
	record.DropRows(slices.Compact(rows), out)
	return out, dirty
}

// Values outside a field's range never reach the server: the types as stored say so to the engine, with whose policies the job can
// settle them; the rest the writer refuses itself.
func TestChecksBeforeWrite(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		schema := schemaOf(t, 1, "id int64", "x float64", "at datetime(6)", "day date", "big int64", "doc json")
		sink := connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun(), Options: []byte(`{"columns":{"big":{"type":"byte"}}}`)}
		r := start(t, openClient(t, s.options()), sink, schema)
		rows := [][]string{
			{"1", "NaN", null, null, null, null},
			{"2", null, "1969-12-31 23:59:59.999999", null, null, null},
			{"3", null, "2262-04-11 23:47:16.854775", null, null, null},
			{"4", null, "2262-04-11 23:47:17.000000", null, null, null},
			{"5", null, null, "0000-01-01", "127", null},
			{"6", null, null, "9999-12-31", "128", null},
			{"7", "-0", "1970-01-01 00:00:00.000001", "2026-02-28", "-128", `"<&>"`},
			{null, null, null, null, null, null},
			{"8", null, null, null, null, `1}, "x":1`},
			{"9", null, "2262-04-11 23:47:16.854776", null, null, null},
			{"10", "-Infinity", null, "-0001-12-31", null, null}}
		out, dirty := through(t, r.target, batchOf(t, schema, rows...), nil)
		want := []string{"0 NONFINITE x", "1 RANGE at", "10 NONFINITE x", "10 RANGE day", "3 RANGE at", "5 RANGE big", "7 KEYNULL id"}
		if d := cmp.Diff(want, dirty); d != "" {
			t.Errorf("dirty by the types as stored (-want +got):\n%s", d)
		}
		var refused []string
		for _, x := range write(t, r.sw, out).Rejected {
			refused = append(refused, fmt.Sprintf("%d %s %s", x.Row, x.Code, x.Column))
		}
		slices.Sort(refused)
		if d := cmp.Diff([]string{"3 TYPE doc", "4 RANGE at"}, refused); d != "" {
			t.Errorf("refused by the writer (-want +got):\n%s", d)
		}
		docs := s.sources(t, name)
		if len(docs) != 3 || docs["7"] != `{"id":7,"x":-0,"at":"1970-01-01T00:00:00.000001","day":"2026-02-28","big":-128,"doc":"<&>"}` {
			t.Errorf("documents %v", docs)
		}
		out, dirty = through(t, r.target, batchOf(t, schema, rows[0], rows[1], rows[3], rows[5], rows[10]), record.Policies{record.NonFinite: "null", record.Range: "clamp"})
		if rejected := write(t, r.sw, out).Rejected; len(dirty) > 0 || len(rejected) > 0 {
			t.Errorf("with policies: dirty %v, rejected %v", dirty, rejected)
		}
		docs = s.sources(t, name)
		for id, want := range map[string]string{"1": `{"id":1,"x":null,"at":null,"day":null,"big":null,"doc":null}`, "2": `{"id":2,"x":null,"at":"1970-01-01T00:00:00.000000","day":null,"big":null,"doc":null}`,
			"4": `{"id":4,"x":null,"at":"2262-04-11T23:47:16.000000","day":null,"big":null,"doc":null}`, "6": `{"id":6,"x":null,"at":null,"day":"9999-12-31","big":127,"doc":null}`, "10": `{"id":10,"x":null,"at":null,"day":"0000-01-01","big":null,"doc":null}`} {
			if docs[id] != want {
				t.Errorf("document %s is %s, want %s", id, docs[id], want)
			}
		}
	})
}

// Lists are arrays, which the index searches by their elements.
func TestLists(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		schema := schemaOf(t, 1, "id int64", "n list(int32)", "words list(text)", "at list(datetime(6))", "x list(float64)", "b list(bytes)", "j list(json)", "ok list(bool)",
			"price list(decimal(20,2))", `tags list(set("a","b"))`, "deep list(list(int8))")
		r := start(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun()}, schema)
		if all := strings.Join(r.target.Notes, "\n"); !strings.Contains(all, "column n: the index cannot tell a list of one element from that element") {
			t.Errorf("notes %q do not tell what the index makes of lists", r.target.Notes)
		}
		none := slices.Repeat([]string{null}, 9)
		out, dirty := through(t, r.target, batchOf(t, schema,
			[]string{"1", "[[1,null],[3,4]]", `["a \"quote\"",null,"<&>\u0000"]`, `["2026-01-02 03:04:05.000001"]`, "[0.1,-0]", `["00ff",""]`, `["{\"a\": [1.10]}","null"]`, "[true,null]", "[12.50]", `["a,b",""]`, `["[1,2]",null,"[[3]]"]`},
			append([]string{"2", "[]"}, none...),
			append([]string{"3", "[0:1]=[5,6]"}, none...),
			[]string{"4", null, null, `["1969-12-31 23:59:59.000000"]`, null, null, null, null, null, null, null},
			[]string{"5", null, null, null, `[1,"NaN"]`, null, null, null, null, null, null},
			[]string{"6", null, null, `["2262-04-11 23:47:16.854776"]`, null, null, null, null, null, null, null}), nil)
		if d := cmp.Diff([]string{"3 RANGE at", "4 NONFINITE x"}, dirty); d != "" {
			t.Errorf("dirty (-want +got):\n%s", d)
		}
		var refused []string
		for _, x := range write(t, r.sw, out).Rejected {
			refused = append(refused, fmt.Sprintf("%d %s %s", x.Row, x.Code, x.Column))
		}
		if d := cmp.Diff([]string{"2 SHAPE n", "3 RANGE at"}, refused); d != "" {
			t.Errorf("refused (-want +got):\n%s", d)
		}
		rest := `"words":null,"at":null,"x":null,"b":null,"j":null,"ok":null,"price":null,"tags":null,"deep":null}`
		want := map[string]string{"2": `{"id":2,"n":[],` + rest,
			"1": `{"id":1,"n":[[1,null],[3,4]],"words":["a \"quote\"",null,"<&>\u0000"],"at":["2026-01-02T03:04:05.000001"],"x":[0.1,-0],"b":["AP8=",""],"j":[{"a": [1.10]},null],` +
				`"ok":[true,null],"price":["12.50"],"tags":[["a","b"],[]],"deep":[[1,2],null,[[3]]]}`}
		if d := cmp.Diff(want, s.sources(t, name)); d != "" {
			t.Errorf("documents (-want +got):\n%s", d)
		}
		for _, query := range []string{`{"term":{"n":4}}`, `{"term":{"words.keyword":"a \"quote\""}}`, `{"range":{"at":{"gte":"2026-01-02","lt":"2026-01-03"}}}`, `{"term":{"x":0.1}}`, `{"term":{"ok":true}}`, `{"term":{"price":"12.50"}}`, `{"term":{"tags":"b"}}`, `{"term":{"deep":3}}`} {
			var answer struct{ Hits struct{ Hits []hit } }
			if err := json.Unmarshal(s.must(t, "POST", "/"+name+"/_search", `{"query":`+query+`}`), &answer); err != nil || len(answer.Hits.Hits) != 1 || answer.Hits.Hits[0].ID != "1" {
				t.Errorf("%s finds %v, %v", query, answer.Hits.Hits, err)
			}
		}
	})
}

// Replace takes the name from a concrete index and from an alias, carries other aliases over, and can be repeated.
func TestReplaceSwaps(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		c := openClient(t, s.options())
		s.must(t, "PUT", "/"+name, `{"aliases":{"`+name+`-read":{"filter":{"term":{"id":1}}}}}`)
		s.must(t, "POST", "/"+name+"/_doc/99?refresh=true", `{"id":99}`)
		for round, row := range []string{"first", "second"} {
			run := newRun()
			r := start(t, c, connector.Sink{Dataset: name, Mode: connector.Replace, Run: run}, numbered(t))
			if r.target.Way != connector.WayC || len(r.target.Removes) != 1 || r.target.Owned != name+"__tw_"+run {
				t.Fatalf("round %d: way %s, removes %q, owned %q", round, r.target.Way, r.target.Removes, r.target.Owned)
			}
			write(t, r.sw, batchOf(t, numbered(t), []string{"1", row}))
			r.finish(t, connector.Seal)
			if d := s.sources(t, name); len(d) != 1 || d["1"] == `{"id":1,"note":"`+row+`"}` {
				t.Errorf("round %d: visible before its time: %v", round, d)
			}
			r.finish(t, connector.Publish, connector.Publish)
			_ = r.w.Close()
			want := map[string]string{"1": `{"id":1,"note":"` + row + `"}`}
			if d := cmp.Diff(want, s.sources(t, name)); d != "" {
				t.Errorf("round %d: %s", round, d)
			}
			if d := cmp.Diff(want, s.sources(t, name+"-read")); d != "" {
				t.Errorf("round %d: other alias: %s", round, d)
			}
		}
		var left map[string]json.RawMessage
		_ = json.Unmarshal(s.must(t, "GET", "/"+name+"*?expand_wildcards=all", ""), &left)
		if len(left) != 1 {
			t.Errorf("%d indices left, want the last one alone", len(left))
		}
	})
}

// A name that was given away while the run went on is not taken.
func TestReplaceRefusesStranger(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		r := start(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Replace, Run: newRun()}, numbered(t))
		write(t, r.sw, batchOf(t, numbered(t), []string{"1", "x"}))
		s.must(t, "POST", "/"+name+"/_doc/99?refresh=true", `{"id":99}`)
		if err := r.w.Finish(t.Context(), connector.Publish); connector.ClassOf(err) != connector.Changed {
			t.Errorf("publish over a stranger: %v, want class changed", err)
		}
		if d := s.sources(t, name); len(d) != 1 || d["99"] == "" {
			t.Errorf("the stranger's documents: %v", d)
		}
	})
}

func (s *search) setting(t *testing.T, index, name string) string {
	t.Helper()
	var found map[string]struct{ Settings map[string]string }
	if err := json.Unmarshal(s.must(t, "GET", "/"+index+"/_settings/index."+name+"?flat_settings=true", ""), &found); err != nil {
		t.Fatal(err)
	}
	for _, x := range found {
		return x.Settings["index."+name]
	}
	return ""
}

// Loading settings end at a pause, at the end, and by clean after a kill; a foreign index keeps its own throughout.
func TestLoadingSettings(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name, run := s.newName(t), newRun()
		c := openClient(t, s.options())
		sink := connector.Sink{Dataset: name, Mode: connector.Upsert, Run: run, Options: []byte(`{"settings":{"refresh_interval":"7s"},"replicas":1,"shards":2}`)}
		r := start(t, c, sink, numbered(t))
		is := func(when, refresh, replicas string) {
			t.Helper()
			if a, b := s.setting(t, name, "refresh_interval"), s.setting(t, name, "number_of_replicas"); a != refresh || b != replicas {
				t.Errorf("%s: refresh_interval %q, number_of_replicas %q; want %q, %q", when, a, b, refresh, replicas)
			}
		}
		is("loading", "-1", "0")
		r.finish(t, connector.Park, connector.Park)
		is("parked", "7s", "1")
		joins := sink
		joins.Joins = true
		late, err := Connector().Write(t.Context(), c, joins)
		if err != nil {
			t.Fatal(err)
		}
		if err := late.Prepare(t.Context(), r.target, false, nil); err != nil {
			t.Fatal(err)
		}
		is("parked, and joined late", "7s", "1")
		if err := r.w.Prepare(t.Context(), r.target, false, nil); err != nil {
			t.Fatal(err)
		}
		is("loading again", "-1", "0")
		left, err := Connector().Clean(t.Context(), c, []string{run}, true)
		if err != nil || !slices.ContainsFunc(left, func(l connector.Leftover) bool { return l.Run == run && l.Removed }) {
			t.Fatalf("clean: %+v, %v", left, err)
		}
		is("cleaned", "7s", "1")

		other := start(t, c, connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun()}, numbered(t))
		is("foreign", "7s", "1")
		other.finish(t, connector.Drop)
		if status, _ := s.ask(t, "GET", "/"+name, ""); status != http.StatusOK {
			t.Errorf("dropping a run removed a foreign index")
		}
	})
}

// Clean removes the staging of the runs it is told, and no other.
func TestCleanStaging(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		c := openClient(t, s.options())
		one, two := newRun(), newRun()
		start(t, c, connector.Sink{Dataset: name, Mode: connector.Replace, Run: one}, numbered(t))
		start(t, c, connector.Sink{Dataset: name, Mode: connector.Replace, Run: two}, numbered(t))
		if _, err := Connector().Clean(t.Context(), c, []string{one}, true); err != nil {
			t.Fatal(err)
		}
		if status, _ := s.ask(t, "GET", "/"+name+"__tw_"+one, ""); status != http.StatusNotFound {
			t.Errorf("staging of the cleaned run: status %d", status)
		}
		if status, _ := s.ask(t, "GET", "/"+name+"__tw_"+two, ""); status != http.StatusOK {
			t.Errorf("staging of another run: status %d", status)
		}
	})
}

// An index that was made anew, or whose acknowledged writes are gone, is not written to as if nothing had happened.
func TestRestoredIndexIsNoticed(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		c := openClient(t, s.options())
		sink := connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun()}
		r := start(t, c, sink, numbered(t))
		write(t, r.sw, batchOf(t, numbered(t), []string{"1", "x"}, []string{"2", "y"}))
		st, err := r.sw.Commit(t.Context(), connector.Checkpoint{Seq: 1})
		if err != nil {
			t.Fatal(err)
		}
		r.take(t, 1001, st)
		lease := connector.Lease{Run: "r", Stamp: 1002}
		var ahead state
		if err := json.Unmarshal(st, &ahead); err != nil || len(ahead.History.Shards) == 0 || ahead.History.Shards[0] == "0:" || ahead.History.Seq < 1 {
			t.Fatalf("state %s lacks the index's history", st)
		}
		for what, change := range map[string]func(h *history){
			"writes lost":   func(h *history) { h.Seq += 10 },
			"restored":      func(h *history) { h.Shards[0] = "0:another" },
			"another index": func(h *history) { h.UUID = "another" },
		} {
			h := ahead
			h.History.Shards = slices.Clone(ahead.History.Shards)
			change(&h.History)
			_, _, err := r.w.Take(t.Context(), connector.Shard{ID: "s1"}, lease, connector.Checkpoint{State: compactJSON(h)})
			if e, ok := err.(*connector.Error); !ok || e.Class != connector.Changed || e.Code != "TOW-508" {
				t.Errorf("%s: take: %v, want TOW-508", what, err)
			}
		}
		s.must(t, "DELETE", "/"+name, "")
		if _, err := r.sw.Write(t.Context(), []*record.Batch{numbers(t, 2)}); connector.ClassOf(err) != connector.Changed {
			t.Errorf("write into a removed index: %v, want class changed", err)
		}
		if status, _ := s.ask(t, "GET", "/"+name, ""); status != http.StatusNotFound {
			t.Errorf("writing made the removed index again: status %d", status)
		}
		s.must(t, "PUT", "/"+name, `{}`)
		if err := r.w.Prepare(t.Context(), r.target, false, nil); connector.ClassOf(err) != connector.Changed {
			t.Errorf("prepare on a stranger's index: %v, want class changed", err)
		}
	})
}

// Rows without a key take their place for an id: a shard that starts again overwrites itself, and leaves nothing over.
func TestKeylessRestart(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		schema := schemaOf(t, 0, "note text")
		rows := func(texts ...string) *record.Batch {
			var all [][]string
			for _, x := range texts {
				all = append(all, []string{x})
			}
			return batchOf(t, schema, all...)
		}
		r := start(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Replace, Run: newRun()}, schema)
		write(t, r.sw, rows("a", "a", "b", "c"))
		write(t, r.sw, rows("d"))
		again := r.take(t, 2000, nil)
		write(t, again, rows("a", "a", "z"))
		if _, err := again.Commit(t.Context(), connector.Checkpoint{Seq: 1, Done: true}); err != nil {
			t.Fatal(err)
		}
		r.finish(t, connector.Seal, connector.Publish)
		var got []string
		for _, doc := range s.sources(t, name) {
			got = append(got, doc)
		}
		slices.Sort(got)
		if d := cmp.Diff([]string{`{"note":"a"}`, `{"note":"a"}`, `{"note":"z"}`}, got); d != "" {
			t.Error(d)
		}
	})
}

// An insert keeps what is there, and takes its own earlier write for done.
func TestInsert(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		r := start(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Insert, Run: newRun()}, numbered(t))
		s.must(t, "PUT", "/"+name+"/_doc/1?refresh=true", `{"id":1,"note":"theirs"}`)
		b := batchOf(t, numbered(t), []string{"1", "ours"}, []string{"2", "x"}, []string{"2", "twice"})
		for range 2 {
			out := write(t, r.sw, b)
			if len(out.Rejected) != 2 || out.Rejected[0].Row != 0 || out.Rejected[0].Code != record.Constraint || out.Rejected[1].Row != 2 {
				t.Errorf("rejected %+v, want rows 0 and 2", out.Rejected)
			}
		}
		want := map[string]string{"1": `{"id":1,"note":"theirs"}`, "2": `{"id":2,"note":"x"}`}
		if d := cmp.Diff(want, s.sources(t, name)); d != "" {
			t.Error(d)
		}
	})
}

// The block that a server lays on an index when its disk is full ends the group in class full.
func TestFloodStage(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		r := start(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun()}, numbered(t))
		s.must(t, "PUT", "/"+name+"/_settings", `{"index.blocks.read_only_allow_delete":true}`)
		if _, err := r.sw.Write(t.Context(), []*record.Batch{numbers(t, 2)}); connector.ClassOf(err) != connector.Full {
			t.Errorf("write: %v, want class full", err)
		}
		s.must(t, "PUT", "/"+name+"/_settings", `{"index.blocks.read_only_allow_delete":null}`)
	})
}

// A server that is killed in the middle is gone for a while, not for good: what was acknowledged is there, and the run goes on.
func TestServerKilled(t *testing.T) {
	i := servers.Private(t, "elasticsearch8")
	s := &search{base: i.URL}
	c := openClient(t, s.options())
	r := start(t, c, connector.Sink{Dataset: "orders", Mode: connector.Upsert, Run: newRun()}, numbered(t))
	write(t, r.sw, numbers(t, 2000))
	st, err := r.sw.Commit(t.Context(), connector.Checkpoint{Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	i.Kill(t)
	if _, err := r.sw.Write(t.Context(), []*record.Batch{numbers(t, 3000)}); connector.ClassOf(err) != connector.Retry {
		t.Fatalf("write to a dead server: %v, want class retry", err)
	}
	i.Start(t)
	s.must(t, "GET", "/_cluster/health/orders?wait_for_status=yellow&timeout=60s", "")
	if err := r.w.Prepare(t.Context(), r.target, false, nil); err != nil {
		t.Fatal(err)
	}
	write(t, r.take(t, 2000, st), numbers(t, 3000))
	r.finish(t, connector.Seal, connector.Publish)
	if n, err := Connector().Count(t.Context(), c, "orders", ""); err != nil || n != 3000 {
		t.Errorf("%d documents, %v; want 3000", n, err)
	}
	if n, err := Connector().Count(t.Context(), c, "orders", `{"range":{"id":{"lt":10}}}`); err != nil || n != 10 {
		t.Errorf("%d documents below 10, %v; want 10", n, err)
	}
}
