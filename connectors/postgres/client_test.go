package postgres

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	at := "connection shop: open " + j.srv.Addr() + ": "
	for _, c := range []struct {
		name  string
		more  map[string]any
		class connector.Class
		code  string
		text  string
	}{
		{"wrong password", map[string]any{"password": "hunter2"}, connector.Denied, "TOW-701", at + `access denied for user "towpath"`},
		{"unknown user", map[string]any{"user": "nobody", "password": "hunter2"}, connector.Denied, "TOW-701", at + `access denied for user "nobody"`},
		{"nobody listens", map[string]any{"port": port}, connector.Retry, "TOW-702", "connection shop: open 127.0.0.1:" + strconv.Itoa(port) + ": connection refused"},
		{"nobody answers", map[string]any{"port": silent.Addr().(*net.TCPAddr).Port, "connect_seconds": 1}, connector.Retry, "TOW-702", "no answer in 1 s"},
		{"unknown database", map[string]any{"database": "tw_nowhere"}, connector.Missing, "TOW-710", at + `database "tw_nowhere" does not exist (3D000)`},
		{"no database", map[string]any{"database": ""}, connector.Config, "TOW-703", "database: connection shop: no database is given"},
		{"no user", map[string]any{"user": ""}, connector.Config, "TOW-703", "no user is given"},
		{"no such host", map[string]any{"host": "nowhere.invalid", "tls": map[string]any{"mode": "off"}}, connector.Config, "TOW-703", `no address for "nowhere.invalid"`},
		{"a socket's path", map[string]any{"host": "/var/run/postgresql"}, connector.Config, "TOW-703", "is no host:port"},
		{"a list in a name", map[string]any{"host": "db1,db2"}, connector.Config, "TOW-703", "is no host:port"},
		{"unknown option", map[string]any{"dsn": "sslmode=disable"}, connector.Config, "TOW-001", "dsn"},
		{"TLS that the server has not", map[string]any{"tls": map[string]any{"mode": "verify"}}, connector.Config, "TOW-704", at + "the server offers no TLS"},
		{"no replica", map[string]any{"role": "replica"}, connector.Retry, "TOW-707", at + "the server is no replica"},
	} {
		_, err := Connector().Open(t.Context(), connector.Connection{Name: "shop", Options: j.options(c.more)})
		text := errText(err)
		if connector.ClassOf(err) != c.class || !strings.Contains(text, c.text) || codeOf(err) != c.code {
			t.Errorf("%s: got %v of class %s (%s), want %q of class %s (%s)", c.name, err, connector.ClassOf(err), codeOf(err), c.text, c.class, c.code)
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s: the password is in %q", c.name, err)
		}
	}
	// The second server of a list answers where the first does not.
	c := j.client(map[string]any{"hosts": []string{"127.0.0.1:" + strconv.Itoa(port), j.srv.Addr()}, "role": "primary"})
	if _, err := c.Identity(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNothingOfTheMachine: neither variables nor files of the machine change how a server is reached.
func TestNothingOfTheMachine(t *testing.T) {
	j := newJudge(t)
	home := t.TempDir()
	for name, text := range map[string]string{".pgpass": "*:*:*:*:wrong\n", ".pg_service.conf": "[shop]\nhost=nowhere.invalid\nsslmode=verify-full\n"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	for name, value := range map[string]string{"PGHOST": "nowhere.invalid", "PGPORT": "none", "PGDATABASE": "x", "PGUSER": "x", "PGPASSWORD": "x", "PGPASSFILE": "/nowhere", "PGAPPNAME": "x",
		"PGCONNECT_TIMEOUT": "x", "PGSSLMODE": "x", "PGSSLKEY": "/nowhere", "PGSSLCERT": "/nowhere", "PGSSLCERTMODE": "x", "PGSSLROOTCERT": "/nowhere", "PGSSLPASSWORD": "x",
		"PGSSLNEGOTIATION": "direct", "PGSSLSNI": "x", "PGTARGETSESSIONATTRS": "x", "PGTZ": "Asia/Kolkata", "PGOPTIONS": "-c search_path=nowhere", "PGSERVICEFILE": "/nowhere",
		"PGMINPROTOCOLVERSION": "x", "PGMAXPROTOCOLVERSION": "x", "PGCHANNELBINDING": "x", "PGREQUIREAUTH": "x", "PGKRBSRVNAME": "x", "PGKRBSPN": "x"} {
		t.Setenv(name, value)
	}
	for _, service := range []string{"", "shop", "none ]", "unset"} {
		t.Setenv("PGSERVICE", service)
		if service == "unset" {
			os.Unsetenv("PGSERVICE")
		}
		err := j.client(nil).with(t.Context(), func(s *session) error {
			got, err := s.query("SELECT concat_ws(' ', current_user, current_database(), current_setting('application_name'), current_setting('TimeZone'))")
			if err == nil && got[0][0].text != "towpath towpath towpath UTC" {
				t.Errorf("service %q: got %q", service, got[0][0].text)
			}
			return err
		})
		if err != nil {
			t.Errorf("service %q: %v", service, err)
		}
	}
	if _, err := Connector().Open(t.Context(), connector.Connection{Options: j.options(map[string]any{"password": ""})}); connector.ClassOf(err) != connector.Denied {
		t.Errorf("without a password: got %v, want it denied", err)
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "towpath-*.conf"))
	if len(left) > 0 {
		t.Errorf("files are left: %q", left)
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	role := j.schema
	j.execf("CREATE ROLE %[1]s LOGIN PASSWORD 'pw'; GRANT USAGE ON SCHEMA %[1]s TO %[1]s; CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE secret (id int, v int); "+
		"CREATE TABLE guarded (id int PRIMARY KEY); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (id > 5); CREATE TABLE big (id int PRIMARY KEY, o oid, l oid[]); "+
		"GRANT SELECT ON t, guarded, big TO %[1]s; GRANT SELECT (id) ON secret TO %[1]s; CREATE MATERIALIZED VIEW m AS SELECT * FROM t WITH NO DATA; GRANT SELECT ON m TO %[1]s; CREATE TABLE \"Cased\" (\"Id\" int)", role)
	t.Cleanup(func() { dropRole(t, "postgres", role) })
	own := j.client(map[string]any{"user": role, "password": "pw"})
	for _, c := range []struct {
		name   string
		source connector.Source
		class  connector.Class
		code   string
		text   string
	}{
		{"no table", connector.Source{Dataset: "nowhere"}, connector.Missing, "TOW-711", "describe " + j.schema + ".nowhere: no such table"},
		{"no schema", connector.Source{Dataset: "nowhere.t"}, connector.Missing, "TOW-711", "describe nowhere.t: no such table"},
		{"no right", connector.Source{Dataset: "secret"}, connector.Denied, "TOW-713", "read " + j.schema + ".secret: permission denied for table secret (42501)"},
		{"a right on a column", connector.Source{Dataset: "secret", Columns: []string{"id"}}, connector.Other, "", ""},
		{"rows that a policy hides", connector.Source{Dataset: "guarded"}, connector.Denied, "TOW-737", `query would be affected by row-level security policy for table "guarded" (42501)`},
		{"too many parts in the name", connector.Source{Dataset: "a.b.c"}, connector.Config, "TOW-715", `"a.b.c" is no table: write schema.table`},
		{"no column", connector.Source{Dataset: "t", Columns: []string{"id", "w"}}, connector.Missing, "TOW-712", j.schema + `.t has no column "w"`},
		{"condition", connector.Source{Dataset: "t", Where: "id = "}, connector.Config, "TOW-714", "syntax error"},
		{"condition that ends its bracket", connector.Source{Dataset: "t", Where: "true) OR (true"}, connector.Other, "", ""},
		{"condition on no column", connector.Source{Dataset: "t", Where: "w = 1"}, connector.Missing, "TOW-712", `column "w" does not exist (42703)`},
		{"condition with a character that is none", connector.Source{Dataset: "t", Where: "true\x00"}, connector.Config, "TOW-714", "U+0000"},
		{"key not read", connector.Source{Dataset: "t", Columns: []string{"v"}, Key: []string{"id"}}, connector.Config, "TOW-734", `key column "id" is not among the columns read`},
		{"oid", connector.Source{Dataset: "big"}, connector.Config, "TOW-736", `column "o" is an oid`},
		{"oids", connector.Source{Dataset: "big", Columns: []string{"l"}}, connector.Config, "TOW-736", `column "l" is an oid`},
		{"oid left out", connector.Source{Dataset: "big", Columns: []string{"id"}}, connector.Other, "", ""},
		{"oid as a number", connector.Source{Dataset: "big", Options: []byte(`{"oids": "number"}`)}, connector.Other, "", ""},
		{"a view that was never filled", connector.Source{Dataset: "m"}, connector.Config, "TOW-741", "has not been populated"},
		{"query that writes", connector.Source{Query: "DELETE FROM t RETURNING id"}, connector.Config, "TOW-735", "cannot execute DELETE in a read-only transaction (25006)"},
		{"query without rows", connector.Source{Query: "SET work_mem = 1000"}, connector.Config, "TOW-735", "one SELECT"},
		{"copy to a program", connector.Source{Query: "COPY t TO PROGRAM 'true'"}, connector.Config, "TOW-735", "one SELECT"},
		{"two statements", connector.Source{Query: "SELECT 1 AS a; DROP TABLE t"}, connector.Config, "TOW-714", "cannot insert multiple commands"},
		{"two columns of one name", connector.Source{Query: "SELECT 1 AS a, 2 AS a"}, connector.Config, "TOW-735", "alias"},
		{"range without key", connector.Source{Query: "SELECT id FROM t WHERE ${range}"}, connector.Config, "TOW-735", "no key"},
		{"division by zero", connector.Source{Query: "SELECT 1 / (id - id) AS a FROM generate_series(1, 2) id"}, connector.Config, "TOW-714", "division by zero"},
	} {
		r, err := Connector().Read(t.Context(), own, c.source)
		if err == nil {
			_, _, err = readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
		}
		if connector.ClassOf(err) != c.class || !strings.Contains(errText(err), c.text) || codeOf(err) != c.code {
			t.Errorf("%s: got %v of class %s (%s), want %q of class %s (%s)", c.name, err, connector.ClassOf(err), codeOf(err), c.text, c.class, c.code)
		}
	}
	admin := j.client(nil)
	for query, code := range map[string]string{"DELETE FROM t RETURNING id": "TOW-735", "SELECT nextval('s')": "TOW-735", "SELECT lo_creat(-1)": "TOW-736"} {
		j.exec("CREATE SEQUENCE IF NOT EXISTS s")
		r, err := Connector().Read(t.Context(), admin, connector.Source{Query: query})
		if err == nil {
			_, _, err = readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
		}
		if connector.ClassOf(err) != connector.Config || codeOf(err) != code {
			t.Errorf("%s, by a role that may: got %v", query, err)
		}
	}
	_, err := Connector().Read(t.Context(), admin, connector.Source{Dataset: "cased"})
	if e, ok := err.(*connector.Error); !ok || !strings.Contains(e.Hint, j.schema+".Cased") {
		t.Errorf("another case: got %v", err)
	}
	_, err = Connector().Read(t.Context(), admin, connector.Source{Dataset: "Cased", Columns: []string{"id"}})
	if e, ok := err.(*connector.Error); !ok || !strings.Contains(e.Hint, `"Id"`) {
		t.Errorf("another case of a column: got %v", err)
	}
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestPool(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(map[string]any{"connections": 2})
	c.pool.Trust = 0
	first, err := c.take(t.Context(), reads)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.take(t.Context(), writes)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := contextFor(t, 50*time.Millisecond)
	defer cancel()
	if _, err := c.take(ctx, reads); err == nil {
		t.Error("a third session was opened")
	}
	// A session that died unnoticed is replaced, and one of another use is not taken for it.
	pid := func(s *session) string {
		rows, err := s.query("SELECT pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
		return rows[0][0].text
	}
	dead := pid(second)
	j.execf("SELECT pg_terminate_backend(%s)", dead)
	readtest.WaitFor(j.t, "the session to end", func() bool { return len(j.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s", dead)) == 0 })
	c.give(second)
	third, err := c.take(t.Context(), writes)
	if err != nil || pid(third) == dead || third.use != writes {
		t.Errorf("got %v, %v", third, err)
	}
	kept := pid(third)
	c.give(third)
	fourth, err := c.take(t.Context(), reads)
	if err != nil || pid(fourth) == kept || fourth.use != reads {
		t.Errorf("got %v, %v, want a session that reads", fourth, err)
	}
	ends := func(what, pid string) {
		t.Helper()
		readtest.WaitFor(j.t, what, func() bool { return len(j.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid)) == 0 })
	}
	ends("the third of two sessions to end", kept)
	// A transaction that was left open, and settings that a job's text may have changed, do not come back.
	if err := fourth.exec("BEGIN"); err != nil {
		t.Fatal(err)
	}
	within, foreign := pid(fourth), pid(first)
	c.give(fourth)
	ends("the session within a transaction to end", within)
	first.foreign = true
	c.give(first)
	ends("the session with text of the job to end", foreign)
}

// TestCancelGoesToTheSessionsServer: of several hosts, the one that has the session is told to end its statement, and by it alone.
func TestCancelGoesToTheSessionsServer(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	var up atomic.Bool
	var asked [2]atomic.Int32
	var hosts []string
	for i := range asked {
		port := listen(t, func(near net.Conn) {
			if i == 0 && !up.Load() {
				return
			}
			asked[i].Add(1)
			far, err := net.Dial("tcp", j.srv.Addr())
			if err != nil {
				return
			}
			defer far.Close()
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
		hosts = append(hosts, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	c := j.client(map[string]any{"hosts": hosts, "connections": 3})
	s, err := c.take(t.Context(), reads)
	if err != nil {
		t.Fatal(err)
	}
	up.Store(true)
	pid, err := s.query("SELECT pg_backend_pid()")
	if err != nil {
		t.Fatal(err)
	}
	s.parse("SELECT pg_sleep(60)", nil)
	s.bind(nil, nil)
	s.executeMessage()
	s.syncMessage()
	if err := s.send(); err != nil {
		t.Fatal(err)
	}
	readtest.WaitFor(j.t, "the statement to run", func() bool {
		return len(j.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND query LIKE '%%pg_sleep%%'", pid[0][0].text)) == 1
	})
	c.abandon(s)
	if a, b := asked[0].Load(), asked[1].Load(); a != 0 || b != 2 {
		t.Errorf("got %d and %d connections, want the second of the second server to cancel", a, b)
	}
	readtest.WaitFor(j.t, "the session to end", func() bool { return len(j.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid[0][0].text)) == 0 })
}

// listen serves connections on a port of its own until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// TestHostileServers: whatever answers in a server's place gets no password in clear text, no unbounded memory, and an error at once.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-word"
	var seen [][]byte
	note := make(chan []byte, 100)
	read := func(c net.Conn) {
		b := make([]byte, 4096)
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		for {
			n, err := c.Read(b)
			if n > 0 {
				note <- append([]byte(nil), b[:n]...)
			}
			if err != nil {
				return
			}
		}
	}
	for name, answer := range map[string]string{
		"asks for the password":            "R\x00\x00\x00\x08\x00\x00\x00\x03",
		"speaks HTTP":                      "HTTP/1.1 400 Bad Request\r\n\r\n",
		"sends a message without an end":   "R\x7f\xff\xff\xff",
		"sends a negative length":          "R\xff\xff\xff\xff",
		"asks for Kerberos":                "R\x00\x00\x00\x08\x00\x00\x00\x07",
		"asks for a way of its own":        "R\x00\x00\x00\x08\x00\x00\x00\x63",
		"names a SASL mechanism of no one": "R\x00\x00\x00\x0f\x00\x00\x00\x0aPLAIN\x00\x00",
		"hangs up":                         "",
	} {
		port := listen(t, func(c net.Conn) {
			first := make([]byte, 1024)
			n, _ := c.Read(first)
			note <- first[:n]
			_, _ = io.WriteString(c, answer)
			if answer != "" {
				read(c)
			}
		})
		d, err := newDialer(Connection{Host: "127.0.0.1", Port: port, User: "u", Password: secret, Database: "d", Schema: "public", TLS: dial.TLS{Mode: "auto"}, ConnectSeconds: 3, ReadSeconds: 3, Connections: 2}, new(net.Dialer))
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.open(t.Context(), reads)
		if err == nil || codeOf(err) == "" || strings.Contains(err.Error(), secret) {
			t.Errorf("server that %s: got %v (%s)", name, err, codeOf(err))
		}
		t.Logf("server that %s: %v", name, err)
	}
	for {
		select {
		case b := <-note:
			seen = append(seen, b)
			continue
		default:
		}
		break
	}
	if len(seen) < 8 {
		t.Errorf("%d messages were seen", len(seen))
	}
	for _, b := range seen {
		if strings.Contains(string(b), secret) {
			t.Errorf("a server got %q", b)
		}
	}
}

// TestReplica: a physical replica answers as its primary; roles choose between them, and a snapshot can be made on either.
func TestReplica(t *testing.T) {
	t.Parallel()
	primary := servers.Private(t, "postgres")
	j := judgeAt(t, primary.Server)
	j.fill("t", 20_000)
	replica := primary.Replica(t)
	hosts := []string{replica.Addr(), primary.Addr()}
	at := func(role string) *Client { return j.client(map[string]any{"hosts": hosts, "role": role}) }
	standby := func(c *Client, u use) (is bool) {
		if err := c.withSession(t.Context(), u, func(s *session) error { is = s.standby; return nil }); err != nil {
			t.Fatal(err)
		}
		return is
	}
	if !standby(at("any"), reads) || !standby(at("replica"), reads) || standby(at("primary"), reads) || standby(at("replica"), writes) {
		t.Error("a role is played by another server")
	}
	a, err := at("replica").Identity(t.Context())
	b, err2 := at("primary").Identity(t.Context())
	if err != nil || err2 != nil || a != b {
		t.Errorf("got %q and %q, %v %v", a, b, err, err2)
	}
	c := at("replica")
	readtest.WaitFor(j.t, "the replica to follow", func() bool {
		n, err := Connector().Count(t.Context(), c, "t", "")
		return err == nil && n == 20_000
	})
	snap, err := Connector().Snapshot(t.Context(), c, []string{"t"}, 4)
	if err != nil {
		t.Fatal(err)
	}
	token, _ := snap.Token()
	j.exec("UPDATE t SET v = 'later' WHERE id % 2 = 0; INSERT INTO t VALUES (20001, 'later')")
	readtest.WaitFor(j.t, "the replica to follow", func() bool {
		n, err := Connector().Count(t.Context(), c, "t", "")
		return err == nil && n == 20_001
	})
	// The snapshot is joined at its own server, whichever a session would be opened with.
	other := j.client(map[string]any{"hosts": []string{primary.Addr(), replica.Addr()}})
	rows, _, err := readtest.Shard(t.Context(), j.reader(other, connector.Source{Dataset: "t"}), connector.Shard{}, nil, token)
	if err != nil || len(rows) != 20_000 || strings.Contains(rows[1][1], "later") {
		t.Errorf("got %d rows, %v", len(rows), err)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	recoveryConflict(t, j, replica.Server)
}

// recoveryConflict: a read that the replica ends for the sake of what it has to replay is tried again.
func recoveryConflict(t *testing.T, j *judge, replica servers.Server) {
	r := &judge{t: t, conn: dialJudge(t, replica.URL)}
	defer r.conn.Close(context.Background())
	r.exec("ALTER SYSTEM SET max_standby_streaming_delay = 0")
	r.exec("SELECT pg_reload_conf()")
	c := j.client(map[string]any{"hosts": []string{replica.Addr()}})
	rd := j.reader(c, connector.Source{Query: "SELECT id, pg_sleep(0.01) IS NULL AS x FROM t"})
	done := make(chan error, 1)
	go func() {
		_, _, err := readtest.Shard(t.Context(), rd, connector.Shard{}, nil, nil)
		done <- err
	}()
	readtest.WaitFor(j.t, "the read to begin", func() bool {
		return len(r.rows("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(0.01)%%' AND state = 'active' AND pid <> pg_backend_pid()")) > 0
	})
	j.exec("DELETE FROM t WHERE id > 10")
	j.exec("VACUUM t")
	select {
	case err := <-done:
		if connector.ClassOf(err) != connector.Retry {
			t.Errorf("got %v of class %s, want retry", err, connector.ClassOf(err))
		}
	case <-time.After(20 * time.Second):
		t.Error("the replica ended no read")
	}
}

// TestNamesOfOneTable: whatever they are, a job sees that they are one table.
func TestNamesOfOneTable(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for dataset, want := range map[string]string{"orders": j.schema + ".orders", `"orders"`: j.schema + ".orders", `shop."orders"`: "shop.orders", "shop.Orders": "shop.Orders",
		`"a.b".c`: `"a.b".c`, "a.b.c": "a.b.c"} {
		if got := Connector().Fold(c, dataset); got != want {
			t.Errorf("%s folds to %s, want %s", dataset, got, want)
		}
	}
}
