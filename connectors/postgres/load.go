package postgres

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// load is how rows are written to one table: the statements, and what their columns are. It is shared by all shards and not changed.
//
// Rows of insert and append are copied straight into the table. Those that replace others, and those with values that have to go through
// their text, are copied into a temporary table and go on from there by one INSERT.
type load struct {
	table   tableName
	oid     uint32
	stored  *record.Schema
	skipped []int
	columns []loadColumn
	server  server
	upsert  bool
	key     []int // places in columns

	begin     string // what a transaction of rows begins with
	guard     string // a statement that fails when the table's columns are others than they were
	temporary string // name of the temporary table; "": rows go straight into the table
}

// loadColumn is a column that is written.
type loadColumn struct {
	column
	at   int // place in the stored schema
	text bool
}

// newLoad looks at the table as it is.
func (w *writer) newLoad(s *session, t *connector.Target) (*load, error) {
	name := tableName{w.layout.Schema, w.layout.Table}
	described, err := s.outline(name)
	if err != nil {
		return nil, err
	}
	l := &load{table: name, oid: described.oid, stored: t.Stored, skipped: w.layout.Skipped, server: server{s.version, s.encoding}, upsert: t.Mode == connector.Upsert}
	if err := l.choose(described); err != nil {
		return nil, err
	}
	for _, at := range w.layout.Key {
		l.key = append(l.key, slices.IndexFunc(l.columns, func(c loadColumn) bool { return c.at == at }))
	}
	if l.guard, err = s.guard(name, described.oid, l.columns); err != nil {
		return nil, err
	}
	if l.upsert || slices.ContainsFunc(l.columns, func(c loadColumn) bool { return c.text }) {
		// The guard has the numbers of the types: one that is made anew has the name of the old one.
		sum := xxh3.HashString128(l.temporaryColumns() + l.guard).Bytes()
		l.temporary = "towpath_" + hex.EncodeToString(sum[:])
	}
	l.begin, err = s.beginning(described.oid, w.lockWait())
	return l, err
}

// outline describes columns alone.
func (s *session) outline(n tableName) (*table, error) {
	rows, err := s.ask(describeTable, textParam(n.schema), textParam(n.table))
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, sqltarget.Gone(n.String())
	}
	t := &table{name: n, oid: rows[0][0].oid(), kind: rows[0][1].text[0]}
	return t, s.describeColumns(t)
}

// choose finds the columns that are written.
func (l *load) choose(t *table) error {
	for i, f := range l.stored.Fields {
		if slices.Contains(l.skipped, i) {
			continue
		}
		at := slices.IndexFunc(t.columns, func(c column) bool { return c.Name == f.Name })
		if at < 0 || t.columns[at].Native != f.Native || t.columns[at].Generated {
			return sqltarget.NotPlanned(t.name.String())
		}
		c := loadColumn{column: t.columns[at], at: i}
		_, direct := l.server.newColumn(i, f.Type, c.info, c.mod)
		c.text = !direct
		l.columns = append(l.columns, c)
	}
	return nil
}

// guard returns a statement that fails, by a division by zero, unless the name still stands for the table and its columns are what they are now. A COPY in binary form
// takes the bytes of one type for those of another where they are of one width. It is the last thing that is looked at in a transaction
// with rows, whose lock on the table keeps the columns as they are from then on.
//
// Invariant 2: the types are frozen.
func (s *session) guard(name tableName, table uint32, columns []loadColumn) (string, error) {
	numbers := make([]int32, len(columns))
	for i, c := range columns {
		numbers[i] = int32(c.number)
	}
	rows, err := s.ask("SELECT attnum, atttypid, atttypmod FROM pg_attribute WHERE attrelid = $1 AND NOT attisdropped AND attnum = ANY ($2)", oidParam(table), modsParam(numbers))
	if err != nil || len(rows) != len(columns) {
		return "", cmp.Or(err, sqltarget.NotPlanned("written to"))
	}
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = fmt.Sprintf("('%s'::int2, '%s'::oid, '%s'::int4)", r[0].text, r[1].text, r[2].text)
	}
	// The constants have the types of the columns, so that no operator of another schema can fit better.
	return fmt.Sprintf("SELECT 1 / (CASE WHEN count(*) = %d THEN 1 ELSE 0 END) FROM pg_catalog.pg_attribute WHERE attrelid = '%d'::oid AND attrelid = pg_catalog.to_regclass(%s)::oid AND NOT attisdropped "+
		"AND (attnum, atttypid, atttypmod) IN (%s)", len(list), table, literal(name.quoted()), strings.Join(list, ", ")), nil
}

