package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// planner plans between two stores in memory, of which the source holds orders.
func planner(t *testing.T, source, target memory.Options) (engine.Planner, *memory.Store) {
	t.Helper()
	source.Name, target.Name = "from", "to"
	from, store := memory.New(source)
	to, _ := memory.New(target)
	store.Make("orders", &record.Schema{Fields: []record.Field{
		{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1},
		{Name: "amount", Type: record.Type{Kind: record.Decimal, Precision: 12, Scale: 2}, Nullable: true},
		{Name: "note", Type: record.Type{Kind: record.Text}, Nullable: true},
	}}, connectortest.Texts("1", "12.50", "first"), connectortest.Texts("2", "0.01", "second"))
	store.Make("log", &record.Schema{Fields: []record.Field{{Name: "line", Type: record.Type{Kind: record.Text}}}}, connectortest.Texts("a"))
	end := func(c connector.Connector) engine.End {
		client, err := c.Open(context.Background(), connector.Connection{Options: json.RawMessage(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		id, err := client.Identity(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return engine.End{Side: engine.Side{Connector: c.Name, Identity: id}, Connector: c, Client: client}
	}
	return engine.Planner{Sources: map[string]engine.End{"": end(from)}, Target: end(to)}, store
}

// plan plans the streams of a job, which has no patterns, and returns them with all their shards.
func plan(p engine.Planner, j *job.Job) (*engine.Plan, []connector.Shard, error) {
	var shards []connector.Shard
	var kept []*engine.StreamPlan
	streams := make([]engine.Stream, len(j.Streams))
	for i, s := range j.Streams {
		streams[i] = engine.Stream{Stream: s, At: fmt.Sprintf("streams[%d]", i)}
	}
	made, err := p.Make(context.Background(), "k3f9x", j, streams, func(s *engine.StreamPlan, cut []connector.Shard) error {
		kept, shards = append(kept, s), append(shards, cut...)
		return nil
	})
	if made != nil {
		slices.SortFunc(kept, func(a, b *engine.StreamPlan) int { return strings.Compare(a.ID, b.ID) })
		made.Streams = kept
	}
	return made, shards, err
}

func parse(t *testing.T, text string) *job.Job {
	t.Helper()
	j, err := job.Parse([]byte(text), "job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestPlanOfColumns(t *testing.T) {
	t.Parallel()
	p, _ := planner(t, memory.Options{}, memory.Options{})
	j := parse(t, `
mode: batch
source: {connector: from}
target: {connector: to}
streams:
  - source: orders
    target: sales
    columns: [id, {from: amount, to: cents, type: "decimal(10,3)", on: {RANGE: "null"}}, {from: amount, to: text, type: text}]
settings: {on: {UTF8: replace}}
`)
	made, shards, err := plan(p, j)
	if err != nil {
		t.Fatal(err)
	}
	s := made.Streams[0]
	if diff := cmp.Diff([]string{"id", "amount"}, s.Source.Columns); diff != "" {
		t.Errorf("columns pushed down: %s", diff)
	}
	var got []string
	for i, c := range s.Columns {
		got = append(got, c.From+" -> "+c.To+" "+s.Target.Stored.Fields[i].Type.String()+" "+c.Decision)
	}
	want := []string{"id -> id int64 same", "amount -> cents decimal(10,3) checked", "amount -> text text widening"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(record.Policies{"RANGE": "null", "UTF8": "replace"}, s.Columns[1].Policies); diff != "" {
		t.Errorf("policies: %s", diff)
	}
	if len(shards) == 0 || shards[0].ID != "1-00001" || shards[0].Stream != "1" || s.Shards != len(shards) {
		t.Errorf("shards are %+v", shards)
	}
	// What is stored is what was planned.
	var packer engine.Packer
	for range 2 {
		packed, err := packer.Pack(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := engine.Unpack(packed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("a stored plan reads back otherwise: %s", diff)
		}
	}
}

// TestDistinct: the target is told that rows have keys of their own where the source keeps them apart and nothing is done to them on the way.
func TestDistinct(t *testing.T) {
	t.Parallel()
	p, store := planner(t, memory.Options{}, memory.Options{})
	schema := &record.Schema{Distinct: true, Fields: []record.Field{{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Native: "bigint", Key: 1},
		{Name: "k", Type: record.Type{Kind: record.Text, Length: 10}, Native: "varchar(10)", Key: 2}, {Name: "note", Type: record.Type{Kind: record.Text}, Native: "text", Nullable: true}}}
	store.Make("kept", schema)
	store.Make("kept_too", schema)
	for text, want := range map[string]bool{
		"streams: [{source: kept, target: t, write: insert}]": true,
		"streams: [{source: kept, target: t, write: insert, columns: [{from: k, to: key}, id, {from: note, type: text(5), on: {TRUNC: truncate}}]}]":  true,
		"streams: [{source: kept, target: t, write: insert, key: [id, k]}]":                                                                           false,
		"streams: [{source: kept, target: t, write: insert, columns: [{from: id, type: int32}, k]}]":                                                  false,
		"streams: [{source: kept, target: t, write: insert, columns: [id, {from: k, on: {TRUNC: truncate}}]}]":                                        false,
		"streams: [{source: kept, target: t, write: insert}]\nsettings: {on: {UTF8: replace}}":                                                        false,
		"streams: [{source: orders, target: t, write: insert}]":                                                                                       false,
		"streams: [{source: kept, target: t, write: insert, source_column: shop}, {source: kept_too, target: t, write: insert, source_column: shop}]": false,
	} {
		made, _, err := plan(p, parse(t, "mode: batch\nsource: {connector: from}\ntarget: {connector: to}\n"+text+"\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, s := range made.Streams {
			if s.Sink.Distinct != want {
				t.Errorf("%s: distinct is %t, want %t", text, s.Sink.Distinct, want)
			}
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	const head = "mode: batch\nsource: {connector: from}\ntarget: {connector: to}\nstreams:\n"
	for name, c := range map[string]struct {
		streams string
		want    []string // all reasons, with their paths
	}{
		"no key": {"  - {source: log, target: x}",
			[]string{`streams[0].write: log has no key among the columns copied, so upsert cannot tell its rows apart`}},
		"key not copied": {"  - {source: orders, target: x, columns: [note]}",
			[]string{`streams[0].write: orders has no key among the columns copied, so upsert cannot tell its rows apart`}},
		"a cast without a way": {`  - {source: orders, target: x, columns: [id, {from: amount, type: uuid}]}`,
			[]string{`streams[0].columns.amount: column amount of type decimal(12,2) cannot become uuid`}},
		"must not be created": {"  - {source: orders, target: x, create: never}",
			[]string{`streams[0].create: target x does not exist, and the job says not to create it`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := planner(t, memory.Options{}, memory.Options{})
			_, _, err := plan(p, parse(t, head+c.streams))
			refused, ok := errors.AsType[*engine.Refused](err)
			if !ok {
				t.Fatalf("got %v, want a refusal", err)
			}
			if len(refused.Reasons) != len(c.want) {
				t.Fatalf("reasons are %v", refused.Reasons)
			}
			for i, want := range c.want {
				if got := refused.Reasons[i].Error(); !strings.HasPrefix(got, want) {
					t.Errorf("reason %d is %q, want %q", i, got, want)
				}
			}
		})
	}
}

func TestUnknownColumnIsMissing(t *testing.T) {
	t.Parallel()
	p, _ := planner(t, memory.Options{}, memory.Options{})
	j := parse(t, "{mode: batch, source: {connector: from}, target: {connector: to}, streams: [{source: orders, target: x, columns: [id, sum]}]}")
	_, _, err := plan(p, j)
	if want := `streams[0]: open source orders: no column "sum"`; err == nil || err.Error() != want || connector.ClassOf(err) != connector.Missing {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestSourceIsTarget(t *testing.T) {
	t.Parallel()
	p, _ := planner(t, memory.Options{}, memory.Options{})
	p.Target = p.Sources[""]
	j := parse(t, "{mode: full, source: {connector: from}, target: {connector: from}, streams: [{source: orders}]}")
	_, _, err := plan(p, j)
	if want := "streams[0]: source and target are the same dataset orders of the same server"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	j.Streams[0].Target = "copies"
	if _, _, err := plan(p, j); err != nil {
		t.Errorf("another dataset of the same server: %v", err)
	}
}

// TestGuarantees pins the table of docs/guarantees.md.
func TestGuarantees(t *testing.T) {
	t.Parallel()
	const exactly, effectively = job.ExactlyOnce, job.EffectivelyOnce
	for name, c := range map[string]struct {
		way    connector.Way
		replay connector.Replay
		source string
		write  connector.Mode
		want   job.Guarantee
	}{
		"exact, way A":           {connector.WayA, connector.Exact, "orders", connector.Upsert, exactly},
		"exact, way B":           {connector.WayB, connector.Exact, "orders", connector.Upsert, effectively},
		"exact, way C over A":    {connector.WayA, connector.Exact, "orders", connector.Replace, exactly},
		"exact, way C over B":    {connector.WayB, connector.Exact, "orders", connector.Replace, effectively},
		"superset, way A, keyed": {connector.WayA, connector.Superset, "orders", connector.Upsert, effectively},
		"superset, way B":        {connector.WayB, connector.Superset, "orders", connector.Upsert, effectively},
		"none, way A, no key":    {connector.WayA, connector.None, "log", connector.Append, exactly},
		"none, way B, keyed":     {connector.WayB, connector.None, "orders", connector.Upsert, effectively},
		"none, way C over B":     {connector.WayB, connector.None, "orders", connector.Replace, exactly},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := planner(t, memory.Options{Replay: c.replay}, memory.Options{Way: c.way})
			j := parse(t, "{mode: batch, source: {connector: from}, target: {connector: to}, streams: [{source: "+c.source+", target: x, write: "+
				string(c.write)+"}], settings: {accept: at-least-once}}")
			made, _, err := plan(p, j)
			if err != nil {
				t.Fatal(err)
			}
			s := made.Streams[0]
			if s.Guarantee != c.want || s.Reason == "" || s.Again == "" {
				t.Errorf("%s (%s; %s), want %s", s.Guarantee, s.Reason, s.Again, c.want)
			}
			j.Settings.Accept = job.ExactlyOnce
			_, _, err = plan(p, j)
			if _, refused := errors.AsType[*engine.Refused](err); refused != (c.want != exactly) {
				t.Errorf("with exactly-once demanded: %v", err)
			}
		})
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	base := func() *record.Schema {
		return &record.Schema{Fields: []record.Field{
			{Name: "id", Type: record.Type{Kind: record.Int, Bits: 32}, Key: 1, Native: "int(11)"},
			{Name: "name", Type: record.Type{Kind: record.Text}, Nullable: true, Native: "text", Collation: "utf8mb4_bin", Comment: "who"},
		}}
	}
	for name, c := range map[string]struct {
		change func(s *record.Schema)
		want   string
	}{
		"nothing":      {func(*record.Schema) {}, ""},
		"a comment":    {func(s *record.Schema) { s.Fields[1].Comment = "what" }, ""},
		"fewer":        {func(s *record.Schema) { s.Fields = s.Fields[:1] }, "1 column, planned were 2"},
		"another name": {func(s *record.Schema) { s.Fields[1].Name = "title" }, "column 2 is title, planned was name"},
		"another type": {func(s *record.Schema) { s.Fields[0].Type.Bits, s.Fields[0].Native = 64, "bigint(20)" },
			"column id is bigint(20) not null, planned was int(11) not null"},
		"no key":            {func(s *record.Schema) { s.Fields[0].Key = 0 }, "the key is another (column id)"},
		"another collation": {func(s *record.Schema) { s.Fields[1].Collation = "latin1_bin" }, "column name is text collate latin1_bin, planned was text collate utf8mb4_bin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := base()
			found.Fields = slices.Clone(found.Fields)
			c.change(found)
			if got := engine.Same(base(), found); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
