package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// shown is the expression by which the server writes a column in the text form of a logical type, spelt by hand.
func shown(t record.Type, column string) string {
	c := quote(column)
	switch t.Kind {
	case record.Bytes, record.Document:
		return "encode(" + c + ", 'hex')"
	case record.Geometry:
		return "lower(lpad(to_hex(public.st_srid(" + c + ")), 8, '0') || encode(public.st_asbinary(" + c + ", 'NDR'), 'hex'))"
	case record.Date:
		return "to_char(" + c + ", 'YYYY-MM-DD')"
	case record.Time:
		return fractionOf(t, "to_char("+c+"::interval, 'HH24:MI:SS.US')")
	case record.Datetime:
		return fractionOf(t, "to_char("+c+", 'YYYY-MM-DD HH24:MI:SS.US')")
	case record.Instant:
		return fractionOf(t, "to_char("+c+" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')") + " || 'Z'"
	case record.Year:
		return "to_char(" + c + ", 'FM0000')"
	case record.Set:
		return "array_to_string(" + c + ", ',')"
	case record.List:
		bounds := "regexp_replace(array_dims(" + c + "), '\\[1:[0-9]+\\]', '', 'g')"
		return "CASE WHEN " + bounds + " = '' OR " + c + " = '{}' THEN '' ELSE array_dims(" + c + ") || '=' END || to_json(" + c + ")::text"
	}
	return c + "::text"
}

func fractionOf(t record.Type, text string) string {
	most := len("2026-01-01 00:00:00.") // of a moment; a time is shorter by its date
	if t.Kind == record.Time {
		most = len("00:00:00.")
	}
	if t.Precision == 0 {
		most--
	}
	return fmt.Sprintf("left(%s, %d)", text, most+t.Precision)
}

// readBack returns the rows of a table in the text forms of a schema.
func (j *judge) readBack(tb connectortest.TB, dataset string, s *record.Schema) []connectortest.Row {
	tb.Helper()
	n, _ := parseName(dataset, j.schema)
	var list []string
	for _, f := range s.Fields {
		list = append(list, shown(f.Type, f.Name))
	}
	results, err := j.try("SELECT " + strings.Join(list, ", ") + " FROM " + n.quoted())
	if err != nil {
		tb.Fatalf("read back %s: %v", dataset, err)
	}
	var out []connectortest.Row
	for _, values := range results[len(results)-1].Rows {
		r := make(connectortest.Row, len(values))
		for i, v := range values {
			r[i] = connectortest.Cell{Text: string(v), Null: v == nil}
			switch t := s.Fields[i].Type; {
			case v == nil:
			case t.Kind == record.Bool:
				r[i].Text = map[string]string{"true": "true", "false": "false", "t": "true", "f": "false"}[r[i].Text]
			case t.Kind == record.Float:
				x, err := strconv.ParseFloat(r[i].Text, t.Bits)
				if err != nil {
					tb.Fatalf("read back %q: %v", v, err)
				}
				v := record.NewVector(record.FormFloat64)
				v.AppendFloat64(x)
				r[i].Text = string(record.AppendText(nil, &t, v, 0))
			}
		}
		out = append(out, r)
	}
	return out
}

// optionsOf are those of a connection as the user of an address.
func (j *judge) optionsOf(address string, more map[string]any) json.RawMessage {
	u, err := url.Parse(address)
	if err != nil {
		j.t.Fatal(err)
	}
	password, _ := u.User.Password()
	o := map[string]any{"user": u.User.Username(), "password": password}
	for k, v := range more {
		o[k] = v
	}
	return j.options(o)
}

