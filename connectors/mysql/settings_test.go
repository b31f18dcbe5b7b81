package mysql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// privately starts a server of the test's own with settings of its own.
func privately(t *testing.T, settings ...string) *judge {
	t.Helper()
	srv := servers.Private(t, "mariadb")
	conn, err := client.Connect(srv.Addr(), srv.User(), srv.Password(), "towpath")
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{t: t, conn: conn, srv: srv.Server, db: "towpath"}
	for _, s := range settings {
		j.exec("SET GLOBAL " + s)
	}
	conn.Close()
	if j.conn, err = client.Connect(srv.Addr(), srv.User(), srv.Password(), "towpath"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.conn.Close() })
	return j
}

// TestServersWithOtherSettings: statement-based logs, relaxed modes, small packets, implicit TIMESTAMPs, another zone and charset.
func TestServersWithOtherSettings(t *testing.T) {
	t.Parallel()
	j := privately(t, "binlog_format = 'STATEMENT'", "sql_mode = ''", "max_allowed_packet = 1048576", "explicit_defaults_for_timestamp = 0", "innodb_flush_log_at_trx_commit = 2",
		"time_zone = '-03:30'", "character_set_server = latin1", "character_set_database = latin1", "completion_type = 'CHAIN'", "sql_safe_updates = 1", "autocommit = 0", "check_constraint_checks = 0",
		"foreign_key_checks = 0", "unique_checks = 0", "sql_auto_is_null = 1", "tx_isolation = 'SERIALIZABLE'")
	j.exec("ALTER DATABASE towpath CHARACTER SET latin1")
	j.exec("CREATE TABLE p (id INT PRIMARY KEY) ENGINE=InnoDB")
	j.exec("CREATE TABLE x (id INT PRIMARY KEY AUTO_INCREMENT, n TINYINT, c VARCHAR(3) CHARACTER SET utf8mb4 CHECK (c <> 'no'), p INT, FOREIGN KEY (p) REFERENCES p (id)) ENGINE=InnoDB")
	c := j.client(nil)
	want := schemaOfText(t, "id int32 key", "n int8", "c text(3)", "p int32")
	x := j.start(c, connector.Sink{Dataset: "x", Mode: connector.Insert}, want)
	notes := strings.Join(x.target.Notes, "\n")
	for _, part := range []string{"innodb_flush_log_at_trx_commit is 2", "binlog_format is STATEMENT", "sync_binlog is 0"} {
		if !strings.Contains(notes, part) {
			t.Errorf("the notes lack %q: %s", part, notes)
		}
	}
	s := x.take("s", 1)
	out := x.commit(s, 1, []string{"0", "1", "a", "NULL"}, []string{"2", "2", "no", "NULL"}, []string{"3", "3", "b", "7"}, []string{"4", "4", "🚣", "NULL"})
	if len(out.Rejected) != 2 || out.Rejected[0].Row != 1 || out.Rejected[1].Row != 2 {
		t.Errorf("rejected %v, want the rows that check and foreign key refuse", out.Rejected)
	}
	x.commit(s, 2, []string{"5", "5", "c", "NULL"})
	s.Close()
	if got := fmt.Sprint(j.rows("SELECT id, n, HEX(c) FROM x ORDER BY id")); got != "[[0 1 61] [4 4 F09F9AA3] [5 5 63]]" {
		t.Errorf("got %s", got)
	}

	made := schemaOfText(t, "id int32 key", "t instant(3) notnull", "u instant(0)", "v text")
	x = j.start(c, connector.Sink{Dataset: "made", Mode: connector.Upsert}, made)
	if x.target.Limits.RowBytes >= 1<<20 {
		t.Errorf("rows of %d bytes for packets of 1 MB", x.target.Limits.RowBytes)
	}
	s = x.take("s", 1)
	big := strings.Repeat("x", 300_000)
	out = x.commit(s, 1, []string{"1", "2026-01-02 03:04:05.678Z", "NULL", big}, []string{"2", "2026-01-02 03:04:05.000Z", "2026-01-02 03:04:05Z", big + big + big + big}, []string{"3", "2026-01-02 03:04:05.000Z", "NULL", big}, []string{"4", "2026-01-02 03:04:05.000Z", "NULL", big})
	if len(out.Rejected) != 1 || out.Rejected[0].Row != 1 || out.Rejected[0].Code != "TOOBIG" {
		t.Errorf("rejected %v, want the row that no packet holds", out.Rejected)
	}
	s.Close()
	x.finish(connector.Seal, connector.Publish)
	j.exec("SET time_zone = '+00:00'")
	j.exec("UPDATE made SET v = 'y' WHERE id > 0")
	j.exec("COMMIT")
	if got := fmt.Sprint(j.rows("SELECT id, t, u, v FROM made ORDER BY id")); got !=
		"[[1 2026-01-02 03:04:05.678 <null> y] [3 2026-01-02 03:04:05.000 <null> y] [4 2026-01-02 03:04:05.000 <null> y]]" {
		t.Errorf("a time that changes with each update, or with the zone: %s", got)
	}
	if got := j.rows("SELECT CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE TABLE_NAME = 'made' AND COLUMN_NAME = 'v'"); got[0][0] != "utf8mb4" {
		t.Errorf("text is made as %s", got[0][0])
	}
}
