package postgres

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

func TestStopsWithinASecond(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for _, query := range []string{
		"SELECT i, repeat('x', 1000) AS " + j.schema + " FROM (SELECT generate_series(1, 100000000) AS i) s",
		"SELECT i AS " + j.schema + " FROM (SELECT generate_series(1, 100000000) AS i) s WHERE CASE WHEN i > 20000 THEN pg_sleep(30) IS NOT NULL ELSE true END",
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
		return len(j.rows("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%%s%%' AND pid <> pg_backend_pid()", j.schema)) == 0
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
	c := j.client(nil)
	r := j.reader(c, connector.Source{Dataset: "t"}).(*reader)
	r.options.StatementSeconds = 0 // every statement is overdue at once
	rows, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
	if err != nil || len(rows) != 50_000 {
		t.Errorf("got %d rows, %v", len(rows), err)
	}
	snap, err := Connector().Snapshot(t.Context(), c, []string{"t"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	token, _ := snap.Token()
	if rows, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, token); err != nil || len(rows) != 50_000 {
		t.Errorf("in a snapshot: got %d rows, %v", len(rows), err)
	}
}

func TestConnectionLostAmidst(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, repeat(md5(i::text), 700) FROM generate_series(1, 3000) i")
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
		j.execf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%%FROM \"%s\"%%' AND pid <> pg_backend_pid()", j.schema)
	}
	if failed == nil || connector.ClassOf(failed) != connector.Retry {
		t.Fatalf("got %v of class %s, want class retry", failed, connector.ClassOf(failed))
	}
	rest, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, at, nil)
	if err != nil || len(rows)+len(rest) != 3000 {
		t.Errorf("got %d and then %d rows, %v, want 3000", len(rows), len(rest), err)
	}
}

// churn changes rows of even number until the answer is called: they are updated, moved over borders, deleted and made; odd ones rest.
func (j *judge) churn(table string, n int) (end func() error) {
	o := j.other()
	done, stop := make(chan error, 1), make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			id := (i*7919)%n/2*2 + 2
			for _, text := range []string{"UPDATE %[1]s SET v = 'changed' WHERE id = %[2]d", "UPDATE %[1]s SET id = 1000000 - id WHERE id = %[2]d AND NOT EXISTS (SELECT FROM %[1]s WHERE id = 1000000 - %[2]d)",
				"DELETE FROM %[1]s WHERE id = %[2]d", "INSERT INTO %[1]s VALUES (500000 + %[2]d, 'new') ON CONFLICT DO NOTHING"} {
				if _, err := o.try(fmt.Sprintf(text, table, id)); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	return func() error {
		close(stop)
		return <-done
	}
}

func TestRowsWhileTheTableChanges(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 40_000)
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"})
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 7})
	if err != nil {
		t.Fatal(err)
	}
	end := j.churn("t", 40_000)
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
	if err := end(); err != nil {
		t.Fatal(err)
	}
	for id := 1; id < 40_000; id += 2 {
		if seen[fmt.Sprint(id)] != 1 {
			t.Fatalf("row %d, which rested, was read %d times", id, seen[fmt.Sprint(id)])
		}
	}
}

// TestColumnsChangedDuringTheRun: what the planned schema would cut or take for something else is refused; what loses nothing goes on.
func TestColumnsChangedDuringTheRun(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for i, cc := range []struct {
		before, after, value string
		refused              bool
	}{
		{"timestamp(0)", "timestamp(3)", "'2026-01-02 03:04:05.678'", true},
		{"timestamptz(2)", "timestamptz", "'2026-01-02 03:04:05.678+00'", true},
		{"time(3)", "time(6)", "'01:02:03.123456'", true},
		{"int", "bigint", "3000000000", true},
		{"real", "float8", "0.1", true},
		{"text", "bytea USING v::bytea", "'x'", true},
		{"text", "int USING 1", "1", true},
		{"int", "text", "'1'", true},
		{"timestamp", "timestamptz", "'2026-01-02 03:04:05+00'", true},
		{"bit(3)", "bit(4)", "B'1111'", false}, // the value is marked
		{"int[]", "bigint[]", "'{1}'", true},
		{"numeric(10,2)", "numeric(12,4)", "1.2345", false}, // the value is marked
		{"bigint", "int", "5", false},
		{"varchar(20)", "text", "'x'", false},
		{"json", "jsonb", "'{}'", false},
		{"timestamp(6)", "timestamp(3)", "'2026-01-02 03:04:05.678'", false},
	} {
		name := fmt.Sprintf("t%d", i)
		j.execf("CREATE TABLE %s (n int PRIMARY KEY, v %s)", name, cc.before)
		table := j.reader(c, connector.Source{Dataset: name})
		query := j.reader(c, connector.Source{Query: "SELECT n, v FROM " + name})
		j.execf("ALTER TABLE %s ALTER v TYPE %s; INSERT INTO %s VALUES (1, %s)", name, cc.after, name, cc.value)
		for of, r := range map[string]connector.Reader{"table": table, "query": query} {
			rows, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
			if refused := connector.ClassOf(err) == connector.Changed; refused != cc.refused || !refused && err != nil {
				t.Errorf("%s from %s to %s: got %q, %v", of, cc.before, cc.after, rows, err)
			}
			marked := len(rows) == 1 && strings.Contains(rows[0][1], ":1")
			if !cc.refused && (len(rows) != 1 || marked != (cc.before == "bit(3)" || cc.before == "numeric(10,2)")) {
				t.Errorf("%s from %s to %s: got %q", of, cc.before, cc.after, rows)
			}
		}
	}
	j.exec("CREATE TABLE gone (n int PRIMARY KEY, v text)")
	r := j.reader(c, connector.Source{Dataset: "gone"})
	j.exec("ALTER TABLE gone DROP v")
	if _, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil); connector.ClassOf(err) != connector.Missing {
		t.Errorf("a column that is gone: got %v", err)
	}
}

