package mysql

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
)

// TestFailedReadsGiveTheirSessionsBack: a read that fails before its first statement holds no session from then on.
func TestFailedReadsGiveTheirSessionsBack(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 10)
	c := j.client(map[string]any{"connections": 2})
	r := j.reader(c, connector.Source{Dataset: "t"}).(*reader)
	r.results = "no_such_charset"
	for range 2 {
		if _, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil); !strings.Contains(errText(err), "no_such_charset") {
			t.Fatalf("got %v", err)
		}
	}
	ctx, cancel := contextFor(t, 10*time.Second)
	defer cancel()
	s, err := c.take(ctx, reads)
	if err != nil {
		t.Fatalf("no session is left: %v", err)
	}
	c.give(s)
}

// TestKillGoesToTheSessionsServer: of several hosts, the one that has the session is told to end it.
func TestKillGoesToTheSessionsServer(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	var up atomic.Bool
	var logins [2]atomic.Int32
	var hosts []string
	for i := range logins {
		port := listen(t, func(near net.Conn) {
			if i == 0 && !up.Load() {
				return
			}
			logins[i].Add(1)
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
	atSecond, err := c.take(t.Context(), reads)
	if err != nil {
		t.Fatal(err)
	}
	up.Store(true)
	atFirst, err := c.take(t.Context(), reads)
	if err != nil {
		t.Fatal(err)
	}
	c.give(atFirst)
	if a, b := logins[0].Load(), logins[1].Load(); a != 1 || b != 1 {
		t.Fatalf("got %d and %d logins, want one each", a, b)
	}
	c.abandon(atSecond)
	if a, b := logins[0].Load(), logins[1].Load(); a != 1 || b != 2 {
		t.Errorf("got %d and %d logins, want the killer at the second server", a, b)
	}
}

// TestStatementsAreClosedAfterErrors: a session whose statement the server refused keeps nothing of it at the server.
func TestStatementsAreClosedAfterErrors(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (id INT PRIMARY KEY)")
	j.exec("INSERT INTO t SELECT seq FROM seq_1_to_100")
	j.exec("CREATE VIEW v AS SELECT id, IF(id > 50, (SELECT seq FROM seq_1_to_2), 1) AS x FROM t")
	c := j.client(nil)
	for name, source := range map[string]connector.Source{
		"amid rows":      {Dataset: "v"},
		"before rows":    {Query: "SELECT id, (SELECT seq FROM seq_1_to_2) AS x FROM t ORDER BY x"},
		"by its warning": {Query: "SELECT GROUP_CONCAT(REPEAT('x', 100000) SEPARATOR '') AS s FROM seq_1_to_100"},
	} {
		if _, _, err := readtest.Shard(t.Context(), j.reader(c, source), connector.Shard{}, nil, nil); connector.ClassOf(err) == connector.Retry || err == nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
	err := c.with(t.Context(), func(s *session) error {
		if _, err := s.query("SELECT (SELECT seq FROM seq_1_to_2) AS x FROM " + tableName{j.db, "t"}.quoted()); err == nil {
			t.Error("a subquery of two rows had a value")
		}
		rows, err := s.query("SHOW SESSION STATUS WHERE Variable_name IN ('Com_stmt_prepare', 'Com_stmt_close')")
		if err != nil {
			return err
		}
		closed, prepared := rows[0][1].int64(), rows[1][1].int64()
		if prepared < 8 || prepared != closed+1 {
			t.Errorf("got %d statements prepared and %d closed, want all but the one that asks", prepared, closed)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStandingStatements: what is asked again is prepared once, answers right whatever became of its table, is good for another use after an
// error, and makes room for others at last.
func TestStandingStatements(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (id INT PRIMARY KEY)")
	j.exec("INSERT INTO t SELECT seq FROM seq_1_to_3")
	table := tableName{j.db, "t"}.quoted()
	err := j.client(nil).with(t.Context(), func(s *session) error {
		counts := func() (prepared, closed int64) {
			rows, err := s.query("SHOW SESSION STATUS WHERE Variable_name IN ('Com_stmt_prepare', 'Com_stmt_close', 'Com_stmt_reprepare')")
			if err != nil {
				t.Fatal(err)
			}
			again := rows[2][1].int64()                               // by the server itself, which counts as preparing
			return rows[1][1].int64() - 1 - again, rows[0][1].int64() // but for the one that asks
		}
		prepared, closed := counts()
		for i := range int64(20) {
			rows, err := s.ask("SELECT COUNT(*) FROM "+table+" WHERE id > ?", nil, []param{intParam(i % 4)})
			if err != nil || rows[0][0].int64() != 3-i%4 {
				t.Fatalf("got %v, %v", rows, err)
			}
			if _, err := s.ask("SELECT (SELECT id FROM "+table+")", nil, nil); err == nil {
				t.Fatal("a subquery of three rows had a value")
			}
		}
		if now, gone := counts(); now != prepared+3 || gone != closed+1 {
			t.Errorf("%d statements prepared and %d closed, want two that stay, and the one that asked", now-prepared, gone-closed)
		}
		all := "SELECT * FROM " + table + " WHERE id = 2"
		if rows, err := s.ask(all, nil, nil); err != nil || len(rows[0]) != 1 {
			t.Errorf("got %v, %v", rows, err)
		}
		j.exec("ALTER TABLE t ADD v VARCHAR(5) DEFAULT 'x' FIRST")
		if rows, err := s.ask(all, []string{"v", "id"}, nil); err != nil || len(rows) != 1 || len(rows[0]) != 2 || rows[0][0].text != "x" || rows[0][1].text != "2" {
			t.Errorf("with another column: got %v, %v", rows, err)
		}
		for i := range 2 * mostReady {
			if rows, err := s.ask(fmt.Sprintf("SELECT %d", i), nil, nil); err != nil || rows[0][0].int64() != int64(i) {
				t.Errorf("got %v, %v", rows, err)
			}
		}
		if now, gone := counts(); now-gone != mostReady {
			t.Errorf("%d statements stay prepared, want %d", now-gone, mostReady)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
