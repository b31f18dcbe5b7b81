package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// staged is what a table that is replaced has beside its columns, under names of the run until the staging table takes its place.
type staged struct {
	Indexes []stagedIndex `json:"indexes,omitempty"`
	Later   []object      `json:"later,omitempty"` // foreign keys from the table to itself, made once its rows are there
	Like    []string      `json:"like,omitempty"`  // what the staging table is made after: describeLike, as planned
}

// stagedIndex is an index of the staging table, or a constraint with one.
type stagedIndex struct {
	Name  string `json:"name"`
	Final string `json:"final"`         // its name at the table that is replaced
	SQL   string `json:"sql,omitempty"` // "": it is made with the staging table, as it can refuse rows
}

// blockers finds what hangs on a table and would not survive that another takes its place, or would not be what it was.
const blockers = `WITH t AS (SELECT c.oid, c.reltype, y.typarray, c.relrowsecurity OR c.relforcerowsecurity AS secured, c.relispartition, c.reloftype
	FROM pg_class c LEFT JOIN pg_type y ON y.oid = c.reltype WHERE c.oid = $1)
SELECT 'it is a partition' FROM t WHERE relispartition
UNION ALL SELECT 'it is made of a type' FROM t WHERE reloftype <> 0
UNION ALL SELECT 'it has row-level security' FROM t WHERE secured
UNION ALL SELECT 'it inherits from a table, or is inherited from' FROM t WHERE EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.oid OR i.inhparent = t.oid)
UNION ALL SELECT 'policy ' || quote_ident(p.polname) FROM t JOIN pg_policy p ON p.polrelid = t.oid
UNION ALL SELECT 'rule ' || quote_ident(r.rulename) FROM t JOIN pg_rewrite r ON r.ev_class = t.oid
UNION ALL SELECT 'a security label' FROM t JOIN pg_seclabel l ON l.objoid = t.oid AND l.classoid = 'pg_class'::regclass
UNION ALL SELECT 'extension ' || quote_ident(e.extname) FROM t JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid
UNION ALL SELECT DISTINCT 'a subscription, whose rows it takes' FROM t JOIN pg_subscription_rel l ON l.srrelid = t.oid
UNION ALL SELECT pg_describe_object(d.classid, d.objid, 0) || ' by the sequence ' || q.objid::regclass FROM t JOIN pg_depend q ON q.classid = 'pg_class'::regclass
	AND q.refclassid = 'pg_class'::regclass AND q.refobjid = t.oid AND q.deptype = 'i' JOIN pg_class s ON s.oid = q.objid AND s.relkind = 'S'
	JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid AND d.deptype = 'n'
UNION ALL SELECT 'foreign key ' || quote_ident(k.conname) || ' of ' || k.conrelid::regclass FROM t JOIN pg_constraint k ON k.confrelid = t.oid AND k.contype = 'f' AND k.conrelid <> t.oid
UNION ALL SELECT DISTINCT 'publication ' || quote_ident(p.pubname) FROM t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_publication_tables p ON p.schemaname = n.nspname AND p.tablename = c.relname
UNION ALL SELECT DISTINCT coalesce((SELECT 'view ' || r.ev_class::regclass FROM pg_rewrite r WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'),
	pg_describe_object(d.classid, d.objid, 0)) FROM t JOIN pg_depend d ON d.deptype = 'n' AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
		OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.reltype, t.typarray))
	WHERE NOT (d.classid = 'pg_attrdef'::regclass AND EXISTS (SELECT FROM pg_attrdef x WHERE x.oid = d.objid AND x.adrelid = t.oid))
	AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint x WHERE x.oid = d.objid AND (x.conrelid = t.oid OR x.confrelid = t.oid)))
	AND NOT (d.classid = 'pg_trigger'::regclass AND EXISTS (SELECT FROM pg_trigger x WHERE x.oid = d.objid AND x.tgrelid = t.oid))
	AND NOT (d.classid = 'pg_policy'::regclass) AND NOT (d.classid = 'pg_rewrite'::regclass AND EXISTS (SELECT FROM pg_rewrite x WHERE x.oid = d.objid AND x.ev_class = t.oid))
	AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_index x WHERE x.indexrelid = d.objid AND x.indrelid = t.oid))
ORDER BY 1`

