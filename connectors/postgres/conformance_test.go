package postgres

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

// declared is the column type that a logical type of the suite is made as.
func declared(t record.Type) string {
	switch t.Kind {
	case record.Int:
		return map[int]string{16: "smallint", 32: "integer", 64: "bigint"}[t.Bits]
	case record.Float:
		return map[int]string{32: "real", 64: "double precision"}[t.Bits]
	case record.Decimal:
		if t.Precision > 0 {
			return fmt.Sprintf("numeric(%d,%d)", t.Precision, t.Scale)
		}
		return "numeric"
	case record.Text:
		switch {
		case t.Length == 0:
			return "text"
		case t.Fixed:
			return fmt.Sprintf("char(%d)", t.Length)
		}
		return fmt.Sprintf("varchar(%d)", t.Length)
	case record.Bytes:
		return "bytea"
	case record.Time:
		return fmt.Sprintf("time(%d)", t.Precision)
	case record.Datetime:
		return fmt.Sprintf("timestamp(%d)", t.Precision)
	case record.Instant:
		return fmt.Sprintf("timestamptz(%d)", t.Precision)
	case record.Bit:
		return fmt.Sprintf("bit(%d)", t.Bits)
	case record.List:
		return declared(*t.Elem) + "[]"
	case record.Native:
		return t.Name
	}
	return t.Kind.String()
}

// literalOf writes a cell of the suite in the server's SQL.
func literalOf(t record.Type, c connectortest.Cell) string {
	switch {
	case c.Null:
		return "NULL"
	case t.Kind == record.Bytes:
		return `'\x` + c.Text + "'"
	case t.Kind == record.List:
		head, body, bounds := strings.Cut(c.Text, "=")
		if !bounds || !strings.HasSuffix(head, "]") || strings.Contains(head, `"`) {
			head, body = "", c.Text
		} else {
			head += "="
		}
		return literal(head + strings.NewReplacer("[", "{", "]", "}", "null", "NULL").Replace(body))
	case (t.Kind == record.Date || t.Kind == record.Datetime || t.Kind == record.Instant) && strings.HasPrefix(c.Text, "-"):
		// The suite's years are astronomical: 0 is 1 BC.
		var year int
		rest := c.Text[1:]
		fmt.Sscanf(rest, "%d", &year)
		_, rest, _ = strings.Cut(rest, "-")
		return literal(fmt.Sprintf("%04d-%s BC", year+1, rest))
	case (t.Kind == record.Date || t.Kind == record.Datetime || t.Kind == record.Instant) && strings.HasPrefix(c.Text, "0000-"):
		return literal("0001-" + c.Text[5:] + " BC")
	}
	return literal(c.Text)
}

func (j *judge) makeDataset(name string, table connectortest.Table) {
	j.t.Helper()
	n, _ := parseName(name, j.schema)
	var columns, key []string
	nullable := false
	for _, f := range table.Schema.Fields {
		null := " NOT NULL"
		if f.Nullable {
			null = ""
		}
		columns = append(columns, quote(f.Name)+" "+declared(f.Type)+null)
	}
	for _, at := range table.Schema.Key() {
		key = append(key, quote(table.Schema.Fields[at].Name))
		nullable = nullable || table.Schema.Fields[at].Nullable
	}
	if len(key) > 0 {
		kind := "PRIMARY KEY"
		if nullable {
			kind = "UNIQUE"
		}
		columns = append(columns, kind+" ("+strings.Join(key, ", ")+")")
	}
	j.exec("CREATE TABLE " + n.quoted() + " (" + strings.Join(columns, ", ") + ")")
	for at := 0; at < len(table.Rows); at += 100 {
		var rows []string
		for _, r := range table.Rows[at:min(at+100, len(table.Rows))] {
			var cells []string
			for i, c := range r {
				cells = append(cells, literalOf(table.Schema.Fields[i].Type, c))
			}
			rows = append(rows, "("+strings.Join(cells, ", ")+")")
		}
		j.exec("INSERT INTO " + n.quoted() + " VALUES " + strings.Join(rows, ", "))
	}
}

// suiteTypes are the logical types that pass unchanged.
func suiteTypes() []record.Type {
	return []record.Type{
		{Kind: record.Bool}, {Kind: record.Int, Bits: 16}, {Kind: record.Int, Bits: 32}, {Kind: record.Int, Bits: 64},
		{Kind: record.Float, Bits: 32}, {Kind: record.Float, Bits: 64},
		{Kind: record.Decimal}, {Kind: record.Decimal, Precision: 10, Scale: 2}, {Kind: record.Decimal, Precision: 38, Scale: 10}, {Kind: record.Decimal, Precision: 65, Scale: 30},
		{Kind: record.Text, NoNUL: true}, {Kind: record.Text, Length: 40, NoNUL: true}, {Kind: record.Text, Length: 40, Fixed: true, NoNUL: true}, {Kind: record.Bytes},
		{Kind: record.Date, Limits: dateLimits}, {Kind: record.Time, Precision: 6, Limits: timeLimits},
		{Kind: record.Datetime, Precision: 6, Limits: momentLimits}, {Kind: record.Datetime, Limits: momentLimits},
		{Kind: record.Instant, Precision: 6, Limits: momentLimits}, {Kind: record.Interval},
		{Kind: record.JSON}, {Kind: record.UUID}, {Kind: record.Bit, Bits: 1}, {Kind: record.Bit, Bits: 64}, {Kind: record.Bit, Bits: 100},
		{Kind: record.List, Elem: &record.Type{Kind: record.Int, Bits: 32}}, {Kind: record.Native, Name: "inet"},
	}
}

// TestConformance: what the contract promises.
func TestConformance(t *testing.T) {
	reading := Connector()
	reading.Write = nil // TestWriting
	everyVersion(t, func(t *testing.T, j *judge) {
		connectortest.Run(t, connectortest.Suite{
			Connector:  reading,
			Connection: func(connectortest.TB) json.RawMessage { return j.options(nil) },
			NewName: func(connectortest.TB) string {
				return j.schema + ".t" + strings.ToLower(rand.Text()[:10])
			},
			MakeDataset: func(_ connectortest.TB, name string, table connectortest.Table) { j.makeDataset(name, table) },
			Types:       suiteTypes(),
			Values: func(t record.Type) []string {
				if t.Kind == record.Native {
					return []string{"10.0.0.1", "::1", "10.0.0.0/8"}
				}
				values := connectortest.Values(t)
				for i, v := range values {
					if t.Fixed { // the server fills up with blanks
						values[i] += strings.Repeat(" ", int(t.Length)-utf8.RuneCountInString(v))
					}
				}
				return values
			},
			Kill: func(connectortest.TB) {
				j.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'towpath' AND datname = current_database() AND query LIKE '%" + j.schema + "%'")
			},
		})
	})
}
