package mysql

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
)

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

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
	for _, c := range []struct {
		name  string
		more  map[string]any
		class connector.Class
		code  string
		text  string
	}{
		{"wrong password", map[string]any{"password": "hunter2"}, connector.Denied, "TOW-401", `connection shop: open ` + j.srv.Addr() + `: access denied for user "towpath"`},
		{"nobody listens", map[string]any{"port": port}, connector.Retry, "TOW-402", "connection shop: open 127.0.0.1:" + strconv.Itoa(port) + ": connection refused"},
		{"nobody answers", map[string]any{"port": silent.Addr().(*net.TCPAddr).Port, "connect_seconds": 1}, connector.Retry, "TOW-402", "no answer in 1 s"},
		{"unknown database", map[string]any{"database": "tw_nowhere"}, connector.Missing, "TOW-410", "Unknown database 'tw_nowhere'"},
		{"no such host", map[string]any{"host": "nowhere.invalid", "tls": map[string]any{"mode": "off"}}, connector.Config, "TOW-403", `no address for "nowhere.invalid"`},
		{"unknown option", map[string]any{"dsn": "allowAllFiles=true"}, connector.Config, "TOW-001", "dsn"},
		{"TLS that the server has not", map[string]any{"tls": map[string]any{"mode": "verify"}}, connector.Config, "TOW-404", "offers no TLS"},
	} {
		_, err := Connector().Open(t.Context(), connector.Connection{Name: "shop", Options: j.options(c.more)})
		if connector.ClassOf(err) != c.class || !strings.Contains(errText(err), c.text) || !strings.HasPrefix(codeOf(err), c.code) {
			t.Errorf("%s: got %v of class %s (%s), want %q of class %s (%s)", c.name, err, connector.ClassOf(err), codeOf(err), c.text, c.class, c.code)
		}
		if strings.Contains(errText(err), "hunter2") {
			t.Errorf("%s: the password is in %q", c.name, err)
		}
	}
	// The second server of a list answers where the first does not.
	c := j.client(map[string]any{"hosts": []string{"127.0.0.1:" + strconv.Itoa(port), j.srv.Addr()}})
	if _, err := c.Identity(t.Context()); err != nil {
		t.Error(err)
	}
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

func TestReadErrors(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
	j.exec("CREATE USER '" + j.db + "'@'%' IDENTIFIED BY 'pw'")
	t.Cleanup(func() { j.exec("DROP USER '" + j.db + "'@'%'") })
	j.exec("CREATE TABLE secret (id INT)")
	j.exec("GRANT SELECT ON " + j.db + ".t TO '" + j.db + "'@'%'")
	own := j.client(map[string]any{"user": j.db, "password": "pw"})
	for _, c := range []struct {
		name   string
		source connector.Source
		class  connector.Class
		text   string
	}{
		{"no table, and no right to know", connector.Source{Dataset: "nowhere"}, connector.Denied, "SELECT command denied to user"},
		{"no right", connector.Source{Dataset: "secret"}, connector.Denied, "SELECT command denied to user"},
		{"no database in the name", connector.Source{Dataset: "a.b.c"}, connector.Config, "write database.table"},
		{"no column", connector.Source{Dataset: "t", Columns: []string{"id", "w"}}, connector.Missing, `has no column "w"`},
		{"condition", connector.Source{Dataset: "t", Where: "id = "}, connector.Config, "SQL syntax"},
		{"condition on no column", connector.Source{Dataset: "t", Where: "w = 1"}, connector.Missing, "Unknown column"},
		{"key not read", connector.Source{Dataset: "t", Columns: []string{"v"}, Key: []string{"id"}}, connector.Config, "not among the columns read"},
		{"query that writes", connector.Source{Query: "DELETE FROM t"}, connector.Denied, "DELETE command denied"},
		{"query without rows", connector.Source{Query: "SET @a = 1"}, connector.Config, "one SELECT"},
		{"two statements", connector.Source{Query: "SELECT 1; DROP TABLE t"}, connector.Config, "SQL syntax"},
		{"query into a file", connector.Source{Query: "SELECT 1 INTO OUTFILE '/tmp/x'"}, connector.Denied, "FILE privilege"},
		{"two columns of one name", connector.Source{Query: "SELECT 1 AS a, 2 AS a"}, connector.Config, "alias"},
		{"range without key", connector.Source{Query: "SELECT id FROM t WHERE ${range}"}, connector.Config, "no key"},
	} {
		r, err := Connector().Read(t.Context(), own, c.source)
		if err == nil {
			_, _, err = readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
		}
		if connector.ClassOf(err) != c.class || !strings.Contains(errText(err), c.text) {
			t.Errorf("%s: got %v of class %s, want %q of class %s", c.name, err, connector.ClassOf(err), c.text, c.class)
		}
	}
	if _, err := Connector().Read(t.Context(), j.client(nil), connector.Source{Dataset: "nowhere"}); connector.ClassOf(err) != connector.Missing || !strings.Contains(errText(err), "doesn't exist") {
		t.Errorf("no table: got %v", err)
	}
	if _, err := Connector().Read(t.Context(), j.client(nil), connector.Source{Query: "DELETE FROM t"}); connector.ClassOf(err) != connector.Config {
		t.Errorf("query that writes, by an account that may: got %v", err)
	}
	if n := j.rows("SELECT COUNT(*) FROM t"); n[0][0] != "0" {
		t.Errorf("got %v rows", n)
	}
}

