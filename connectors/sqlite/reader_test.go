package sqlite_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connectors/sqlite"
	"github.com/towpath/towpath/record"
)

func reading(t connectortest.TB, c connector.Client, s connector.Source) (connector.Reader, *record.Schema) {
	t.Helper()
	r, err := sqlite.Connector().Read(t.Context(), c, s)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	schema, _, err := r.Schema(t.Context())
	if err != nil {
		t.Fatalf("schema: %v", err)
	}
	return r, schema
}

// rowsOf reads the shards, each from the beginning.
func rowsOf(t connectortest.TB, r connector.Reader, schema *record.Schema, shards []connector.Shard) []string {
	t.Helper()
	pool := record.NewPool(0)
	var out []string
	for _, s := range shards {
		for c, err := range r.Read(t.Context(), connector.Query{Shard: s, Schema: schema, Batches: pool}) {
			if err != nil {
				t.Fatalf("read: %v", err)
			}
			for _, row := range connectortest.Rows(c.Batch) {
				out = append(out, row.String())
			}
			c.Batch.Release()
		}
	}
	return out
}

func all(t connectortest.TB, c connector.Client, s connector.Source) []string {
	t.Helper()
	r, schema := reading(t, c, s)
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{})
	if err != nil {
		t.Fatalf("split: %v", err)
	}
	return rowsOf(t, r, schema, shards)
}

// A cell of another storage class is taken when nothing is lost, else marked.
func TestLooseTypes(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, "CREATE TABLE loose (id INTEGER PRIMARY KEY, v)")
	c := f.open(t)
	for i, x := range []struct{ decl, literal, want string }{
		{"INTEGER", "'abc'", `"mark TYPE abc"`}, {"INTEGER", "1.5", `"mark SCALE 1.5"`}, {"INTEGER", "x'00ff'", `"mark TYPE \x00\xff"`}, {"INTEGER", "'12'", `"12"`},
		{"TINYINT", "300", `"mark RANGE 300"`}, {"REAL", "7", `"7"`}, {"REAL", "'NaN'", `"NaN"`}, {"REAL", "9e999", `"Infinity"`}, {"REAL", "'x'", `"mark TYPE x"`},
		{"TEXT", "12", `"12"`}, {"TEXT", "x'41'", `"mark TYPE A"`}, {"TEXT", "CAST(x'ff' AS TEXT)", `"mark UTF8 \xff"`}, {"TEXT", "'a' || char(0) || 'b'", `"a\x00b"`},
		{"VARCHAR(2)", "'abc'", `"mark TRUNC abc"`}, {"VARCHAR(2)", "'éa'", `"éa"`}, {"BLOB", "'text'", `"74657874"`}, {"BLOB", "x''", `""`}, {"BLOB", "5", `"mark TYPE 5"`},
		{"DECIMAL(10,2)", "12.5", `"12.50"`}, {"DECIMAL(10,2)", "0.1 + 0.2", `"mark SCALE 0.30000000000000004"`}, {"DECIMAL(10,2)", "7", `"7.00"`},
		{"DATE", "'2026-01-02'", `"2026-01-02"`}, {"DATE", "'2026-02-30'", `"mark RANGE 2026-02-30"`}, {"DATE", "20260102", `"mark TYPE 20260102"`},
		{"DATETIME", "'2026-01-02 03:04:05'", `"2026-01-02 03:04:05.000000"`}, {"DATETIME", "1700000000", `"mark TYPE 1700000000"`},
		{"BOOLEAN", "1", `"true"`}, {"BOOLEAN", "2", `"mark TYPE 2"`}, {"JSON", "'{\"a\": 1.0}'", `"{\"a\": 1.0}"`}, {"JSON", "17", `"17"`}, {"UUID", "x'000102030405060708090a0b0c0d0e0f'", `"00010203-0405-0607-0809-0a0b0c0d0e0f"`},
		{"TEXT UNSIGNED64", "'18446744073709551615'", `"18446744073709551615"`}, {"", "'free'", `"free"`}, {"", "4", `"4"`},
	} {
		table := fmt.Sprintf("t%d", i)
		f.exec(connectortestTB{t}, fmt.Sprintf("CREATE TABLE %s (v %s)", table, x.decl), fmt.Sprintf("INSERT INTO %s VALUES (%s)", table, x.literal))
		got := all(connectortestTB{t}, c, connector.Source{Dataset: table})
		if len(got) != 1 || got[0] != "("+x.want+")" {
			t.Errorf("%s holding %s: got %s, want (%s)", x.decl, x.literal, got, x.want)
		}
	}
}

