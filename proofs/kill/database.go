package kill

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/towpath/towpath/proofs/machine"
)

// database is a SQL store as its own client sees it.
type database interface {
	// run runs statements and returns the lines that they print, cells between tabs.
	run(ctx context.Context, statements string) ([]byte, error)
	// says is what is said in its own language.
	says() language
	// connection is how the program reaches it, as connections.yaml has it.
	connection() string
}

// language is what is said differently in each store. Tables are in places: databases of a MySQL server, schemas of PostgreSQL.
type language struct {
	// orders selects the rows of {table}, of orders, in the form that all stores share: id, customer, cents, note and revision, texts
	// as the hex digits of their UTF-8.
	orders  string
	reset   string // removes {place} with all that is in it, and makes it anew
	remove  string // removes {place}
	objects string // lists everything that stands in {place}
	table   string // names {table} of {place}
}

// of puts names into what is said.
func of(text, place, table string) string {
	return strings.NewReplacer("{place}", place, "{table}", table).Replace(text)
}

// command runs a client with statements on its standard input.
func command(ctx context.Context, statements, password string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = []string{"MYSQL_PWD=" + password, "PGPASSWORD=" + password, "PGCLIENTENCODING=UTF8"}
	c.Stdin = strings.NewReader(statements)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %.1000s", filepath.Base(args[0]), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

func passwordOf(u *url.URL) string {
	p, _ := u.User.Password()
	return p
}

// mariadb is a MySQL-like server behind the mariadb command.
type mariadb struct{ machine.Server }

func (m mariadb) run(ctx context.Context, statements string) ([]byte, error) {
	return command(ctx, statements, passwordOf(m.URL), m.Client, "--no-defaults", "--skip-ssl", "--default-character-set=utf8mb4",
		"-h", m.URL.Hostname(), "-P", m.URL.Port(), "-u", m.URL.User.Username(), "-N", "-B", "--quick")
}

func (mariadb) says() language {
	return language{
		orders: "SELECT id, HEX(customer), cents, IFNULL(HEX(note), 'null'), revision FROM {table}",
		reset:  "DROP DATABASE IF EXISTS {place}; CREATE DATABASE {place} CHARACTER SET utf8mb4",
		remove: "DROP DATABASE IF EXISTS {place}",
		table:  "{place}.{table}",
		objects: `SELECT CONCAT('table ', TABLE_NAME, ' "', TABLE_COMMENT, '"') FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{place}'
			UNION ALL SELECT DISTINCT CONCAT('index ', INDEX_NAME, ' of ', TABLE_NAME) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{place}'
			UNION ALL SELECT CONCAT('check ', CHECK_CLAUSE, ' of ', TABLE_NAME) FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = '{place}'`,
	}
}

func (m mariadb) connection() string {
	return m.connectionOf(m.URL.User.Username(), passwordOf(m.URL))
}

func (m mariadb) connectionOf(user, password string) string {
	return fmt.Sprintf("{connector: mysql, host: %q, port: %s, user: %q, password: %q}", m.URL.Hostname(), m.URL.Port(), user, password)
}

// postgres is a database of a PostgreSQL server behind psql.
type postgres struct{ machine.Server }

func (p postgres) run(ctx context.Context, statements string) ([]byte, error) {
	return command(ctx, "SET client_min_messages = error;"+statements, passwordOf(p.URL), p.Client, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
		"--field-separator=\t", "--set=ON_ERROR_STOP=1", "--host="+p.URL.Hostname(), "--port="+p.URL.Port(), "--username="+p.URL.User.Username(),
		"--dbname="+p.database(), "--file=-")
}

func (p postgres) database() string { return strings.TrimPrefix(p.URL.Path, "/") }

func (postgres) says() language {
	return language{
		orders: "SELECT id, upper(encode(convert_to(customer, 'UTF8'), 'hex')), cents, coalesce(upper(encode(convert_to(note, 'UTF8'), 'hex')), 'null'), revision FROM {table}",
		reset:  "DROP SCHEMA IF EXISTS {place} CASCADE; CREATE SCHEMA {place}",
		remove: "DROP SCHEMA IF EXISTS {place} CASCADE",
		table:  "{place}.{table}",
		objects: `SELECT c.relkind::text || ' ' || c.relname::text || ' "' || coalesce(obj_description(c.oid, 'pg_class'), '') || '"' FROM pg_class c WHERE c.relnamespace = '{place}'::regnamespace
			UNION ALL SELECT 'constraint ' || conname::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = '{place}'::regnamespace AND contype <> 'n'`,
	}
}

func (p postgres) connection() string {
	return fmt.Sprintf("{connector: postgres, host: %q, port: %s, user: %q, password: %q, database: %q}", p.URL.Hostname(), p.URL.Port(), p.URL.User.Username(),
		passwordOf(p.URL), p.database())
}

// sqlite is a database file behind plain SQL; it is a place of its own.
type sqlite struct{ path string }

func (s sqlite) run(ctx context.Context, statements string) (out []byte, err error) {
	db, err := openFile(s.path, "rwc")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if !strings.HasPrefix(statements, "SELECT ") {
		// a process that is frozen while it reads keeps nobody from writing then
		if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
			return nil, err
		}
		_, err := db.ExecContext(ctx, "BEGIN;"+statements+";COMMIT")
		return nil, err
	}
	rows, err := db.QueryContext(ctx, statements)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var line sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		out = append(append(out, line...), '\n')
	}
	return out, rows.Err()
}

func (sqlite) says() language {
	return language{
		orders: "SELECT id || char(9) || hex(customer) || char(9) || cents || char(9) || CASE WHEN note IS NULL THEN 'null' ELSE hex(note) END || char(9) || revision FROM {table}",
		reset:  "DROP TABLE IF EXISTS orders",
		remove: "DROP TABLE IF EXISTS orders",
		table:  "{table}",
	}
}

func (s sqlite) connection() string { return fmt.Sprintf("{connector: sqlite, path: %q}", s.path) }
