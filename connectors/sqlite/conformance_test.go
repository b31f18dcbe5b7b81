package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connectors/sqlite"
	"github.com/towpath/towpath/record"
)

// file is a database file and a way into it past the connector.
type file struct {
	path string
	db   *sql.DB
}

func newFile(t testing.TB) *file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &file{path, db}
}

func (f *file) exec(t connectortest.TB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := f.db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func (f *file) connection() json.RawMessage {
	raw, err := json.Marshal(map[string]any{"path": f.path})
	if err != nil {
		panic(err)
	}
	return raw
}

func (f *file) open(t testing.TB) connector.Client {
	t.Helper()
	c, err := sqlite.Connector().Open(t.Context(), connector.Connection{Options: f.connection()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// declared is the declared types of the fixtures' columns, spelt by hand so that the connector's own table is not trusted.
func declared(t record.Type) string {
	switch t.Kind {
	case record.Int:
		return map[int]string{8: "TINYINT", 16: "SMALLINT", 24: "MEDIUMINT", 32: "INT32", 64: "BIGINT"}[t.Bits]
	case record.Text:
		if t.Length > 0 {
			return fmt.Sprintf("VARCHAR(%d)", t.Length)
		}
		return "TEXT"
	case record.Bytes:
		return "BLOB"
	case record.Bool:
		return "BOOLEAN"
	case record.Float:
		return map[int]string{32: "FLOAT32", 64: "REAL"}[t.Bits]
	case record.Uint:
		return map[int]string{8: "TINYINT UNSIGNED", 16: "SMALLINT UNSIGNED", 24: "MEDIUMINT UNSIGNED", 32: "INT32 UNSIGNED", 64: "TEXT UNSIGNED64"}[t.Bits]
	case record.Date, record.Year:
		return strings.ToUpper(t.Kind.String())
	case record.Time, record.Datetime:
		return fmt.Sprintf("%s(%d)", strings.ToUpper(t.Kind.String()), t.Precision)
	case record.Instant:
		return fmt.Sprintf("TIMESTAMPTZ(%d)", t.Precision)
	}
	return `"TEXT ` + strings.ReplaceAll(t.String(), `"`, `""`) + `"`
}

// stored is a cell as SQLite shall hold it.
func stored(t *testing.T, typ record.Type, c connectortest.Cell) any {
	if c.Null {
		return nil
	}
	switch typ.Kind {
	case record.Int, record.Year:
		n, err := strconv.ParseInt(c.Text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	case record.Uint:
		if n, err := strconv.ParseInt(c.Text, 10, 64); err == nil && typ.Bits < 64 {
			return n
		}
	case record.Bool:
		return c.Text == "true"
	case record.Float:
		if x, err := strconv.ParseFloat(c.Text, 64); err == nil && x == x {
			return x
		}
	case record.Bytes:
		b, err := hex.DecodeString(c.Text)
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{}, b...)
	}
	return c.Text
}

func (f *file) makeDataset(t *testing.T, tb connectortest.TB, name string, table connectortest.Table) {
	tb.Helper()
	var columns, key, marks []string
	nullable := false
	for _, c := range table.Schema.Fields {
		null := " NOT NULL"
		if c.Nullable {
			null = ""
		}
		columns, marks = append(columns, fmt.Sprintf("%q %s%s", c.Name, declared(c.Type), null)), append(marks, "?")
	}
	for _, at := range table.Schema.Key() {
		key = append(key, strconv.Quote(table.Schema.Fields[at].Name))
		nullable = nullable || table.Schema.Fields[at].Nullable
	}
	switch {
	case len(key) == 0:
	case nullable:
		columns = append(columns, "UNIQUE ("+strings.Join(key, ", ")+")")
	default:
		columns = append(columns, "PRIMARY KEY ("+strings.Join(key, ", ")+")")
	}
	f.exec(tb, fmt.Sprintf("CREATE TABLE %q (%s)", name, strings.Join(columns, ", ")))
	tx, err := f.db.Begin()
	if err != nil {
		tb.Fatalf("begin: %v", err)
	}
	defer tx.Rollback()
	for _, row := range table.Rows {
		args := make([]any, len(row))
		for i, c := range row {
			args[i] = stored(t, table.Schema.Fields[i].Type, c)
		}
		if _, err := tx.Exec(fmt.Sprintf("INSERT INTO %q VALUES (%s)", name, strings.Join(marks, ", ")), args...); err != nil {
			tb.Fatalf("insert %v: %v", row, err)
		}
	}
	if err := tx.Commit(); err != nil {
		tb.Fatalf("commit: %v", err)
	}
}

// readBack returns rows by SQLite's own quoting of values.
func (f *file) readBack(tb connectortest.TB, name string, s *record.Schema) []connectortest.Row {
	tb.Helper()
	var list []string
	for _, c := range s.Fields {
		switch c.Type.Kind {
		case record.Bytes, record.Document, record.List, record.Geometry:
			list = append(list, fmt.Sprintf("lower(hex(%q))", c.Name))
		case record.Bool:
			list = append(list, fmt.Sprintf("CASE %q WHEN 0 THEN 'false' WHEN 1 THEN 'true' END", c.Name))
		case record.Year:
			list = append(list, fmt.Sprintf("printf('%%04d', %q)", c.Name))
		default:
			list = append(list, fmt.Sprintf("+%q", c.Name))
		}
		list = append(list, fmt.Sprintf("%q IS NULL", c.Name))
	}
	rows, err := f.db.Query(fmt.Sprintf("SELECT %s FROM %q", strings.Join(list, ", "), name))
	if err != nil {
		tb.Fatalf("read back %s: %v", name, err)
	}
	defer rows.Close()
	var out []connectortest.Row
	for rows.Next() {
		cells := make([]any, 2*len(s.Fields))
		pointers := make([]any, len(cells))
		for i := range cells {
			pointers[i] = &cells[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			tb.Fatalf("read back %s: %v", name, err)
		}
		row := make(connectortest.Row, len(s.Fields))
		for i := range row {
			if row[i].Null = cells[2*i+1] == int64(1); row[i].Null {
				continue
			}
			switch x := cells[2*i].(type) {
			case float64:
				v := record.NewVector(record.FormFloat64)
				v.AppendFloat64(x)
				row[i].Text = string(record.AppendText(nil, &s.Fields[i].Type, v, 0))
			default:
				row[i].Text = fmt.Sprint(x)
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		tb.Fatalf("read back %s: %v", name, err)
	}
	return out
}

func suite(t *testing.T, journal string) connectortest.Suite {
	f := newFile(t)
	f.exec(connectortestTB{t}, "PRAGMA journal_mode = "+journal)
	var names atomic.Int64
	var types []record.Type
	for _, text := range []string{"bool", "int8", "int16", "int24", "int32", "int64", "uint8", "uint16", "uint24", "uint32", "uint64", "float32", "float64",
		"decimal(12,2)", "decimal(38,10)", "decimal", "text", "text(40)", "bytes", "date", "time(6)", "datetime(0)", "datetime(6)", "datetime(9)",
		"instant(6)", "interval", "year", "uuid", "json", `enum("a","b c")`, "bit(5)", "bit(70)"} {
		typ, err := record.ParseType(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		types = append(types, typ)
	}
	return connectortest.Suite{
		Connector:  sqlite.Connector(),
		Connection: func(connectortest.TB) json.RawMessage { return f.connection() },
		NewName: func(tb connectortest.TB) string {
			name := fmt.Sprintf("t%d", names.Add(1))
			tb.Cleanup(func() {
				_, _ = f.db.ExecContext(context.Background(), fmt.Sprintf("DROP TABLE IF EXISTS %q", name))
			})
			return name
		},
		MakeDataset: func(tb connectortest.TB, name string, table connectortest.Table) { f.makeDataset(t, tb, name, table) },
		ReadBack:    f.readBack,
		Structure:   f.structure,
		MakeFolding: func(tb connectortest.TB, name string, table connectortest.Table) {
			var columns []string
			for _, field := range table.Schema.Fields {
				columns = append(columns, fmt.Sprintf("%q %s", field.Name, map[bool]string{true: "VARCHAR(100) COLLATE NOCASE PRIMARY KEY", false: "VARCHAR(100)"}[field.Key > 0]))
			}
			f.exec(tb, fmt.Sprintf("CREATE TABLE %q (%s)", name, strings.Join(columns, ", ")))
		},
		Types: types,
		Modes: []connector.Mode{connector.Upsert, connector.Insert, connector.Append, connector.Replace},
		Fence: connectortest.Refuses,
	}
}

// structure reads by pragmas what stands beside the columns of a table.
func (f *file) structure(tb connectortest.TB, name string) *record.Schema {
	s := &record.Schema{}
	rows := func(query string, args ...any) [][]string {
		found, err := f.db.QueryContext(tb.Context(), query, args...)
		if err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
		defer found.Close()
		names, _ := found.Columns()
		var all [][]string
		for found.Next() {
			cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
			for i := range cells {
				into[i] = &cells[i]
			}
			if err := found.Scan(into...); err != nil {
				tb.Fatalf("%s: %v", query, err)
			}
			row := make([]string, len(names))
			for i, c := range cells {
				row[i] = c.String
			}
			all = append(all, row)
		}
		return all
	}
	for _, c := range rows("SELECT name, dflt_value FROM pragma_table_info(?)", name) {
		field := record.Field{Name: c[0]}
		if c[1] != "" {
			field.Default = &record.Default{Text: strings.ReplaceAll(strings.Trim(c[1], "'"), "''", "'")}
		}
		s.Fields = append(s.Fields, field)
	}
	for _, x := range rows(`SELECT name, "unique" FROM pragma_index_list(?) WHERE origin = 'c'`, name) {
		index := record.Index{Name: x[0], Unique: x[1] == "1"}
		for _, c := range rows(`SELECT name, "desc" FROM pragma_index_xinfo(?) WHERE key = 1`, x[0]) {
			index.Columns = append(index.Columns, record.IndexColumn{Name: c[0], Descending: c[1] == "1"})
		}
		s.Indexes = append(s.Indexes, index)
	}
	for _, r := range rows(`SELECT "table", "from", "to", lower(on_delete) FROM pragma_foreign_key_list(?)`, name) {
		s.References = append(s.References, record.Reference{Dataset: r[0], Columns: r[1:2], Foreign: r[2:3], OnDelete: record.Action(r[3])})
	}
	return s
}

// connectortestTB lets a plain test use the helpers of the suite's hooks.
type connectortestTB struct{ *testing.T }

func (t connectortestTB) Run(name string, f func(connectortest.TB)) bool {
	return t.T.Run(name, func(t *testing.T) { f(connectortestTB{t}) })
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, journal := range []string{"WAL", "DELETE"} {
		t.Run(journal, func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, suite(t, journal))
		})
	}
}
