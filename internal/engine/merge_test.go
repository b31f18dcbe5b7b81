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

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// stores plans between several stores in memory: "from" and those of the aliases are sources, "to" is the target.
func stores(t *testing.T, aliases ...string) (engine.Planner, map[string]*memory.Store) {
	t.Helper()
	p, all := engine.Planner{Sources: map[string]engine.End{}}, map[string]*memory.Store{}
	for _, name := range append([]string{"from", "to"}, aliases...) {
		c, store := memory.New(memory.Options{Name: name})
		client, err := c.Open(context.Background(), connector.Connection{Options: json.RawMessage(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		id, err := client.Identity(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		all[name] = store
		end := engine.End{Side: engine.Side{Connector: name, Identity: id}, Connector: c, Client: client}
		switch name {
		case "from":
			p.Sources[""] = end
		case "to":
			p.Target = end
		default:
			end.Side.Connection = name
			p.Sources[name] = end
		}
	}
	return p, all
}

// columns makes a schema of texts like "id int64 key", "note text null".
func columns(t *testing.T, list ...string) *record.Schema {
	t.Helper()
	s := new(record.Schema)
	for _, text := range list {
		words := strings.Fields(text)
		typ, err := record.ParseType(words[1])
		if err != nil {
			t.Fatal(err)
		}
		f := record.Field{Name: words[0], Type: typ, Nullable: slices.Contains(words, "null")}
		if slices.Contains(words, "key") {
			f.Key = len(s.Key()) + 1
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

const batch = "mode: batch\nsource: {connector: from}\ntarget: {connector: to}\nstreams:\n"

// reasons are all reasons of a refusal.
func reasons(err error) (texts []string) {
	if refused, ok := errors.AsType[*engine.Refused](err); ok {
		for _, r := range refused.Reasons {
			texts = append(texts, r.Error())
		}
	} else if err != nil {
		texts = []string{"no refusal: " + err.Error()}
	}
	return texts
}

func TestManyIntoOne(t *testing.T) {
	t.Parallel()
	orders := []string{"id int64 key", "note text null"}
	for name, c := range map[string]struct {
		streams string
		b       []string // columns of b; those of a are orders
		want    []string
	}{
		"by the source's name": {"  - {source: a, target: all, source_column: shop}\n  - {source: b, target: all, source_column: shop}", orders, nil},
		"without a key":        {"  - {source: a, target: all, write: append}\n  - {source: b, target: all, write: append}", orders, nil},
		"keys may meet": {"  - {source: a, target: all}\n  - {source: b, target: all}", orders,
			[]string{"streams[0].target: all takes 2 streams together, whose keys could be the same"}},
		"one dataset twice": {"  - {source: a, target: all, source_column: shop}\n  - {source: a, target: all, source_column: shop}", orders,
			[]string{"streams[1].source: a is read into all twice, and source_column shop would not tell the rows apart"}},
		"another type": {"  - {source: a, target: all, source_column: shop}\n  - {source: b, target: all, source_column: shop}", []string{"id int64 key", "note text(20) null"},
			[]string{"streams[1]: b flows into all as a does, but column note is text(20), not text"}},
		"not null": {"  - {source: a, target: all, source_column: shop}\n  - {source: b, target: all, source_column: shop}", []string{"id int64 key", "note text"},
			[]string{"streams[1]: b flows into all as a does, but column note is not null there"}},
		"one column more": {"  - {source: a, target: all, source_column: shop}\n  - {source: b, target: all, source_column: shop}", append(slices.Clone(orders), "at date null"),
			[]string{"streams[1]: b flows into all as a does, but its column at is one more"}},
		"another order": {"  - {source: a, target: all, source_column: shop}\n  - {source: b, target: all, source_column: shop}", []string{"note text null", "id int64 key"},
			[]string{"streams[1]: b flows into all as a does, but column 2 is note, not id"}},
		"made equal by casts": {"  - {source: a, target: all, source_column: shop}\n  - {source: b, target: all, source_column: shop, columns: [id, {from: note, type: text}]}",
			[]string{"id int64 key", "note text(20) null"}, nil},
		"another mode": {"  - {source: a, target: all, source_column: shop}\n  - {source: b, target: all, source_column: shop, write: insert}", orders,
			[]string{`streams[1].write: b flows into all as a does, with another write: "insert", not "upsert"`}},
		"name of a column": {"  - {source: a, target: all, source_column: note}", orders,
			[]string{`streams[0].source_column: a has a column "note" already`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, all := stores(t)
			all["from"].Make("a", columns(t, orders...))
			all["from"].Make("b", columns(t, c.b...))
			made, _, err := plan(p, parse(t, batch+c.streams))
			if diff := cmp.Diff(c.want, reasons(err)); diff != "" {
				t.Fatal(diff)
			}
			if c.want != nil {
				return
			}
			a, b := made.Streams[0], made.Streams[1]
			if a.Lead != "1" || b.Lead != "1" || made.Totals.Targets != 1 || made.Totals.Streams != 2 || !cmp.Equal(a.Target, b.Target) || !cmp.Equal(a.Sink, b.Sink) {
				t.Errorf("the streams do not share a target: %+v, %+v, %+v", a, b, made.Totals)
			}
		})
	}
}

// TestKeysThatAreComparedOtherwise: the target folds keys as the first source does, and would replace rows of another that does not.
func TestKeysThatAreComparedOtherwise(t *testing.T) {
	t.Parallel()
	codes := func(collation, native string) *record.Schema {
		s := columns(t, "code text(20) key", "note text null")
		s.Fields[0].Collation, s.Fields[0].Native = collation, native
		s.Fields[1].Collation, s.Fields[1].Native = collation, native // which does not matter
		return s
	}
	x := columns(t, "shop text(255) key", "code text(20) key", "note text null")
	x.Fields[1].Collation = memory.Folding
	const other = "  - {source: codes, target: x, source_column: shop}\n  - {source: codes, target: x, source_column: shop, connection: north}"
	for name, c := range map[string]struct {
		a, b    *record.Schema
		streams string
		want    []string
	}{
		"alike":             {codes(memory.Folding, "varchar"), codes(memory.Folding, "varchar"), other, nil},
		"another collation": {codes(memory.Folding, ""), codes("", ""), other, []string{"streams[1]: codes flows into x as codes does, but key column code has collation none, not folding"}},
		"of two systems":    {codes(memory.Folding, "varchar"), codes(memory.Folding, "character varying"), other, nil},
		"left to the target": {codes(memory.Folding, ""), codes("", ""),
			"  - {source: codes, target: x, source_column: shop, write: insert, columns: [{from: code, type: text(20), on: {KEYFOLD: dirty}}, note]}\n" +
				"  - {source: codes, target: x, source_column: shop, write: insert, columns: [{from: code, type: text(20), on: {KEYFOLD: dirty}}, note], connection: north}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, all := stores(t, "north")
			all["from"].Make("codes", c.a)
			all["north"].Make("codes", c.b)
			all["to"].Make("x", x)
			_, _, err := plan(p, parse(t, batch+c.streams))
			if diff := cmp.Diff(c.want, reasons(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
	p, all := stores(t)
	all["from"].Make("a", codes("", "citext"))
	all["from"].Make("b", codes("", "text"))
	_, _, err := plan(p, parse(t, batch+"  - {source: a, target: all, source_column: shop}\n  - {source: b, target: all, source_column: shop}"))
	if diff := cmp.Diff([]string{"streams[1]: b flows into all as a does, but key column code is text, not citext"}, reasons(err)); diff != "" {
		t.Error(diff)
	}
}

// TestNamesOfOneTarget: datasets whose names the target takes for one do not flow together because nobody noticed.
func TestNamesOfOneTarget(t *testing.T) {
	t.Parallel()
	p, all := stores(t)
	p.Target.Fold = func(_ connector.Client, dataset string) string { return strings.ToLower(dataset) }
	all["from"].Make("Orders", columns(t, "id int64"))
	all["from"].Make("orders", columns(t, "id int64"))
	_, _, err := plan(p, parse(t, batch+"  - {source: Orders, write: append}\n  - {source: orders, write: append}"))
	want := []string{"streams[1].target: orders and Orders are one dataset at the target, and Orders flows into it too"}
	if diff := cmp.Diff(want, reasons(err)); diff != "" {
		t.Error(diff)
	}
	if _, _, err = plan(p, parse(t, batch+"  - {source: Orders, write: append}\n  - {source: orders, target: Orders, write: append}")); err != nil {
		t.Errorf("with one name: %v", err)
	}
}

func TestSourceColumn(t *testing.T) {
	t.Parallel()
	p, all := stores(t, "north")
	for _, store := range []string{"from", "north"} {
		all[store].Make("orders", columns(t, "area text(20) key", "id int64 key", "note text null"))
	}
	made, _, err := plan(p, parse(t, batch+"  - {source: orders, target: all, source_column: shop}\n  - {source: orders, target: all, source_column: shop, connection: north}"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"from:orders", "north:orders"} { // from several connections, with theirs
		s := made.Streams[i]
		if c := s.Columns[0]; c.Constant != want || c.To != "shop" || c.From != "" || c.Decision != "same" {
			t.Errorf("column of the source is %+v, want %s", c, want)
		}
		if diff := cmp.Diff([]string{"shop", "area", "id"}, s.Target.Key); diff != "" {
			t.Errorf("key: %s", diff)
		}
		if f := s.Target.Stored.Fields[0]; f.Type.String() != "text(255)" || f.Nullable {
			t.Errorf("stored as %+v", f)
		}
	}
	if side := made.Origin("north"); side.Connector != "north" || made.Streams[1].Connection != "north" {
		t.Errorf("stream reads from %+v", side)
	}
}

// family makes customers, orders that refer to them, and items that refer to orders, in the source and, but for those named in without,
// in the target.
func family(t *testing.T, all map[string]*memory.Store, without ...string) {
	t.Helper()
	refer := func(s *record.Schema, column, to string) *record.Schema {
		s.References = append(s.References, record.Reference{Name: "fk_" + column, Columns: []string{column}, Dataset: to, Foreign: []string{"id"}})
		return s
	}
	for name, make := range map[string]func() *record.Schema{
		"customers": func() *record.Schema { return columns(t, "id int64 key", "name text") },
		"orders": func() *record.Schema {
			return refer(columns(t, "id int64 key", "customer int64 null"), "customer", "customers")
		},
		"items": func() *record.Schema {
			return refer(refer(columns(t, "id int64 key", "order int64", "part int64 null"), "order", "orders"), "part", "items")
		},
	} {
		all["from"].Make(name, make())
		if !slices.Contains(without, name) {
			all["to"].Make(name, make())
		}
	}
}

func TestParentsFirst(t *testing.T) {
	t.Parallel()
	const three = "  - {source: items}\n  - {source: orders}\n  - {source: customers}"
	for name, c := range map[string]struct {
		without []string
		streams string
		change  func(all map[string]*memory.Store)
		stages  string
		notes   int
	}{
		"all are there":   {nil, three, nil, "2 1 0", 0},
		"all are made":    {[]string{"customers", "orders", "items"}, three, nil, "0 0 0", 0},
		"one is made":     {[]string{"orders"}, three, nil, "1 0 0", 0}, // its foreign keys come last
		"one is not read": {nil, "  - {source: items}\n  - {source: customers}", nil, "0 0", 0},
		"a circle": {nil, three, func(all map[string]*memory.Store) {
			s := columns(t, "id int64 key", "name text", "last int64 null")
			s.References = []record.Reference{{Name: "fk_last", Columns: []string{"last"}, Dataset: "orders", Foreign: []string{"id"}}}
			all["from"].Make("customers", s)
			all["to"].Make("customers", s)
		}, "1 0 0", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, all := stores(t)
			family(t, all, c.without...)
			if c.change != nil {
				c.change(all)
			}
			made, shards, err := plan(p, parse(t, batch+c.streams))
			if err != nil {
				t.Fatal(err)
			}
			var stages []string
			for _, s := range made.Streams {
				stages = append(stages, fmt.Sprint(made.Stage(s.Lead)))
			}
			if got := strings.Join(stages, " "); got != c.stages || len(made.Notes) != c.notes {
				t.Errorf("stages are %s, want %s; notes %q", got, c.stages, made.Notes)
			}
			if c.notes > 0 && !strings.HasPrefix(made.Notes[0], "customers and orders refer to one another: ") {
				t.Errorf("note is %q", made.Notes[0])
			}
			if len(shards) == 0 {
				t.Error("no shards")
			}
		})
	}
}

func TestStructureInNamesOfTheTarget(t *testing.T) {
	t.Parallel()
	p, all := stores(t)
	family(t, all, "customers", "orders", "items")
	schema := all["from"].Schema("orders")
	schema.Indexes = []record.Index{{Name: "by_customer", Unique: true, Columns: []record.IndexColumn{{Name: "customer", Descending: true}}},
		{Name: "by_id", Columns: []record.IndexColumn{{Name: "id"}}}}
	all["from"].Make("orders", schema)
	made, _, err := plan(p, parse(t, batch+`  - {source: customers, target: ods_customers, columns: [{from: id, to: customer_id}, name], key: [id]}
  - {source: orders, target: ods_orders, columns: [{from: id, to: nr}, {from: customer, to: who}]}
  - {source: items, columns: [id, order]}
settings: {create: {indexes, foreign_keys}}`))
	if err != nil {
		t.Fatal(err)
	}
	var planned struct {
		Indexes    []record.Index
		References []record.Reference
	}
	orders, items := made.Streams[1], made.Streams[2]
	if err := json.Unmarshal(orders.Target.Writer, &planned); err != nil {
		t.Fatal(err)
	}
	wantReferences := []record.Reference{{Name: "fk_customer", Columns: []string{"who"}, Dataset: "ods_customers", Foreign: []string{"customer_id"}}}
	wantIndexes := []record.Index{{Name: "by_customer", Unique: true, Columns: []record.IndexColumn{{Name: "who", Descending: true}}},
		{Name: "by_id", Columns: []record.IndexColumn{{Name: "nr"}}}}
	if diff := cmp.Diff(wantReferences, planned.References) + cmp.Diff(wantIndexes, planned.Indexes); diff != "" {
		t.Error(diff)
	}
	if orders.Notes != nil || !slices.Equal(made.Links, []string{"2", "3"}) {
		t.Errorf("linked %q, notes %q", made.Links, orders.Notes)
	}
	if want := []string{"foreign key fk_part to items is left out: column part is not copied"}; !slices.Equal(items.Notes, want) {
		t.Errorf("notes are %q, want %q", items.Notes, want)
	}
}

func TestFoldedKeys(t *testing.T) {
	t.Parallel()
	const refusal = "streams[0].columns.code: key column code of x takes keys for equal that the source tells apart"
	for name, c := range map[string]struct {
		stream string
		want   []string
		loss   string
	}{
		"insert":               {"write: insert", []string{refusal}, ""},
		"replace":              {"write: replace", []string{refusal}, ""},
		"insert, dirty":        {"write: insert, columns: [{from: code, on: {KEYFOLD: dirty}}, note]", nil, "KEYFOLD: dirty"},
		"upsert, dirty":        {"write: upsert, columns: [{from: code, on: {KEYFOLD: dirty}}, note]", []string{"streams[0].write: key column code of x takes keys for equal that the source tells apart: one row would replace another"}, ""},
		"append looks at none": {"write: append, key: []", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, all := stores(t)
			all["from"].Make("codes", columns(t, "code text(20) key", "note text null"))
			folding := columns(t, "code text(20) key", "note text null")
			folding.Fields[0].Collation = memory.Folding
			if strings.HasPrefix(name, "append") {
				folding.Fields[0].Key = 0
			}
			all["to"].Make("x", folding)
			made, _, err := plan(p, parse(t, batch+"  - {source: codes, target: x, "+c.stream+"}"))
			if diff := cmp.Diff(c.want, reasons(err)); diff != "" {
				t.Fatal(diff)
			}
			if c.loss != "" && (len(made.Streams[0].Target.Losses) != 1 || made.Streams[0].Target.Losses[0].Policy != c.loss) {
				t.Errorf("losses are %+v", made.Streams[0].Target.Losses)
			}
		})
	}
}

func TestNoSnapshotNoPlan(t *testing.T) {
	t.Parallel()
	p, all := stores(t)
	all["from"].Make("a", columns(t, "id int64 key"))
	j := parse(t, batch+"  - {source: a}\nsettings: {consistency: snapshot}")
	if made, _, err := plan(p, j); err != nil || made.Consistency != job.Snapshot {
		t.Errorf("with snapshots: %v", err)
	}
	end := p.Sources[""]
	end.Snapshot, end.Read = nil, nil
	p.Sources[""] = end
	p.Target.Write = nil
	_, _, err := plan(p, j)
	want := []string{"source: connector from does not read", "settings.consistency: connector from has no snapshots: its datasets cannot be read as they were at one instant",
		"target: connector to does not write"}
	if diff := cmp.Diff(want, reasons(err)); diff != "" {
		t.Error(diff)
	}
}
