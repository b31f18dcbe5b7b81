package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

// schemaOf makes a schema of "name type", with " key" behind key columns and " null" behind those that may be NULL.
func schemaOfText(t testing.TB, columns ...string) *record.Schema {
	t.Helper()
	s := new(record.Schema)
	for _, c := range columns {
		name, text, _ := strings.Cut(c, " ")
		text, key := strings.CutSuffix(text, " key")
		text, null := strings.CutSuffix(text, " null")
		f := record.Field{Name: name, Type: typesOf(t, text)[0], Nullable: null}
		if key {
			f.Key = len(s.Key()) + 1
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

// batchOf makes a batch of rows of texts; "NULL" is NULL, "mark CODE raw" a mark.
func batchOf(s *record.Schema, rows ...[]string) *record.Batch {
	b := record.NewBatch(s)
	for _, r := range rows {
		for i, text := range r {
			mark, marked := strings.CutPrefix(text, "mark ")
			code, raw, _ := strings.Cut(mark, " ")
			switch {
			case text == "NULL":
				b.Cols[i].AppendNull()
			case marked:
				b.MarkNull(i, record.Code(code), []byte(raw))
			default:
				if code := record.AppendParsed(b.Cols[i], &s.Fields[i].Type, []byte(text)); code != "" {
					panic(fmt.Sprintf("%q is no %s: %s", text, s.Fields[i].Type, code))
				}
			}
		}
		b.Len++
	}
	return b
}

// refusals writes what was rejected: batch.row code column.
func refusals(out connector.Outcome) []string {
	var list []string
	for _, r := range out.Rejected {
		list = append(list, fmt.Sprintf("%d.%d %s %s", r.Batch, r.Row, r.Code, r.Column))
	}
	return list
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %q, want %q", what, fmt.Sprint(got), fmt.Sprint(want))
	}
}

// scrambled is a text that no compression shortens much.
func scrambled(n int) string {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = ' ' + byte(x>>32)%94
	}
	return string(b)
}

// TestRefusedRows: each row that the table refuses is named with code and column, by insert and by upsert, and all others are there
// (TRAPS T230).
func TestRefusedRows(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		c := j.client(nil)
		j.exec("CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1); CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.a = ''raise'' THEN RAISE ''not this one''; END IF; RETURN new; END'; " +
			"CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.a = ''odd'' THEN RAISE SQLSTATE ''ZX123''; END IF; RETURN new; END'")
		want := schemaOfText(t, "id int64 key", "a text", "n int32 null", "u text null", "p int32 null", "j json null", "d int32 null")
		rows := [][]string{{"1", "fine", "1", "u1", "1", `{"b":1}`, "1"}, {"7", "key", "1", "u2", "1", "NULL", "1"}, {"2", "NULL", "1", "u3", "1", "NULL", "1"}, {"3", "check", "100", "u4", "1", "NULL", "1"},
			{"4", "unique", "1", "seven", "1", "NULL", "1"}, {"5", "foreign", "1", "u5", "9", "NULL", "1"}, {"NULL", "key", "1", "u6", "1", "NULL", "1"}, {"6", "raise", "1", "u7", "1", "NULL", "1"},
			{"8", "odd", "1", "u8", "1", "NULL", "1"}, {"9", "domain", "1", "u9", "1", "NULL", "-1"}, {"10", scrambled(8000), "1", "u10", "1", "NULL", "1"}}
		for i := range 300 {
			rows = append(rows, []string{fmt.Sprint(100 + i), "fine", "2", fmt.Sprint("f", i), "1", "NULL", "3"})
		}
		slices.Reverse(rows)
		j.exec("CREATE DOMAIN positive AS int CHECK (value > 0)")
		for _, mode := range []connector.Mode{connector.Insert, connector.Upsert} {
			name := "x" + string(mode)
			unique := "UNIQUE"
			if mode == connector.Upsert {
				unique = "CHECK (u <> 'seven')" // another unique key would be refused
			}
			j.execf(`CREATE TABLE %s (id int8 PRIMARY KEY, a text NOT NULL, n int CHECK (n < 100), u text %s, p int REFERENCES p, j jsonb, d positive);
				CREATE INDEX ON %[1]s (a text_pattern_ops) WHERE length(a) > 5000; CREATE TRIGGER no BEFORE INSERT ON %[1]s FOR EACH ROW EXECUTE FUNCTION no();
				CREATE TRIGGER odd BEFORE INSERT ON %[1]s FOR EACH ROW EXECUTE FUNCTION odd(); INSERT INTO %[1]s (id, a, u) VALUES (7, 'old', 'seven old')`, name, unique)
			if mode == connector.Insert {
				j.execf("UPDATE %s SET u = 'seven'", name)
			}
			x := j.begin(c, connector.Sink{Dataset: name, Mode: mode}, want)
			s := x.take(1)
			out := x.write(s, 1, batchOf(x.target.Stored, rows[:150]...), batchOf(x.target.Stored, rows[150:]...))
			domain, key := "1.151 CONSTRAINT d", []string{"1.159 CONSTRAINT id"}
			if mode == connector.Upsert { // an INSERT names the domain alone
				domain, key = "1.151 CONSTRAINT ", nil
			}
			list := slices.Concat([]string{"1.150 TOOBIG ", domain, "1.152 REJECTED ", "1.153 REJECTED ", "1.154 KEYNULL id", "1.155 CONSTRAINT p", "1.156 CONSTRAINT u", "1.157 CONSTRAINT n",
				"1.158 CONSTRAINT a"}, key)
			expect(t, name, refusals(out), list)
			expect(t, name+" holds", j.rows("SELECT count(*), max(CASE id WHEN 7 THEN a END) FROM %s", name), map[connector.Mode]any{
				connector.Insert: []row{{"302", "old"}}, connector.Upsert: []row{{"302", "key"}}}[mode])
			for _, r := range out.Rejected {
				if r.Reason == "" {
					t.Errorf("%s: %+v has no reason", name, r)
				}
			}
		}
	})
}

