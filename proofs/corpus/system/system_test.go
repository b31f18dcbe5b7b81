package system_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towpath/towpath/proofs/corpus/system"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// Each client shows what is there: NULL apart from a text of these letters, rows that are there twice, a table that is not there.
func TestPlacesShowWhatIsThere(t *testing.T) {
	t.Parallel()
	name := "towpath_system_" + strings.ToLower(rand.Text()[:8])
	maria, post, search := servers.Need(t, "mariadb"), servers.Need(t, "postgres"), servers.Need(t, "elasticsearch8")
	mysql, err := system.MySQL(maria.Client, maria.URL, name)
	if err != nil {
		t.Fatal(err)
	}
	postgres, err := system.Postgres(post.Client, post.URL, name, "looked")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		place    *system.Place
		column   string
		literals []string
		stored   string
		shown    []string
		query    string
	}{
		{mysql, "v VARCHAR(20)", []string{"NULL", "'NULL'", "'a\tb\\n\\\\'", "'zurück 🚚'", "''"}, "varchar(20)", []string{"NULL", "'NULL'", "a\tb\n\\", "zurück 🚚", ""},
			"SELECT 7 AS id, COUNT(*) AS v FROM t"},
		{postgres, "v varchar(20)", []string{"NULL", "'NULL'", "E'a\tb\\n\\\\'", "'zurück 🚚'", "''"}, "character varying(20)", []string{"NULL", "'NULL'", "a\tb\n\\", "zurück 🚚", ""},
			"SELECT 7 AS id, count(*) AS v FROM t"},
		{system.SQLite(filepath.Join(t.TempDir(), "a.db")), "v TEXT", []string{"NULL", "'NULL'", "'a\tb'", "x'00ff'", "1.5"}, "TEXT", []string{"NULL", "'NULL'", "'a\tb'", "X'00FF'", "'1.5'"},
			"SELECT 7 AS id, count(*) AS v FROM t"},
		{system.Search(search.URL, strings.ReplaceAll(name, "_", "-")+"-"), `v {"type":"keyword"}`, []string{"null", `"NULL"`, `"a\tb"`, `"zurück 🚚"`, `1.50`}, "keyword",
			[]string{"NULL", `"NULL"`, `"a\tb"`, `"zurück 🚚"`, `1.50`}, ""},
	} {
		t.Run(c.place.Connector, func(t *testing.T) {
			t.Parallel()
			if err := c.place.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.place.Remove(context.Background()); err != nil {
					t.Error(err)
				}
			})
			x := c.place.Texts
			script := x.Make("t", []string{c.column}) + x.Make("empty", []string{c.column})
			want := system.Shown{Stored: c.stored}
			for i, literal := range c.literals {
				id := string(rune('1' + i))
				script += x.Put("t", id, []string{c.column}, []string{literal})
				want.Lines = append(want.Lines, system.Line{ID: id, Text: c.shown[i]})
			}
			if err := c.place.Run(t.Context(), script); err != nil {
				t.Fatal(err)
			}
			looks := []system.Look{{Table: "t"}, {Table: "missing"}, {Table: "empty"}}
			if c.query != "" {
				looks = append(looks, system.Look{Table: "t", Query: c.query})
			}
			got, err := c.place.Show(t.Context(), looks)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got[0]); d != "" {
				t.Error(d)
			}
			if got[1].Trouble == "" || len(got[1].Lines) > 0 {
				t.Errorf("a table that is not there shows %+v", got[1])
			}
			if d := cmp.Diff(system.Shown{Stored: c.stored}, got[2]); d != "" {
				t.Error(d)
			}
			if c.query != "" {
				if d := cmp.Diff([]system.Line{{ID: "7", Text: "5"}}, got[3].Lines); d != "" {
					t.Error(d)
				}
			}
			one(t, c.place)
		})
	}
}

// one leaves one row of the table t and drops the table empty.
func one(t *testing.T, p *system.Place) {
	t.Helper()
	x := p.Texts
	if err := p.Run(t.Context(), x.Only("t", "2")+x.Drop("empty")+x.Drop("missing")); err != nil {
		t.Fatal(err)
	}
	got, err := p.Show(t.Context(), []system.Look{{Table: "t"}, {Table: "empty"}})
	if err != nil || len(got[0].Lines) != 1 || got[0].Lines[0].ID != "2" || got[1].Trouble == "" {
		t.Errorf("of one row left and a table dropped: %+v %v", got, err)
	}
}
