package faults

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/tools/testservers/servers"
)

// side is what stands at an end of a job: a server and its own way to its rows.
type side interface {
	// connection is the server in a job; at is an address to use instead, as a proxy's, or "".
	connection(at, options string) string
	// dataset is what a job calls a table or an index.
	dataset(name string) string
	// address is host:port.
	address() string
	// rows are those of a table or an index by their id, in a form that all sides share; two of the same id fail the test.
	rows(name string) map[int64]string
	// vacant is a name of the test's own; what comes to stand there goes with the test.
	vacant() string
}

// need is a server that is shared with others.
func need(t *testing.T, name string) side {
	t.Helper()
	s := servers.Need(t, name)
	if s.Client == "" {
		return search{s.URL, t}
	}
	return base{s, t}
}

// base is a database of a MariaDB or PostgreSQL server, reached by its own client.
type base struct {
	servers.Server
	t *testing.T
}

func (b base) postgres() bool { return b.Client != "" && strings.HasPrefix(b.URL, "postgres:") }

// sql runs statements and returns what the client prints.
func (b base) sql(text string) string {
	b.t.Helper()
	c := exec.CommandContext(context.Background(), b.Client, "--no-defaults", "--protocol=tcp", "--host="+b.Host(), "--port="+b.Port(), "--user="+b.User(),
		"--default-character-set=utf8mb4", "--skip-column-names", "--batch", "--raw", b.Database())
	if b.postgres() {
		c = exec.CommandContext(context.Background(), b.Client, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=\t",
			"--set=ON_ERROR_STOP=1", "--host="+b.Host(), "--port="+b.Port(), "--username="+b.User(), "--dbname="+b.Database(), "--file=-")
	}
	c.Env = append(os.Environ(), "MYSQL_PWD="+b.Password(), "PGPASSWORD="+b.Password(), "PGCLIENTENCODING=UTF8", "PGOPTIONS=-c client_min_messages=error")
	c.Stdin = strings.NewReader(text)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		b.t.Fatalf("%s: %v: %s", text, err, stderr.String())
	}
	return string(out)
}

func (b base) address() string { return b.Addr() }

func (b base) dataset(name string) string {
	if b.postgres() {
		return "public." + name
	}
	return b.Database() + "." + name
}

func (b base) connection(at, options string) string {
	host, port := b.Host(), b.Port()
	if at != "" {
		host, port, _ = strings.Cut(at, ":")
	}
	connector := "mysql"
	if b.postgres() {
		connector, options = "postgres", "database: "+b.Database()+more(options)
	}
	return fmt.Sprintf("{connector: %s, host: %s, port: %s, user: %s, password: towpath%s}", connector, host, port, b.User(), more(options))
}

// columns of the tests' tables; none of them is a key yet.
func (b base) columns() string {
	if b.postgres() {
		return "id BIGINT NOT NULL, name VARCHAR(60) NOT NULL, amount NUMERIC(12,2), at TIMESTAMP(6), note TEXT, n BIGINT"
	}
	return "id BIGINT NOT NULL, name VARCHAR(60) NOT NULL, amount DECIMAL(12,2), at DATETIME(6), note TEXT, n INT UNSIGNED"
}

// table makes a table of n rows under a name of its own.
func (b base) table(n int) string {
	b.t.Helper()
	name := newName()
	b.sql("CREATE TABLE " + name + " (" + b.columns() + ", PRIMARY KEY (id))")
	if b.postgres() {
		b.sql("INSERT INTO " + name + ` SELECT seq, 'person ' || seq || ' Zoë "q"', seq * 1.37, timestamp '2026-01-01' + seq * interval '1234567 microseconds',
			CASE WHEN seq % 7 > 0 THEN repeat(chr(97 + seq % 26), seq % 90) END, seq * 7919 FROM generate_series(1, ` + strconv.Itoa(n) + ") seq")
		return name
	}
	b.sql("INSERT INTO " + name + ` SELECT seq, CONCAT('person ', seq, ' Zoë "q"'), seq * 1.37, '2026-01-01' + INTERVAL seq * 1234567 MICROSECOND,
		IF(seq % 7 = 0, NULL, REPEAT(CHAR(97 + seq % 26), seq % 90)), seq * 7919 FROM seq_1_to_` + strconv.Itoa(n))
	return name
}

// empty makes a table without rows under a name of its own: with more, as a key or a check, or with nothing that keeps a row from standing twice.
func (b base) empty(more string) string {
	b.t.Helper()
	name := b.vacant()
	b.sql("CREATE TABLE " + name + " (" + b.columns() + more + ")")
	return name
}

// drop removes a table of a shared server at the end of the test.
func (b base) drop(table string) {
	b.t.Cleanup(func() { b.sql("DROP TABLE IF EXISTS " + table) })
}

func (b base) vacant() string {
	name := newName()
	b.drop(name)
	return name
}

func (b base) rows(table string) map[int64]string {
	b.t.Helper()
	text := "CONCAT_WS('|', name, amount, DATE_FORMAT(at, '%Y-%m-%dT%H:%i:%s.%f'), IFNULL(note, 'NULL'), n)"
	if b.postgres() {
		text = `concat_ws('|', name, amount, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), coalesce(note, 'NULL'), n)`
	}
	rows := map[int64]string{}
	for line := range strings.Lines(b.sql("SELECT id, " + text + " FROM " + table)) {
		key, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			b.t.Fatal(err)
		}
		if _, twice := rows[id]; twice {
			b.t.Errorf("row %d stands twice", id)
		}
		rows[id] = rest
	}
	return rows
}

// objects are all tables of the database that hold the text in their names.
func (b base) objects(text string) string {
	b.t.Helper()
	if b.postgres() {
		return b.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '%" + text + "%' ORDER BY 1")
	}
	return b.sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '%" + text + "%' ORDER BY 1")
}
