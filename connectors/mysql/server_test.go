package mysql

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// judge is a second way to the server: the library's own text protocol, which shares no code with what is tested.
type judge struct {
	t    *testing.T
	conn *client.Conn
	srv  servers.Server
	db   string
	one  *Client
}

// newJudge makes a database of the test's own, dropped at its end.
func newJudge(t *testing.T) *judge {
	t.Helper()
	return judgeAt(t, "mariadb")
}

func judgeAt(t *testing.T, name string) *judge {
	t.Helper()
	srv := servers.Need(t, name)
	if name == "mysql55" {
		srv.URL = strings.Replace(srv.URL, srv.Addr(), fmt.Sprintf("127.0.0.1:%d", endGreeting(t, srv.Addr())), 1)
	}
	conn, err := client.Connect(srv.Addr(), srv.User(), srv.Password(), "")
	if err != nil {
		t.Fatalf("connect to test server: %v", err)
	}
	j := &judge{t: t, conn: conn, srv: srv, db: "tw_" + strings.ToLower(rand.Text()[:12])}
	t.Cleanup(func() { conn.Close() })
	j.exec("CREATE DATABASE " + j.db + " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
	t.Cleanup(func() { j.exec("DROP DATABASE " + j.db) })
	j.exec("USE " + j.db)
	j.exec("SET NAMES utf8mb4")
	j.exec("SET time_zone = '+00:00'")
	j.exec("SET sql_mode = 'ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'")
	return j
}

// endGreeting stands between the library and MySQL 5.5.9, which forgets the zero byte at the end of its greeting
// (https://bugs.mysql.com/bug.php?id=59453), and returns its port.
func endGreeting(t *testing.T, address string) int {
	t.Helper()
	return listen(t, func(near net.Conn) {
		far, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer far.Close()
		p := readPacket(far)
		if _, err := near.Write(packetOf(0, string(p)+"\x00")); err != nil {
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(far, near)
			far.Close()
		}()
		_, _ = io.Copy(near, far)
		near.Close()
		<-done
	})
}

func (j *judge) exec(text string) {
	j.t.Helper()
	if _, err := j.conn.Execute(text); err != nil {
		j.t.Fatalf("%.200s: %v", text, err)
	}
}

func (j *judge) execf(format string, args ...any) {
	j.t.Helper()
	j.exec(fmt.Sprintf(format, args...))
}

// rows returns a result as the server writes it in text; NULL is <null>.
func (j *judge) rows(format string, args ...any) [][]string {
	j.t.Helper()
	res, err := j.conn.Execute(fmt.Sprintf(format, args...))
	if err != nil {
		j.t.Fatalf("%s: %v", format, err)
	}
	defer res.Close()
	out := [][]string{}
	for _, r := range res.RowDatas {
		values, err := r.ParseText(res.Fields, nil)
		if err != nil {
			j.t.Fatal(err)
		}
		row := make([]string, len(values))
		for i := range values {
			switch v := values[i].Value().(type) {
			case nil:
				row[i] = "<null>"
			case []byte:
				row[i] = string(v)
			default:
				row[i] = fmt.Sprint(v)
			}
		}
		out = append(out, row)
	}
	return out
}

func (j *judge) options(more map[string]any) json.RawMessage {
	port, _ := strconv.Atoi(j.srv.Port())
	o := map[string]any{"host": j.srv.Host(), "port": port, "user": j.srv.User(), "password": j.srv.Password(), "database": j.db}
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

// shared returns one client of the connector for all that a test does.
func (j *judge) shared() *Client {
	j.t.Helper()
	if j.one == nil {
		j.one = j.client(nil)
	}
	return j.one
}

func (j *judge) reader(c *Client, s connector.Source) connector.Reader {
	j.t.Helper()
	r, err := Connector().Read(j.t.Context(), c, s)
	if err != nil {
		j.t.Fatalf("read %s: %v", s.Dataset, err)
	}
	j.t.Cleanup(func() { r.Close() })
	return r
}

// row is a row as text; a mark is code:raw.
type row = readtest.Row

func TestURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want, dataset string }{
		{"mysql://shop:p%40ss@db1:3307/shop.orders", `{"host":"db1","password":"p@ss","port":3307,"user":"shop"}`, "shop.orders"},
		{"mysql://db1/shop.order_*", `{"host":"db1"}`, "shop.order_*"},
		{"mysql://shop@[::1]:3306/shop.orders", `{"host":"::1","port":3306,"user":"shop"}`, "shop.orders"},
		{"mysql://db1/shop.orders?allowAllFiles=true", "", ""},
		{"mysql://db1/shop.orders#x", "", ""},
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