func TestIdentityDatasetsCount(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	a, err := c.Identity(t.Context())
	b, err2 := j.client(map[string]any{"host": "localhost"}).Identity(t.Context())
	if err != nil || err2 != nil || a != b || len(a) < 20 {
		t.Errorf("got %q and %q, %v %v, want the same", a, b, err, err2)
	}
	names := []string{"orders", "order_items", "a.b", "or\"der; --", "表", "we`ird", "sel*ect", strings.Repeat("n", 64)}
	for i, n := range names {
		j.exec("CREATE TABLE " + quote(n) + " (`select` INT PRIMARY KEY, `a.b``c` INT, `grün; --` VARCHAR(9)) COMMENT 'x'")
		j.exec("INSERT INTO " + quote(n) + " VALUES (" + strconv.Itoa(i) + ", 1, 'x'), (100, 2, NULL)")
	}
	j.exec("CREATE VIEW v AS SELECT * FROM orders")
	list := func(pattern string) (out []string) {
		for name, err := range c.Datasets(t.Context(), pattern) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, name)
		}
		return out
	}
	all := list(j.db + ".*")
	if len(all) != len(names)+1 {
		t.Fatalf("got %q", all)
	}
	for _, name := range all {
		// Every name that is listed can be read, and stands for itself alone as a pattern.
		if got := list(name); !slices.Equal(got, []string{name}) {
			t.Errorf("pattern %q: got %q", name, got)
		}
		rows, _ := readtest.All(j.t, j.reader(c, connector.Source{Dataset: name}), 2)
		n, err := Connector().Count(t.Context(), c, name, "`a.b``c` > 1")
		if len(rows) != 2 || rows[1][1] != "2" || err != nil || n != 1 {
			t.Errorf("%s: got %v, count %d, %v", name, rows, n, err)
		}
	}
	if got, want := list("order*"), []string{j.db + ".order_items", j.db + ".orders"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := Connector().Count(t.Context(), c, "orders", "1 = 1) OR (1 = 1"); err != nil {
		t.Logf("a condition that closes its bracket: %v", err)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (a INT NOT NULL DEFAULT 7 COMMENT 'it''s', b VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_german1_ci, c INT AS (a + 1) VIRTUAL, " +
		"d TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, e INT INVISIBLE DEFAULT 3, PRIMARY KEY (b, a))")
	c := j.client(nil)
	s, _, _ := j.reader(c, connector.Source{Dataset: "t"}).Schema(t.Context())
	got, _ := json.Marshal(s.Fields)
	want := `[{"name":"a","type":{"kind":"int","bits":32},"key":2,"native":"int(11)","default":{"text":"7"},"comment":"it's"},` +
		`{"name":"b","type":{"kind":"text","length":9,"charset":"latin1"},"key":1,"native":"varchar(9)","charset":"latin1","collation":"latin1_german1_ci"},` +
		`{"name":"c","type":{"kind":"int","bits":32},"nullable":true,"native":"int(11)","generated":true},` +
		`{"name":"d","type":{"kind":"instant","limits":[1,2147483647]},"nullable":true,"native":"timestamp","default":{"now":true}},` +
		`{"name":"e","type":{"kind":"int","bits":32},"nullable":true,"native":"int(11)","default":{"text":"3"}}]`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	s, _, _ = j.reader(c, connector.Source{Dataset: "t", Columns: []string{"d", "a"}}).Schema(t.Context())
	if len(s.Fields) != 2 || s.Fields[0].Name != "d" || len(s.Key()) != 0 {
		t.Errorf("got %+v, want d and a without a key", s.Fields)
	}
	s, _, _ = j.reader(c, connector.Source{Dataset: "t", Key: []string{"c"}}).Schema(t.Context())
	if key := s.Key(); len(key) != 1 || key[0] != 2 {
		t.Errorf("got key %v, want the job's", key)
	}
}

// TestHiddenKey: a table is read by its key also when the key's columns are not among those copied, and a view without one.
func TestHiddenKey(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (k VARCHAR(9) CHARACTER SET latin1, e ENUM('b','a'), v INT, PRIMARY KEY (k, e))")
	j.exec("INSERT INTO t SELECT CONCAT('ü', seq DIV 2), 1 + seq % 2, seq FROM seq_1_to_500")
	j.exec("CREATE VIEW w AS SELECT v, JSON_OBJECT('v', v) AS doc FROM t")
	c := j.client(nil)
	rows, shards := readtest.All(j.t, j.reader(c, connector.Source{Dataset: "t", Columns: []string{"v"}, Where: "v > 100"}), 7)
	if len(rows) != 400 || len(shards) != 7 || len(rows[0]) != 1 {
		t.Errorf("got %d rows of %d columns in %d shards", len(rows), len(rows[0]), len(shards))
	}
	rows, shards = readtest.All(j.t, j.reader(c, connector.Source{Dataset: "w"}), 7)
	if len(rows) != 500 || len(shards) != 1 || shards[0].Replay != connector.None {
		t.Errorf("view: got %d rows in %d shards", len(rows), len(shards))
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (id INT PRIMARY KEY, g INT, v DECIMAL(5,2), s VARCHAR(20), l VARCHAR(20) CHARACTER SET latin1, b VARBINARY(5), d DATETIME(3))")
	j.exec("INSERT INTO t SELECT seq, seq % 3, seq / 7, CONCAT('s', seq), 'ü', X'00FF', '2026-01-02 03:04:05.678' FROM seq_1_to_9000")
	c := j.client(nil)
	rows, shards := readtest.All(j.t, j.reader(c, connector.Source{Query: "SELECT g, SUM(v) AS total, COUNT(*) AS n, MAX(d) AS d, MIN(l) AS l, MIN(b) AS b, AVG(id) AS a FROM t GROUP BY g ORDER BY g;"}), 7)
	want := j.rows("SELECT g, SUM(v), COUNT(*), MAX(d), MIN(l), LOWER(HEX(MIN(b))), AVG(id) FROM t GROUP BY g ORDER BY g")
	for i := range want {
		if !slices.Equal(rows[i], want[i]) {
			t.Errorf("got %v, want %v", rows[i], want[i])
		}
	}
	if len(shards) != 1 || shards[0].Replay != connector.None {
		t.Errorf("got %+v", shards)
	}
	rows, _ = readtest.All(j.t, j.reader(c, connector.Source{Query: "SELECT id, s, v FROM t -- all", Columns: []string{"s", "id"}, Where: "id BETWEEN 5 AND 6"}), 1)
	if len(rows) != 2 || strings.Join(rows[0], " ") != "s5 5" {
		t.Errorf("got %v", rows)
	}
	r := j.reader(c, connector.Source{Query: "SELECT id, g, s FROM t WHERE g > 0 AND ${range}", Key: []string{"id"}})
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 4})
	if err != nil || len(shards) != 1 || shards[0].Replay != connector.Exact {
		t.Fatalf("got %+v, %v", shards, err)
	}
	all, after, err := readtest.Shard(t.Context(), r, shards[0], nil, nil)
	if err != nil || len(all) != 6000 {
		t.Fatalf("got %d rows, %v", len(all), err)
	}
	first := slices.IndexFunc(after, func(p connector.Position) bool { return string(p) != string(after[0]) })
	rest, _, err := readtest.Shard(t.Context(), r, shards[0], after[0], nil)
	if err != nil || len(rest) != len(all)-first {
		t.Errorf("got %d rows behind %d of %d, %v", len(rest), first, len(all), err)
	}
	twice := j.reader(c, connector.Source{Query: "SELECT g, id FROM t WHERE ${range}", Key: []string{"g"}})
	if _, _, err := readtest.Shard(t.Context(), twice, connector.Shard{}, nil, nil); connector.ClassOf(err) != connector.Config || codeOf(err) != "TOW-439" {
		t.Errorf("a key that two rows share gave %v", err)
	}
	cut := j.reader(c, connector.Source{Query: "SELECT g, GROUP_CONCAT(REPEAT(s, 100) SEPARATOR '') AS s FROM t GROUP BY g"})
	if _, _, err := readtest.Shard(t.Context(), cut, connector.Shard{}, nil, nil); connector.ClassOf(err) != connector.Config {
		t.Logf("longest GROUP_CONCAT: %v", j.rows("SELECT @@group_concat_max_len"))
		t.Errorf("a value that the server cut gave %v", err)
	}
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestPoolGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(map[string]any{"connections": 2})
	c.pool.Trust = 0
	first, err := c.take(t.Context(), reads)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.take(t.Context(), reads)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := contextFor(t, 50*time.Millisecond)
	defer cancel()
	if _, err := c.take(ctx, reads); err == nil {
		t.Error("a third session was opened")
	}
	// A session that died unnoticed is replaced.
	j.exec("KILL " + strconv.Itoa(int(second.id)))
	readtest.WaitFor(j.t, "the session to end", func() bool {
		return len(j.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE ID = %d", second.id)) == 0
	})
	c.give(second)
	third, err := c.take(t.Context(), reads)
	if err != nil || third.id == second.id {
		t.Errorf("got session %v, %v", third, err)
	}
	c.give(third)
	c.give(first)
}

// TestEd25519: MariaDB's own way to log in, on a real server.
func TestEd25519(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	if len(j.rows("SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'ed25519'")) == 0 {
		j.exec("INSTALL SONAME 'auth_ed25519'")
	}
	j.exec("CREATE USER '" + j.db + "'@'%' IDENTIFIED VIA ed25519 USING PASSWORD('pw')")
	t.Cleanup(func() { j.exec("DROP USER '" + j.db + "'@'%'") })
	j.exec("GRANT SELECT ON " + j.db + ".* TO '" + j.db + "'@'%'")
	j.client(map[string]any{"user": j.db, "password": "pw"})
	_, err := Connector().Open(t.Context(), connector.Connection{Options: j.options(map[string]any{"user": j.db, "password": "wrong"})})
	if connector.ClassOf(err) != connector.Denied {
		t.Errorf("wrong password: got %v", err)
	}
}