// beginning returns what a transaction of rows begins with. Functions of the table (triggers, defaults, checks) find what they name by the
// search path that the role's own sessions have, and the policies of other tables let them see what they let those see.
func (s *session) beginning(table uint32, wait time.Duration) (string, error) {
	rows, err := s.ask("SELECT current_setting('synchronous_commit'), EXISTS (WITH RECURSIVE parts AS ("+
		"SELECT $1 AS oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN parts p ON p.oid = i.inhparent) SELECT FROM pg_constraint k JOIN parts p ON p.oid = k.conrelid WHERE k.condeferrable)",
		oidParam(table))
	if err != nil || len(rows) != 1 {
		return "", cmp.Or(err, error(errMalformed))
	}
	durable := "on"
	if rows[0][0].text == "remote_apply" {
		durable = "remote_apply"
	}
	text := fmt.Sprintf("BEGIN; SET LOCAL synchronous_commit = %s; SET LOCAL lock_timeout = %d; SET LOCAL search_path TO DEFAULT; SET LOCAL row_security TO DEFAULT", durable, wait.Milliseconds())
	if rows[0][1].bool() {
		text += "; SET CONSTRAINTS ALL IMMEDIATE"
	}
	return text, nil
}

// constraints finds the column of constraints and unique indexes that are over one.
func (s *session) constraints(table uint32) (map[string]string, error) {
	rows, err := s.query("SELECT k.conname, a.attname FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] "+
		"WHERE k.conrelid = $1 AND array_length(k.conkey, 1) = 1 UNION SELECT x.relname, a.attname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid "+
		"JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = $1 AND i.indisunique AND i.indnkeyatts = 1", oidParam(table))
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[r[0].text] = r[1].text
	}
	return out, err
}

func (l *load) newEncoder() *encoder {
	e := &encoder{numbered: l.temporary != ""}
	for _, c := range l.columns {
		column, _ := l.server.newColumn(c.at, l.stored.Fields[c.at].Type, c.info, c.mod)
		e.columns = append(e.columns, column)
	}
	return e
}

// relation is the name of the table that rows are copied to, as errors of the server have it.
func (l *load) relation() string {
	if l.temporary != "" {
		return l.temporary
	}
	return l.table.table
}

// columnOf finds the column that the server names: one of the table, or of the temporary one, which may have the same names for others.
func (l *load) columnOf(relation, name string) string {
	for i, c := range l.columns {
		if called := c.Name; called == name && relation != l.temporary || relation == l.temporary && temporaryColumn(i) == name {
			return c.Name
		}
	}
	return ""
}

// copyStatement copies rows into the table, or into the temporary one.
func (l *load) copyStatement() string {
	if l.temporary != "" {
		return "COPY " + l.temporaryName() + " FROM STDIN (FORMAT binary)"
	}
	return "COPY " + l.table.quoted() + " (" + l.names() + ") FROM STDIN (FORMAT binary)"
}

func (l *load) names() string {
	names := make([]string, len(l.columns))
	for i, c := range l.columns {
		names[i] = quote(c.Name)
	}
	return strings.Join(names, ", ")
}

func (l *load) temporaryName() string { return "pg_temp." + quote(l.temporary) }

func temporaryColumn(i int) string { return fmt.Sprintf("c%d", i) }

