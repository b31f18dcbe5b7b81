package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// attempt writes a group and commits it, or says why not.
func (x *job) attempt(sw connector.ShardWriter, seq int64, group ...*record.Batch) error {
	x.t.Helper()
	_, err := sw.Write(x.t.Context(), group)
	if err == nil {
		_, err = sw.Commit(x.t.Context(), connector.Checkpoint{Shard: "s", Seq: seq})
	}
	return err
}

// TestKeyTwiceAroundARefusedRow: a refused row cuts a group into several statements; a key on both sides of it is superseded all the same,
// or the counts would not be those of the table.
func TestKeyTwiceAroundARefusedRow(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.exec("CREATE TABLE x (id int8 PRIMARY KEY, v int CHECK (v > 0), r int4range)")
		x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Upsert}, schemaOfText(t, "id int64 key", "v int32", "r text null"))
		s := x.take(1)
		for i, c := range []struct {
			rows                [][]string
			refused, superseded string
			values              string
		}{
			{rows: [][]string{{"1", "1", "NULL"}, {"NULL", "1", "NULL"}, {"1", "2", "NULL"}}, refused: "[0.1 KEYNULL id]", superseded: "[{0 0}]", values: "[[1 2]]"}, // before it is sent
			{rows: [][]string{{"1", "3", "NULL"}, {"6", "-1", "NULL"}, {"1", "4", "NULL"}}, refused: "[0.1 CONSTRAINT v]", superseded: "[{0 0}]", values: "[[1 4]]"}, // by the table
			{rows: [][]string{{"1", "5", "NULL"}, {"6", "1", "[1,4]"}, {"1", "6", "NULL"}}, refused: "[0.1 SHAPE r]", superseded: "[{0 0}]", values: "[[1 6]]"},      // by its text
			{rows: [][]string{{"1", "7", "NULL"}, {"6", "1", "nonsense"}, {"1", "-8", "NULL"}}, refused: "[0.1 TYPE  0.2 CONSTRAINT v]", superseded: "[]", values: "[[1 7]]"},
			{rows: [][]string{{"1", "9", "NULL"}, {"NULL", "1", "NULL"}, {"2", "9", "NULL"}}, refused: "[0.1 KEYNULL id]", superseded: "[]", values: "[[1 9] [2 9]]"},
			{rows: [][]string{{"NULL", "1", "NULL"}, {"NULL", "2", "NULL"}}, refused: "[0.0 KEYNULL id 0.1 KEYNULL id]", superseded: "[]", values: "[[1 9] [2 9]]"},
		} {
			out := x.write(s, int64(i+1), batchOf(x.target.Stored, c.rows...))
			expect(t, fmt.Sprint(i, " refused"), refusals(out), c.refused)
			expect(t, fmt.Sprint(i, " superseded"), out.Superseded, c.superseded)
			expect(t, fmt.Sprint(i, " rows"), j.rows("SELECT id, v FROM x ORDER BY id"), c.values)
		}
	})
}

// TestNoTransactionNoRows: where the server does not begin a transaction, it takes no rows either, by themselves and without their checkpoint.
func TestNoTransactionNoRows(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.exec("CREATE TABLE x (id int8)")
		x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Append}, schemaOfText(t, "id int64"))
		s := x.take(1)
		sw := s.(*shardWriter)
		whole, broken := sw.load, *sw.load
		broken.begin = "BEGIN NOTHING"
		sw.load = &broken
		if err := x.attempt(s, 1, batchOf(x.target.Stored, []string{"1"})); err == nil {
			t.Error("rows were taken without a transaction")
		}
		expect(t, "rows", j.rows("SELECT * FROM x"), "[]")
		sw.load = whole
		x.write(s, 1, batchOf(x.target.Stored, []string{"2"}))
		expect(t, "rows", j.rows("SELECT * FROM x"), "[[2]]")
	})
}

// TestAnotherOfTheName: a table that takes the target's name meanwhile gets no rows, also where its columns would take the bytes.
func TestAnotherOfTheName(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		for _, mode := range []connector.Mode{connector.Append, connector.Upsert} {
			j.exec("DROP TABLE IF EXISTS x, y, z; CREATE TABLE x (id int8 PRIMARY KEY, v date); CREATE TABLE y (id int8 PRIMARY KEY, v int4)")
			x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: mode}, schemaOfText(t, "id int64 key", "v date"))
			s := x.take(1)
			x.write(s, 1, batchOf(x.target.Stored, []string{"1", "2026-01-01"}))
			j.exec("ALTER TABLE x RENAME TO z; ALTER TABLE y RENAME TO x")
			err := x.attempt(s, 2, batchOf(x.target.Stored, []string{"2", "2026-01-01"}))
			if connector.ClassOf(err) != connector.Changed {
				t.Errorf("%s: got %v, want an error of class changed", mode, err)
			}
			expect(t, "rows", j.rows("SELECT (SELECT count(*) FROM x), (SELECT count(*) FROM z)"), "[[0 1]]")
		}
	})
}

