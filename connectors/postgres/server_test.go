package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// judge is a second way to the server: the library's simple protocol with text results, which shares no code with what is tested.
type judge struct {
	t      *testing.T
	mu     sync.Mutex
	conn   *pgconn.PgConn
	srv    servers.Server
	schema string // of the test's own
	major  int    // of the server's version
}

// everyVersion runs a test on the oldest and the newest server, and on two between.
func everyVersion(t *testing.T, test func(t *testing.T, j *judge)) {
	t.Parallel()
	for _, name := range []string{"postgres11", "postgres", "postgres17", "postgres18"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, judgeAt(t, servers.Need(t, name)))
		})
	}
}

// newJudge makes a schema of the test's own, dropped at its end.
func newJudge(t *testing.T) *judge {
	t.Helper()
	return judgeAt(t, servers.Need(t, "postgres"))
}

func judgeAt(t *testing.T, srv servers.Server) *judge {
	t.Helper()
	j := &judge{t: t, srv: srv, schema: "tw_" + strings.ToLower(rand.Text()[:12])}
	j.conn = dialJudge(t, srv.URL)
	number, _ := strconv.Atoi(j.rows("SHOW server_version_num")[0][0])
	j.major = number / 10_000
	j.exec("CREATE SCHEMA " + j.schema)
	t.Cleanup(func() {
		j.conn.Close(context.Background())
		last := &judge{t: t, conn: dialJudge(t, srv.URL)}
		defer last.conn.Close(context.Background())
		last.exec("DROP SCHEMA " + j.schema + " CASCADE")
	})
	j.settle()
	return j
}

// database makes a database of the test's own, dropped at its end, and a judge in it.
func database(t *testing.T, srv servers.Server, how string) *judge {
	t.Helper()
	name := "tw_" + strings.ToLower(rand.Text()[:12])
	admin := &judge{t: t, conn: dialJudge(t, srv.URL)}
	t.Cleanup(func() { admin.conn.Close(context.Background()) })
	admin.exec("CREATE DATABASE " + name + " " + how)
	t.Cleanup(func() { admin.exec("DROP DATABASE " + name + " WITH (FORCE)") })
	srv.URL = strings.TrimSuffix(srv.URL, srv.Database()) + name
	return judgeAt(t, srv)
}

func dialJudge(t *testing.T, url string) *pgconn.PgConn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, url+"?sslmode=disable")
	if err != nil {
		t.Fatalf("connect to test server: %v", err)
	}
	return conn
}

func (j *judge) settle() {
	j.exec("SET search_path = " + j.schema + ", public; SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'; SET client_min_messages = error; SET extra_float_digits = 3")
}

// other is a second connection of the judge, for what happens beside a read.
func (j *judge) other() *judge {
	o := &judge{t: j.t, srv: j.srv, schema: j.schema, major: j.major, conn: dialJudge(j.t, j.srv.URL)}
	j.t.Cleanup(func() { o.conn.Close(context.Background()) })
	o.settle()
	return o
}

func (j *judge) try(text string) ([]*pgconn.Result, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.conn.Exec(context.Background(), text).ReadAll()
}

func (j *judge) exec(text string) {
	j.t.Helper()
	if _, err := j.try(text); err != nil {
		j.t.Fatalf("%.300s: %v", text, err)
	}
}

func (j *judge) execf(format string, args ...any) {
	j.t.Helper()
	j.exec(fmt.Sprintf(format, args...))
}

// extend makes extensions, which stay, as other tests use them too.
func (j *judge) extend(names ...string) {
	j.t.Helper()
	for _, name := range names {
		j.execf("SELECT pg_advisory_lock(4711); CREATE EXTENSION IF NOT EXISTS %s SCHEMA public; SELECT pg_advisory_unlock(4711)", name)
	}
}

// rows returns a result as the server writes it in text; NULL is <null>.
func (j *judge) rows(format string, args ...any) []row {
	j.t.Helper()
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	results, err := j.try(text)
	if err != nil {
		j.t.Fatalf("%.300s: %v", text, err)
	}
	out := []row{}
	for _, values := range results[len(results)-1].Rows {
		r := make(row, len(values))
		for i, v := range values {
			if r[i] = string(v); v == nil {
				r[i] = "<null>"
			}
		}
		out = append(out, r)
	}
	return out
}

func (j *judge) options(more map[string]any) json.RawMessage {
	port, _ := strconv.Atoi(j.srv.Port())
	o := map[string]any{"host": j.srv.Host(), "port": port, "user": j.srv.User(), "password": j.srv.Password(), "database": j.srv.Database(), "schema": j.schema}
	for k, v := range more {
		o[k] = v
	}
	raw, _ := json.Marshal(o)
	return raw
}

// client opens a client of the connector.
func (j *judge) client(more map[string]any) *Client {
	j.t.Helper()
	c, err := Connector().Open(j.t.Context(), connector.Connection{Name: "shop", Options: j.options(more)})
	if err != nil {
		j.t.Fatalf("open: %v", err)
	}
	j.t.Cleanup(func() { c.Close() })
	return c.(*Client)
}

func (j *judge) reader(c *Client, s connector.Source) connector.Reader {
	j.t.Helper()
	r, err := Connector().Read(j.t.Context(), c, s)
	if err != nil {
		j.t.Fatalf("read %s%s: %v", s.Dataset, s.Query, err)
	}
	j.t.Cleanup(func() { r.Close() })
	return r
}

// row is a row as text; a mark is code:raw.
type row = readtest.Row

// fill makes a table of n rows with an integer key and some characters.
func (j *judge) fill(name string, n int) {
	j.t.Helper()
	j.execf("CREATE TABLE %s (id int PRIMARY KEY, v varchar(200))", name)
	j.execf("INSERT INTO %s SELECT i, repeat('x', i %% 200) FROM generate_series(1, %d) i", name, n)
}
func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func codeOf(err error) string {
	if e, ok := err.(*connector.Error); ok {
		return e.Code
	}
	return ""
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want, dataset string }{
		{"postgres://shop:p%40ss@db1:3307/shop/public.orders", `{"database":"shop","host":"db1","password":"p@ss","port":3307,"user":"shop"}`, "public.orders"},
		{"postgresql://db1/shop/order_*", `{"database":"shop","host":"db1"}`, "order_*"},
		{"postgres://shop@[::1]:5432/shop", `{"database":"shop","host":"::1","port":5432,"user":"shop"}`, ""},
		{"postgres://db1/shop/orders?sslmode=disable", "", ""},
		{"postgres://db1/shop/orders#x", "", ""},
	} {
		u, err := url.Parse(c.in)
		if err != nil {
			t.Fatal(err)
		}
		options, dataset, err := fromURL(u)
		got, _ := json.Marshal(options)
		if (err != nil) != (c.want == "") || (err == nil && (string(got) != c.want || dataset != c.dataset)) {
			t.Errorf("%s: got %s %q %v, want %s %q", c.in, got, dataset, err, c.want, c.dataset)
		}
	}
}
