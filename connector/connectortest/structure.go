package connectortest

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// family is a parent and a child that refers to it, with all that a source's tables have beside columns and key.
func family(parent, child string) (Table, Table) {
	long, text := record.Type{Kind: record.Int, Bits: 64}, record.Type{Kind: record.Text, Length: 40}
	people := Table{Schema: &record.Schema{Comment: "who buys", Fields: []record.Field{
		{Name: "id", Type: long, Key: 1},
		{Name: "mail", Type: text, Comment: "the person's address"},
		{Name: "grade", Type: text, Nullable: true, Default: &record.Default{Text: "it's new"}},
	}, Indexes: []record.Index{{Name: "by_mail", Unique: true, Columns: []record.IndexColumn{{Name: "mail"}}}}},
		Rows: []Row{Texts("1", "a@x", "old"), Texts("2", "b@x", "new")}}
	orders := Table{Schema: &record.Schema{Fields: []record.Field{
		{Name: "id", Type: long, Key: 1},
		{Name: "person", Type: long, Nullable: true},
		{Name: "amount", Type: long, Default: &record.Default{Text: "7"}},
	}, Indexes: []record.Index{{Name: "by_person", Columns: []record.IndexColumn{{Name: "person"}, {Name: "amount", Descending: true}}},
		{Name: "by_half", Foreign: "over an expression"}},
		References: []record.Reference{{Name: "fk_person", Columns: []string{"person"}, Dataset: parent, Foreign: []string{"id"}, OnDelete: record.Cascade}}},
		Rows: []Row{Texts("10", "2", "5"), {{Text: "11"}, {Null: true}, {Text: "6"}}}}
	return people, orders
}

// structure: a target that is made gets what the job asks for, and nothing else; what the system has no counterpart of is in the plan's
// notes.
func (s Suite) structure(tb TB) {
	for _, all := range []connector.Structure{{Indexes: true, References: true, Defaults: true, Comments: true}, {}} {
		mode := s.Modes[0]
		parent, child := s.NewName(tb), s.NewName(tb)
		people, orders := family(parent, child)
		run := newRun()
		jobs := []*job{{suite: s, dataset: parent, mode: mode, run: run, create: all, table: people}, {suite: s, dataset: child, mode: mode, run: run, create: all, table: orders}}
		// The child first: foreign keys are made last, so no order is needed.
		for _, at := range []int{1, 0} {
			x := jobs[at].start(tb, true)
			x.take(shardA, 1, connector.Checkpoint{}).write(jobs[at].table.Rows)
			x.finish(connector.Seal, connector.Publish)
			x.close()
		}
		for range 2 { // again after a cut
			for _, j := range jobs {
				x := j.start(tb, false)
				x.finish(connector.Link, connector.Link)
				x.holds(j.table.Rows)
				x.close()
			}
		}
		if s.Structure == nil {
			continue
		}
		for _, j := range jobs {
			j.has(tb, s.Structure(tb, j.dataset))
		}
	}
}

// plurals are the words by which a note speaks of all of a kind.
var plurals = map[string]string{"index": "indexes", "foreign key": "foreign keys", "default": "defaults", "comment": "comments"}

// has compares what stands in the target with what was asked for.
func (j *job) has(tb TB, found *record.Schema) {
	tb.Helper()
	want, asked := j.table.Schema, j.create
	lacks := func(kind, name string) {
		tb.Helper()
		said := slices.ContainsFunc(j.target.Notes, func(note string) bool { return strings.Contains(note, name) || strings.Contains(note, plurals[kind]) })
		if !said {
			tb.Errorf("%s has not the %s of %s, and the plan's notes do not say so: %q", j.dataset, kind, name, j.target.Notes)
		}
	}
	for _, x := range want.Indexes {
		has := slices.ContainsFunc(found.Indexes, func(y record.Index) bool { return y.Unique == x.Unique && slices.Equal(columnsOf(y), columnsOf(x)) })
		switch {
		case asked.Indexes && !has:
			lacks("index", x.Name)
		case !asked.Indexes && has && x.Foreign == "":
			tb.Errorf("%s has index %s, which nobody asked for", j.dataset, x.Name)
		}
	}
	for _, r := range want.References {
		has := slices.ContainsFunc(found.References, func(o record.Reference) bool {
			return o.Dataset == r.Dataset && slices.Equal(o.Columns, r.Columns) && slices.Equal(o.Foreign, r.Foreign) && o.OnDelete == r.OnDelete
		})
		if asked.References && !has {
			lacks("foreign key", r.Name)
		}
		if !asked.References && has {
			tb.Errorf("%s has foreign key %s, which nobody asked for", j.dataset, r.Name)
		}
	}
	for _, f := range want.Fields {
		var g record.Field
		if at := found.Index(f.Name); at >= 0 {
			g = found.Fields[at]
		}
		if f.Default != nil && asked.Defaults && (g.Default == nil || g.Default.Text != f.Default.Text) {
			lacks("default", f.Name)
		}
		if g.Default != nil && !asked.Defaults {
			tb.Errorf("%s has a default of %s, which nobody asked for", j.dataset, f.Name)
		}
		if f.Comment != g.Comment && asked.Comments {
			lacks("comment", f.Name)
		}
		if g.Comment != "" && !asked.Comments {
			tb.Errorf("%s has a comment of %s, which nobody asked for", j.dataset, f.Name)
		}
	}
	if want.Comment != found.Comment && asked.Comments {
		lacks("comment", j.dataset)
	}
}

// columnsOf is what an index is over; none for one without a counterpart.
func columnsOf(x record.Index) []record.IndexColumn {
	if x.Foreign != "" {
		return nil
	}
	return x.Columns
}

// folded: the plan names key columns by whose collation keys would be taken for equal that the source tells apart, and of such keys one
// row is written while the others are rejected.
func (s Suite) folded(tb TB) {
	table := Fixture(TextKey, 2)
	table.Rows[0][0], table.Rows[1][0] = Cell{Text: "key"}, Cell{Text: "KEY"}
	for _, mode := range s.Modes {
		if mode == connector.Append {
			continue
		}
		j := s.job(tb, mode, table)
		s.MakeFolding(tb, j.dataset, table)
		x := j.open(tb)
		if !slices.Equal(j.target.Folded, []string{"code"}) {
			tb.Errorf("%s: plan names %q, want the key column code, which does not tell case", mode, j.target.Folded)
		}
		if mode == connector.Upsert { // is never begun
			continue
		}
		if err := x.prepare(true); err != nil {
			tb.Fatalf("%s: prepare: %v", mode, err)
		}
		o := x.take(shardA, 1, connector.Checkpoint{})
		out, err := o.tryWrite(table.Rows)
		if err != nil {
			tb.Fatalf("%s: write: %v", mode, err)
		}
		if len(out.Rejected) != 1 {
			tb.Fatalf("%s: of two keys that are one there, %d were rejected", mode, len(out.Rejected))
		}
		o.commit()
		x.publishes(table.Rows[:1])
	}
}