// TestKeyTwiceInAGroup: the last row of a key counts, the others are superseded; when the last is refused, the one before it counts
// (TRAPS T149). The server decides which keys are equal.
func TestKeyTwiceInAGroup(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.extended()
		j.exec("CREATE TABLE x (k public.citext PRIMARY KEY, n int CHECK (n > 0))")
		x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Upsert}, schemaOfText(t, "k text key", "n int32"))
		s := x.take(1)
		first := batchOf(x.target.Stored, []string{"a", "1"}, []string{"b", "2"}, []string{"A", "3"}, []string{"c", "-1"}, []string{"only", "-5"})
		second := batchOf(x.target.Stored, []string{"B", "-1"}, []string{"a", "4"}, []string{"é", "5"}, []string{"É", "6"}, []string{"d", "7"}, []string{"D", "-7"}, []string{"d", "-8"})
		out := x.write(s, 1, first, second)
		slices.SortFunc(out.Superseded, func(a, b connector.RowRef) int { return 100*(a.Batch-b.Batch) + a.Row - b.Row })
		expect(t, "superseded", out.Superseded, "[{0 0} {0 2} {1 2}]")
		expect(t, "rejected", refusals(out), []string{"0.3 CONSTRAINT n", "0.4 CONSTRAINT n", "1.0 CONSTRAINT n", "1.5 CONSTRAINT n", "1.6 CONSTRAINT n"})
		expect(t, "rows", j.rows("SELECT k, n FROM x ORDER BY n"), []row{{"b", "2"}, {"a", "4"}, {"É", "6"}, {"d", "7"}})
		// The same again in the transaction of a shard that is committed at its end: nothing of an earlier group comes twice.
		for _, n := range []string{"11", "12"} {
			if _, err := s.Write(t.Context(), []*record.Batch{batchOf(x.target.Stored, []string{"a", n}, []string{"A", n})}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 2}); err != nil {
			t.Fatal(err)
		}
		expect(t, "rows", j.rows("SELECT k, n FROM x ORDER BY n"), []row{{"b", "2"}, {"É", "6"}, {"d", "7"}, {"A", "12"}})
	})
}