// Keys under every collation, direction and shape: shards are disjoint and complete, as a plain read says.
func TestSplitByAnyKey(t *testing.T) {
	t.Parallel()
	words := []string{"fA", "Fb", "fc", "0a", "Z9", "z0", "a", "A", "á", "a ", "A  ", "", "ß", "日本", "~", "12", "012", "-3", "1e3"}
	tables := map[string]string{
		"binary":        "CREATE TABLE x (k TEXT PRIMARY KEY, j INT, n INTEGER)",
		"nocase":        "CREATE TABLE x (k TEXT COLLATE NOCASE PRIMARY KEY, j INT, n INTEGER)",
		"rtrim":         "CREATE TABLE x (k TEXT COLLATE RTRIM NOT NULL PRIMARY KEY, j INT, n INTEGER) WITHOUT ROWID",
		"composite":     "CREATE TABLE x (k TEXT, j INT, n INTEGER, PRIMARY KEY (j, k)) WITHOUT ROWID",
		"falling":       "CREATE TABLE x (k TEXT, j INT, n INTEGER, PRIMARY KEY (j DESC, k DESC)) WITHOUT ROWID",
		"mixed":         "CREATE TABLE x (k TEXT, j INT NOT NULL, n INTEGER, UNIQUE (j DESC, k COLLATE NOCASE, n))",
		"other than it": "CREATE TABLE x (k TEXT COLLATE NOCASE, j INT, n INTEGER); CREATE UNIQUE INDEX i ON x (k COLLATE BINARY, n)",
		"numeric":       "CREATE TABLE x (k NUMERIC PRIMARY KEY, j INT, n INTEGER)",
		"rowid":         "CREATE TABLE x (k TEXT, j INT, n INTEGER)",
		"alias":         "CREATE TABLE x (k TEXT, j INT, n INTEGER PRIMARY KEY)",
		"hidden rowid":  "CREATE TABLE x (rowid TEXT, k TEXT, j INT, n INTEGER)",
		"no alias":      "CREATE TABLE x (k TEXT, j INT, n INTEGER PRIMARY KEY DESC)",
		"partial":       "CREATE TABLE x (k TEXT, j INT, n INTEGER); CREATE UNIQUE INDEX i ON x (k) WHERE j > 3",
		"expression":    "CREATE TABLE x (k TEXT, j INT, n INTEGER); CREATE UNIQUE INDEX i ON x (lower(k), n)",
		"view":          "CREATE TABLE base (k TEXT, j INT, n INTEGER); CREATE VIEW x AS SELECT * FROM base",
	}
	for name, ddl := range tables {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := connectortestTB{t}
			f := newFile(t)
			f.exec(tb, ddl)
			into := "x"
			if name == "view" {
				into = "base"
			}
			tx, err := f.db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			for i := range 400 {
				var k, n any = words[i%len(words)], i
				if i >= len(words) {
					k = fmt.Sprintf("%s%d", k, i)
				}
				if i%9 == 4 && !strings.Contains(ddl, "WITHOUT") {
					k = nil
				}
				if _, err := tx.Exec("INSERT OR IGNORE INTO "+into+" (k, j, n) VALUES (?, ?, ?)", k, i%7, n); err != nil {
					t.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			c := f.open(t)
			source := connector.Source{Dataset: "x", Columns: []string{"k", "j", "n"}}
			r, schema := reading(tb, c, source)
			want := rowsOf(tb, r, schema, []connector.Shard{{Range: wholeRange()}})
			slices.Sort(want)
			for _, n := range []int{1, 2, 7, 64} {
				shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: n})
				if err != nil {
					t.Fatal(err)
				}
				got := rowsOf(tb, r, schema, shards)
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("%d shards: got %d rows, want %d, each once", n, len(got), len(want))
				}
			}
		})
	}
}

// wholeRange is the range of all rows in no order: how the connector's own predicates are left out of what judges them.
func wholeRange() []byte {
	return connector.NewPosition("sql.range", connector.Part{Tag: connector.TagInt, Int: 2}, connector.Part{Tag: connector.TagOpen}, connector.Part{Tag: connector.TagOpen})
}

