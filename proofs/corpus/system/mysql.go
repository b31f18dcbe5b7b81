package system

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// MySQL is a database of a MariaDB or MySQL server, reached by the mariadb client. Reset makes it anew.
func MySQL(client, address, database string) (*Place, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	m := &mysql{client, u, database}
	return &Place{Connector: "mysql", Password: password(u), Texts: m, Endpoint: m.endpoint, Dataset: m.dataset, client: m}, nil
}

type mysql struct {
	program  string
	url      *url.URL
	database string
}

func (m *mysql) endpoint(addr string) string {
	host, port := address(addr, m.url.Host)
	return fmt.Sprintf("{connector: mysql, host: %s, port: %s, user: %s, password: %s, database: %s}", host, port, yaml(m.url.User.Username()), yaml(password(m.url)), yaml(m.database))
}

func (m *mysql) dataset(table string) string { return quoteMySQL(m.database) + "." + quoteMySQL(table) }

func (m *mysql) Reset(ctx context.Context) error {
	if err := m.Remove(ctx); err != nil {
		return err
	}
	_, _, err := m.run(ctx, "", "CREATE DATABASE "+quoteMySQL(m.database)+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;")
	return err
}

func (m *mysql) Remove(ctx context.Context) error {
	_, _, err := m.run(ctx, "", "DROP DATABASE IF EXISTS "+quoteMySQL(m.database)+";")
	return err
}

// permissive lets a script put in what a strict session refuses: what stands in a source is what its server made of it.
const permissive = "SET time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';\n"

func (m *mysql) Run(ctx context.Context, script string) error {
	_, _, err := m.run(ctx, m.database, permissive+"SET autocommit = 0;\n"+script+"\nCOMMIT;\n")
	return err
}

func (m *mysql) run(ctx context.Context, database, script string, more ...string) (stdout, stderr string, err error) {
	args := append([]string{"--no-defaults", "--protocol=tcp", "--host=" + m.url.Hostname(), "--port=" + m.url.Port(), "--user=" + m.url.User.Username(),
		"--default-character-set=utf8mb4", "--binary-mode", "--max-allowed-packet=128M", "--skip-column-names", "--batch", "--raw"}, more...)
	return command(ctx, script, []string{"MYSQL_PWD=" + password(m.url)}, m.program, append(args, database)...)
}

func (m *mysql) Show(ctx context.Context, looks []Look) ([]Shown, error) {
	shown := make([]Shown, len(looks))
	var b strings.Builder
	b.WriteString("SET time_zone = '+00:00', sql_mode = '';\n")
	for i, l := range looks {
		from, show := quoteMySQL(l.Table), l.Show
		if l.Query != "" {
			from = "(" + oneLine(l.Query) + ") AS looked"
		}
		if show == "" {
			show = "v"
		}
		cell := func(expression string) string {
			return "IFNULL(CONCAT('" + signText + "', HEX(CAST((" + expression + ") AS CHAR CHARACTER SET utf8mb4))), '" + signNull + "')"
		}
		fmt.Fprintf(&b, "SELECT 'look%d', '%s', %s FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = %s;\n",
			i, kindStored, cell("COLUMN_TYPE"), textMySQL(m.database), textMySQL(l.Table), textMySQL(l.column()))
		fmt.Fprintf(&b, "SELECT 'look%d', '%s', %s, %s FROM %s;\n", i, kindRow, cell("id"), cell(show), from)
	}
	stdout, stderr, err := m.run(ctx, m.database, b.String(), "--force")
	if err != nil {
		return nil, err
	}
	blame(stderr, shown, 2, 2)
	return shown, read(stdout, shown)
}

func (m *mysql) Name(table string) string { return quoteMySQL(m.database) + "." + quoteMySQL(table) }

func (m *mysql) Make(table string, columns []string) string {
	return "CREATE TABLE " + m.Name(table) + " (id INT NOT NULL PRIMARY KEY, " + strings.Join(columns, ", ") + ");\n"
}

func (m *mysql) Put(table, id string, columns, literals []string) string {
	return putSQL(m.Name(table), id, columns, literals)
}

func (m *mysql) Only(table, id string) string {
	return "DELETE FROM " + m.Name(table) + " WHERE id <> " + id + ";\n"
}

func (m *mysql) Drop(table string) string { return "DROP TABLE IF EXISTS " + m.Name(table) + ";\n" }

func quoteMySQL(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func textMySQL(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", "''") + "'"
}

// putSQL puts a row in as SQL does; without literals the columns take what they have by themselves.
func putSQL(table, id string, columns, literals []string) string {
	names, values := []string{"id"}, append([]string{id}, literals...)
	if len(literals) > 0 {
		for _, c := range columns {
			names = append(names, columnName(c))
		}
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ");\n"
}
