package postgres

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/record"
)

// index is an index of a table.
type index struct {
	name    string
	columns []indexColumn
	primary bool
	unique  bool
	ordered bool   // the table can be read by its order: unique, valid at once, over whole columns, compared as the columns are
	foreign string // why it has no counterpart elsewhere; "": it has
}

// indexColumn is a column of an index.
type indexColumn struct {
	column     int // place in table.columns; -1: an expression
	falling    bool
	nullsFirst bool
	operators  string // schema of the comparisons by which it is ordered
}

// nulls says where NULLs stand, where that is not where the direction puts them.
func (c indexColumn) nulls() string {
	switch {
	case c.nullsFirst && !c.falling:
		return "NULLS FIRST"
	case !c.nullsFirst && c.falling:
		return "NULLS LAST"
	}
	return ""
}

// describeIndexes asks for each column of each index. An order is only one of ours when the column's own comparison has it (the default
// operator class, the collation of the column) and when the collation is still the one that the index was built with: after an
// upgrade of the system's libraries comparisons and index differ, and a search by the one in the other misses rows.
const describeIndexes = `SELECT x.relname, i.indisprimary, i.indisunique, i.indisvalid AND i.indislive AND i.indisready, i.indimmediate, i.indisexclusion,
	a.amname, pg_get_expr(i.indpred, i.indrelid), k.number, CASE WHEN k.number = 0 THEN pg_get_indexdef(i.indexrelid, k.place::int4, true) END,
	k.options, o.opcdefault, o.opcname, k.coll = t.attcollation OR k.coll = 0, v.name,
	p.oprname, (SELECT n.nspname FROM pg_namespace n WHERE n.oid = p.oprnamespace), %s
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am a ON a.oid = x.relam
	CROSS JOIN LATERAL ROWS FROM (unnest(i.indkey::int2[]), unnest(i.indoption::int2[]), unnest(i.indcollation::oid[]), unnest(i.indclass::oid[]))
		WITH ORDINALITY AS k (number, options, coll, class, place)
	LEFT JOIN pg_attribute t ON t.attrelid = i.indrelid AND t.attnum = k.number AND k.number <> 0
	LEFT JOIN pg_opclass o ON o.oid = k.class
	LEFT JOIN pg_amop m ON m.amopfamily = o.opcfamily AND m.amoplefttype = o.opcintype AND m.amoprighttype = o.opcintype AND m.amopstrategy = 5 AND m.amoppurpose = 's'
	LEFT JOIN pg_operator p ON p.oid = m.amopopr
	LEFT JOIN LATERAL (%s) v ON true
WHERE i.indrelid = $1 AND k.place <= i.indnkeyatts ORDER BY NOT i.indisprimary, x.relname, i.indexrelid, k.place`

// staleCollation names the collation of an index column whose order may be another than when the index was built.
const (
	staleCollation = `SELECT c.collname AS name FROM pg_collation c WHERE c.oid = k.coll AND c.collversion <> pg_collation_actual_version(c.oid)`
	staleDatabase  = ` UNION ALL SELECT d.datcollate::name FROM pg_database d, pg_collation c WHERE c.oid = k.coll AND c.collname = 'default'
		AND d.datname = current_database() AND d.datcollversion <> pg_database_collation_actual_version(d.oid)`
)

func (s *session) describeIndexes(t *table) error {
	if t.kind == kindView || t.kind == kindForeign {
		return nil
	}
	nullsEqual, stale := "false", staleCollation
	if s.version >= 150000 {
		nullsEqual, stale = "i.indnullsnotdistinct", staleCollation+staleDatabase
	}
	text := strings.Replace(strings.Replace(describeIndexes, "%s", nullsEqual, 1), "%s", stale, 1)
	rows, err := s.ask(text, oidParam(t.oid))
	if err != nil {
		return err
	}
	for _, r := range rows {
		name := r[0].text
		if len(t.indexes) == 0 || t.indexes[len(t.indexes)-1].name != name {
			t.indexes = append(t.indexes, index{name: name, primary: r[1].bool(), unique: r[2].bool(), ordered: !t.parent})
			t.indexes[len(t.indexes)-1].judge(r)
		}
		t.indexes[len(t.indexes)-1].add(t, r)
	}
	return nil
}

// judge looks at what holds for the whole index.
func (ix *index) judge(r []cell) {
	valid, immediate, exclusion, method, condition := r[3].bool(), r[4].bool(), r[5].bool(), r[6].text, r[7]
	switch {
	case !valid:
		ix.foreign = "it is not valid"
	case exclusion:
		ix.foreign = "exclusion constraint"
	case method != "btree":
		ix.foreign = "method " + method
	case !condition.null:
		ix.foreign = "condition " + condition.text
	case !immediate:
		ix.foreign = "deferrable"
	}
	ix.ordered = ix.ordered && ix.unique && ix.foreign == ""
	if ix.foreign == "" && ix.unique && r[17].bool() {
		ix.foreign = "NULLS NOT DISTINCT"
	}
}

