package mysql

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

// table is what the server's catalog says of a dataset.
type table struct {
	name     tableName
	view     bool
	columns  []column
	indexes  []index
	rows     int64 // the server's estimate
	rowBytes int64
}

// column is a field and what reading it takes beyond its type.
type column struct {
	record.Field
	dataType string
}

// index is a unique index by whose order the table can be read.
type index struct {
	name     string
	columns  []int // places in table.columns
	falling  []bool
	nullable bool
}

// describe reads the catalog.
func (s *session) describe(n tableName) (*table, error) {
	t := &table{name: n}
	rows, err := s.query("SELECT TABLE_TYPE, COALESCE(TABLE_ROWS, 0), COALESCE(AVG_ROW_LENGTH, 0) FROM information_schema.TABLES "+
		"WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", textParam(n.database), textParam(n.table))
	if err != nil {
		return nil, classify(err, fmt.Sprintf("describe %s", n))
	}
	if len(rows) == 0 {
		return nil, s.absent(n)
	}
	t.view = strings.Contains(rows[0][0].text, "VIEW")
	t.rows, t.rowBytes = rows[0][1].int64(), rows[0][2].int64()
	for _, read := range []func(*table) error{s.describeColumns, s.describeJSON, s.describeIndexes} {
		if err := read(t); err != nil {
			return nil, classify(err, fmt.Sprintf("describe %s", n))
		}
	}
	if len(t.columns) == 0 {
		return nil, connector.Errorf(connector.Denied, "TOW-413", "describe %s: no right to see its columns", n).
			WithHint("GRANT SELECT ON %s TO the account.", n.quoted())
	}
	return t, nil
}

// absent finds out why a table cannot be seen: the catalog shows only what the account has a right to.
func (s *session) absent(n tableName) error {
	_, err := s.query("SELECT 1 FROM " + n.quoted() + " LIMIT 0")
	if err == nil {
		err = fmt.Errorf("the catalog does not show it")
		return connector.Errorf(connector.Missing, "TOW-411", "describe %s: %w", n, err)
	}
	return classify(err, fmt.Sprintf("describe %s", n))
}

func (s *session) describeColumns(t *table) error {
	rows, err := s.query("SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, COALESCE(CHARACTER_MAXIMUM_LENGTH, 0), "+
		"COALESCE(CHARACTER_OCTET_LENGTH, 0), IS_NULLABLE, COLUMN_DEFAULT, COLUMN_COMMENT, CHARACTER_SET_NAME, COLLATION_NAME, EXTRA "+
		"FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
		textParam(t.name.database), textParam(t.name.table))
	if err != nil {
		return err
	}
	for _, r := range rows {
		tt := parseType(r[1].text, r[2].text, r[3].int64(), r[4].int64())
		c := column{dataType: tt.name}
		c.Field = record.Field{Name: r[0].text, Type: logical(tt), Nullable: r[5].text == "YES", Native: r[2].text, Comment: r[7].text,
			Charset: r[8].text, Collation: r[9].text, Generated: generated(r[10].text)}
		// MariaDB writes the absent default of a nullable column as the word NULL.
		if !r[6].null && !(s.maria && r[6].text == "NULL") {
			c.Default = &record.Default{Foreign: r[6].text}
		}
		t.columns = append(t.columns, c)
	}
	return nil
}

// generated reads EXTRA; DEFAULT_GENERATED only says that the default is an expression.
func generated(extra string) bool {
	extra = strings.ToUpper(extra)
	return strings.Contains(extra, "VIRTUAL") || strings.Contains(extra, "STORED") || strings.Contains(extra, "PERSISTENT")
}

// describeJSON finds MariaDB's JSON columns: LONGTEXT with the check json_valid(`c`), which the alias JSON adds.
// https://mariadb.com/kb/en/json-data-type/
func (s *session) describeJSON(t *table) error {
	if !s.maria || t.view || !slices.ContainsFunc(t.columns, func(c column) bool { return c.dataType == "longtext" }) {
		return nil
	}
	rows, err := s.query("SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?",
		textParam(t.name.database), textParam(t.name.table))
	if err != nil {
		return err
	}
	for i := range t.columns {
		c := &t.columns[i]
		want := "json_valid(" + quote(c.Name) + ")"
		if c.dataType == "longtext" && slices.ContainsFunc(rows, func(r []cell) bool { return r[0].text == want }) {
			c.Type = record.Type{Kind: record.JSON}
		}
	}
	return nil
}

