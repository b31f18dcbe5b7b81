package system

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// Postgres is a schema of a database of its own, reached by psql; the address names a database that is there. Reset makes the database
// with the extensions that the corpus has types of and the server has, and the schema anew; places that share the database share
// the extensions.
func Postgres(client, address, database, schema string) (*Place, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	p := &postgres{client, u, database, schema}
	return &Place{Connector: "postgres", Password: password(u), Texts: p, Endpoint: p.endpoint, Dataset: p.dataset, client: p}, nil
}

type postgres struct {
	program  string
	url      *url.URL
	database string
	schema   string
}

func (p *postgres) endpoint(addr string) string {
	host, port := address(addr, p.url.Host)
	return fmt.Sprintf("{connector: postgres, host: %s, port: %s, user: %s, password: %s, database: %s, schema: %s}", host, port, yaml(p.url.User.Username()),
		yaml(password(p.url)), yaml(p.database), yaml(p.schema))
}

func (p *postgres) dataset(table string) string {
	return quotePostgres(p.schema) + "." + quotePostgres(table)
}

// extensions are those whose types the corpus has.
const extensions = "'postgis', 'hstore', 'citext', 'ltree'"

func (p *postgres) Reset(ctx context.Context) error {
	found, _, err := p.ask(ctx, p.own(), "SELECT 1 FROM pg_database WHERE datname = "+textPostgres(p.database)+";")
	if err != nil {
		return err
	}
	if strings.TrimSpace(found) == "" {
		// not the machine's language: a proof is the same on all machines
		script := "CREATE DATABASE " + quotePostgres(p.database) + " TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';\n"
		if _, _, err := p.ask(ctx, p.own(), script, stopAtError); err != nil {
			return err
		}
	}
	return p.Run(ctx, "SELECT format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA public', name) FROM pg_available_extensions WHERE name IN ("+extensions+") \\gexec\n"+
		"DROP SCHEMA IF EXISTS "+quotePostgres(p.schema)+" CASCADE; CREATE SCHEMA "+quotePostgres(p.schema)+";\n")
}

func (p *postgres) Remove(ctx context.Context) error {
	_, _, err := p.ask(ctx, p.own(), "SET client_min_messages = error; DROP DATABASE IF EXISTS "+quotePostgres(p.database)+" WITH (FORCE);\n", stopAtError)
	return err
}

// own is the database that the address names.
func (p *postgres) own() string { return strings.TrimPrefix(p.url.Path, "/") }

const stopAtError = "--set=ON_ERROR_STOP=1"

// session makes the client show values in one form, whatever server and machine say.
func (p *postgres) session() string {
	return "SET client_min_messages = error; SET search_path = " + quotePostgres(p.schema) + ", public; SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'; " +
		"SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 1;\n"
}

func (p *postgres) Run(ctx context.Context, script string) error {
	_, _, err := p.ask(ctx, p.database, p.session()+"BEGIN;\n"+script+"\nCOMMIT;\n", stopAtError)
	return err
}

func (p *postgres) ask(ctx context.Context, database, script string, more ...string) (stdout, stderr string, err error) {
	args := append([]string{"--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator= ", "--host=" + p.url.Hostname(), "--port=" + p.url.Port(),
		"--username=" + p.url.User.Username(), "--dbname=" + database, "--file=-"}, more...)
	return command(ctx, script, []string{"PGPASSWORD=" + password(p.url), "PGCLIENTENCODING=UTF8", "PGOPTIONS="}, p.program, args...)
}

func (p *postgres) Show(ctx context.Context, looks []Look) ([]Shown, error) {
	shown := make([]Shown, len(looks))
	var b strings.Builder
	b.WriteString(p.session())
	for i, l := range looks {
		from, show := quotePostgres(l.Table), l.Show
		if l.Query != "" {
			from = "(" + oneLine(l.Query) + ") AS looked"
		}
		if show == "" {
			show = "v"
		}
		cell := func(expression string) string {
			return "coalesce('" + signText + "' || encode(convert_to((" + expression + ")::text, 'UTF8'), 'hex'), '" + signNull + "')"
		}
		fmt.Fprintf(&b, "SELECT 'look%d', '%s', %s FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s;\n",
			i, kindStored, cell("format_type(atttypid, atttypmod)"), textPostgres(quotePostgres(p.schema)+"."+quotePostgres(l.Table)), textPostgres(l.column()))
		fmt.Fprintf(&b, "SELECT 'look%d', '%s', %s, %s FROM %s;\n", i, kindRow, cell("id"), cell(show), from)
	}
	stdout, stderr, err := p.ask(ctx, p.database, b.String())
	if err != nil {
		return nil, err
	}
	blame(stderr, shown, 2, 2)
	return shown, read(stdout, shown)
}

func (p *postgres) Name(table string) string {
	return quotePostgres(p.schema) + "." + quotePostgres(table)
}

func (p *postgres) Make(table string, columns []string) string {
	return "CREATE TABLE " + p.Name(table) + " (id integer NOT NULL PRIMARY KEY, " + strings.Join(columns, ", ") + ");\n"
}

func (p *postgres) Put(table, id string, columns, literals []string) string {
	return putSQL(p.Name(table), id, columns, literals)
}

func (p *postgres) Only(table, id string) string {
	return "DELETE FROM " + p.Name(table) + " WHERE id <> " + id + ";\n"
}

func (p *postgres) Drop(table string) string {
	return "DROP TABLE IF EXISTS " + p.Name(table) + " CASCADE;\n"
}

func quotePostgres(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func textPostgres(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
