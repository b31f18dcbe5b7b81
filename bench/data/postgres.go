package data

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Postgres is a PostgreSQL server, reached by its own command line client.
type Postgres struct {
	Client string   // path of psql
	URL    *url.URL // postgres://user:password@host:port/database; its user may create databases
}

// In returns the same server with another database.
func (p Postgres) In(database string) Postgres {
	address := *p.URL
	address.Path = "/" + database
	return Postgres{Client: p.Client, URL: &address}
}

// Args returns the arguments of the client that connect to the server: no file of this machine's adds to them, rows are printed
// bare, and the first error ends it. The password goes into the environment, as Env returns it.
func (p Postgres) Args(more ...string) []string {
	return append([]string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "--host=" + p.URL.Hostname(), "--port=" + cmp.Or(p.URL.Port(), "5432"),
		"--username=" + p.URL.User.Username(), "--dbname=" + strings.TrimPrefix(p.URL.Path, "/")}, more...)
}

// Env returns the variable that holds the password.
func (p Postgres) Env() string {
	password, _ := p.URL.User.Password()
	return "PGPASSWORD=" + password
}

// Run runs statements and returns what the client printed: rows in lines, bars between cells.
func (p Postgres) Run(ctx context.Context, statements string) (string, error) {
	return p.feed(ctx, nil, "-c", statements)
}

func (p Postgres) feed(ctx context.Context, in io.Reader, args ...string) (string, error) {
	return feed(ctx, p.Client, p.Args(args...), p.Env(), in)
}

// MakeDatabase makes a database where there is none of that name.
func (p Postgres) MakeDatabase(ctx context.Context, name string) error {
	found, err := p.Run(ctx, "SELECT 1 FROM pg_database WHERE datname = '"+name+"'")
	if err == nil && found == "" {
		_, err = p.Run(ctx, "CREATE DATABASE "+name)
	}
	return err
}

// FillPostgres is Fill for PostgreSQL: the table stands in the schema public of the server's database, which is there already.
func (t *Table) FillPostgres(ctx context.Context, p Postgres, seed uint64, rows int64) (string, error) {
	name, comment := t.names(seed, rows)
	found, err := p.Run(ctx, "SELECT obj_description(to_regclass('public."+name+"'), 'pg_class')")
	if err != nil || found == comment {
		return name, err
	}
	part := name + "_part"
	create, err := t.CreatePostgres(part)
	if err != nil {
		return name, err
	}
	if _, err := p.Run(ctx, "SET client_min_messages = warning; DROP TABLE IF EXISTS "+name+", "+part+"; "+create); err != nil {
		return name, err
	}
	err = t.generate(seed, 1, rows, func(in io.Reader) error {
		_, err := p.feed(ctx, in, "-c", `\copy `+part+` FROM pstdin`)
		return err
	})
	if err != nil {
		return name, err
	}
	_, err = p.Run(ctx, "COMMENT ON TABLE "+part+" IS '"+comment+"'; ALTER TABLE "+part+" RENAME TO "+name)
	if err == nil {
		_, err = p.Run(ctx, "VACUUM (ANALYZE) "+name)
	}
	return name, err
}

// CreatePostgres is Create for PostgreSQL. The types of Narrow alone have a counterpart.
func (t *Table) CreatePostgres(name string) (string, error) {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + name + " (")
	for _, c := range t.Columns {
		word, rest := c.Type, ""
		if end := strings.IndexAny(c.Type, " ("); end > 0 {
			word, rest = c.Type[:end], c.Type[end:]
		}
		typ, ok := map[string]string{"BIGINT": "bigint", "INT": "integer", "SMALLINT": "smallint", "DECIMAL": "numeric", "DOUBLE": "double precision",
			"DATETIME": "timestamp", "VARCHAR": "varchar"}[word]
		if !ok {
			return "", fmt.Errorf("table %s has a column %s of type %s, which is not made for PostgreSQL", t.Name, c.Name, c.Type)
		}
		if word == "DATETIME" && !strings.HasPrefix(rest, "(") { // without digits, where PostgreSQL has six
			rest = "(0)" + rest
		}
		b.WriteString(c.Name + " " + typ + rest + ", ")
	}
	b.WriteString("PRIMARY KEY (id))")
	return b.String(), nil
}
