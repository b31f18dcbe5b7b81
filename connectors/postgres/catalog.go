package postgres

import (
	"cmp"
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
	oid      uint32
	kind     byte // pg_class.relkind
	parent   bool // has children by inheritance, whose rows it shows and its indexes do not
	comment  string
	columns  []column
	indexes  []index
	rows     int64 // the server's estimate; 0: it has none
	rowBytes int64
}

// Kinds of relations that are read.
const (
	kindTable       = 'r'
	kindPartitioned = 'p'
	kindView        = 'v'
	kindMaterial    = 'm'
	kindForeign     = 'f'
)

// enforces tells whether the server itself sees to it that a column declared NOT NULL, or of a domain that is, holds no NULL.
func (t *table) enforces() bool { return t.kind == kindTable || t.kind == kindPartitioned }

// column is a field and what reading and writing it takes beyond its type.
type column struct {
	record.Field
	number    int
	info      *typeInfo // of its values: a domain is its base type
	mod       int32
	collation uint32
	identity  byte // 'a': always, 'd': by default, 0: none
}

// The catalog is read with a search path of pg_catalog alone, so names without a schema are the server's own.
const describeTable = `SELECT c.oid, c.relkind, pg_catalog.obj_description(c.oid, 'pg_class'::pg_catalog.name),
	c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::name AND c.relname = $2::name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`

const describeColumns = `SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull AND NOT EXISTS (
		SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey[1] = a.attnum AND NOT k.convalidated),
	a.attidentity, %s, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum), a.attcollation,
	CASE WHEN k.collname <> 'default' THEN CASE WHEN n.nspname = 'pg_catalog' THEN quote_ident(k.collname)
		ELSE quote_ident(n.nspname) || '.' || quote_ident(k.collname) END END,
	EXISTS (SELECT FROM pg_depend p JOIN pg_class q ON q.oid = p.objid AND q.relkind = 'S' WHERE p.classid = 'pg_class'::regclass
		AND p.refclassid = 'pg_class'::regclass AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype = 'a')
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	LEFT JOIN pg_collation k ON k.oid = a.attcollation LEFT JOIN pg_namespace n ON n.oid = k.collnamespace
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

// describeSize counts a table with its partitions or children: estimated rows, and bytes with those stored out of line.
const describeSize = `WITH RECURSIVE parts AS (
	SELECT $1::oid AS oid UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN parts p ON p.oid = i.inhparent)
SELECT sum(greatest(c.reltuples, 0))::int8, sum(CASE WHEN c.reltuples > 0 THEN pg_table_size(c.oid) ELSE 0 END)::int8
FROM pg_class c JOIN parts p ON p.oid = c.oid WHERE c.relkind IN ('r', 'm')`

// describe reads the catalog.
func (s *session) describe(n tableName) (*table, error) {
	doing := "describe " + n.String()
	rows, err := s.ask(describeTable, textParam(n.schema), textParam(n.table))
	if err != nil {
		return nil, classify(err, doing)
	}
	if len(rows) == 0 {
		return nil, s.absent(n)
	}
	t := &table{name: n, oid: rows[0][0].oid(), kind: rows[0][1].text[0], comment: rows[0][2].text, parent: rows[0][3].bool()}
	for _, read := range []func(*table) error{s.describeColumns, s.describeIndexes, s.describeSize} {
		if err := read(t); err != nil {
			return nil, classify(err, doing)
		}
	}
	if len(t.columns) == 0 {
		return nil, connector.Errorf(connector.Config, "TOW-711", "%s: it has no columns", doing)
	}
	return t, nil
}

// absent says that there is no such table, and what there is that may be meant.
func (s *session) absent(n tableName) error {
	out := connector.Errorf(connector.Missing, "TOW-711", "describe %s: no such table", n).WithHint("Check the name of the table; names are sensitive to case.")
	rows, err := s.query("SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') "+
		"AND pg_catalog.lower(n.nspname::text) = pg_catalog.lower($1) AND pg_catalog.lower(c.relname::text) = pg_catalog.lower($2) ORDER BY 1, 2 LIMIT 1",
		textParam(n.schema), textParam(n.table))
	if err == nil && len(rows) == 1 {
		out.Hint = fmt.Sprintf("There is %s: names are sensitive to case.", tableName{rows[0][0].text, rows[0][1].text})
	}
	return out
}

func (s *session) describeColumns(t *table) error {
	generated := "a.attgenerated"
	if s.version < 120000 {
		generated = "''"
	}
	rows, err := s.ask(fmt.Sprintf(describeColumns, generated), oidParam(t.oid))
	if err != nil {
		return err
	}
	keys := make([]typeKey, len(rows))
	for i, r := range rows {
		keys[i] = typeKey{r[2].oid(), int32(r[3].int64())}
	}
	types, err := s.types(keys)
	if err != nil {
		return err
	}
	for i, r := range rows {
		ct := types[i]
		c := column{number: int(r[0].int64()), info: ct.info, mod: ct.mod, collation: r[9].oid()}
		c.Field = record.Field{Name: r[1].text, Type: ct.logical, Native: ct.text, Comment: r[8].text, Collation: r[10].text,
			Nullable: !(r[4].bool() || ct.notNull) || !t.enforces(), Generated: r[6].text != ""}
		if r[5].text != "" {
			c.identity, c.Numbered = r[5].text[0], true
		}
		if !r[7].null && !c.Generated {
			c.Default, c.Numbered = parseDefault(r[7].text, c.Type, r[11].bool())
		}
		t.columns = append(t.columns, c)
	}
	return nil
}

func (s *session) describeSize(t *table) error {
	if t.kind != kindTable && t.kind != kindPartitioned && t.kind != kindMaterial {
		return nil
	}
	rows, err := s.ask(describeSize, oidParam(t.oid))
	if err != nil || len(rows) != 1 {
		return err
	}
	if t.rows = rows[0][0].int64(); t.rows > 0 {
		t.rowBytes = max(rows[0][1].int64()/t.rows, 1)
	}
	return nil
}

// datasets lists tables and views that match the pattern.
func (s *session) datasets(schema, text string) ([]tableName, error) {
	of, table, err := parsePattern(text, schema)
	if err != nil {
		return nil, err
	}
	rows, err := s.query(`SELECT n.nspname, c.relname` + fromDatasets)
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
		return cmp.Or(strings.Compare(a.schema, b.schema), strings.Compare(a.table, b.table))
	})
	return out, nil
}

// fromDatasets is what datasets are, in pg_class (c) and pg_namespace (n).
const fromDatasets = ` FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
	AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp\_%'
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')`

// key returns the columns of the index as the page statements need them.
func (t *table) key(ix *index) sqltable.Key {
	if ix == nil {
		return nil
	}
	var k sqltable.Key
	for _, ic := range ix.columns {
		c := &t.columns[ic.column]
		k = append(k, sqltable.Column{Name: c.Name, Quoted: quote(c.Name), Descending: ic.falling, Nullable: c.Nullable,
			Tag: keyTag(c.info), Integer: keyTag(c.info) == connector.TagInt, Nulls: ic.nulls(), Operator: operatorIn(ic.operators)})
	}
	return k
}

// operatorIn spells comparisons with the operators of a schema.
func operatorIn(schema string) func(string) string {
	return func(op string) string { return "OPERATOR(" + quote(schema) + "." + op + ")" }
}
