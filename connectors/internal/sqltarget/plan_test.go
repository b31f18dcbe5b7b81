package sqltarget_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

var (
	whole = record.Type{Kind: record.Int, Bits: 64}
	text  = record.Type{Kind: record.Text}
)

func column(name string, t record.Type, nullable bool) sqltarget.Column {
	return sqltarget.Column{Field: record.Field{Name: name, Type: t, Native: "native " + name, Nullable: nullable}}
}

func wanted(key ...string) *record.Schema {
	s := &record.Schema{Fields: []record.Field{{Name: "id", Type: whole}, {Name: "code", Type: text, Collation: "ci"}, {Name: "note", Type: text, Nullable: true}}}
	for i, name := range key {
		s.Fields[s.Index(name)].Key = i + 1
	}
	return s
}

func planner(mode connector.Mode, want *record.Schema, table *sqltarget.Table) *sqltarget.Planner {
	return &sqltarget.Planner{Sink: connector.Sink{Dataset: "d", Mode: mode, Run: "r"}, Want: want, Name: "db.d", Table: table, Staging: "db.d__tw_r",
		SameName: strings.EqualFold,
		Declare: func(f record.Field, keyed bool) (sqltarget.Column, string, string) {
			c := sqltarget.Column{Field: record.Field{Native: "made", Type: f.Type, Comment: f.Comment, Default: f.Default}}
			fold := ""
			if keyed && f.Type.Kind == record.Text {
				c.Native, fold = "made key", "ci"
			}
			return c, fold, map[bool]string{true: "something"}[f.Name == "note"]
		}}
}

func table(rows int64, unique ...sqltarget.Unique) *sqltarget.Table {
	return &sqltarget.Table{Columns: []sqltarget.Column{column("ID", whole, false), column("code", text, false), column("note", text, true)}, Unique: unique, Rows: rows}
}

func unique(name string, columns ...string) sqltarget.Unique {
	u := sqltarget.Unique{Name: name}
	for _, c := range columns {
		name, fold, _ := strings.Cut(c, "/")
		u.Columns = append(u.Columns, sqltarget.KeyColumn{Name: name, Fold: fold})
	}
	return u
}

func TestPlanOfATableThatIsMade(t *testing.T) {
	t.Parallel()
	target, layout, err := planner(connector.Upsert, wanted("code", "id"), nil).Plan()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(target.Key, []string{"code", "id"}) || !slices.Equal(layout.Key, []int{1, 0}) || !slices.Equal(layout.Folds, []string{"ci", ""}) {
		t.Errorf("key %q at %v, folds %q", target.Key, layout.Key, layout.Folds)
	}
	if len(target.Folded) > 0 {
		t.Errorf("the source's own collation folds %q", target.Folded)
	}
	if target.Way != connector.WayA || target.Owned != "db.d" || target.Exists || target.Remain == "" {
		t.Errorf("got %+v", target)
	}
	if want := []connector.Loss{{Column: "note", What: "something"}}; !slices.Equal(target.Losses, want) {
		t.Errorf("losses %v", target.Losses)
	}
	if f := target.Stored.Fields; f[0].Key != 2 || f[1].Key != 1 || f[1].Native != "made key" || !f[2].Nullable {
		t.Errorf("stored %+v", f)
	}
	other := wanted("code")
	other.Fields[1].Collation = "another"
	if target, _, err = planner(connector.Insert, other, nil).Plan(); err != nil || !slices.Equal(target.Folded, []string{"code"}) {
		t.Errorf("folded %q, %v", target.Folded, err)
	}
}

func TestPlanOfATableThatIsThere(t *testing.T) {
	t.Parallel()
	target, layout, err := planner(connector.Upsert, wanted("id"), table(7, unique("PRIMARY", "ID"))).Plan()
	if err != nil || !slices.Equal(target.Key, []string{"ID"}) || target.Stored.Fields[0].Name != "ID" || target.Owned != "" || !target.Exists || target.Rows != 7 {
		t.Errorf("got %+v, %v", target, err)
	}
	if len(layout.Skipped) > 0 {
		t.Errorf("skipped %v", layout.Skipped)
	}
	if target, _, err = planner(connector.Replace, wanted("id"), table(7, unique("PRIMARY", "ID"), unique("u", "code"))).Plan(); err != nil ||
		target.Way != connector.WayC || target.Inner != connector.WayA || target.Owned != "db.d__tw_r" || len(target.Removes) != 1 {
		t.Errorf("got %+v, %v", target, err)
	}
	computed := table(0, unique("PRIMARY", "ID"))
	computed.Columns[2].Computed = true
	if target, layout, err = planner(connector.Insert, wanted("id"), computed).Plan(); err != nil || !slices.Equal(layout.Skipped, []int{2}) || len(target.Losses) != 1 {
		t.Errorf("got %+v, %+v, %v", target, layout, err)
	}
	if target, _, err = planner(connector.Append, wanted("id"), table(0)).Plan(); err != nil || len(target.Key) > 0 || target.Owned != "db.d" {
		t.Errorf("got %+v, %v", target, err)
	}
}