// add adds a column.
func (ix *index) add(t *table, r []cell) {
	number, options := int(r[8].int64()), r[10].int64()
	at := slices.IndexFunc(t.columns, func(c column) bool { return c.number == number })
	ix.columns = append(ix.columns, indexColumn{column: at, falling: options&1 != 0, nullsFirst: options&2 != 0, operators: r[16].text})
	because := ""
	switch {
	case at < 0:
		because = "expression " + r[9].text
	case !r[11].bool():
		because = "operator class " + r[12].text
	case !r[13].bool():
		because = "another collation than the column's"
	}
	if because != "" && ix.foreign == "" {
		ix.foreign = because
	}
	sortable := because == "" && r[14].null && r[15].text == ">" && !r[16].null
	ix.ordered = ix.ordered && sortable && keyTag(t.columns[at].info) != 0
}

// readIndex chooses the index by whose order the table is read: the primary key, else the unique index with the fewest columns, numbers
// first, NOT NULL before nullable.
func (t *table) readIndex() *index {
	var best *index
	rank := func(ix *index) int {
		if ix.primary {
			return -1
		}
		n := 10 * len(ix.columns)
		if t.nullable(ix) {
			n += 10_000
		}
		for _, c := range ix.columns {
			if t.columns[c.column].Type.Kind != record.Int {
				n++
			}
		}
		return n
	}
	for i := range t.indexes {
		if ix := &t.indexes[i]; ix.ordered && (best == nil || rank(ix) < rank(best)) {
			best = ix
		}
	}
	return best
}

func (t *table) nullable(ix *index) bool {
	return slices.ContainsFunc(ix.columns, func(c indexColumn) bool { return t.columns[c.column].Nullable })
}

// schemaIndexes returns the indexes beside the key's. Those over columns that are not among the names are left out.
func (t *table) schemaIndexes(key *index, has func(name string) bool) []record.Index {
	var out []record.Index
	for i := range t.indexes {
		ix := &t.indexes[i]
		if ix == key || ix.primary {
			continue
		}
		x := record.Index{Name: ix.name, Unique: ix.unique, Foreign: ix.foreign}
		complete := true
		for _, c := range ix.columns {
			if c.column < 0 {
				continue
			}
			name := t.columns[c.column].Name
			complete = complete && has(name)
			x.Columns = append(x.Columns, record.IndexColumn{Name: name, Descending: c.falling})
		}
		if x.Foreign != "" {
			x.Columns = nil
		}
		if complete {
			out = append(out, x)
		}
	}
	return out
}

const describeReferences = `SELECT f.conname, n.nspname, c.relname, f.confdeltype, f.confupdtype,
	(SELECT string_agg('x' || encode(convert_to(a.attname::text, CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END), 'hex'), ' ' ORDER BY k.place) FROM unnest(f.conkey) WITH ORDINALITY AS k (number, place)
		JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.number),
	(SELECT string_agg('x' || encode(convert_to(a.attname::text, CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END), 'hex'), ' ' ORDER BY k.place) FROM unnest(f.confkey) WITH ORDINALITY AS k (number, place)
		JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.number)
FROM pg_constraint f JOIN pg_class c ON c.oid = f.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE f.conrelid = $1 AND f.contype = 'f' AND f.conparentid = 0 ORDER BY f.conname`

// references returns the foreign keys over columns that are among the names.
func (s *session) references(t *table, has func(name string) bool) ([]record.Reference, error) {
	if t.kind != kindTable && t.kind != kindPartitioned {
		return nil, nil
	}
	rows, err := s.ask(describeReferences, oidParam(t.oid))
	if err != nil {
		return nil, err
	}
	actions := map[string]record.Action{"a": record.NoAction, "r": record.Restrict, "c": record.Cascade, "n": record.SetNull, "d": record.SetDefault}
	var out []record.Reference
	for _, r := range rows {
		columns, err := hexNames(r[5].text)
		if err != nil {
			return nil, err
		}
		there, err := hexNames(r[6].text)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(columns, func(name string) bool { return !has(name) }) {
			continue
		}
		out = append(out, record.Reference{Name: r[0].text, Columns: columns, Dataset: tableName{r[1].text, r[2].text}.String(), Foreign: there,
			OnDelete: actions[r[3].text], OnUpdate: actions[r[4].text]})
	}
	return out, nil
}