// A position between any two rows: what follows it is what an ordered read says.
func TestResumeFromAnyRow(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, "CREATE TABLE x (a INT NOT NULL, b TEXT COLLATE NOCASE NOT NULL, c REAL NOT NULL, UNIQUE (a DESC, b, c DESC))",
		`WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 299) INSERT INTO x SELECT i % 3 - 1, char(65 + i % 5), i / 4.0 FROM s`)
	c := f.open(t)
	r, schema := reading(connectortestTB{t}, c, connector.Source{Dataset: "x"})
	var want [][3]any
	rows, err := f.db.Query("SELECT a, b, c FROM x ORDER BY a DESC, b COLLATE NOCASE, c DESC")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a int64
		var b string
		var x float64
		if err := rows.Scan(&a, &b, &x); err != nil {
			t.Fatal(err)
		}
		want = append(want, [3]any{a, b, x})
	}
	rapid.Check(t, func(rt *rapid.T) {
		at := rapid.IntRange(0, len(want)-1).Draw(rt, "row")
		row := want[at]
		from := connector.NewPosition("sql.key", connector.Part{Tag: connector.TagInt, Int: row[0].(int64)},
			connector.Part{Tag: connector.TagText, Bytes: []byte(row[1].(string))}, connector.Part{Tag: connector.TagFloat, Float: row[2].(float64)})
		n := 0
		for chunk, err := range r.Read(rt.Context(), connector.Query{From: from, Schema: schema, Batches: record.NewPool(0)}) {
			if err != nil {
				rt.Fatalf("read: %v", err)
			}
			for i := range chunk.Batch.Len {
				next := want[at+1+n]
				if chunk.Batch.Cols[0].Int64[i] != next[0] || string(chunk.Batch.Cols[1].Bytes(i)) != next[1] || chunk.Batch.Cols[2].Float64[i] != next[2] {
					rt.Fatalf("row %d after row %d is not %v", n, at, next)
				}
				n++
			}
			chunk.Batch.Release()
		}
		if n != len(want)-at-1 {
			rt.Fatalf("got %d rows after row %d, want %d", n, at, len(want)-at-1)
		}
	})
}

func TestQueriesAndPredicates(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	tb := connectortestTB{t}
	f.exec(tb, "CREATE TABLE o (id INTEGER PRIMARY KEY, d DATE, n INT)", "INSERT INTO o VALUES (1, '2026-01-01', 5), (2, '2026-01-02', 6), (3, NULL, 7)")
	c := f.open(t)
	for name, x := range map[string]struct {
		source connector.Source
		want   []string
	}{
		"where":         {connector.Source{Dataset: "O", Where: "n = 5 OR n = 7 -- two"}, []string{`("1", "2026-01-01", "5")`, `("3", NULL, "7")`}},
		"columns":       {connector.Source{Dataset: "o", Columns: []string{"n", "id"}, Where: "id < 2"}, []string{`("5", "1")`}},
		"without a key": {connector.Source{Dataset: "o", Columns: []string{"n"}, Where: "id > 2"}, []string{`("7")`}},
		"query":         {connector.Source{Query: "SELECT d, sum(n) AS s FROM o GROUP BY d -- by day"}, []string{`(NULL, "7")`, `("2026-01-01", "5")`, `("2026-01-02", "6")`}},
	} {
		if got := all(tb, c, x.source); !slices.Equal(got, x.want) {
			t.Errorf("%s: got %s, want %s", name, got, x.want)
		}
	}
	for name, x := range map[string]struct {
		source connector.Source
		class  connector.Class
	}{
		"no such table":  {connector.Source{Dataset: "nope"}, connector.Missing},
		"no such column": {connector.Source{Dataset: "o", Columns: []string{"nope"}}, connector.Missing},
		"no such key":    {connector.Source{Dataset: "o", Key: []string{"n"}}, connector.Config},
		"broken query":   {connector.Source{Query: "SELEKT"}, connector.Config},
	} {
		if _, err := sqlite.Connector().Read(t.Context(), c, x.source); connector.ClassOf(err) != x.class {
			t.Errorf("%s: got %v, want class %v", name, err, x.class)
		}
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sqlite:///var/shop.db/orders": "/var/shop.db orders", "sqlite:///var/shop.db?table=orders": "/var/shop.db orders", "sqlite:shop.db/orders": "shop.db orders",
		"sqlite:a/b%20c.db/o": "a/b c.db o", "sqlite:///x?table=a%2Fb": "/x a/b", "sqlite://host/x/y": "", "sqlite:shop.db": "", "sqlite:///x/": "",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		options, dataset, err := sqlite.Connector().URL(u)
		if err == nil {
			got = fmt.Sprint(options["path"], " ", dataset)
		}
		if got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// A reader that looks for the next row for long is given up within a second.
func TestCancelBetweenRows(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, "CREATE TABLE o (id INTEGER PRIMARY KEY)", "INSERT INTO o VALUES (1), (2)")
	const endless = "(SELECT count(*) FROM (WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 5000000) SELECT i FROM s)) > 0"
	c := f.open(t)
	r, schema := reading(connectortestTB{t}, c, connector.Source{Dataset: "o", Where: "id = 1 OR " + endless})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	var last error
	for chunk, err := range r.Read(ctx, connector.Query{Schema: schema, Batches: record.NewPool(0)}) {
		if last = err; err == nil {
			chunk.Batch.Release()
		}
	}
	if took := time.Since(began); took > time.Second || last == nil {
		t.Errorf("reading ended after %v with %v, want within a second of its context", took, last)
	}
}