// TestTriggersThatDropRows: a row that a trigger swallows is noticed by the count and stops the run, with nothing written; one that fills the
// line with words does no harm.
func TestTriggersThatDropRows(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		c := j.client(nil)
		j.exec("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.id = 500 THEN RETURN NULL; END IF; RETURN new; END'; " +
			"CREATE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE INFO ''%'', repeat(''word '', 2000); RETURN new; END'; " +
			"CREATE TABLE x (id int8 PRIMARY KEY); CREATE TRIGGER talk BEFORE INSERT ON x FOR EACH ROW EXECUTE FUNCTION talk(); CREATE TABLE y (id int8 PRIMARY KEY); " +
			"CREATE TRIGGER swallow BEFORE INSERT ON y FOR EACH ROW EXECUTE FUNCTION swallow()")
		var rows [][]string
		for i := range 1000 {
			rows = append(rows, []string{fmt.Sprint(i)})
		}
		for _, mode := range []connector.Mode{connector.Insert, connector.Upsert} {
			x := j.begin(c, connector.Sink{Dataset: "x", Mode: mode}, schemaOfText(t, "id int64 key"))
			if !slices.ContainsFunc(x.target.Notes, func(n string) bool { return strings.Contains(n, "triggers run") && strings.Contains(n, "talk") }) {
				t.Errorf("no note of the trigger: %q", x.target.Notes)
			}
			x.write(x.take(1), 1, batchOf(x.target.Stored, rows...)) // 10 MB of words
			x = j.begin(c, connector.Sink{Dataset: "y", Mode: mode}, schemaOfText(t, "id int64 key"))
			_, err := x.take(1).Write(t.Context(), []*record.Batch{batchOf(x.target.Stored, rows...)})
			if codeOf(err) != "TOW-759" {
				t.Errorf("%s: got %v, want TOW-759", mode, err)
			}
		}
		expect(t, "rows", j.rows("SELECT (SELECT count(*) FROM x), (SELECT count(*) FROM y)"), "[[1000 0]]")
	})
}

// TestTriggersFindTheirTables: functions of the table run with the search path that the role has, and sessions of ours do not change what
// they see.
func TestTriggersFindTheirTables(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.execf("CREATE TABLE public.%s (id int8); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO %[1]s VALUES (new.id); RETURN new; END'; "+
			"CREATE TABLE x (id int8 PRIMARY KEY); CREATE TRIGGER note AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION note()", j.schema)
		t.Cleanup(func() { j.other().execf("DROP TABLE public.%s", j.schema) })
		x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Insert}, schemaOfText(t, "id int64 key"))
		x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"5"}))
		expect(t, "audit", j.rows("SELECT id FROM public.%s", j.schema), "[[5]]")
	})
}

// TestAlteredMeanwhile: a table whose columns change while rows are on their way is noticed, also when the bytes would fit.
func TestAlteredMeanwhile(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		for _, changed := range []string{"real", "int8"} {
			j.exec("DROP TABLE IF EXISTS x; CREATE TABLE x (id int8 PRIMARY KEY, v int4)")
			x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Insert}, schemaOfText(t, "id int64 key", "v int32"))
			s := x.take(1)
			x.write(s, 1, batchOf(x.target.Stored, []string{"1", "1"}))
			j.exec("ALTER TABLE x ALTER v TYPE " + changed)
			_, err := s.Write(t.Context(), []*record.Batch{batchOf(x.target.Stored, []string{"2", "2"})})
			if err == nil {
				_, err = s.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 2})
			}
			if connector.ClassOf(err) != connector.Changed {
				t.Errorf("%s: got %v, want an error of class changed", changed, err)
			}
			expect(t, "rows", j.rows("SELECT * FROM x"), "[[1 1]]")
		}
	})
}