// TestPlanNamesAMissingKey: who inserts into a table that does not tell rows apart by the source's key is told so.
func TestPlanNamesAMissingKey(t *testing.T) {
	t.Parallel()
	const note = "db.d has no unique key over (ID): a row whose key is there is written beside it"
	for _, c := range []struct {
		mode connector.Mode
		want *record.Schema
		keys []sqltarget.Unique
		told bool
	}{
		{connector.Insert, wanted("id"), nil, true},
		{connector.Insert, wanted("id"), []sqltarget.Unique{unique("other", "code")}, true},
		{connector.Insert, wanted("id"), []sqltarget.Unique{unique("PRIMARY", "ID")}, false},
		{connector.Append, wanted("id"), nil, false},
		{connector.Replace, wanted("id"), nil, false},
	} {
		target, _, err := planner(c.mode, c.want, table(5, c.keys...)).Plan()
		if err != nil {
			t.Fatal(err)
		}
		if told := slices.Contains(target.Notes, note); told != c.told {
			t.Errorf("%s with %d keys: notes are %q", c.mode, len(c.keys), target.Notes)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	nullable := wanted("id")
	nullable.Fields[0].Nullable = true
	open := table(0, unique("u", "ID"))
	open.Columns[0].Nullable = true
	partial := unique("u", "ID")
	partial.Partial = true
	computed := table(0, unique("u", "ID"))
	computed.Columns[0].Computed = true
	needs := table(0)
	needs.Columns = append(needs.Columns, column("must", whole, false))
	lacks := table(0)
	lacks.Columns = lacks.Columns[:2]
	twice := wanted("id")
	twice.Fields = append(twice.Fields, record.Field{Name: "Id", Type: whole})
	for name, c := range map[string]struct {
		planner *sqltarget.Planner
		code    string
	}{
		"upsert without a key":              {planner(connector.Upsert, wanted(), nil), "TOW-162"},
		"upsert by a key that may be NULL":  {planner(connector.Upsert, nullable, nil), "TOW-162"},
		"the same, existing":                {planner(connector.Upsert, nullable, open), "TOW-162"},
		"upsert by a computed key":          {planner(connector.Upsert, wanted("id"), computed), "TOW-162"},
		"upsert without the key's index":    {planner(connector.Upsert, wanted("id"), table(0, unique("u", "code"))), "TOW-162"},
		"upsert by an index with condition": {planner(connector.Upsert, wanted("id"), table(0, partial)), "TOW-162"},
		"upsert beside another unique key":  {planner(connector.Upsert, wanted("id"), table(0, unique("p", "ID"), unique("u", "code"))), "TOW-163"},
		"the same behind a condition":       {planner(connector.Upsert, wanted("code"), table(0, unique("p", "code"), partial)), "TOW-163"},
		"a column that nothing fills":       {planner(connector.Insert, wanted("id"), needs), "TOW-161"},
		"a column that is not there":        {planner(connector.Insert, wanted("id"), lacks), "TOW-160"},
		"two columns into one":              {planner(connector.Insert, twice, table(0)), "TOW-161"},
	} {
		_, _, err := c.planner.Plan()
		if e, ok := err.(*connector.Error); !ok || e.Code != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
}

func TestStagingNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		table string
		most  int
		want  string
	}{
		{"orders", 0, "orders__tw_k3f9x"}, {"orders", 16, "orders__tw_k3f9x"}, {"orders_of_2026", 23, ""}, {strings.Repeat("é", 40), 63, ""}, {strings.Repeat("t", 64), 64, ""},
	} {
		got := sqltarget.Staging(c.table, "k3f9x", c.most)
		if c.want != "" && got != c.want || c.most > 0 && len(got) > c.most || !utf8.ValidString(got) || sqltarget.RunOf(got) != "k3f9x" || !sqltarget.Own(got) {
			t.Errorf("%q of at most %d bytes: got %q", c.table, c.most, got)
		}
	}
	if a, b := sqltarget.Staging(strings.Repeat("t", 63)+"a", "r", 64), sqltarget.Staging(strings.Repeat("t", 63)+"b", "r", 64); a == b {
		t.Errorf("two long names have one staging name %q", a)
	}
	for _, name := range []string{"towpath_checkpoint", "TOWPATH_CHECKPOINT"} {
		if !sqltarget.Own(name) {
			t.Errorf("%q is not known as towpath's own", name)
		}
	}
	if sqltarget.Own("orders") || sqltarget.RunOf("orders") != "" {
		t.Error("a table of somebody else is taken for towpath's")
	}
	if d := cmp.Diff("TOW-164", sqltarget.CheckSink(connector.Sink{Mode: "x"}, "t").(*connector.Error).Code); d != "" {
		t.Error(d)
	}
}
