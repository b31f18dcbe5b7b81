package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/internal/crashpoint"
)

// publish collapses the run's checkpoints into its marker and, for replace, puts the staging table in the table's place, in one
// transaction. The marker tells a second call that all is done.
func (w *writer) publish(ctx context.Context) error {
	if !w.target.Remembers() {
		return nil
	}
	return w.uncontended(ctx, func() error {
		return w.do(ctx, func(s *session) error {
			done, err := w.published(ctx, s)
			if err != nil || done {
				return err
			}
			if w.target.Mode == connector.Replace {
				if err := w.swap(s); err != nil {
					return err
				}
				crashpoint.At(w.name.String(), crashpoint.Swapped)
				defer crashpoint.At(w.name.String(), crashpoint.Elsewhere)
			}
			return w.memory.Collapse(ctx, conn{s})
		})
	})
}

// swapper collects the statements of a swap. What the table has is read while it is locked, so that nothing is lost that was
// granted or made while the run went on.
type swapper struct {
	s          *session
	w          *writer
	old, fresh uint32 // numbers of the tables
	before     []string
	after      []string // once the staging table has the name
}

// swap gives the table's name to the staging table, and to it what the table has.
func (w *writer) swap(s *session) error {
	p := &swapper{s: s, w: w}
	if w.layout.Found != "" {
		err := s.exec("LOCK TABLE " + w.name.quoted() + " IN ACCESS EXCLUSIVE MODE")
		if e, refused := errors.AsType[*serverError](err); refused && e.Code == "42P01" {
			return sqltarget.NotPlanned(w.name.String())
		}
		if err != nil {
			return err
		}
	}
	if _, err := w.unchanged(s, w.target); err != nil {
		return err
	}
	if err := s.exec("LOCK TABLE " + w.staging.quoted() + " IN ACCESS EXCLUSIVE MODE"); err != nil {
		return err
	}
	steps := []func() error{p.number, p.names}
	if w.layout.Staged != nil {
		steps = []func() error{p.number, p.keep, p.sequences, p.grants, p.columnGrants, p.triggers, p.statistics, p.comments, p.marks}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	all := p.before
	if w.layout.Staged != nil {
		all = append(all, "DROP TABLE "+w.name.quoted())
	}
	all = append(all, "ALTER TABLE "+w.staging.quoted()+" RENAME TO "+quote(w.name.table))
	for _, text := range append(all, p.after...) {
		if err := s.exec(text); err != nil {
			return classifyWrite(err, "swap table "+w.name.String())
		}
	}
	return nil
}

func (p *swapper) later(format string, args ...any) {
	p.after = append(p.after, fmt.Sprintf(format, args...))
}

// number finds the numbers of both tables.
func (p *swapper) number() error {
	for _, x := range []struct {
		name tableName
		oid  *uint32
	}{{p.w.name, &p.old}, {p.w.staging, &p.fresh}} {
		rows, err := p.s.query("SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::name AND c.relname = $2::name",
			textParam(x.name.schema), textParam(x.name.table))
		if err != nil {
			return err
		}
		if len(rows) == 1 {
			*x.oid = rows[0][0].oid()
		}
	}
	if p.fresh == 0 {
		return sqltarget.Gone(p.w.staging.String())
	}
	return nil
}

// keep refuses what came to hang on the table since the plan, and names the indexes as they were.
func (p *swapper) keep() error {
	if err := p.s.replaceable(&table{name: p.w.name, oid: p.old, kind: kindTable}); err != nil {
		return err
	}
	like, err := p.s.like(p.old)
	if err != nil {
		return err
	}
	if other := differences(p.w.layout.Staged.Like, like); len(other) > 0 {
		return connector.Errorf(connector.Changed, "TOW-167", "table %s was altered since it was planned: %s", p.w.name, strings.Join(other, "; ")).
			WithHint("Put the table back as it was and resume, or plan again.")
	}
	for _, x := range p.w.layout.Staged.Indexes {
		p.later("ALTER INDEX %s RENAME TO %s", tableName{p.w.name.schema, x.Name}.quoted(), quote(x.Final))
	}
	return nil
}

// names takes the run's key out of the names that the server made up for a table that is new: of the index of the key, and of sequences.
func (p *swapper) names() error {
	rows, err := p.s.query(`SELECT c.relname, c.relkind = 'S', EXISTS (SELECT FROM pg_class o WHERE o.relnamespace = c.relnamespace AND o.relname = $3::name || substr(c.relname, length($2) + 1))
FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype IN ('a', 'i')
WHERE c.relkind = 'S' AND starts_with(c.relname::text, $2)
UNION ALL SELECT x.relname, false, EXISTS (SELECT FROM pg_class o WHERE o.relnamespace = x.relnamespace AND o.relname = $3::name || substr(x.relname, length($2) + 1))
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = $1 AND starts_with(x.relname::text, $2)`,
		oidParam(p.fresh), textParam(p.w.staging.table), textParam(p.w.name.table))
	if err != nil {
		return err
	}
	for _, r := range rows {
		name := p.w.name.table + strings.TrimPrefix(r[0].text, p.w.staging.table)
		if r[2].bool() || len(name) > nameMost {
			continue // another has it: the name is only a name
		}
		p.later("ALTER %s %s RENAME TO %s", map[bool]string{true: "SEQUENCE", false: "INDEX"}[r[1].bool()], tableName{p.w.name.schema, r[0].text}.quoted(), quote(name))
	}
	return nil
}

// sequences moves those that belong to columns of the table over to the staging table. An identity column of the staging table has one of
// its own, which goes on where the old one stands, or behind the rows.
func (p *swapper) sequences() error {
	rows, err := p.s.query(`SELECT n.nspname, q.relname, a.attname, d.deptype = 'i', q.oid,
	(SELECT pg_get_serial_sequence(format('%I.%I', $2, $3), a.attname)), (SELECT t.typcategory = 'N' FROM pg_type t WHERE t.oid = a.atttypid) FROM pg_depend d
	JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S' JOIN pg_namespace n ON n.oid = q.relnamespace JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')`,
		oidParam(p.old), textParam(p.w.staging.schema), textParam(p.w.staging.table))
	if err != nil {
		return err
	}
	for _, r := range rows {
		old := tableName{r[0].text, r[1].text}
		if !r[3].bool() {
			p.before = append(p.before, "ALTER SEQUENCE "+old.quoted()+" OWNED BY "+p.w.staging.quoted()+"."+quote(r[2].text))
			if r[6].bool() {
				if err := p.s.moveSequenceOf(old.quoted(), p.w.staging, r[2].text); err != nil {
					return err
				}
			}
			continue
		}
		if r[5].null {
			return sqltarget.NotPlanned(p.w.name.String())
		}
		if _, err := p.s.query("SELECT setval($1::regclass, last_value, is_called) FROM "+old.quoted(), textParam(r[5].text)); err != nil {
			return err
		}
		if err := p.s.moveSequenceOf(r[5].text, p.w.staging, r[2].text); err != nil {
			return err
		}
		p.later("ALTER SEQUENCE %s RENAME TO %s", r[5].text, quote(old.table))
		if err := p.explode("SEQUENCE", old.quoted(), "SELECT relacl, relowner, 's' FROM pg_class WHERE oid = $1", r[4].oid(), ""); err != nil {
			return err
		}
	}
	return nil
}

// explode grants on an object what was granted on the one with the number. privileges selects its list, owner and kind; column is the
// part of a grant behind the right.
func (p *swapper) explode(kind, name, privileges string, oid uint32, column string) error {
	rows, err := p.s.query("SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.is_grantable "+
		"FROM ("+privileges+") x (acl, owner, kind) CROSS JOIN LATERAL aclexplode(x.acl) a WHERE x.acl IS NOT NULL", oidParam(oid))
	if err != nil {
		return err
	}
	for _, r := range rows {
		p.later("GRANT %s%s ON %s %s TO %s%s", r[0].text, column, kind, name, r[1].text, map[bool]string{true: " WITH GRANT OPTION"}[r[2].bool()])
	}
	return nil
}

// grants takes away what the server's default privileges gave to the staging table, and gives what the table had.
func (p *swapper) grants() error {
	rows, err := p.s.query("SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END "+
		"FROM pg_class c CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a WHERE c.oid = $1", oidParam(p.fresh))
	if err != nil {
		return err
	}
	given, err := p.s.query("SELECT relacl IS NOT NULL, quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = $1", oidParam(p.old))
	if err != nil || len(given) != 1 {
		return err
	}
	for _, r := range rows {
		if given[0][0].bool() || r[0].text != given[0][1].text {
			p.later("REVOKE ALL ON TABLE %s FROM %s", p.w.name.quoted(), r[0].text)
		}
	}
	return p.explode("TABLE", p.w.name.quoted(), "SELECT relacl, relowner, 'r' FROM pg_class WHERE oid = $1", p.old, "")
}

func (p *swapper) columnGrants() error {
	rows, err := p.s.query("SELECT attname, attnum FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attacl IS NOT NULL", oidParam(p.old))
	if err != nil {
		return err
	}
	for _, r := range rows {
		err := p.explode("TABLE", p.w.name.quoted(), "SELECT attacl, 0::oid, 'c' FROM pg_attribute WHERE attrelid = $1 AND attnum = "+r[1].text, p.old, " ("+quote(r[0].text)+")")
		if err != nil {
			return err
		}
	}
	return nil
}

// triggers makes them again: their definitions name the table, whose name the staging table has by then.
func (p *swapper) triggers() error {
	rows, err := p.s.query("SELECT tgname, pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY oid", oidParam(p.old))
	if err != nil {
		return err
	}
	for _, r := range rows {
		p.after = append(p.after, r[1].text)
		if state := map[string]string{"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}[r[2].text]; state != "" {
			p.later("ALTER TABLE %s %s TRIGGER %s", p.w.name.quoted(), state, quote(r[0].text))
		}
		if !r[3].null {
			p.later("COMMENT ON TRIGGER %s ON %s IS %s", quote(r[0].text), p.w.name.quoted(), literal(r[3].text))
		}
	}
	return nil
}

// statistics makes the extended ones again.
func (p *swapper) statistics() error {
	target := "-1"
	if p.s.version >= 130000 {
		target = "coalesce(stxstattarget, -1)"
	}
	rows, err := p.s.query("SELECT pg_get_statisticsobjdef(t.oid), n.nspname, t.stxname, "+target+" FROM pg_statistic_ext t JOIN pg_namespace n ON n.oid = t.stxnamespace WHERE t.stxrelid = $1 ORDER BY t.stxname", oidParam(p.old))
	if err != nil {
		return err
	}
	for _, r := range rows {
		p.after = append(p.after, r[0].text)
		if r[3].int64() >= 0 {
			p.later("ALTER STATISTICS %s SET STATISTICS %s", tableName{r[1].text, r[2].text}.quoted(), r[3].text)
		}
	}
	return nil
}

// comments carries over those of the table, its columns, indexes and constraints.
func (p *swapper) comments() error {
	rows, err := p.s.query(`SELECT 'TABLE ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname), obj_description(c.oid, 'pg_class') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
UNION ALL SELECT 'COLUMN ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname), col_description(c.oid, a.attnum) FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.oid = $1
UNION ALL SELECT 'INDEX ' || quote_ident(n.nspname) || '.' || quote_ident(x.relname), obj_description(x.oid, 'pg_class') FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
	JOIN pg_namespace n ON n.oid = x.relnamespace WHERE i.indrelid = $1 AND i.indisvalid
UNION ALL SELECT 'CONSTRAINT ' || quote_ident(k.conname) || ' ON ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname), obj_description(k.oid, 'pg_constraint')
	FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.conrelid = $1 AND k.contype IN ('p', 'u', 'x', 'f')`, oidParam(p.old))
	if err != nil {
		return err
	}
	for _, r := range rows {
		if !r[1].null {
			p.later("COMMENT ON %s IS %s", r[0].text, literal(r[1].text))
		}
	}
	return nil
}

// marks carries over which index the table is clustered by, and what identifies its rows for replication.
func (p *swapper) marks() error {
	rows, err := p.s.query(`SELECT c.relreplident, (SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisreplident),
	(SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisclustered) FROM pg_class c WHERE c.oid = $1`, oidParam(p.old))
	if err != nil || len(rows) != 1 {
		return err
	}
	r := rows[0]
	kept := func(name string) bool {
		return slices.ContainsFunc(p.w.layout.Staged.Indexes, func(x stagedIndex) bool { return x.Final == name })
	}
	switch {
	case r[0].text == "f":
		p.later("ALTER TABLE %s REPLICA IDENTITY FULL", p.w.name.quoted())
	case r[0].text == "n":
		p.later("ALTER TABLE %s REPLICA IDENTITY NOTHING", p.w.name.quoted())
	case r[0].text == "i" && kept(r[1].text):
		p.later("ALTER TABLE %s REPLICA IDENTITY USING INDEX %s", p.w.name.quoted(), quote(r[1].text))
	}
	if !r[2].null && kept(r[2].text) {
		p.later("ALTER TABLE %s CLUSTER ON %s", p.w.name.quoted(), quote(r[2].text))
	}
	return nil
}