// TestLargeRows: rows of many megabytes are read, and one beyond a batch's size is a batch of its own.
func TestLargeRows(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (id int PRIMARY KEY, v bytea)")
	sizes := []int{10, 17 << 20, 10, 2 << 20, 34 << 20, 256<<10 - 5, 256 << 10, 5}
	for i, n := range sizes {
		j.execf("INSERT INTO t VALUES (%d, substr(decode(repeat('ff41', %d), 'hex'), 1, %d))", i, n/2+1, n)
	}
	want := j.rows("SELECT md5(v), length(v) FROM t ORDER BY id")
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
			sum := md5.Sum(v)
			if got := fmt.Sprint(hex.EncodeToString(sum[:]), len(v)); got != fmt.Sprint(want[at][0], want[at][1]) {
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
	everyVersion(t, func(t *testing.T, j *judge) {
		server, role := j.srv.Name, j.schema
		j.execf("CREATE ROLE %[1]s LOGIN PASSWORD 'pw'; ALTER ROLE %[1]s SET TimeZone = 'Asia/Kolkata'; ALTER ROLE %[1]s SET DateStyle = 'German'; "+
			"ALTER ROLE %[1]s SET statement_timeout = '100ms'; ALTER ROLE %[1]s SET gin_fuzzy_search_limit = 1; ALTER ROLE %[1]s SET search_path = nowhere; ALTER ROLE %[1]s SET extra_float_digits = -10", role)
		t.Cleanup(func() { dropRole(t, server, role) })
		for u, want := range map[use]string{
			reads:  "UTC|ISO, YMD|iso_8601|0|1min|10min|off|pg_catalog, pg_temp|on|0|UTF8|3|towpath|off",
			writes: "UTC|ISO, YMD|iso_8601|0|1min|10min|off|pg_catalog, pg_temp|off|0|UTF8|3|towpath|on",
		} {
			err := j.client(map[string]any{"user": role, "password": "pw"}).withSession(t.Context(), u, func(s *session) error {
				got, err := s.query("SELECT concat_ws('|', " + settings("TimeZone", "DateStyle", "IntervalStyle", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
					"row_security", "search_path", "default_transaction_read_only", "gin_fuzzy_search_limit", "client_encoding", "extra_float_digits", "application_name", "enable_sort") + ")")
				if err != nil {
					return err
				}
				if got[0][0].text != want {
					t.Errorf("%s:\n got %s\nwant %s", server, got[0][0].text, want)
				}
				_, err = s.query("SELECT 1 FROM nowhere.t")
				if class := connector.ClassOf(classify(err, "read")); class != connector.Missing {
					t.Errorf("got %v of class %s, want missing", err, class)
				}
				if err := s.exec("CREATE TEMPORARY TABLE x (a int); INSERT INTO x VALUES (1)"); (err == nil) != (u == writes) {
					t.Errorf("a session for %d makes and fills a table: %v", u, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func settings(names ...string) string {
	for i, n := range names {
		names[i] = "current_setting('" + n + "')"
	}
	return strings.Join(names, ", ")
}

func dropRole(t *testing.T, server, role string) {
	last := &judge{t: t, conn: dialJudge(t, servers.Need(t, server).URL)}
	defer last.conn.Close(context.Background())
	last.execf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", role)
}

// TestNoAllocationForARow: a page costs allocations for itself, its rows cost none.
func TestNoAllocationForARow(t *testing.T) {
	j := newJudge(t)
	j.exec(`CREATE TABLE t (id bigint PRIMARY KEY, a int, b smallint, c float8, d real, e numeric(12,2), f numeric(30,4), g numeric, h text, i varchar(20), j bytea, k date, l time, m timestamp, n timestamptz,
		o interval, p uuid, q bool, r bit(9), s inet, u jsonb, w money); INSERT INTO t SELECT i, i, i % 7, i / 3.0, i / 7.0, i / 100.0, i / 13.0, i / 17.0, md5(i::text), 'v' || i, decode(md5(i::text), 'hex'),
		date '2026-01-01' + i, time '00:00' + i * interval '1 s', timestamp '2026-01-01' + i * interval '1 s', timestamptz '2026-01-01 00:00+00' + i * interval '1 s', i * interval '1 hour', md5(i::text)::uuid,
		i % 2 = 0, i::bit(9), inet '10.0.0.0' + i, json_build_object('i', i), i::money FROM generate_series(1, 20000) i`)
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"})
	schema, _, _ := r.Schema(t.Context())
	pool := record.NewPool(0)
	rows := 0
	read := func() {
		for chunk, err := range r.Read(t.Context(), connector.Query{Schema: schema, Batches: pool}) {
			if err != nil {
				t.Fatal(err)
			}
			rows += chunk.Batch.Len
			chunk.Batch.Release()
		}
	}
	read()
	if rows != 20_000 {
		t.Fatalf("got %d rows", rows)
	}
	if n := testing.AllocsPerRun(3, read); n > 1000 {
		t.Errorf("got %v allocations for 20000 rows in two pages, want those of the pages alone", n)
	}
}

// TestReadTimeout: a server that says nothing for too long counts as lost.
func TestReadTimeout(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(map[string]any{"read_seconds": 1})
	began := time.Now()
	_, _, err := readtest.Shard(t.Context(), j.reader(c, connector.Source{Query: "SELECT pg_sleep(20) IS NULL AS a"}), connector.Shard{}, nil, nil)
	if connector.ClassOf(err) != connector.Retry || time.Since(began) > 5*time.Second {
		t.Errorf("got %v of class %s after %s", err, connector.ClassOf(err), time.Since(began))
	}
}

// TestRowsThatComeSlowly: rows that are waited for in batches come all the same when there are too few for one, and again when they flow.
func TestRowsThatComeSlowly(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	r := j.reader(j.client(nil), connector.Source{Query: "SELECT i, repeat('x', 200) AS v FROM (SELECT generate_series(1, 20000) AS i) s WHERE CASE WHEN i BETWEEN 5000 AND 5050 THEN pg_sleep(0.03) IS NOT NULL ELSE true END"})
	began := time.Now()
	rows, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
	if err != nil || len(rows) != 20_000 {
		t.Errorf("got %d rows, %v", len(rows), err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("51 pauses of 30 ms took %s", took)
	}
}

// TestPagesNeverSort: a page of more rows than the table has, whose rows lie in another order than the key, is still read by the index;
// a sort would be repeated for every page.
func TestPagesNeverSort(t *testing.T) {
	t.Parallel()
	j := database(t, servers.Need(t, "postgres"), "")
	j.execf("ALTER DATABASE %[1]s SET effective_cache_size = '1MB'; ALTER DATABASE %[1]s SET random_page_cost = 40; SET effective_cache_size = '1MB'; SET random_page_cost = 40", j.srv.Database())
	j.exec("CREATE TABLE t (k uuid PRIMARY KEY, v text); INSERT INTO t SELECT md5(i::text)::uuid, repeat('x', 300) FROM generate_series(1, 50000) i; ANALYZE t")
	plain := fmt.Sprint(j.rows("EXPLAIN SELECT k, v FROM t WHERE k > '10000000-0000-0000-0000-000000000000' ORDER BY k LIMIT 4000000"))
	if !strings.Contains(plain, "Sort") {
		t.Fatalf("the server sorts nothing by itself, so nothing is tested: %s", plain)
	}
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"}).(*reader)
	sel := r.sel
	sel.Columns = "k, v"
	low := []connector.Part{{Tag: connector.TagBytes, Bytes: append([]byte{0x10}, make([]byte, 15)...)}}
	st := sel.Page(sqltable.Range{Low: low}, 4_000_000)
	st.SQL = "EXPLAIN " + st.SQL
	plan, err := (&borders{reader: r}).ask(t.Context(), "explain", st)
	if err != nil || strings.Contains(fmt.Sprint(plan), "Sort") || !strings.Contains(fmt.Sprint(plan), "Index Cond") {
		t.Errorf("got %v, %v", plan, err)
	}
}

// TestForeignEncodings: text of a LATIN1 database is converted; bytes of a SQL_ASCII database that are no UTF-8 are marked, in keys too.
func TestForeignEncodings(t *testing.T) {
	t.Parallel()
	srv := servers.Need(t, "postgres")
	latin := database(t, srv, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	latin.exec("SET client_encoding = 'UTF8'") // by itself: the text of a statement is converted before it runs
	latin.exec("CREATE TABLE t (k text PRIMARY KEY, v text[], w json); INSERT INTO t VALUES ('é', '{ü,x}', '\"ß\"'), ('a', NULL, NULL)")
	rows, _ := readtest.All(latin.t, latin.reader(latin.client(nil), connector.Source{Dataset: "t"}), 2)
	if got, want := fmt.Sprint(rows), `[[a <null> <null>] [é ["ü","x"] "ß"]]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	ascii := database(t, srv, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	ascii.exec("SET client_encoding = 'SQL_ASCII'")
	ascii.exec("CREATE TYPE mood AS ENUM ('é'); CREATE TABLE t (k text PRIMARY KEY, v text, w mood, x text[]); " +
		"INSERT INTO t VALUES ('é', 'ü', 'é', '{a}'), (E'a\\xff', 'x', NULL, NULL), (E'a\\xfe', E'b\\xff', NULL, ARRAY[E'c\\xff'])")
	r := ascii.reader(ascii.client(nil), connector.Source{Dataset: "t"})
	rows, shards := readtest.All(ascii.t, r, 3)
	if got, want := fmt.Sprintf("%q", rows), `[["UTF8:a\xfe" "UTF8:b\xff" "<null>" "UTF8:{\"c\xff\"}"] ["UTF8:a\xff" "x" "<null>" "<null>"] ["é" "ü" "é" "[\"a\"]"]]`; got != want || len(shards) != 3 {
		t.Errorf("%d shards\n got %s\nwant %s", len(shards), got, want)
	}
}

// TestGeometry compares geometries with what PostGIS says of them itself.
func TestGeometry(t *testing.T) {
	t.Parallel()
	j := database(t, servers.Need(t, "postgres"), "")
	j.exec("CREATE EXTENSION postgis SCHEMA public; CREATE TABLE t (n int PRIMARY KEY, v geometry, w geography, x geometry[]); SET search_path = " + j.schema + ", public")
	for i, text := range []string{"POINT(1 2)", "SRID=4326;POINT(-71.06 42.28)", "SRID=4326;POINT EMPTY", "LINESTRING Z (0 0 1, 1 1 2)", "POINT M (1 2 3)", "POINT ZM (1 2 3 4)", "POLYGON((0 0,0 1,1 1,0 0))",
		"SRID=3857;GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))", "MULTIPOLYGON EMPTY", "CIRCULARSTRING(0 0,1 1,2 0)"} {
		j.execf("INSERT INTO t VALUES (%d, '%s', '%s', ARRAY['%[2]s'::geometry, NULL])", i, text, map[bool]string{true: text, false: "POINT(0 0)"}[strings.HasPrefix(text, "SRID=4326")])
	}
	c := j.client(nil)
	r := j.reader(c, connector.Source{Dataset: "t"})
	schema, _, _ := r.Schema(t.Context())
	if got := schema.Fields[1].Type.String() + schema.Fields[2].Type.String() + schema.Fields[3].Type.String(); got != "geometrygeographylist(geometry)" && got != "geometrygeometrylist(geometry)" {
		t.Errorf("got types %s", got)
	}
	rows, _ := readtest.All(j.t, r, 1)
	form := func(v string) string {
		return "lpad(to_hex(ST_SRID(" + v + ")), 8, '0') || encode(ST_AsBinary(" + v + ", 'NDR'), 'hex')"
	}
	for i, want := range j.rows("SELECT %s, %s FROM t ORDER BY n", form("v"), form("w::geometry")) {
		if rows[i][1] != want[0] || rows[i][2] != want[1] || rows[i][3] != `["`+want[0]+`",null]` {
			t.Errorf("row %d: got %q, want %q", i, rows[i], want)
		}
	}
	if got := slices.Collect(func(yield func(string) bool) {
		for name := range c.Datasets(t.Context(), "*.*") {
			yield(name)
		}
	}); !slices.Equal(got, []string{j.schema + ".t"}) {
		t.Errorf("got datasets %q, want the extension's left out", got)
	}
}
