package mysql

import (
	"cmp"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqlname"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// grants returns the statements that give the connection's account what a use of it needs. README.md says what each right is for.
func grants(o Connection, u connector.Use) (string, error) {
	if o.User == "" {
		return "", connector.Errorf(connector.Config, "TOW-403", "no user is given").At("connection.user")
	}
	var out []string
	grant := func(rights, on string) {
		text := "GRANT " + rights + " ON " + on + " TO " + quote(o.User) + "@" + quote(cmp.Or(u.From, "%")) + ";\n"
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	datasets := u.Datasets
	if len(datasets) == 0 {
		datasets = []string{"*"}
	}
	for _, d := range datasets {
		database, table, err := parsePattern(d, o.Database)
		if err != nil {
			return "", err
		}
		if !database.Quoted && strings.Trim(database.Text, "*") == "" {
			return "", connector.Errorf(connector.Config, "TOW-415", "%q is of every database, those of the server itself too", d).
				WithHint("Name the database: shop.*")
		}
		// Rights to tables that are not known yet, staging tables among them, are rights to their database.
		all := databasePattern(database) + ".*"
		on := quote(database.Text) + "." + quote(table.Text)
		if database.IsPattern() || table.IsPattern() || u.Write && (u.Mode == "" || u.Mode == connector.Replace) {
			on = all
		}
		if !u.Write {
			grant("SELECT, SHOW VIEW", on)
			if u.Snapshot {
				grant("LOCK TABLES", all)
			}
			continue
		}
		grant(writeRights(u), on)
		if u.Mode != "" && u.Mode != connector.Replace {
			checkpoints := quote(database.Text) + "." + quote(sqltarget.Checkpoints)
			if database.IsPattern() {
				checkpoints = all
			}
			grant("SELECT, INSERT, UPDATE, DELETE, CREATE", checkpoints)
		}
	}
	return strings.Join(out, ""), nil
}

// writeRights are those to the target of a use that writes.
func writeRights(u connector.Use) string {
	rights := "SELECT, INSERT, CREATE"
	switch u.Mode {
	case "", connector.Replace:
		rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, TRIGGER"
	case connector.Upsert:
		rights += ", UPDATE"
	}
	if (u.Create.Indexes || u.Create.References) && !strings.Contains(rights, "ALTER") {
		rights += ", ALTER"
	}
	if u.Create.References {
		rights += ", REFERENCES"
	}
	return rights
}

// parsePattern reads db.table, or table alone of the connection's database, each of which may be a pattern.
func parsePattern(text, database string) (of, table sqlname.Part, err error) {
	parts, ok := mark.Split(text)
	if ok && len(parts) == 1 {
		of := sqlname.Part{Text: database, Quoted: true}
		if database == "" {
			of = sqlname.Part{Text: "*"}
		}
		parts = []sqlname.Part{of, parts[0]}
	}
	if !ok || len(parts) != 2 {
		return of, table, connector.Errorf(connector.Config, "TOW-415", "%q is no pattern: write database.table", text)
	}
	return parts[0], parts[1], nil
}

// databasePattern writes a database, or a pattern of some, as GRANT reads it where rights to all tables are given: % and _ stand for other
// characters there. https://dev.mysql.com/doc/refman/8.4/en/grant.html
func databasePattern(p sqlname.Part) string {
	return quote(p.Like())
}
