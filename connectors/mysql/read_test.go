package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/record"
)

// fill makes a table of n rows with an integer key and some bytes.
func (j *judge) fill(name string, n int) {
	j.execf("CREATE TABLE %s (id INT PRIMARY KEY, v VARCHAR(200))", name)
	j.execf("INSERT INTO %s SELECT seq, REPEAT('x', seq %% 200) FROM seq_1_to_%d", name, n)
}

func TestStopsWithinASecond(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for _, query := range []string{
		"SELECT seq, REPEAT('x', 1000) FROM seq_1_to_100000000",
		"SELECT seq FROM seq_1_to_100000000 WHERE IF(seq > 20000, SLEEP(30), 0) = 0",
	} {
		r := j.reader(c, connector.Source{Query: query})
		for _, how := range []string{"yield", "context"} {
			ctx, cancel := context.WithCancelCause(t.Context())
			enough := errors.New("pause")
			shards, err := r.Split(ctx, connector.Shard{}, nil, connector.Hint{})
			if err != nil {
				t.Fatal(err)
			}
			schema, _, _ := r.Schema(ctx)
			var stopped time.Time
			var got error
			for chunk, err := range r.Read(ctx, connector.Query{Shard: shards[0], Schema: schema, Batches: record.NewPool(0)}) {
				if got = err; err != nil {
					break
				}
				chunk.Batch.Release()
				if stopped.IsZero() {
					stopped = time.Now()
				}
				if how == "yield" {
					break
				}
				cancel(enough)
			}
			cancel(nil)
			if took := time.Since(stopped); took > time.Second {
				t.Errorf("%s: stopping by %s took %s", query, how, took)
			}
			if how == "context" && !errors.Is(got, enough) {
				t.Errorf("got %v, want the cause", got)
			}
		}
	}
	readtest.WaitFor(j.t, "the server to stop as well", func() bool {
		return len(j.rows("SELECT id FROM information_schema.PROCESSLIST WHERE DB IS NULL AND COMMAND <> 'Sleep' AND INFO LIKE 'SELECT seq%%%%' AND INFO LIKE '%%%%100000000%%%%' AND USER = 'towpath'")) == 0
	})
}

// TestTakenUpAgain: reading goes on behind every chunk, and the far part of a shard can be cut off behind one.
func TestTakenUpAgain(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 30_000)
	c := j.client(nil)
	if n := readtest.ResumeBehindEveryChunk(t, j.reader(c, connector.Source{Dataset: "t", Where: "id % 3 <> 0 -- not all"})); n != 20_000 {
		t.Errorf("got %d rows, want 20000", n)
	}
	readtest.FarPart(t, j.reader(c, connector.Source{Dataset: "t"}))
}

// TestSlowReceiver: a statement that its receiver keeps open too long is given up and taken up again behind the last row.
func TestSlowReceiver(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 50_000)
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"}).(*reader)
	r.options.StatementSeconds = 0 // every statement is overdue at once
	rows, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
	if err != nil || len(rows) != 50_000 {
		t.Errorf("got %d rows, %v", len(rows), err)
	}
}

func TestConnectionLostAmidst(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.execf("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)")
	j.exec("INSERT INTO t SELECT seq, REPEAT('x', 20000) FROM seq_1_to_3000")
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"})
	schema, _, _ := r.Schema(t.Context())
	var rows []row
	var at connector.Position
	var failed error
	for chunk, err := range r.Read(t.Context(), connector.Query{Schema: schema, Batches: record.NewPool(0)}) {
		if failed = err; err != nil {
			break
		}
		rows = append(rows, readtest.RowsOf(chunk.Batch)...)
		at = chunk.After
		chunk.Batch.Release()
		for _, p := range j.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '%%%%FROM `%s`%%%%' AND ID <> CONNECTION_ID()", j.db) {
			if _, err := j.conn.Execute("KILL " + p[0]); err != nil {
				t.Logf("kill: %v", err)
			}
		}
	}
	if failed == nil || connector.ClassOf(failed) != connector.Retry {
		t.Fatalf("got %v of class %s, want class retry", failed, connector.ClassOf(failed))
	}
	rest, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, at, nil)
	if err != nil || len(rows)+len(rest) != 3000 {
		t.Errorf("got %d and then %d rows, %v, want 3000", len(rows), len(rest), err)
	}
}