// replaceable refuses a table on which something hangs that cannot be carried over.
func (s *session) replaceable(t *table) error {
	rows, err := s.query(blockers, oidParam(t.oid))
	if err != nil {
		return classifyWrite(err, "look at what hangs on "+t.name.String())
	}
	var reasons []string
	if t.kind != kindTable {
		reasons = append(reasons, "it is partitioned")
	}
	for _, r := range rows {
		reasons = append(reasons, r[0].text)
	}
	if len(reasons) == 0 {
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-762", "replace table %s: %s", t.name, strings.Join(reasons, ", ")).
		WithHint("Write with upsert, or drop what hangs on the table for the run.")
}

const describeForm = `SELECT c.relpersistence = 'u', a.amname, s.spcname, pg_get_userbyid(c.relowner), pg_get_userbyid(c.relowner) = current_user,
	(SELECT string_agg(quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), ', ') FROM pg_options_to_table(c.reloptions) o),
	(SELECT string_agg('toast.' || quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), ', ') FROM pg_options_to_table(t.reloptions) o)
FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace LEFT JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.oid = $1`

// Options of columns whose names begin with pg_ are the server's own book-keeping.
const describeStatistics = `SELECT a.attname, coalesce(a.attstattarget, -1), o.list
FROM pg_attribute a CROSS JOIN LATERAL (SELECT string_agg(quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), ', ') AS list
	FROM pg_options_to_table(a.attoptions) o WHERE NOT starts_with(o.option_name, 'pg_')) o
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND (coalesce(a.attstattarget, -1) >= 0 OR o.list IS NOT NULL) ORDER BY a.attnum`

// Definitions come from the server's own catalog and go back to it; the table's name in them is put apart by the server as well.
const describeStagedIndexes = `SELECT x.relname, i.indisunique OR i.indisexclusion, pg_get_indexdef(x.oid),
	'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || quote_ident(x.relname) || ' ON ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ' ',
	pg_get_constraintdef(k.oid), s.spcname, (SELECT string_agg(quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), ', ') FROM pg_options_to_table(x.reloptions) o)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	LEFT JOIN pg_constraint k ON k.conindid = x.oid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x') LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
WHERE i.indrelid = $1 AND i.indisvalid ORDER BY NOT i.indisprimary, x.relname`

const describeStagedKeys = `SELECT k.conname, pg_get_constraintdef(k.oid), k.confrelid = k.conrelid, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.conrelid = $1 AND k.contype = 'f' ORDER BY k.conname`

// describeLike is what the staging table has from the beginning on, and would not have if it came later. The rest is read at the swap.
const describeLike = `SELECT 'owner ' || quote_ident(pg_get_userbyid(c.relowner)) FROM pg_class c WHERE c.oid = $1
UNION ALL SELECT 'setting ' || o FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid CROSS JOIN unnest(c.reloptions || t.reloptions) o WHERE c.oid = $1
UNION ALL SELECT 'persistence ' || c.relpersistence::text FROM pg_class c WHERE c.oid = $1
UNION ALL SELECT 'constraint ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conrelid = $1 AND k.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = $1 AND i.indisvalid
UNION ALL SELECT 'default of ' || quote_ident(a.attname) || ' ' || pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = $1
ORDER BY 1`

func (s *session) like(table uint32) ([]string, error) {
	rows, err := s.query(describeLike, oidParam(table))
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = r[0].text
	}
	return list, err
}

func (p *planner) stageLike() (err error) {
	p.layout.Staged.Like, err = p.s.like(p.table.oid)
	return err
}

// differences returns what only one of two lists has.
func differences(a, b []string) []string {
	without := func(list, other []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(x string) bool { return slices.Contains(other, x) })
	}
	return append(without(a, b), without(b, a)...)
}

// stage plans the staging table of one that is replaced: like it in all, but for indexes that refuse no rows, which are made at the end.
func (p *planner) stage() error {
	if err := p.s.replaceable(p.table); err != nil {
		return err
	}
	p.layout.Staged = &staged{}
	for _, plan := range []func() error{p.stageLike, p.stageTable, p.stageIndexes, p.stageKeys} {
		if err := plan(); err != nil {
			return classifyWrite(err, "describe "+p.w.name.String())
		}
	}
	p.target.Notes = append(p.target.Notes, "owner, grants, comments, triggers, foreign keys, sequences and storage settings are carried over; views and foreign keys of others cannot be")
	return nil
}

