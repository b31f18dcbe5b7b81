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
	srv := servers.Need(t, name)
	admin := dialJudge(t, srv.URL)
	database := "tw_" + strings.ToLower(rand.Text()[:12])
	run := func(text string) {
		if _, err := admin.Exec(context.Background(), text).ReadAll(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	run("CREATE DATABASE " + database)
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

// TestWriting: what the contract promises.
func TestWriting(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"postgres11", "postgres", "postgres17", "postgres18"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := ownDatabase(t, name)
			s := j.suite(func() json.RawMessage { return j.options(nil) })
			s.Modes = []connector.Mode{connector.Upsert, connector.Insert, connector.Append, connector.Replace}
			connectortest.Run(t, s)
		})
	}
}

// newRun returns a run's key.
func newRun() string { return strings.ToLower(rand.Text()[:6]) }