// TestOddTables: names that mean something elsewhere, in statements of ours, and sequences of columns that hold no numbers.
func TestOddTables(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		c, dollar := j.client(nil), j.schema+"$1$b"
		j.execf(`CREATE SCHEMA "%s"; CREATE TABLE excluded (id int8 PRIMARY KEY, excluded text, n int8); CREATE TABLE towpath_target (id int8 PRIMARY KEY, excluded text, n int8); CREATE TABLE "%[1]s".x (id int8 PRIMARY KEY, excluded text, n int8);
			CREATE SEQUENCE s; CREATE TABLE numbers (id text PRIMARY KEY DEFAULT 'ORD-' || nextval('s'), excluded text, n int8); ALTER SEQUENCE s OWNED BY numbers.id`, dollar)
		t.Cleanup(func() { j.other().execf(`DROP SCHEMA "%s" CASCADE`, dollar) })
		for _, dataset := range []string{"excluded", "towpath_target", dollar + ".x", "numbers"} {
			for i, mode := range []connector.Mode{connector.Insert, connector.Upsert, connector.Replace} {
				id := "id int64 key"
				if dataset == "numbers" {
					id = "id text key"
				}
				x := j.begin(c, connector.Sink{Dataset: dataset, Mode: mode}, schemaOfText(t, id, "excluded text", "n int64"))
				x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"1", string(mode), fmt.Sprint(i)}))
				x.finish(connector.Seal, connector.Publish)
				n, _ := parseName(dataset, j.schema)
				expect(t, dataset, j.rows("SELECT * FROM %s", n.quoted()), fmt.Sprintf("[[1 %s %d]]", mode, i))
			}
		}
		expect(t, "next", j.rows("INSERT INTO numbers (n) VALUES (5) RETURNING id"), "[[ORD-1]]")
	})
}

// TestIndexNamedAsTheKeys: an index that has the name which the server gives to that of the key is made under another.
func TestIndexNamedAsTheKeys(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	want := schemaOfText(t, "id int64 key", "v text")
	want.Indexes = []record.Index{{Name: "x_pkey", Columns: []record.IndexColumn{{Name: "v"}}}}
	x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Insert, Create: connector.Structure{Indexes: true}}, want)
	x.finish(connector.Seal, connector.Seal)
	expect(t, "indexes", j.rows("SELECT x.relname, i.indisprimary FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = 'x'::regclass ORDER BY 1"), "[[x_pkey t] [x_x_pkey f]]")
}

// TestDeferredInAPartition: a constraint that a partition alone has, and that waits for the commit, refuses its row and not the commit.
func TestDeferredInAPartition(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.exec("CREATE TABLE p (id int8 PRIMARY KEY); CREATE TABLE x (id int8 PRIMARY KEY, p int8) PARTITION BY RANGE (id); CREATE TABLE x1 PARTITION OF x FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id); " +
			"CREATE TABLE x11 PARTITION OF x1 FOR VALUES FROM (0) TO (100); ALTER TABLE x11 ADD FOREIGN KEY (p) REFERENCES p DEFERRABLE INITIALLY DEFERRED")
		x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Insert}, schemaOfText(t, "id int64 key", "p int64 null"))
		out := x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"1", "1"}, []string{"2", "NULL"}))
		expect(t, "refused", refusals(out), "[0.0 CONSTRAINT ]")
		expect(t, "rows", j.rows("SELECT id FROM x"), "[[2]]")
	})
}

// TestTriggersSeeRows: functions of the table see what policies of other tables let the role see, as in its own sessions.
func TestTriggersSeeRows(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.execf("GRANT ALL ON SCHEMA %s TO writer; CREATE TABLE limits (id int8); INSERT INTO limits VALUES (3), (900); ALTER TABLE limits ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON limits USING (id < 5); GRANT SELECT ON limits TO writer; "+
			"CREATE TABLE x (id int8 PRIMARY KEY, n int8); GRANT ALL ON x TO writer; CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.n = (SELECT sum(id) FROM %[1]s.limits); RETURN new; END'; "+
			"CREATE TRIGGER note BEFORE INSERT ON x FOR EACH ROW EXECUTE FUNCTION note()", j.schema)
		x := j.begin(j.clientOf(j.optionsOf(j.srv.Writer, nil)), connector.Sink{Dataset: "x", Mode: connector.Insert}, schemaOfText(t, "id int64 key"))
		x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"1"}))
		expect(t, "rows", j.rows("SELECT * FROM x"), "[[1 3]]")
	})
}

