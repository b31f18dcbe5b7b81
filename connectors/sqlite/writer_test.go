package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connectors/sqlite"
	"github.com/towpath/towpath/record"
)

func schemaOf(t testing.TB, columns ...string) *record.Schema {
	t.Helper()
	s := new(record.Schema)
	for _, c := range columns {
		name, text, _ := strings.Cut(c, " ")
		text, key := strings.CutSuffix(text, " key")
		typ, err := record.ParseType(text)
		if err != nil {
			t.Fatal(err)
		}
		f := record.Field{Name: name, Type: typ, Nullable: !key}
		if key {
			f.Key = len(s.Key()) + 1
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

func batchOf(s *record.Schema, rows ...[]string) *record.Batch {
	b := record.NewBatch(s)
	for _, r := range rows {
		row := connectortest.Texts(r...)
		for i := range row {
			row[i].Null = row[i].Text == "NULL"
		}
		connectortest.Append(b, row)
	}
	return b
}

// job is a writer that is planned and prepared.
type job struct {
	w      connector.Writer
	target *connector.Target
}

func startJob(t testing.TB, c connector.Client, sink connector.Sink, want *record.Schema) job {
	t.Helper()
	w, err := sqlite.Connector().Write(t.Context(), c, sink)
	if err != nil {
		t.Fatal(err)
	}
	target, err := w.Plan(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Prepare(t.Context(), target, true, func(connector.Checkpoint) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return job{w, target}
}

func (j job) take(t testing.TB, epoch int64) (connector.ShardWriter, connector.Checkpoint) {
	t.Helper()
	s, c, err := j.w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: epoch}, connector.Checkpoint{})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func write(t testing.TB, s connector.ShardWriter, seq int64, b ...*record.Batch) connector.Outcome {
	t.Helper()
	out, err := s.Write(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: seq}); err != nil {
		t.Fatal(err)
	}
	return out
}

func (f *file) strings(t testing.TB, query string) []string {
	t.Helper()
	rows, err := f.db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func TestRejectedRowsAreNamed(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "INSERT INTO p VALUES (1)",
		`CREATE TABLE x (id INTEGER PRIMARY KEY, a TEXT NOT NULL ON CONFLICT IGNORE, n INT CHECK (n < 100), u TEXT UNIQUE ON CONFLICT REPLACE, p INT REFERENCES p, j JSON)`,
		"INSERT INTO x VALUES (7, 'old', 1, 'seven', 1, NULL)")
	j := startJob(t, f.open(t), connector.Sink{Dataset: "x", Mode: connector.Insert, Run: "r1"},
		schemaOf(t, "id int64 key", "a text", "n int64", "u text", "p int64", "j json"))
	s, _ := j.take(t, 1)
	rows := [][]string{{"1", "a", "1", "u1", "1", `{"b":1}`}, {"7", "key", "1", "u2", "1", "NULL"}, {"2", "NULL", "1", "u3", "1", "NULL"}, {"3", "check", "100", "u4", "1", "NULL"},
		{"4", "unique", "1", "seven", "1", "NULL"}, {"5", "foreign", "1", "u5", "9", "NULL"}, {"NULL", "key", "1", "u6", "1", "NULL"}, {"6", "json", "1", "u7", "1", "1.0"}}
	for i := range 200 {
		rows = append(rows, []string{fmt.Sprint(100 + i), "fine", "2", fmt.Sprint("f", i), "1", "NULL"})
	}
	out := write(t, s, 1, batchOf(j.target.Stored, rows...))
	var got []string
	for _, r := range out.Rejected {
		got = append(got, fmt.Sprint(r.Row, r.Code, r.Column))
	}
	want := []string{"1CONSTRAINTid", "2CONSTRAINTa", "3CONSTRAINT", "4CONSTRAINTu", "5CONSTRAINT", "6KEYNULLid", "7SHAPEj"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := f.strings(t, "SELECT count(*) || ' ' || max(CASE id WHEN 7 THEN a END) FROM x"); n[0] != "202 old" {
		t.Errorf("got %s, want 202 rows and the old row 7", n)
	}
}

func TestSupersededByTheTargetsCollation(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, "CREATE TABLE x (k TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, n INT CHECK (n > 0))")
	j := startJob(t, f.open(t), connector.Sink{Dataset: "x", Mode: connector.Upsert, Run: "r1"}, schemaOf(t, "k text key", "n int64"))
	s, _ := j.take(t, 1)
	first, second := batchOf(j.target.Stored, []string{"a", "1"}, []string{"b", "2"}, []string{"A", "3"}), batchOf(j.target.Stored, []string{"B", "-1"}, []string{"a", "4"}, []string{"é", "5"}, []string{"É", "6"})
	out := write(t, s, 1, first, second)
	if got, want := fmt.Sprint(out.Superseded), "[{0 0} {0 2}]"; got != want || len(out.Rejected) != 1 {
		t.Errorf("superseded %s, rejected %v, want %s and one", got, out.Rejected, want)
	}
	if got, want := f.strings(t, "SELECT k || n FROM x ORDER BY n"), []string{"b2", "a4", "é5", "É6"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, "CREATE TABLE parent (id INTEGER PRIMARY KEY, v TEXT)", "CREATE TABLE child (id INTEGER PRIMARY KEY, p INT REFERENCES parent)",
		"CREATE TABLE two (id INTEGER PRIMARY KEY, v TEXT UNIQUE)", "CREATE TABLE plain (id INT, v TEXT)", "CREATE TABLE needs (id INTEGER PRIMARY KEY, v TEXT, must INT NOT NULL)",
		"CREATE TABLE made (id INTEGER PRIMARY KEY, v TEXT GENERATED ALWAYS AS (id || 'x'))", "CREATE VIEW v AS SELECT 1 AS id, 'a' AS v")
	c := f.open(t)
	for _, x := range []struct {
		table string
		mode  connector.Mode
		want  *record.Schema
		code  string
	}{
		{"parent", connector.Replace, schemaOf(t, "id int64 key", "v text"), "TOW-320"},
		{"two", connector.Upsert, schemaOf(t, "id int64 key", "v text"), "TOW-163"},
		{"plain", connector.Upsert, schemaOf(t, "id int64 key", "v text"), "TOW-162"},
		{"new", connector.Upsert, schemaOf(t, "id int64", "v text"), "TOW-162"},
		{"needs", connector.Insert, schemaOf(t, "id int64 key", "v text"), "TOW-161"},
		{"plain", connector.Insert, schemaOf(t, "id int64", "w text"), "TOW-160"},
		{"v", connector.Insert, schemaOf(t, "id int64", "v text"), "TOW-319"},
	} {
		w, err := sqlite.Connector().Write(t.Context(), c, connector.Sink{Dataset: x.table, Mode: x.mode, Run: "r"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Plan(t.Context(), x.want)
		if e, ok := err.(*connector.Error); !ok || e.Code != x.code {
			t.Errorf("%s into %s: got %v, want %s", x.mode, x.table, err, x.code)
		}
	}
	if left := f.strings(t, "SELECT name FROM sqlite_schema WHERE name LIKE 'towpath%' OR name = 'new'"); len(left) > 0 {
		t.Errorf("planning made %q", left)
	}
}

// What a column of the target holds exactly decides the stored type.
func TestStoredTypesOfAnExistingTable(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, "CREATE TABLE x (ID INTEGER PRIMARY KEY, money DECIMAL(20,4), whole NUMERIC(30), num NUMERIC, big BIGINT UNSIGNED, any_, t DATETIME)")
	j := startJob(t, f.open(t), connector.Sink{Dataset: "x", Mode: connector.Insert, Run: "r"},
		schemaOf(t, "id int64 key", "money decimal(20,4)", "whole decimal(30,0)", "num decimal(5,1)", "big uint64", "any_ uuid", "t datetime(3)"))
	var got []string
	for _, c := range j.target.Stored.Fields {
		got = append(got, c.Name+" "+c.Type.String())
	}
	want := []string{"ID int64", "money decimal(15,4)", "whole decimal(18,0)", "num float64", "big int64", "any_ uuid", "t datetime(6)"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The process dies before, between and after the steps of a swap: each next process ends where the first would have.
func TestSwapSurvivesDeath(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"filled", "sealed", "published"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			f := newFile(t)
			f.exec(connectortestTB{t}, "CREATE TABLE log (n INT)", `CREATE TABLE "sho""p" (id INTEGER PRIMARY KEY, v TEXT DEFAULT 'x' COLLATE NOCASE, n INT CHECK (n > 0))`,
				`CREATE UNIQUE INDEX iv ON "sho""p" (v)`, `CREATE INDEX inn ON "sho""p" (n) WHERE n > 3`, `CREATE TRIGGER tr AFTER INSERT ON "sho""p" BEGIN INSERT INTO log VALUES (new.id); END`,
				`CREATE VIEW look AS SELECT count(*) AS c FROM "sho""p"`, `INSERT INTO "sho""p" VALUES (1, 'old', 1)`, "DELETE FROM log")
			before := f.strings(t, "SELECT type || sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'towpath%' ORDER BY name")
			sink := connector.Sink{Dataset: `sho"p`, Mode: connector.Replace, Run: "r7"}
			c := f.open(t)
			j := startJob(t, c, sink, schemaOf(t, "id int64 key", "v text", "n int64"))
			s, _ := j.take(t, 1)
			out := write(t, s, 1, batchOf(j.target.Stored, []string{"5", "a", "1"}, []string{"6", "A", "1"}, []string{"7", "b", "0"}, []string{"8", "c", "4"}))
			if len(out.Rejected) != 2 {
				t.Errorf("rejected %v, want the rows that the table's own unique index and check refuse", out.Rejected)
			}
			if _, err := s.Write(t.Context(), []*record.Batch{batchOf(j.target.Stored, []string{"9", "uncommitted", "1"})}); err != nil {
				t.Fatal(err)
			}
			for _, phase := range map[string][]connector.Phase{"sealed": {connector.Seal}, "published": {connector.Seal, connector.Publish}}[point] {
				if phase == connector.Publish {
					s.Close()
				}
				if err := j.w.Finish(t.Context(), phase); err != nil {
					t.Fatal(err)
				}
			}
			s.Close() // what a dead process's connection leaves: its transaction rolled back
			c.Close()

			again, err := sqlite.Connector().Write(t.Context(), f.open(t), sink)
			if err != nil {
				t.Fatal(err)
			}
			var seen []int64
			if err := again.Prepare(t.Context(), j.target, false, func(c connector.Checkpoint) error { seen = append(seen, c.Seq); return nil }); err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: "[]", false: "[1]"}[point == "published"]; fmt.Sprint(seen) != want {
				t.Errorf("remembered %v, want %s", seen, want)
			}
			for _, phase := range []connector.Phase{connector.Seal, connector.Publish, connector.Publish, connector.Drop} {
				if err := again.Finish(t.Context(), phase); err != nil {
					t.Fatalf("%s: %v", phase, err)
				}
			}
			if got := f.strings(t, `SELECT id || v || n || (SELECT c FROM look) FROM "sho""p" ORDER BY id`); !slices.Equal(got, []string{"5a12", "8c42"}) {
				t.Errorf("got %q", got)
			}
			if after := f.strings(t, "SELECT type || sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"); !slices.Equal(after, before) {
				t.Errorf("schema after the swap:\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
			}
			if n := f.strings(t, "SELECT count(*) FROM log"); n[0] != "0" {
				t.Errorf("triggers of the table ran %s times while it was filled", n)
			}
		})
	}
}

func TestRestoredFileIsNoticed(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	sink := connector.Sink{Dataset: "x", Mode: connector.Insert, Run: "r"}
	c := f.open(t)
	j := startJob(t, c, sink, schemaOf(t, "id int64 key"))
	c.Close()
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	w, err := sqlite.Connector().Write(t.Context(), f.open(t), sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Prepare(t.Context(), j.target, false, nil); connector.ClassOf(err) != connector.Changed {
		t.Errorf("got %v, want class changed", err)
	}
}

func TestRolledBackByATrigger(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	j := startJob(t, f.open(t), connector.Sink{Dataset: "x", Mode: connector.Insert, Run: "r"}, schemaOf(t, "id int64 key", "v text"))
	s, _ := j.take(t, 1)
	f.exec(connectortestTB{t}, "CREATE TRIGGER tr BEFORE INSERT ON x BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END")
	_, err := s.Write(t.Context(), []*record.Batch{batchOf(j.target.Stored, []string{"1", "a"})})
	if connector.ClassOf(err) != connector.Row {
		t.Errorf("a trigger that rolls everything back: got %v, want class row", err)
	}
	if got := f.strings(t, "SELECT seq FROM towpath_checkpoint WHERE shard_id = 's'"); got[0] != "0" {
		t.Errorf("got %q", got)
	}
}

func TestBusyFile(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	raw := strings.Replace(string(f.connection()), "}", `,"busy_seconds":0}`, 1)
	c, err := sqlite.Connector().Open(t.Context(), connector.Connection{Options: []byte(raw)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	j := startJob(t, c, connector.Sink{Dataset: "x", Mode: connector.Insert, Run: "r"}, schemaOf(t, "id int64 key"))
	conn, err := f.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	_, _, err = j.w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: 1}, connector.Checkpoint{})
	if connector.ClassOf(err) != connector.Busy {
		t.Errorf("got %v, want class busy", err)
	}
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyFile(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.exec(connectortestTB{t}, "CREATE TABLE x (id INTEGER PRIMARY KEY)")
	c, err := sqlite.Connector().Open(t.Context(), connector.Connection{Options: []byte(strings.Replace(string(f.connection()), "}", `,"mode":"ro"}`, 1))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w, err := sqlite.Connector().Write(t.Context(), c, connector.Sink{Dataset: "x", Mode: connector.Insert, Run: "r"})
	if err != nil {
		t.Fatal(err)
	}
	target, err := w.Plan(t.Context(), schemaOf(t, "id int64 key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Prepare(t.Context(), target, true, nil); connector.ClassOf(err) != connector.Denied {
		t.Errorf("got %v, want class denied", err)
	}
}

func TestNotADatabase(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	if err := os.WriteFile(f.path, []byte(strings.Repeat("no database ", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Connector().Read(t.Context(), f.open(t), connector.Source{Dataset: "x"})
	if e, ok := err.(*connector.Error); !ok || e.Code != "TOW-306" {
		t.Errorf("got %v, want TOW-306", err)
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	if _, err := sqlite.Connector().Read(t.Context(), f.open(t), connector.Source{Dataset: "x"}); connector.ClassOf(err) != connector.Missing {
		t.Errorf("got %v, want class missing", err)
	}
	if _, err := os.Stat(f.path); err == nil {
		t.Error("reading made the file")
	}
}