// describeIndexes finds the unique indexes by which the table can be read in order: B-trees over whole columns.
func (s *session) describeIndexes(t *table) error {
	if t.view {
		return nil
	}
	usable := "'YES'"
	if s.maria {
		usable = "IF(IGNORED = 'YES', 'NO', 'YES')"
		if strings.Contains(s.version, "10.4.") || strings.Contains(s.version, "10.5.") {
			usable = "'YES'"
		}
	} else if !strings.HasPrefix(s.version, "5.") {
		usable = "IS_VISIBLE"
	}
	rows, err := s.query("SELECT INDEX_NAME, COALESCE(COLUMN_NAME, ''), COALESCE(COLLATION, ''), COALESCE(SUB_PART, 0), INDEX_TYPE, "+usable+
		", SEQ_IN_INDEX FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX",
		textParam(t.name.database), textParam(t.name.table))
	if err != nil {
		return err
	}
	bad := map[string]bool{}
	for _, r := range rows {
		name := r[0].text
		at := slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.Name, r[1].text) })
		if at < 0 || r[3].int64() > 0 || r[4].text != "BTREE" || r[5].text != "YES" || !orderable(&t.columns[at], r[6].text == "1") {
			bad[name] = true
			continue
		}
		if len(t.indexes) == 0 || t.indexes[len(t.indexes)-1].name != name {
			t.indexes = append(t.indexes, index{name: name})
		}
		ix := &t.indexes[len(t.indexes)-1]
		ix.columns, ix.falling = append(ix.columns, at), append(ix.falling, r[2].text == "D")
		ix.nullable = ix.nullable || t.columns[at].Nullable
	}
	t.indexes = slices.DeleteFunc(t.indexes, func(ix index) bool { return bad[ix.name] })
	return nil
}

// exactCharsets are those whose text comes back from utf8mb4 as it was, every byte: only such keys can be positions.
var exactCharsets = []string{"utf8mb4", "utf8mb3", "utf8", "latin1", "latin2", "latin5", "koi8r", "ascii", "ucs2", "utf16", "utf16le", "utf32"}

// orderable tells whether values of a key column can be sent back for comparison exactly, and whether the comparison is a range
// of the index: only the first column makes the range, and no order of an ENUM or SET is one.
func orderable(c *column, first bool) bool {
	switch c.Type.Kind {
	case record.Text:
		return slices.Contains(exactCharsets, c.Charset) && !(c.Type.Fixed && unpadded(c.Collation))
	case record.Enum, record.Set:
		return !first
	case record.Geometry, record.JSON:
		return false
	case record.Native:
		return c.dataType == "inet4" || c.dataType == "inet6"
	}
	return true
}

// unpadded tells whether a collation compares trailing blanks. The index holds CHAR filled up with blanks and is in the order of
// that, while comparisons take the value without them: 'a\x01' is before 'a' in the one and behind it in the other.
func unpadded(collation string) bool {
	return strings.Contains(collation, "_nopad_") || strings.Contains(collation, "_0900_")
}

// readIndex chooses the index by whose order the table is read: the primary key, else the unique index with the fewest
// columns, numbers first, NOT NULL before nullable.
func (t *table) readIndex() *index {
	var best *index
	rank := func(ix *index) int {
		if ix.name == "PRIMARY" {
			return -1
		}
		n := 10 * len(ix.columns)
		if ix.nullable {
			n += 10_000
		}
		for _, c := range ix.columns {
			if k := t.columns[c].Type.Kind; k != record.Int && k != record.Uint {
				n++
			}
		}
		return n
	}
	for i := range t.indexes {
		if ix := &t.indexes[i]; best == nil || rank(ix) < rank(best) {
			best = ix
		}
	}
	return best
}

// key returns the columns of the index as the page statements need them.
func (t *table) key(ix *index) sqltable.Key {
	if ix == nil {
		return nil
	}
	var k sqltable.Key
	for i, at := range ix.columns {
		c := &t.columns[at]
		tag := keyTag(c)
		k = append(k, sqltable.Column{Name: c.Name, Quoted: quote(c.Name), Descending: ix.falling[i], Nullable: c.Nullable, Tag: tag,
			Integer: c.Type.Kind == record.Int || c.Type.Kind == record.Uint || c.Type.Kind == record.Year})
	}
	return k
}

// datasets lists tables and views that match the pattern.
func (s *session) datasets(ctx context.Context, database, text string) ([]tableName, error) {
	parts, literal, ok := splitName(text)
	if ok && len(parts) == 1 {
		if database == "" {
			database = "*"
		}
		parts, literal = []string{database, parts[0]}, []bool{database != "*", literal[0]}
	}
	if !ok || len(parts) != 2 {
		return nil, connector.Errorf(connector.Config, "TOW-415", "%q is no pattern: write database.table", text)
	}
	rows, err := s.query("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE IN " +
		"('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')")
	if err != nil {
		return nil, classify(err, "list tables")
	}
	db, name := pattern{parts[0], literal[0]}, pattern{parts[1], literal[1]}
	var out []tableName
	for _, r := range rows {
		if db.match(r[0].text) && name.match(r[1].text) {
			out = append(out, tableName{r[0].text, r[1].text})
		}
	}
	slices.SortFunc(out, func(a, b tableName) int {
		return cmp.Or(strings.Compare(a.database, b.database), strings.Compare(a.table, b.table))
	})
	return out, ctx.Err()
}