// TestTypeMadeAnew: temporary tables that sessions keep do not outlive the types of their columns.
func TestTypeMadeAnew(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.exec("CREATE TYPE mood AS ENUM ('a'); CREATE TABLE x (id int8 PRIMARY KEY, m mood)")
		c := j.client(map[string]any{"connections": 2})
		for range 2 {
			x := j.begin(c, connector.Sink{Dataset: "x", Mode: connector.Upsert}, schemaOfText(t, "id int64 key", "m text null"))
			s := x.take(1)
			x.write(s, 1, batchOf(x.target.Stored, []string{"1", "a"}))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			expect(t, "rows", j.rows("SELECT * FROM x"), "[[1 a]]")
			j.exec("DROP TYPE mood CASCADE; CREATE TYPE mood AS ENUM ('b', 'a'); ALTER TABLE x ADD m mood")
		}
	})
}

// TestColumnsNamedAsOurs: the column of a refused row is the table's, also where columns of temporary tables have its name.
func TestColumnsNamedAsOurs(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE x (c1 int8 PRIMARY KEY, c2 jsonb, c0 int)")
	x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Upsert}, schemaOfText(t, "c1 int64 key", "c2 json null", "c0 int32 null"))
	j.exec("ALTER TABLE x ALTER c0 SET NOT NULL")
	out := x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"1", "1", "NULL"}, []string{"2", "1e200000", "1"}))
	expect(t, "refused", refusals(out), "[0.0 CONSTRAINT c0 0.1 RANGE c2]")
}

// TestDivisionAtTheCommit: a function of somebody's that divides by zero when the transaction ends is not taken for a newer owner, which our own
// statements tell in that way.
func TestDivisionAtTheCommit(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.execf("CREATE TABLE log (id int8); CREATE TABLE x (id int8 PRIMARY KEY); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO %[1]s.log VALUES (new.id); RETURN new; END'; "+
			"CREATE FUNCTION divide() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / (new.id - 7); RETURN new; END'; CREATE TRIGGER note AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION note(); "+
			"CREATE CONSTRAINT TRIGGER divide AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION divide()", j.schema)
		x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Insert}, schemaOfText(t, "id int64 key"))
		s := x.take(1)
		err := x.attempt(s, 1, batchOf(x.target.Stored, []string{"7"}))
		if connector.ClassOf(err) != connector.Config || !strings.Contains(errText(err), "division by zero") {
			t.Errorf("got %v of class %s, want what the function says", err, connector.ClassOf(err))
		}
		x.write(s, 1, batchOf(x.target.Stored, []string{"8"}))
		expect(t, "rows", j.rows("SELECT id FROM x"), "[[8]]")
	})
}

// TestCheckpointsInUse: the table of checkpoints is left where somebody reads it or has a view over it, and the run ends all the same.
func TestCheckpointsInUse(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		c, other := j.client(nil), j.other()
		for _, use := range []struct{ begin, end string }{
			{"BEGIN; LOCK TABLE towpath_checkpoint IN ACCESS SHARE MODE", "ROLLBACK"},
			{"CREATE VIEW checkpoints AS SELECT * FROM towpath_checkpoint", "DROP VIEW checkpoints"},
		} {
			x := j.begin(c, connector.Sink{Dataset: "x", Mode: connector.Replace}, schemaOfText(t, "id int64 key"))
			other.exec(use.begin)
			start := time.Now()
			x.finish(connector.Drop)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%s: took %s", use.begin, took)
			}
			expect(t, "left", j.rows("SELECT relname FROM pg_class WHERE (relname LIKE '%%__tw_%%' AND relkind = 'r' OR relname = 'towpath_checkpoint') AND relnamespace = '%s'::regnamespace", j.schema), "[[towpath_checkpoint]]")
			expect(t, "remembered", j.rows("SELECT * FROM towpath_checkpoint"), "[]")
			other.exec(use.end)
		}
		x := j.begin(c, connector.Sink{Dataset: "x", Mode: connector.Replace}, schemaOfText(t, "id int64 key"))
		x.finish(connector.Drop)
		expect(t, "left", j.rows("SELECT relname FROM pg_class WHERE relname = 'towpath_checkpoint' AND relnamespace = '%s'::regnamespace", j.schema), "[]")
	})
}