// temporaryColumns defines the columns of the temporary table: the number of the row in its group, then one for each column.
func (l *load) temporaryColumns() string {
	list := []string{"n int8"}
	for i, c := range l.columns {
		native, collation := c.Native, c.Collation
		if c.text {
			native, collation = "text", `"C"`
		}
		if collation != "" {
			collation = " COLLATE " + collation
		}
		list = append(list, temporaryColumn(i)+" "+native+collation)
	}
	return strings.Join(list, ", ")
}

// temporaryStatement makes the temporary table anew: one that is there may have lost a column with its type.
func (l *load) temporaryStatement() string {
	return "DROP TABLE IF EXISTS " + l.temporaryName() + "; CREATE TEMPORARY TABLE " + quote(l.temporary) + " (" + l.temporaryColumns() + ") ON COMMIT DELETE ROWS"
}

// value is what of column i of the temporary table goes into the table.
func (l *load) value(i int) string {
	if l.columns[i].text {
		return temporaryColumn(i) + "::" + l.columns[i].Native
	}
	return temporaryColumn(i)
}

// insertStatement moves rows from to to (not included) from the temporary table into the table.
func (l *load) insertStatement(from, to int) string {
	values := make([]string, len(l.columns))
	overriding := ""
	for i, c := range l.columns {
		if values[i] = l.value(i); c.identity == 'a' {
			overriding = " OVERRIDING SYSTEM VALUE"
		}
	}
	// The table has another name in it, as excluded may be its own.
	text := fmt.Sprintf("INSERT INTO %s AS towpath_target (%s)%s SELECT %s FROM %s WHERE n >= %d AND n < %d", l.table.quoted(), l.names(), overriding, strings.Join(values, ", "),
		l.temporaryName(), from, to)
	if !l.upsert {
		return text
	}
	var key, set []string
	for _, at := range l.key {
		key = append(key, quote(l.columns[at].Name))
	}
	for _, c := range l.columns {
		// Key columns too: they may be equal and yet not the same.
		if name := quote(c.Name); c.identity != 'a' {
			set = append(set, name+" = excluded."+name)
		}
	}
	return text + " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// proof returns a statement that finds rows from to to whose text the server would write otherwise once it has read it: their numbers, and
// the places of their columns. "": nothing goes through text.
//
// Invariant 6: no conversion changes a value in silence.
func (l *load) proof(from, to int) string {
	var cases []string
	for i, c := range l.columns {
		if c.text {
			cases = append(cases, fmt.Sprintf("WHEN %s <> pg_catalog.format('%%s', %s) THEN %d", temporaryColumn(i), l.value(i), i))
		}
	}
	if len(cases) == 0 {
		return ""
	}
	return fmt.Sprintf("SELECT n, c FROM (SELECT n, CASE %s END AS c FROM %s WHERE n >= %d AND n < %d OFFSET 0) t WHERE c IS NOT NULL", strings.Join(cases, " "),
		l.temporaryName(), from, to)
}

// twice returns a statement that finds a key which several rows have, those refused left out before anything of them is converted.
func (l *load) twice(refused []int) string {
	key := make([]string, len(l.key))
	for i, at := range l.key {
		key[i] = l.value(at)
	}
	return fmt.Sprintf("SELECT 1 FROM (SELECT * FROM %s t WHERE NOT EXISTS (SELECT FROM unnest(%s) AS r (n) WHERE r.n = t.n) OFFSET 0) t GROUP BY %s HAVING count(*) > 1 LIMIT 1",
		l.temporaryName(), int8s(refused), strings.Join(key, ", "))
}

// supersede takes rows that a later one of the same key replaces out of the temporary table and returns their numbers, each with that of
// the last. The server compares the keys.
func (l *load) supersede() string {
	key := make([]string, len(l.key))
	for i, at := range l.key {
		key[i] = l.value(at)
	}
	return fmt.Sprintf("DELETE FROM %s t USING (SELECT n, max(n) OVER (PARTITION BY %s) AS last FROM %s) d WHERE t.n = d.n AND d.n < d.last RETURNING d.n, d.last",
		l.temporaryName(), strings.Join(key, ", "), l.temporaryName())
}
