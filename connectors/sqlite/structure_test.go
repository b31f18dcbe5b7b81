package sqlite_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/sqlite"
	"github.com/towpath/towpath/record"
)

// What is built on a table is read as other systems can have it; what they cannot is there with the reason.
func TestStructureIsRead(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, `CREATE TABLE shops (id INTEGER PRIMARY KEY, code TEXT UNIQUE)`,
		`CREATE TABLE orders (id INTEGER PRIMARY KEY, shop BIGINT REFERENCES shops ON DELETE CASCADE, n INT DEFAULT -5, price DECIMAL(6,2) DEFAULT 1.5, paid BOOLEAN DEFAULT TRUE,
			name VARCHAR(20) DEFAULT 'it''s', raw BLOB DEFAULT x'00ff', at DATETIME DEFAULT CURRENT_TIMESTAMP, day DATE DEFAULT '2026-01-02', any_ TEXT DEFAULT (lower('X')), none TEXT DEFAULT NULL,
			wrong INT DEFAULT 'x', FOREIGN KEY (name, n) REFERENCES other (a, b) ON UPDATE SET NULL)`,
		`CREATE TABLE other (a TEXT, b INT, PRIMARY KEY (a, b))`,
		`CREATE INDEX by_shop ON orders (shop, n DESC)`, `CREATE UNIQUE INDEX one ON orders (name)`, `CREATE INDEX some ON orders (n) WHERE n > 3`, `CREATE INDEX low ON orders (lower(name))`)
	r, err := sqlite.Connector().Read(t.Context(), f.open(t), connector.Source{Dataset: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := r.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var defaults []string
	for _, field := range s.Fields {
		if d := field.Default; d != nil {
			defaults = append(defaults, field.Name+" "+strings.Trim(d.Text+"|"+map[bool]string{true: "now"}[d.Now]+"|"+d.Foreign, "|"))
		}
	}
	want := []string{"n -5", "price 1.50", "paid true", "name it's", "raw 00ff", "at now", "day 2026-01-02", "any_ lower('X')", "wrong 'x'"}
	if d := cmp.Diff(want, defaults); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
	slices.SortFunc(s.Indexes, func(a, b record.Index) int { return strings.Compare(a.Name, b.Name) })
	indexes := []record.Index{{Name: "by_shop", Columns: []record.IndexColumn{{Name: "shop"}, {Name: "n", Descending: true}}}, {Name: "low", Foreign: "it is over an expression"},
		{Name: "one", Unique: true, Columns: []record.IndexColumn{{Name: "name"}}}, {Name: "some", Foreign: "it has a condition"}}
	if d := cmp.Diff(indexes, s.Indexes); d != "" {
		t.Errorf("indexes (-want +got):\n%s", d)
	}
	references := []record.Reference{{Name: "orders_other_0", Columns: []string{"name", "n"}, Dataset: "other", Foreign: []string{"a", "b"}, OnUpdate: record.SetNull},
		{Name: "orders_shops_1", Columns: []string{"shop"}, Dataset: "shops", Foreign: []string{"id"}, OnDelete: record.Cascade}}
	if d := cmp.Diff(references, s.References); d != "" {
		t.Errorf("foreign keys (-want +got):\n%s", d)
	}
	if !s.Fields[0].Numbered || s.Fields[1].Numbered {
		t.Error("the column that SQLite numbers rows by is not known as such")
	}
}

func structured(t *testing.T) *record.Schema {
	s := schemaOf(t, "id int64 key", "parent int64", "n int32", "name text(20)", "at datetime(3)", "seen instant(0)", "flag bool", "raw bytes", "big uint64", "x text")
	for name, d := range map[string]record.Default{"n": {Text: "-5"}, "name": {Text: "it's"}, "at": {Now: true}, "seen": {Now: true}, "flag": {Text: "true"}, "raw": {Text: "00ff"}, "big": {Text: "18446744073709551615"}, "x": {Foreign: "nextval('s')"}} {
		s.Fields[s.Index(name)].Default = &d
	}
	s.Fields[1].Nullable = true
	s.Comment = "all orders"
	s.Indexes = []record.Index{{Name: "by_n", Columns: []record.IndexColumn{{Name: "n"}, {Name: "name", Descending: true}}}, {Name: "one", Unique: true, Columns: []record.IndexColumn{{Name: "name"}}},
		{Name: "low", Foreign: "it is over an expression"}}
	s.References = []record.Reference{{Name: "f", Columns: []string{"parent"}, Dataset: "nodes", Foreign: []string{"id"}, OnDelete: record.Cascade}}
	return s
}

// A table that is made gets its structure in SQLite's own words, once; what SQLite lacks is said in the plan.
func TestStructureIsMade(t *testing.T) {
	t.Parallel()
	for _, mode := range []connector.Mode{connector.Insert, connector.Replace} {
		f := newFile(t)
		f.exec(connectortestTB{t}, "CREATE TABLE one (a INT)")
		all := connector.Structure{Indexes: true, References: true, Defaults: true, Comments: true}
		j := startJob(t, f.open(t), connector.Sink{Dataset: "nodes", Mode: mode, Run: "r", Create: all}, structured(t))
		notes := strings.Join(j.target.Notes, "\n")
		for _, want := range []string{"comments are not kept", "index low is not made: it is over an expression", "the default of x is not made: nextval('s') is the source's own language"} {
			if !strings.Contains(notes, want) {
				t.Errorf("%s: the plan does not say %q: %s", mode, want, notes)
			}
		}
		s, _ := j.take(t, 1)
		// the child comes before its parent
		write(t, s, 1, batchOf(j.target.Stored, []string{"1", "2", "1", "a", "2026-01-02 03:04:05.678", "2026-01-02 03:04:05Z", "true", "00", "1", "x"},
			[]string{"2", "2", "1", "b", "2026-01-02 03:04:05.678", "2026-01-02 03:04:05Z", "true", "00", "1", "x"}))
		s.Close()
		for _, phase := range []connector.Phase{connector.Seal, connector.Seal, connector.Publish, connector.Seal, connector.Link, connector.Link} {
			if err := j.w.Finish(t.Context(), phase); err != nil {
				t.Fatalf("%s: %s: %v", mode, phase, err)
			}
		}
		f.exec(connectortestTB{t}, "INSERT INTO nodes (id, x) VALUES (9, '')")
		got := f.strings(t, "SELECT n || '|' || name || '|' || length(at) || '|' || (seen LIKE '20__-__-__ __:__:__Z') || '|' || flag || '|' || hex(raw) || '|' || big FROM nodes WHERE id = 9")
		if d := cmp.Diff([]string{"-5|it's|19|1|1|00FF|18446744073709551615"}, got); d != "" {
			t.Errorf("%s: defaults: %s", mode, d)
		}
		names := f.strings(t, "SELECT name || ' ' || sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'nodes' AND sql IS NOT NULL ORDER BY name")
		if len(names) != 2 || !strings.HasPrefix(names[0], "by_n ") || !strings.HasPrefix(names[1], "nodes_one CREATE UNIQUE") || !strings.Contains(names[0], `("n", "name" DESC)`) {
			t.Errorf("%s: indexes %q", mode, names)
		}
		f.exec(connectortestTB{t}, "PRAGMA foreign_keys = ON", "DELETE FROM nodes WHERE id = 2")
		if left := f.strings(t, "SELECT id FROM nodes ORDER BY id"); mode == connector.Insert && !slices.Contains([]string{"9", "1,9"}, strings.Join(left, ",")) {
			t.Errorf("rows left %q", left)
		}
		if fk := f.strings(t, `SELECT "table" || "from" || "to" || on_delete FROM pragma_foreign_key_list('nodes')`); !slices.Equal(fk, []string{"nodesparentidCASCADE"}) {
			t.Errorf("%s: foreign keys %q", mode, fk)
		}
	}
}

// Tables of one run come with indexes of one name, as other systems allow; each gets its own.
func TestIndexesOfOneName(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	c := f.open(t)
	s := schemaOf(t, "id int64 key", "n int64")
	s.Indexes = []record.Index{{Name: "by_n", Columns: []record.IndexColumn{{Name: "n"}}}}
	var jobs []job
	for _, name := range []string{"a", "b", "by_n"} {
		jobs = append(jobs, startJob(t, c, connector.Sink{Dataset: name, Mode: connector.Insert, Run: "r", Create: connector.Structure{Indexes: true}}, s))
	}
	for range 2 {
		for _, j := range jobs {
			if err := j.w.Finish(t.Context(), connector.Seal); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := f.strings(t, "SELECT tbl_name || ' ' || name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1")
	if d := cmp.Diff([]string{"a a_by_n", "b b_by_n", "by_n by_n_by_n"}, got); d != "" {
		t.Error(d)
	}
}

// Without the wish nothing but columns and key is made.
func TestStructureIsLeftOut(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	j := startJob(t, f.open(t), connector.Sink{Dataset: "nodes", Mode: connector.Insert, Run: "r"}, structured(t))
	for _, phase := range []connector.Phase{connector.Seal, connector.Publish, connector.Link} {
		if err := j.w.Finish(t.Context(), phase); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.strings(t, "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"); len(got) > 0 {
		t.Errorf("indexes %q", got)
	}
	if got := f.strings(t, "SELECT sql FROM sqlite_schema WHERE name = 'nodes'"); strings.Contains(got[0], "DEFAULT") || strings.Contains(got[0], "FOREIGN") {
		t.Errorf("made %q", got)
	}
}

// Rows that refer to nothing are said when the tables are linked.
func TestLinkNoticesLostRows(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	s := schemaOf(t, "id int64 key", "parent int64")
	s.References = []record.Reference{{Name: "f", Columns: []string{"parent"}, Dataset: "nodes", Foreign: []string{"id"}}}
	j := startJob(t, f.open(t), connector.Sink{Dataset: "nodes", Mode: connector.Insert, Run: "r", Create: connector.Structure{References: true}}, s)
	w, _ := j.take(t, 1)
	write(t, w, 1, batchOf(j.target.Stored, []string{"1", "7"}))
	w.Close()
	err := j.w.Finish(t.Context(), connector.Link)
	if e, ok := err.(*connector.Error); !ok || e.Code != "TOW-323" || e.Error() != "foreign keys of nodes: lost references: 1" {
		t.Errorf("got %v", err)
	}
	// The connection that wrote looks at foreign keys again.
	f.exec(connectortestTB{t}, "CREATE TABLE child (p INTEGER PRIMARY KEY REFERENCES nodes (id))")
	other := startJob(t, f.open(t), connector.Sink{Dataset: "child", Mode: connector.Insert, Run: "q"}, schemaOf(t, "p int64 key"))
	o, _ := other.take(t, 1)
	out, err := o.Write(t.Context(), []*record.Batch{batchOf(other.target.Stored, []string{"5"})})
	if err != nil || len(out.Rejected) != 1 || out.Rejected[0].Code != record.Constraint {
		t.Errorf("got %+v, %v", out, err)
	}
}
