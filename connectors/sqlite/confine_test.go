package sqlite_test

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/sqlite"
)

// TestNamesOfFiles: a path is a path: neither a URI nor its options, its escapes or its end are read into it.
func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a?mode=memory", "a#b", "a%2e%2e", "%2e%2e", "file:shop.db", "file:x?vfs=none", "a&b=c", "a;b", "a b", ":memory:", "a?_pragma=query_only(0)", "é\n"} {
		folder := t.TempDir()
		path := filepath.Join(folder, name)
		raw, err := json.Marshal(map[string]any{"path": path})
		if err != nil {
			t.Fatal(err)
		}
		make := func(path string) {
			db, err := sql.Open("sqlite", filepath.Join(folder, "plain.db"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("CREATE TABLE t (a INTEGER PRIMARY KEY)"); err != nil {
				t.Fatal(err)
			}
			db.Close()
			if err := os.Rename(filepath.Join(folder, "plain.db"), path); err != nil {
				t.Fatal(err)
			}
		}
		make(path)
		c, err := sqlite.Connector().Open(t.Context(), connector.Connection{Options: raw})
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		found := ""
		for dataset, err := range c.Datasets(t.Context(), "*") {
			found += dataset
			if err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		list, err := os.ReadDir(folder)
		if err != nil || len(list) != 1 || list[0].Name() != name || found != "t" {
			t.Errorf("%q: the folder holds %v (%v), found %q", name, list, err, found)
		}
	}
}

// TestOneStatement: what a job says in SQL is part of one SELECT, so that it opens and writes no other file.
func TestOneStatement(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	if _, err := f.db.Exec("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	c := f.open(t)
	other := filepath.Join(t.TempDir(), "other.db")
	for _, more := range []string{"VACUUM INTO '" + other + "'", "ATTACH '" + other + "' AS o; PRAGMA query_only = 0; CREATE TABLE o.t (a)"} {
		query := "SELECT 1 AS a); " + more + "; SELECT * FROM (SELECT 1 AS a"
		where := "1=1\n); " + more + "; SELECT count(*) FROM t WHERE (1=1"
		check := func(what string, err error) {
			if e, ok := err.(*connector.Error); !ok || e.Class != connector.Config || e.Code != "TOW-310" {
				t.Errorf("%s with %s: got %v", what, more, err)
			}
			if _, err := os.Stat(other); err == nil {
				t.Errorf("%s with %s made another file", what, more)
				os.Remove(other)
			}
		}
		_, err := sqlite.Connector().Read(t.Context(), c, connector.Source{Query: query})
		check("a query", err)
		_, err = sqlite.Connector().Read(t.Context(), c, connector.Source{Query: "SELECT a FROM t", Where: where})
		check("the where of a query", err)
		_, err = sqlite.Connector().Read(t.Context(), c, connector.Source{Dataset: "t", Where: where})
		check("a where", err)
		_, err = sqlite.Connector().Count(t.Context(), c, "t", where)
		check("a count", err)
	}
	for _, fine := range []string{"a <> ';'", "a <> 'it''s; ' AND 1", `"a" <> ";"`, "[a] <> 2 -- ; more", "`a` /* ; */ = 1", "a = 1"} {
		if n, err := sqlite.Connector().Count(t.Context(), c, "t", fine); err != nil || n != 1 {
			t.Errorf("%s: got %d, %v", fine, n, err)
		}
	}
	for _, open := range []string{"a = ';", "a = 1 /* ; ", `a = ";`, "a = [;", "a = 1) -- '\n; VACUUM INTO '" + other + "'; --", "1 /* /* */ ) ; VACUUM INTO '" + other + "' --"} {
		if _, err := sqlite.Connector().Count(t.Context(), c, "t", open); err == nil {
			t.Errorf("%s was taken", open)
		}
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("another file was made")
	}
}
