package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqlname"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// grants returns the statements that give the connection's role what a use of it needs. README.md says what each right is for.
func grants(o Connection, u connector.Use) (string, error) {
	if err := o.checkNames(); err != nil {
		return "", err
	}
	g := &granting{role: quote(o.User), use: u}
	rights := "CONNECT"
	if u.Write {
		rights += ", TEMPORARY"
	}
	g.grant(rights, "DATABASE "+quote(o.Database))
	datasets := u.Datasets
	if len(datasets) == 0 {
		datasets = []string{"*.*"}
	}
	for _, dataset := range datasets {
		schema, table, err := parsePattern(dataset, o.Schema)
		if err != nil {
			return "", err
		}
		if u.Write && schema.IsPattern() {
			return "", connector.Errorf(connector.Config, "TOW-715", "%q names no schema that tables could be made in", dataset)
		}
		g.dataset(schema, table)
	}
	if u.Write && (u.Mode == "" || u.Mode == connector.Replace) {
		g.out = append(g.out, "-- A table that is there is replaced by its owner, or a member of its owner, alone.\n")
	}
	return strings.Join(g.out, ""), nil
}

// granting is a script that is being written.
type granting struct {
	role string // quoted
	use  connector.Use
	out  []string
}

func (g *granting) add(text string) {
	if !slices.Contains(g.out, text) {
		g.out = append(g.out, text)
	}
}

func (g *granting) grant(rights, on string) {
	g.add("GRANT " + rights + " ON " + on + " TO " + g.role + ";\n")
}

func (g *granting) dataset(schema, table sqlname.Part) {
	switch {
	case g.use.Write:
		g.grant("USAGE, CREATE", "SCHEMA "+quote(schema.Text))
		g.each(schema, table, g.tableRights(), "")
		// The table of checkpoints is made by the first run, or was made by another role.
		g.each(schema, sqlname.Part{Text: sqltarget.Checkpoints, Quoted: true}, "SELECT, INSERT, UPDATE, DELETE", "")
	case schema.IsPattern():
		g.each(schema, table, "SELECT", "USAGE")
	case table.IsPattern():
		g.grant("USAGE", "SCHEMA "+quote(schema.Text))
		g.each(schema, table, "SELECT", "")
	default:
		g.grant("USAGE", "SCHEMA "+quote(schema.Text))
		g.grant("SELECT", quote(schema.Text)+"."+quote(table.Text))
	}
}

// tableRights are those to a target that is there.
func (g *granting) tableRights() string {
	rights := "INSERT"
	if g.use.Mode == "" || g.use.Mode == connector.Upsert {
		rights = "SELECT, INSERT, UPDATE"
	}
	if g.use.Create.References {
		rights += ", REFERENCES"
	}
	return rights
}

// each adds a block that gives rights to each table there is which fits: those of a pattern, or one that perhaps is not there yet; for
// targets to the sequences of its columns too, and where schemaRights are given to its schema.
func (g *granting) each(schema, table sqlname.Part, rights, schemaRights string) {
	var b strings.Builder
	run := func(indent, what, names string) {
		fmt.Fprintf(&b, "%sEXECUTE pg_catalog.format(%s, %s);\n", indent, literal("GRANT "+what+" TO "+strings.ReplaceAll(g.role, "%", "%%")), names)
	}
	fmt.Fprintf(&b, "DECLARE t record; s record;\nBEGIN\n  FOR t IN SELECT n.nspname, c.relname, c.oid%s\n\tAND n.nspname LIKE %s AND c.relname LIKE %s\n  LOOP\n", fromDatasets, like(schema), like(table))
	if schemaRights != "" {
		run("    ", schemaRights+" ON SCHEMA %I", "t.nspname")
	}
	run("    ", rights+" ON %I.%I", "t.nspname, t.relname")
	if g.use.Write {
		b.WriteString("    FOR s IN SELECT n.nspname, c.relname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n" +
			"\tWHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = d.classid AND d.refobjid = t.oid AND d.deptype IN ('a', 'i')\n    LOOP\n")
		run("      ", "USAGE, SELECT, UPDATE ON SEQUENCE %I.%I", "s.nspname, s.relname")
		b.WriteString("    END LOOP;\n")
	}
	b.WriteString("  END LOOP;\nEND")
	// A name could hold what the block ends with.
	tag := "$towpath$"
	for i := 0; strings.Contains(b.String(), tag); i++ {
		tag = fmt.Sprintf("$towpath%d$", i)
	}
	g.add("DO " + tag + "\n" + b.String() + " " + tag + ";\n")
}

// parsePattern reads schema.table, or table alone in the connection's schema, each of which may be a pattern.
func parsePattern(text, schema string) (of, table sqlname.Part, err error) {
	parts, ok := mark.Split(text)
	if ok && len(parts) == 1 {
		parts = []sqlname.Part{{Text: schema, Quoted: true}, parts[0]}
	}
	if !ok || len(parts) != 2 {
		return of, table, connector.Errorf(connector.Config, "TOW-715", "%q is no pattern: write schema.table", text)
	}
	return parts[0], parts[1], nil
}

// like writes a part as the operand of LIKE.
func like(p sqlname.Part) string {
	return literal(p.Like())
}