// second makes another schema of the test's own.
func (j *judge) second() string {
	j.t.Helper()
	name := j.schema + "b"
	j.exec("CREATE SCHEMA " + name)
	j.t.Cleanup(func() { j.other().execf("DROP SCHEMA %s CASCADE", name) })
	return name
}

// TestFrozenOwner: a transaction that an older owner left open is ended by the next one, by both ways.
func TestFrozenOwner(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		b := j.second()
		j.execf("GRANT ALL ON SCHEMA %s, %s TO writer; CREATE TABLE %[2]s.towpath_checkpoint (x int)", j.schema, b)
		for _, dataset := range []string{j.schema + ".x", b + ".x"} {
			want := schemaOfText(t, "id int64 key", "v text")
			older, newer := j.clientOf(j.optionsOf(j.srv.Writer, nil)), j.clientOf(j.optionsOf(j.srv.Writer, nil))
			sink := connector.Sink{Dataset: dataset, Mode: connector.Upsert, Run: "r1"}
			x := j.begin(older, sink, want)
			frozen := x.take(3)
			if _, err := frozen.Write(t.Context(), []*record.Batch{batchOf(x.target.Stored, []string{"1", "frozen"})}); err != nil {
				t.Fatal(err)
			}
			w, err := Connector().Write(t.Context(), newer, sink)
			if err != nil {
				t.Fatal(err)
			}
			y := &job{t, w, x.target}
			if err := w.Prepare(t.Context(), x.target, !x.target.Remembers(), func(connector.Checkpoint) error { return nil }); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			s := y.take(4)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%s: taking over took %s", dataset, took)
			}
			y.write(s, 1, batchOf(x.target.Stored, []string{"1", "right"}))
			if _, err := frozen.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 1}); err == nil {
				t.Errorf("%s: the older owner has committed", dataset)
			}
			_, err = frozen.Write(t.Context(), []*record.Batch{batchOf(x.target.Stored, []string{"1", "late"})})
			if err == nil {
				_, err = frozen.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 1})
			}
			if connector.ClassOf(err) != connector.Fenced {
				t.Errorf("%s: the older owner: got %v, want an error of class fenced", dataset, err)
			}
			expect(t, dataset, j.rows("SELECT v FROM %s", dataset), "[[right]]")
		}
	})
}

// TestTakeBearsItsName: the transaction in which a shard gets its owner can be told from others, so that it can be ended as well.
func TestTakeBearsItsName(t *testing.T) {
	t.Parallel()
	j := ownDatabase(t, "postgres")
	x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Append, Run: "r1"}, schemaOfText(t, "id int64"))
	j.exec("BEGIN; LOCK TABLE towpath_checkpoint IN EXCLUSIVE MODE")
	taken := make(chan error, 1)
	go func() {
		_, _, err := x.w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: 3}, connector.Checkpoint{})
		taken <- err
	}()
	other := j.other()
	deadline := time.Now().Add(time.Minute)
	for len(other.rows("SELECT 1 FROM pg_stat_activity WHERE application_name = 'towpath:r1:s:3' AND wait_event_type = 'Lock' AND query LIKE 'UPDATE%%'")) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits under the name of the owner")
		}
	}
	j.exec("COMMIT")
	if err := <-taken; err != nil {
		t.Error(err)
	}
}

