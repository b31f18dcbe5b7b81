package mysql

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// table is what the server's catalog says of a dataset.
type table struct {
	name     tableName
	kind     string // BASE TABLE, VIEW, SYSTEM VERSIONED, SEQUENCE
	view     bool
	engine   string
	comment  string
	columns  []column
	all      []catalogIndex // every index, the primary key first
	indexes  []index        // those by whose order the table can be read
	rows     int64          // the server's estimate
	rowBytes int64
}

// column is a field and what reading it takes beyond its type.
type column struct {
	record.Field
	text typeText
}

// catalogIndex is an index as the server describes it.
type catalogIndex struct {
	name    string
	kind    string // BTREE, HASH, FULLTEXT, SPATIAL
	unique  bool
	unused  bool // by the optimizer: ignored or invisible
	columns []catalogPart
}

// catalogPart is a column of an index.
type catalogPart struct {
	at      int // in table.columns; -1: an expression
	falling bool
	prefix  bool // only the beginning of its values
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
	rows, err := s.query("SELECT TABLE_TYPE, COALESCE(TABLE_ROWS, 0), COALESCE(AVG_ROW_LENGTH, 0), COALESCE(ENGINE, ''), TABLE_COMMENT FROM information_schema.TABLES "+
		"WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", textParam(n.database), textParam(n.table))
	if err != nil {
		return nil, classify(err, fmt.Sprintf("describe %s", n))
	}
	if len(rows) == 0 {
		return nil, s.absent(n)
	}
	t.kind = rows[0][0].text
	t.view = strings.Contains(t.kind, "VIEW")
	t.rows, t.rowBytes, t.engine = rows[0][1].int64(), rows[0][2].int64(), rows[0][3].text
	if !t.view {
		t.comment = rows[0][4].text // that of a view is the word VIEW
	}
	for _, read := range []func(*table) error{s.describeColumns, s.describeJSON, s.describeIndexes} {
		if err := read(t); err != nil {
			return nil, classify(err, fmt.Sprintf("describe %s", n))
		}
	}
	if len(t.columns) == 0 {
		return nil, connector.Errorf(connector.Denied, "TOW-413", "describe %s: no right to see its columns", n).
			WithHint("GRANT SELECT ON %s TO the account.", n.quoted())
	}
	for i := range t.all {
		if ix, ok := t.ordering(&t.all[i]); ok {
			t.indexes = append(t.indexes, ix)
		}
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
		tt := parseType(r[1].text, r[2].text)
		tt.chars, tt.octets, tt.charset, tt.release = r[3].int64(), r[4].int64(), r[8].text, s.release
		c := column{text: tt}
		c.Field = record.Field{Name: r[0].text, Type: logical(tt), Nullable: r[5].text == "YES", Native: r[2].text, Comment: r[7].text,
			Charset: r[8].text, Collation: r[9].text, Generated: generated(r[10].text), Numbered: strings.Contains(strings.ToLower(r[10].text), "auto_increment")}
		if t.view {
			c.Type.NoMinusZero = false // an expression has it
		}
		if !r[6].null {
			c.Default = parseDefault(r[6].text, r[10].text, &c.Field.Type, s.release)
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
	if !s.release.Maria || t.view || !slices.ContainsFunc(t.columns, func(c column) bool { return c.text.name == "longtext" }) {
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
		if c.text.name == "longtext" && slices.ContainsFunc(rows, func(r []cell) bool { return r[0].text == want }) {
			c.Type = record.Type{Kind: record.JSON}
		}
	}
	return nil
}

// describeIndexes reads all indexes.
func (s *session) describeIndexes(t *table) error {
	if t.view {
		return nil
	}
	usable := "'YES'"
	switch {
	case s.release.since(10, 6):
		usable = "IF(IGNORED = 'YES', 'NO', 'YES')"
	case s.release.oracle(8, 0, 0):
		usable = "IS_VISIBLE"
	}
	rows, err := s.query("SELECT INDEX_NAME, COALESCE(COLUMN_NAME, ''), COALESCE(COLLATION, ''), COALESCE(SUB_PART, 0), INDEX_TYPE, "+usable+
		", NON_UNIQUE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY INDEX_NAME = 'PRIMARY' DESC, INDEX_NAME, SEQ_IN_INDEX",
		textParam(t.name.database), textParam(t.name.table))
	if err != nil {
		return err
	}
	for _, r := range rows {
		if len(t.all) == 0 || t.all[len(t.all)-1].name != r[0].text {
			t.all = append(t.all, catalogIndex{name: r[0].text, kind: r[4].text, unique: r[6].text == "0", unused: r[5].text != "YES"})
		}
		x := &t.all[len(t.all)-1]
		x.columns = append(x.columns, catalogPart{at: t.place(r[1].text), falling: r[2].text == "D", prefix: r[3].int64() > 0})
	}
	return nil
}

// place returns where the named column is, or -1.
func (t *table) place(name string) int {
	return slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.Name, name) })
}

// ordering tells whether the table can be read in the order of an index: of a unique B-tree over whole columns.
func (t *table) ordering(x *catalogIndex) (index, bool) {
	ix := index{name: x.name}
	if !x.unique || x.unused || x.kind != "BTREE" {
		return ix, false
	}
	for i, c := range x.columns {
		if c.at < 0 || c.prefix || !orderable(&t.columns[c.at], i == 0) {
			return ix, false
		}
		ix.columns, ix.falling = append(ix.columns, c.at), append(ix.falling, c.falling)
		ix.nullable = ix.nullable || t.columns[c.at].Nullable
	}
	return ix, true
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
		return c.text.name == "inet4" || c.text.name == "inet6"
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
	of, table, err := parsePattern(text, database)
	if err != nil {
		return nil, err
	}
	rows, err := s.query("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE IN " +
		"('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')")
	if err != nil {
		return nil, classify(err, "list tables")
	}
	var out []tableName
	for _, r := range rows {
		if of.Match(r[0].text) && table.Match(r[1].text) && !sqltarget.Own(r[1].text) {
			out = append(out, tableName{r[0].text, r[1].text})
		}
	}
	slices.SortFunc(out, func(a, b tableName) int {
		return cmp.Or(strings.Compare(a.database, b.database), strings.Compare(a.table, b.table))
	})
	return out, ctx.Err()
}

// charsetOf returns the charset of a collation's name, for servers whose catalog names none.
func charsetOf(collation string) string {
	charset, _, _ := strings.Cut(collation, "_")
	return charset
}

// collations returns the collations of the server, each with its charset.
func (s *session) collations() (map[string]string, error) {
	name := "COLLATION_NAME"
	if s.release.since(10, 10) {
		name = "FULL_COLLATION_NAME"
	}
	rows, err := s.query("SELECT " + name + ", CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY")
	if err != nil {
		return nil, classify(err, "list collations")
	}
	out := map[string]string{}
	for _, r := range rows {
		charset := r[1].text
		if charset == "" {
			charset = charsetOf(r[0].text)
		}
		out[r[0].text] = charset
	}
	return out, nil
}