func typesOf(t testing.TB, texts ...string) []record.Type {
	t.Helper()
	var out []record.Type
	for _, text := range texts {
		typ, err := record.ParseType(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		out = append(out, typ)
	}
	return out
}

// writtenTypes are the logical types that a table that is made holds, as sources without limits have them.
func writtenTypes(t testing.TB) []record.Type {
	return append(typesOf(t, "bool", "int8", "int16", "int24", "int32", "int64", "uint8", "uint16", "uint24", "uint32", "uint64", "float32", "float64", "decimal(12,2)",
		"decimal(38,10)", "decimal(65,30)", "decimal", "text", "text(40)", "text(40 fixed)", "bytes", "date", "datetime(0)", "datetime(6)", "instant(6)", "interval", "year", "uuid", "json",
		`enum("a","b c")`, "bit(1)", "bit(5)", "bit(64)", "bit(70)", "list(int32)", "list(text)"),
		record.Type{Kind: record.Time, Precision: 6, Limits: timeLimits})
}

// suite is the conformance suite for writing.
func (j *judge) suite(connection func() json.RawMessage) connectortest.Suite {
	c := Connector()
	c.Read = nil
	return connectortest.Suite{
		Connector:  c,
		Connection: func(connectortest.TB) json.RawMessage { return connection() },
		NewName:    func(connectortest.TB) string { return j.schema + ".t" + strings.ToLower(rand.Text()[:10]) },
		ReadBack:   j.readBack,
		Structure:  j.structure,
		Types:      writtenTypes(j.t),
		Fence:      connectortest.Refuses,
		Kill: func(connectortest.TB) {
			j.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'towpath%' AND datname = current_database() AND pid <> pg_backend_pid()")
		},
	}
}

// ownDatabase makes a database of the test's own, whose sessions it may end.
func ownDatabase(t *testing.T, name string) *judge {
	t.Helper()
	return ownDatabaseOf(t, name, "")
}

func ownDatabaseOf(t *testing.T, name, options string) *judge {
	t.Helper()
	srv := servers.Need(t, name)
	admin := dialJudge(t, srv.URL)
	database := "tw_" + strings.ToLower(rand.Text()[:12])
	run := func(text string) {
		if _, err := admin.Exec(context.Background(), text).ReadAll(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	run("CREATE DATABASE " + database + options)
	t.Cleanup(func() {
		run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + database + "'")
		run("DROP DATABASE " + database)
		admin.Close(context.Background())
	})
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	srv.URL = u.String()
	return judgeAt(t, srv)
}

// structure is what stands beside the columns of a table, asked of the catalog by hand.
func (j *judge) structure(tb connectortest.TB, dataset string) *record.Schema {
	tb.Helper()
	n, _ := parseName(dataset, j.schema)
	table := literal(n.quoted()) + "::regclass"
	s := &record.Schema{Comment: some(j.rows("SELECT obj_description(%s, 'pg_class')", table)[0][0])}
	for _, r := range j.rows("SELECT a.attname, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum) FROM pg_attribute a "+
		"LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = %s AND a.attnum > 0 ORDER BY a.attnum", table) {
		f := record.Field{Name: r[0], Comment: some(r[2])}
		if r[1] != "<null>" {
			f.Default = &record.Default{Text: j.rows("SELECT (%s)::text", r[1])[0][0]}
		}
		s.Fields = append(s.Fields, f)
	}
	for _, r := range j.rows("SELECT x.relname, i.indisunique, (SELECT string_agg(a.attname || CASE WHEN i.indoption[k - 1] & 1 = 1 THEN ' down' ELSE '' END, ',' ORDER BY k) "+
		"FROM generate_series(1, i.indnatts) k JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1]) "+
		"FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = %s AND NOT i.indisprimary", table) {
		x := record.Index{Name: r[0], Unique: r[1] == "t"}
		for name := range strings.SplitSeq(r[2], ",") {
			name, down := strings.CutSuffix(name, " down")
			x.Columns = append(x.Columns, record.IndexColumn{Name: name, Descending: down})
		}
		s.Indexes = append(s.Indexes, x)
	}
	for _, r := range j.rows("SELECT k.conname, n.nspname || '.' || c.relname, k.confdeltype, k.convalidated, "+
		"(SELECT string_agg(a.attname, ',') FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)), "+
		"(SELECT string_agg(a.attname, ',') FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)) "+
		"FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.conrelid = %s AND k.contype = 'f'", table) {
		if r[3] != "t" {
			tb.Errorf("foreign key %s was not checked", r[0])
		}
		s.References = append(s.References, record.Reference{Name: r[0], Dataset: r[1], Columns: strings.Split(r[4], ","), Foreign: strings.Split(r[5], ","),
			OnDelete: map[string]record.Action{"c": record.Cascade, "a": record.NoAction}[r[2]]})
	}
	return s
}

// some is a text that the server may not have.
func some(text string) string { return strings.ReplaceAll(text, "<null>", "") }

// everyOwn runs a test on every version, in a database of its own.
func everyOwn(t *testing.T, test func(t *testing.T, j *judge)) {
	t.Parallel()
	for _, name := range []string{"postgres11", "postgres", "postgres17", "postgres18"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, ownDatabase(t, name))
		})
	}
}

// TestWriting: what the contract promises.
func TestWriting(t *testing.T) {
	everyOwn(t, func(t *testing.T, j *judge) {
		j.exec("CREATE EXTENSION citext SCHEMA public")
		loss := newCommitLoser(t, j.srv.Addr())
		s := j.suite(func() json.RawMessage { return j.options(map[string]any{"port": loss.port}) })
		s.Modes = []connector.Mode{connector.Upsert, connector.Insert, connector.Append, connector.Replace}
		s.LoseCommit = func(_ connectortest.TB, applied bool) { loss.arm(applied) }
		s.MakeFolding = func(_ connectortest.TB, dataset string, table connectortest.Table) {
			var columns []string
			for _, f := range table.Schema.Fields {
				columns = append(columns, quote(f.Name)+" "+map[bool]string{true: "public.citext PRIMARY KEY", false: declared(f.Type)}[f.Key > 0])
			}
			j.execf("CREATE TABLE %s (%s)", dataset, strings.Join(columns, ", "))
		}
		connectortest.Run(t, s)
	})
}

// TestWritingWithoutCheckpoints: a role that has no right to the table of checkpoints writes by the key.
func TestWritingWithoutCheckpoints(t *testing.T) {
	everyOwn(t, func(t *testing.T, j *judge) {
		j.execf("GRANT ALL ON SCHEMA %s TO writer; CREATE TABLE %[1]s.towpath_checkpoint (x int)", j.schema)
		loss := newCommitLoser(t, j.srv.Addr())
		s := j.suite(func() json.RawMessage { return j.optionsOf(j.srv.Writer, map[string]any{"port": loss.port}) })
		s.Modes, s.Unmarked = []connector.Mode{connector.Upsert}, true
		s.LoseCommit = func(_ connectortest.TB, applied bool) { loss.arm(applied) }
		connectortest.Run(t, s)
	})
}

// newRun returns a run's key.
func newRun() string { return strings.ToLower(rand.Text()[:6]) }