func TestRowsWhileTheTableChanges(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 40_000)
	c := j.client(nil)
	r := j.reader(c, connector.Source{Dataset: "t"})
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 7})
	if err != nil {
		t.Fatal(err)
	}
	writer, err := client.Connect(j.srv.Addr(), j.srv.User(), j.srv.Password(), j.db)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	done, end := make(chan error, 1), make(chan struct{})
	go func() {
		// Rows of even number are changed, moved over borders and back, deleted and made; odd ones rest.
		for n := 0; ; n++ {
			select {
			case <-end:
				done <- nil
				return
			default:
			}
			id := (n*7919)%40_000/2*2 + 2
			for _, text := range []string{"UPDATE t SET v = 'changed' WHERE id = %d", "UPDATE IGNORE t SET id = 100000 - id WHERE id = %d", "DELETE FROM t WHERE id = %d", "INSERT IGNORE INTO t VALUES (50000 + %d, 'new')"} {
				if _, err := writer.Execute(fmt.Sprintf(text, id)); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	seen := map[string]int{}
	for _, s := range shards {
		rows, _, err := readtest.Shard(t.Context(), r, s, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			seen[row[0]]++
		}
	}
	close(end)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for id := 1; id < 40_000; id += 2 {
		if seen[fmt.Sprint(id)] != 1 {
			t.Fatalf("row %d, which rested, was read %d times", id, seen[fmt.Sprint(id)])
		}
	}
}

// TestColumnsChangedDuringTheRun: what the planned schema would cut, or take for other characters, is refused.
func TestColumnsChangedDuringTheRun(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for i, cc := range []struct{ before, after, value string }{
		{"DATETIME", "DATETIME(6)", "'2026-01-02 03:04:05.678'"},
		{"TIMESTAMP(2) NULL", "TIMESTAMP(3) NULL", "'2026-01-02 03:04:05.678'"},
		{"TIME(3)", "TIME(6)", "'01:02:03.123456'"},
		{"VARCHAR(20) CHARACTER SET utf8mb4", "VARCHAR(20) CHARACTER SET latin1", "CONCAT(CHAR(0xC3 USING latin1), CHAR(0xA9 USING latin1))"},
		{"TEXT CHARACTER SET utf8mb3", "TEXT CHARACTER SET gbk", "'中'"},
		{"ENUM('é') CHARACTER SET utf8mb4", "ENUM('é') CHARACTER SET latin1", "'é'"},
		{"VARCHAR(20) CHARACTER SET utf8mb4", "VARBINARY(20)", "'é'"},
	} {
		name := fmt.Sprintf("t%d", i)
		j.execf("CREATE TABLE %s (n INT PRIMARY KEY, v %s)", name, cc.before)
		table := j.reader(c, connector.Source{Dataset: name})
		query := j.reader(c, connector.Source{Query: "SELECT n, v FROM " + j.db + "." + name})
		j.execf("ALTER TABLE %s MODIFY v %s", name, cc.after)
		j.execf("INSERT INTO %s VALUES (1, %s)", name, cc.value)
		for of, r := range map[string]connector.Reader{"table": table, "query": query} {
			if rows, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil); connector.ClassOf(err) != connector.Changed {
				t.Errorf("%s from %s to %s: got %q, %v, want class changed", of, cc.before, cc.after, rows, err)
			}
		}
	}
	// What loses nothing goes on.
	for i, cc := range [][2]string{{"DATETIME(6)", "DATETIME(3)"}, {"VARCHAR(20) CHARACTER SET utf8mb3", "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_as_cs"},
		{"VARCHAR(20) CHARACTER SET latin1", "VARCHAR(20) CHARACTER SET utf8mb4"}, {"VARCHAR(20) CHARACTER SET gbk", "VARCHAR(20) CHARACTER SET utf16"}} {
		name := fmt.Sprintf("s%d", i)
		j.execf("CREATE TABLE %s (n INT PRIMARY KEY, v %s)", name, cc[0])
		r := j.reader(c, connector.Source{Dataset: name})
		j.execf("ALTER TABLE %s MODIFY v %s", name, cc[1])
		j.execf("INSERT INTO %s VALUES (1, '2026-01-02')", name)
		if rows, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil); err != nil || len(rows) != 1 || !strings.HasPrefix(rows[0][1], "2026-01-02") {
			t.Errorf("from %s to %s: got %q, %v", cc[0], cc[1], rows, err)
		}
	}
}