func (p *planner) stageTable() error {
	rows, err := p.s.query(describeForm, oidParam(p.table.oid))
	if err != nil || len(rows) != 1 {
		return err
	}
	r, name := rows[0], p.w.staging.quoted()
	text := "CREATE " + map[bool]string{true: "UNLOGGED "}[r[0].bool()] + "TABLE " + name + " (LIKE " + p.w.name.quoted() + " INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS)"
	if p.s.version >= 120000 && !r[1].null {
		text += " USING " + quote(r[1].text)
	}
	var options []string
	for _, o := range r[5:7] {
		if !o.null {
			options = append(options, o.text)
		}
	}
	if len(options) > 0 {
		text += " WITH (" + strings.Join(options, ", ") + ")"
	}
	if !r[2].null {
		text += " TABLESPACE " + quote(r[2].text)
	}
	p.create(text)
	if rows, err = p.s.query(describeStatistics, oidParam(p.table.oid)); err != nil {
		return err
	}
	for _, c := range rows {
		if c[1].int64() >= 0 {
			p.create("ALTER TABLE " + name + " ALTER COLUMN " + quote(c[0].text) + " SET STATISTICS " + c[1].text)
		}
		if !c[2].null {
			p.create("ALTER TABLE " + name + " ALTER COLUMN " + quote(c[0].text) + " SET (" + c[2].text + ")")
		}
	}
	if !r[4].bool() {
		p.create("ALTER TABLE " + name + " OWNER TO " + quote(r[3].text))
	}
	return nil
}

func (p *planner) create(text string) { p.layout.Create = append(p.layout.Create, text) }

func (p *planner) stageIndexes() error {
	rows, err := p.s.query(describeStagedIndexes, oidParam(p.table.oid))
	if err != nil {
		return err
	}
	for _, r := range rows {
		x := stagedIndex{Name: sqltarget.Staging(r[0].text, p.w.sink.Run, nameMost), Final: r[0].text}
		definition, known := strings.CutPrefix(r[2].text, r[3].text)
		text := ""
		switch {
		case !r[4].null:
			text = "ALTER TABLE " + p.w.staging.quoted() + " ADD CONSTRAINT " + quote(x.Name) + " " + r[4].text
			if !r[6].null { // which the definition of a constraint leaves out
				text += "; ALTER INDEX " + tableName{p.w.name.schema, x.Name}.quoted() + " SET (" + r[6].text + ")"
			}
		case known:
			head, _, _ := strings.Cut(r[3].text, "INDEX ")
			text = head + "INDEX " + quote(x.Name) + " ON " + p.w.staging.quoted() + " " + definition
		default:
			return connector.Errorf(connector.Other, "TOW-762", "replace table %s: the definition of index %s is not understood", p.w.name, r[0].text)
		}
		if !r[5].null {
			text = "SET LOCAL default_tablespace = " + literal(r[5].text) + "; " + text + "; SET LOCAL default_tablespace TO DEFAULT"
		}
		if r[1].bool() {
			p.create(text)
		} else {
			x.SQL = text
		}
		p.layout.Staged.Indexes = append(p.layout.Staged.Indexes, x)
	}
	return nil
}

// stageKeys plans the foreign keys out of the table: those to others refuse rows as they come, those to itself wait for all rows.
func (p *planner) stageKeys() error {
	rows, err := p.s.query(describeStagedKeys, oidParam(p.table.oid))
	if err != nil {
		return err
	}
	for _, r := range rows {
		add := "ALTER TABLE " + p.w.staging.quoted() + " ADD CONSTRAINT " + quote(r[0].text) + " "
		if !r[2].bool() {
			p.create(add + r[1].text)
			continue
		}
		head, tail, ok := strings.Cut(r[1].text, " REFERENCES "+r[3].text+"(")
		if !ok {
			return connector.Errorf(connector.Other, "TOW-762", "replace table %s: the definition of foreign key %s is not understood", p.w.name, r[0].text)
		}
		p.layout.Staged.Later = append(p.layout.Staged.Later, object{r[0].text, add + head + " REFERENCES " + p.w.staging.quoted() + "(" + tail})
	}
	return nil
}

// sealStaged makes the indexes and foreign keys that were left for the end.
func (w *writer) sealStaged(ctx context.Context, s *session) error {
	staging := tableName{w.layout.Schema, w.layout.Table}
	for _, x := range w.layout.Staged.Indexes {
		if x.SQL == "" {
			continue
		}
		if err := w.sealIndex(ctx, s, object{x.Name, x.SQL}); err != nil {
			return err
		}
	}
	for _, x := range w.layout.Staged.Later {
		rows, err := s.query("SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "+
			"WHERE n.nspname = $1::name AND c.relname = $2::name AND k.conname = $3::name", textParam(staging.schema), textParam(staging.table), textParam(x.Name))
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			continue
		}
		if err := w.build(ctx, s, x.SQL); err != nil {
			return constraintError(err, fmt.Sprintf("make foreign key %s of %s", x.Name, w.name))
		}
	}
	return nil
}