// TestLeastRights: INSERT on the table and a table of checkpoints that somebody else has made are enough for insert and append; without
// checkpoints, append says that it may double rows.
func TestLeastRights(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		bare := j.second()
		j.execf("CREATE TABLE x (id int8 PRIMARY KEY, s serial, v int4range); GRANT USAGE ON SCHEMA %s, %s TO writer; GRANT INSERT ON x TO writer; CREATE TABLE %[2]s.x (id int8); GRANT INSERT ON %[2]s.x TO writer", j.schema, bare)
		j.exec(schemaOfCheckpoints(j.schema + ".towpath_checkpoint"))
		j.exec("GRANT SELECT, INSERT, UPDATE, DELETE ON towpath_checkpoint TO writer")
		c := j.clientOf(j.optionsOf(j.srv.Writer, nil))
		x := j.begin(c, connector.Sink{Dataset: "x", Mode: connector.Insert}, schemaOfText(t, "id int64 key", "s int32", "v text null"))
		expect(t, "way", x.target.Way, connector.WayA)
		if !slices.ContainsFunc(x.target.Notes, func(n string) bool { return strings.Contains(n, "is not moved on") }) {
			t.Errorf("no note of the sequence: %q", x.target.Notes)
		}
		x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"5", "5", "[1,5)"}))
		x.finish(connector.Seal, connector.Publish, connector.Link, connector.Park)
		expect(t, "rows", j.rows("SELECT * FROM x"), "[[5 5 [1,5)]]")
		x = j.begin(c, connector.Sink{Dataset: bare + ".x", Mode: connector.Append}, schemaOfText(t, "id int64"))
		expect(t, "way", x.target.Way, connector.WayB)
		expect(t, "key", x.target.Key, "[]")
		x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"5"}, []string{"5"}))
		x.finish(connector.Seal, connector.Publish, connector.Drop)
		expect(t, "rows", j.rows("SELECT * FROM %s.x", bare), "[[5] [5]]")
	})
}

// TestWritingAllocates: no allocation for a row. It runs alone, as others' allocations would count.
func TestWritingAllocates(t *testing.T) {
	j := newJudge(t)
	j.exec("CREATE TABLE x (id int8, a text, n numeric(12,2), d timestamp, f float8, l int[], v varbit, u uuid, j jsonb)")
	x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Append}, schemaOfText(t, "id int64", "a text null", "n decimal(12,2)", "d datetime(6)", "f float64", "l list(int32)",
		"v text", "u uuid", "j json"))
	b := record.NewBatch(x.target.Stored)
	for i := range record.MaxRows {
		connectortest.Append(b, connectortest.Texts(fmt.Sprint(i), "some text", "12.50", "2026-01-02 03:04:05.678901", "0.1", "[1,null,3]", "10101", "6f9619ff-8b86-d011-b42d-00c04fc964ff", `{"a":1}`))
	}
	s := x.take(1)
	x.write(s, 1, b)
	seq := int64(1)
	allocs := testing.AllocsPerRun(5, func() {
		seq++
		x.write(s, seq, b, b)
	})
	if perRow := allocs / (2 * record.MaxRows); perRow > 0.1 {
		t.Errorf("%.3f allocations a row", perRow)
	}
}

// TestCancel: a write that waits for a lock ends within a second of its context, and so does Take.
func TestCancel(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE x (id int8 PRIMARY KEY)")
	x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Insert}, schemaOfText(t, "id int64 key"))
	s := x.take(1)
	other := j.other()
	other.exec("BEGIN; LOCK TABLE x, towpath_checkpoint IN ACCESS EXCLUSIVE MODE")
	for what, call := range map[string]func(ctx context.Context) error{
		"write": func(ctx context.Context) error {
			_, err := s.Write(ctx, []*record.Batch{batchOf(x.target.Stored, []string{"1"})})
			return err
		},
		"commit": func(ctx context.Context) error {
			_, err := s.Commit(ctx, connector.Checkpoint{Shard: "s", Seq: 1})
			return err
		},
		"take": func(ctx context.Context) error {
			_, _, err := x.w.Take(ctx, connector.Shard{ID: "other"}, connector.Lease{Epoch: 2}, connector.Checkpoint{})
			return err
		},
		"publish": func(ctx context.Context) error { return x.w.Finish(ctx, connector.Publish) },
	} {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
		start := time.Now()
		err := call(ctx)
		if took := time.Since(start); took > 1300*time.Millisecond || !errors.Is(err, cause) && connector.ClassOf(err) != connector.Unknown {
			t.Errorf("%s: ended after %s with %v", what, took, err)
		}
		timer.Stop()
		cancel(nil)
	}
	other.exec("ROLLBACK")
	x.write(x.take(2), 1, batchOf(x.target.Stored, []string{"1"}))
	expect(t, "rows", j.rows("SELECT * FROM x"), "[[1]]")
}