// TestLargeRows: rows beyond the protocol's 16 MB packets are read, and one beyond a batch's size is a batch of its own.
func TestLargeRows(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("SET GLOBAL max_allowed_packet = 67108864")
	j.exec("CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB)")
	big, err := client.Connect(j.srv.Addr(), j.srv.User(), j.srv.Password(), j.db)
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	// 16777215 bytes of row and one less and one more are where a packet has to be followed by another, empty one.
	sizes := []int{10, 17 << 20, 10, 2 << 20, 16777215 - 11, 16777215 - 10, 16777215 - 9, 34 << 20, 5}
	for i, n := range sizes {
		if _, err := big.Execute(fmt.Sprintf("INSERT INTO t VALUES (%d, REPEAT(X'FF41', %d))", i, n/2+1)); err != nil {
			t.Fatal(err)
		}
		if _, err := big.Execute(fmt.Sprintf("UPDATE t SET v = LEFT(v, %d) WHERE id = %d", n, i)); err != nil {
			t.Fatal(err)
		}
	}
	want := j.rows("SELECT MD5(v), LENGTH(v) FROM t ORDER BY id")
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"})
	schema, _, _ := r.Schema(t.Context())
	var at int
	for chunk, err := range r.Read(t.Context(), connector.Query{Schema: schema, Batches: record.NewPool(0)}) {
		if err != nil {
			t.Fatal(err)
		}
		if b := chunk.Batch; b.Len > 1 && b.Size > 2*record.MaxBytes {
			t.Errorf("a batch of %d rows has %d bytes", b.Len, b.Size)
		}
		for i := range chunk.Batch.Len {
			v := chunk.Batch.Cols[1].Bytes(i)
			if got := fmt.Sprint(md5Hex(v), len(v)); got != fmt.Sprint(want[at][0], want[at][1]) {
				t.Errorf("row %d: got %s, want %v", at, got, want[at])
			}
			at++
		}
		chunk.Batch.Release()
	}
	if at != len(sizes) {
		t.Errorf("got %d rows, want %d", at, len(sizes))
	}
	small := j.reader(j.client(nil), connector.Source{Dataset: "t", Options: []byte(`{"max_cell_bytes": 1048576}`)})
	rows, _ := readtest.All(j.t, small, 1)
	for i, n := range sizes {
		if marked := strings.HasPrefix(rows[i][1], "TOOBIG:"); marked != (n > 1<<20) {
			t.Errorf("row of %d bytes: got marked %v", n, marked)
		}
	}
}

func TestSessionSettings(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	err := c.with(t.Context(), func(s *session) error {
		got, err := s.query("SELECT @@time_zone, @@sql_mode, @@character_set_client, @@character_set_results, CAST(@@sql_select_limit AS CHAR), " +
			"@@sql_auto_is_null, @@tx_read_only, @@net_write_timeout, CAST(@@max_statement_time AS CHAR), @@max_error_count")
		if err != nil {
			return err
		}
		var texts []string
		for _, c := range got[0] {
			texts = append(texts, c.text)
		}
		want := "+00:00|STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION|utf8mb4|utf8mb4|18446744073709551615|0|1|3600|0.000000|65535"
		if text := strings.Join(texts, "|"); text != want {
			t.Errorf("\n got %s\nwant %s", text, want)
		}
		_, err = s.query("SELECT 1 FROM nowhere.t")
		if class := connector.ClassOf(classify(err, "read")); class != connector.Missing {
			t.Errorf("got %v of class %s, want missing", err, class)
		}
		if err := s.exec("CREATE TABLE " + j.db + ".t (a INT)"); err == nil {
			t.Error("a session of ours made a table")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOldServer: Oracle's own server and protocol, in the oldest form there is.
func TestOldServer(t *testing.T) {
	t.Parallel()
	j := judgeAt(t, "mysql55")
	j.exec("CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, a DECIMAL(30,5), b DATETIME, c VARCHAR(20) CHARACTER SET latin1, d ENUM('x','y'), e BLOB, f FLOAT, g BIT(9), " +
		"h TIME, i YEAR, j TIMESTAMP NULL, k TEXT)")
	j.exec("INSERT INTO t VALUES (18446744073709551615, -1.5, '2026-01-02 03:04:05', 'ü', 'y', X'00FF', 0.1, 5, '-838:59:59', 2155, '2038-01-19 03:14:07', '🦀'), " +
		"(1, NULL, '0000-00-00', '', 'x', '', 16777217, 0, '00:00:01', 1901, NULL, 'k')")
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"})
	rows, shards := readtest.All(j.t, r, 2)
	got := fmt.Sprint(rows)
	want := "[[1 <null> ZERODATE:0000-00-00 00:00:00  x  16777216 000000000 00:00:01 1901 <null> k] " +
		"[18446744073709551615 -1.50000 2026-01-02 03:04:05 ü y 00ff 0.1 000000101 -838:59:59 2155 2038-01-19 03:14:07Z 🦀]]"
	if got != want || len(shards) != 2 {
		t.Errorf("%d shards\n got %s\nwant %s", len(shards), got, want)
	}
}
