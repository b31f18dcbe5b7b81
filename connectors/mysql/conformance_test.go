package mysql

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

// declared is the column type that a logical type of the suite is made as.
func declared(t record.Type, key bool) string {
	switch t.Kind {
	case record.Int:
		return map[int]string{8: "TINYINT", 16: "SMALLINT", 24: "MEDIUMINT", 32: "INT", 64: "BIGINT"}[t.Bits]
	case record.Uint:
		return declared(record.Type{Kind: record.Int, Bits: t.Bits}, key) + " UNSIGNED"
	case record.Float:
		return map[int]string{32: "FLOAT", 64: "DOUBLE"}[t.Bits]
	case record.Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case record.Text:
		switch {
		case t.Length == 0 || t.Unit == record.Octets:
			return "LONGTEXT"
		case t.Fixed:
			return fmt.Sprintf("CHAR(%d)", t.Length)
		}
		return fmt.Sprintf("VARCHAR(%d)", t.Length)
	case record.Bytes:
		if t.Fixed {
			return fmt.Sprintf("BINARY(%d)", t.Length)
		}
		return "LONGBLOB"
	case record.Time, record.Datetime:
		return fmt.Sprintf("%s(%d)", strings.ToUpper(t.Kind.String()), t.Precision)
	case record.Instant:
		return fmt.Sprintf("TIMESTAMP(%d) NULL", t.Precision)
	case record.Bit:
		return fmt.Sprintf("BIT(%d)", t.Bits)
	case record.Enum, record.Set:
		return strings.ToUpper(t.Kind.String()) + "('" + strings.Join(t.Labels, "','") + "')"
	}
	return strings.ToUpper(t.Kind.String())
}

// literal writes a cell of the suite in the server's SQL.
func literal(t record.Type, c connectortest.Cell) string {
	if c.Null {
		return "NULL"
	}
	switch t.Kind {
	case record.Bytes:
		return "X'" + c.Text + "'"
	case record.Bit:
		return "b'" + c.Text + "'"
	case record.Geometry:
		return "ST_GeomFromWKB(X'" + c.Text[8:] + "', CONV('" + c.Text[:8] + "', 16, 10))"
	case record.Instant:
		c.Text = strings.TrimSuffix(c.Text, "Z")
	}
	return "CONVERT(X'" + hex.EncodeToString([]byte(c.Text)) + "' USING utf8mb4)"
}

func (j *judge) makeDataset(name string, table connectortest.Table) {
	var columns, key []string
	nullable := false
	for _, f := range table.Schema.Fields {
		null := " NOT NULL"
		if f.Nullable {
			null = " NULL"
		}
		columns = append(columns, quote(f.Name)+" "+declared(f.Type, f.Key > 0)+null)
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
	// The collation tells the suite's keys apart.
	j.exec("CREATE TABLE " + name + " (" + strings.Join(columns, ", ") + ") COLLATE utf8mb4_general_ci")
	j.insert(name, table)
}

// insert fills a dataset with the rows of a table.
func (j *judge) insert(name string, table connectortest.Table) {
	for at := 0; at < len(table.Rows); at += 100 {
		var rows []string
		for _, r := range table.Rows[at:min(at+100, len(table.Rows))] {
			var cells []string
			for i, c := range r {
				cells = append(cells, literal(table.Schema.Fields[i].Type, c))
			}
			rows = append(rows, "("+strings.Join(cells, ", ")+")")
		}
		j.exec("INSERT INTO " + name + " VALUES " + strings.Join(rows, ", "))
	}
}

// TestConformance: what the contract promises of reading.
func TestConformance(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	var mu sync.Mutex
	s := j.suite(&mu)
	s.Connector.Write, s.Connector.Clean = nil, nil
	s.MakeDataset = func(_ connectortest.TB, name string, table connectortest.Table) {
		mu.Lock()
		defer mu.Unlock()
		j.makeDataset(name, table)
	}
	s.ChangeDataset = func(_ connectortest.TB, name string, table connectortest.Table) {
		mu.Lock()
		defer mu.Unlock()
		j.exec("BEGIN")
		j.exec("DELETE FROM " + name)
		j.insert(name, table)
		j.exec("COMMIT")
	}
	connectortest.Run(t, s)
}

// suite is what the suites of reading and writing have in common.
func (j *judge) suite(mu *sync.Mutex) connectortest.Suite {
	return connectortest.Suite{
		Connector:  Connector(),
		Connection: func(connectortest.TB) json.RawMessage { return j.options(nil) },
		NewName: func(connectortest.TB) string {
			return j.db + ".t" + strings.ToLower(rand.Text()[:10])
		},
		Types: []record.Type{
			{Kind: record.Int, Bits: 8}, {Kind: record.Int, Bits: 16}, {Kind: record.Int, Bits: 24}, {Kind: record.Int, Bits: 32}, {Kind: record.Int, Bits: 64},
			{Kind: record.Uint, Bits: 8}, {Kind: record.Uint, Bits: 32}, {Kind: record.Uint, Bits: 64},
			{Kind: record.Float, Bits: 32}, {Kind: record.Float, Bits: 64},
			{Kind: record.Decimal, Precision: 10, Scale: 2}, {Kind: record.Decimal, Precision: 38, Scale: 10}, {Kind: record.Decimal, Precision: 65, Scale: 30},
			{Kind: record.Text}, {Kind: record.Text, Length: 40}, {Kind: record.Text, Length: 40, Fixed: true}, {Kind: record.Bytes}, {Kind: record.Bytes, Length: 8, Fixed: true},
			{Kind: record.Date}, {Kind: record.Time, Precision: 6}, {Kind: record.Datetime, Precision: 6}, {Kind: record.Datetime}, {Kind: record.Instant, Precision: 6}, {Kind: record.Year},
			{Kind: record.JSON}, {Kind: record.UUID}, {Kind: record.Enum, Labels: []string{"b", "a", "x y"}}, {Kind: record.Set, Labels: []string{"b", "a"}},
			{Kind: record.Bit, Bits: 1}, {Kind: record.Bit, Bits: 64}, {Kind: record.Geometry},
		},
		Kill: func(connectortest.TB) {
			mu.Lock()
			defer mu.Unlock()
			for _, p := range j.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '%s' AND ID <> CONNECTION_ID()", j.db) {
				_, _ = j.conn.Execute("KILL " + p[0]) // it may have gone by itself
			}
		},
	}
}
