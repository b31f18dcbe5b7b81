package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// portrait is all that the catalog says of a table, by names and texts alone.
func (j *judge) portrait(table string) []string {
	j.t.Helper()
	generated := "''"
	if j.major >= 12 {
		generated = "a.attgenerated::text"
	}
	var out []string
	for what, text := range map[string]string{
		"table":       "SELECT c.relpersistence, pg_get_userbyid(c.relowner), c.reloptions, t.reloptions, c.relreplident, c.relacl IS NULL, s.spcname FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE c.oid = '%[1]s'::regclass",
		"grant":       "SELECT a.grantee::regrole, a.privilege_type, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = '%[1]s'::regclass ORDER BY 1, 2",
		"columngrant": "SELECT t.attname, a.grantee::regrole, a.privilege_type, a.is_grantable FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = '%[1]s'::regclass ORDER BY 1, 2, 3",
		"column": "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, " + generated + ", pg_get_expr(d.adbin, d.adrelid), a.attstorage, coalesce(a.attstattarget, -1), (SELECT array_agg(o) FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg%%'), col_description(a.attrelid, a.attnum) " +
			"FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = '%[1]s'::regclass AND a.attnum > 0 ORDER BY a.attnum",
		"constraint": "SELECT k.conname, k.contype, pg_get_constraintdef(k.oid), k.convalidated, obj_description(k.oid, 'pg_constraint') FROM pg_constraint k WHERE k.conrelid = '%[1]s'::regclass AND k.contype <> 't' ORDER BY 1",
		"index":      "SELECT x.relname, pg_get_indexdef(x.oid), i.indisclustered, i.indisreplident, obj_description(x.oid, 'pg_class') FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = '%[1]s'::regclass ORDER BY 1",
		"trigger":    "SELECT tgname, pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE tgrelid = '%[1]s'::regclass AND NOT tgisinternal ORDER BY 1",
		"statistics": "SELECT stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = '%[1]s'::regclass ORDER BY 1",
		"sequence":   "SELECT q.relname, a.attname, d.deptype, s.seqstart, s.seqincrement, s.seqmax, s.seqcache, s.seqcycle, q.relacl FROM pg_depend d JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S' JOIN pg_sequence s ON s.seqrelid = q.oid JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE d.refobjid = '%[1]s'::regclass AND d.deptype IN ('a', 'i') ORDER BY 1",
		"comment":    "SELECT obj_description('%[1]s'::regclass, 'pg_class')",
	} {
		for _, r := range j.rows(text, table) {
			out = append(out, what+": "+strings.Join(r, " | "))
		}
	}
	slices.Sort(out)
	return out
}

// alike compares portraits.
func alike(t *testing.T, before, after []string) {
	t.Helper()
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("lost:  %s", line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("added: %s", line)
		}
	}
}

// furnished makes a table with all that is carried over when another takes its place.
func (j *judge) furnished() {
	j.t.Helper()
	generated := "twice int"
	if j.major >= 12 {
		generated = "twice int GENERATED ALWAYS AS (n * 2) STORED"
	}
	j.execf(`CREATE TABLE others (id int8 PRIMARY KEY); INSERT INTO others VALUES (1), (2);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE "the t" (id int8 GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5) CONSTRAINT "my key" PRIMARY KEY, s serial, n int DEFAULT 7 CONSTRAINT small CHECK (n < 1000), `+generated+`,
	other int8 CONSTRAINT to_other REFERENCES others DEFERRABLE INITIALLY DEFERRED, parent int8 CONSTRAINT "to itself" REFERENCES "the t" ON DELETE CASCADE, k text COLLATE "C" NOT NULL DEFAULT 'it''s', note text, r int4range,
	CONSTRAINT "k is one" UNIQUE (k) WITH (fillfactor = 80), EXCLUDE USING gist (r WITH &&)) WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off);
CREATE INDEX "by note" ON "the t" (note text_pattern_ops, n DESC) WHERE n > 0; CREATE INDEX expr ON "the t" ((n + 1)); CREATE UNIQUE INDEX part ON "the t" (n) WHERE n > 900; CREATE INDEX inc ON "the t" (n) INCLUDE (note);
CREATE STATISTICS stats (dependencies) ON n, other FROM "the t"; ALTER TABLE "the t" ALTER note SET STATISTICS 500; ALTER TABLE "the t" ALTER n SET (n_distinct = 5); ALTER TABLE "the t" ALTER note SET STORAGE EXTERNAL;
CREATE TRIGGER "a trigger" BEFORE INSERT OR UPDATE OF n ON "the t" FOR EACH ROW WHEN (new.n > 5) EXECUTE FUNCTION f(); CREATE TRIGGER disabled AFTER DELETE ON "the t" FOR EACH ROW EXECUTE FUNCTION f();
CREATE CONSTRAINT TRIGGER cons AFTER INSERT ON "the t" DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE "the t" DISABLE TRIGGER disabled; ALTER TABLE "the t" REPLICA IDENTITY USING INDEX "k is one"; ALTER TABLE "the t" CLUSTER ON inc;
COMMENT ON TABLE "the t" IS 'the table''s'; COMMENT ON COLUMN "the t".n IS 'a \ number'; COMMENT ON INDEX "by note" IS 'ix'; COMMENT ON CONSTRAINT to_other ON "the t" IS 'fk'; COMMENT ON CONSTRAINT small ON "the t" IS 'check';
COMMENT ON TRIGGER "a trigger" ON "the t" IS 'tr'; GRANT SELECT, INSERT ON "the t" TO reader WITH GRANT OPTION; GRANT TRUNCATE ON "the t" TO PUBLIC; GRANT UPDATE (n, note) ON "the t" TO writer; GRANT USAGE ON SEQUENCE "the t_s_seq" TO reader;
GRANT USAGE ON SEQUENCE "the t_id_seq" TO writer; ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT DELETE ON TABLES TO reader; INSERT INTO "the t" (n, k) VALUES (1, 'old'), (2, 'older')`, j.schema)
}

// furniture are rows for that table; its first column is numbered, its fourth computed.
func furniture(t testing.TB) *record.Schema {
	return schemaOfText(t, "id int64 key", "s int32", "n int32 null", "other int64 null", "parent int64 null", "k text", "note text null")
}

func furnitureRows(n int) [][]string {
	var rows [][]string
	for i := 1; i <= n; i++ {
		parent := fmt.Sprint(n - i + 1) // of rows that are still to come
		rows = append(rows, []string{fmt.Sprint(i), fmt.Sprint(1000 + i), fmt.Sprint(i), "1", parent, fmt.Sprint("k", i), "NULL"})
	}
	return rows
}

// TestReplaceCarriesOver: a table that is replaced is as it was, but for its rows.
func TestReplaceCarriesOver(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.furnished()
		name := quote("the t")
		before := j.portrait(name)
		if len(before) < 40 {
			t.Fatalf("the table has %d things to be carried over: %q", len(before), before)
		}
		x := j.begin(j.client(nil), connector.Sink{Dataset: name, Mode: connector.Replace}, furniture(t))
		s := x.take(1)
		rows := furnitureRows(100)
		bad := [][]string{{"500", "1", "2000", "1", "NULL", "bad 1", "NULL"}, {"501", "1", "1", "77", "NULL", "bad 2", "NULL"}, {"502", "1", "1", "1", "NULL", "k7", "NULL"}}
		out := x.write(s, 1, batchOf(x.target.Stored, append(rows, bad...)...))
		expect(t, "rejected", refusals(out), []string{"0.100 CONSTRAINT n", "0.101 CONSTRAINT other", "0.102 CONSTRAINT k"})
		expect(t, "rows before", j.rows("SELECT count(*) FROM %s", name), "[[2]]")
		j.execf("GRANT REFERENCES ON %s TO reader; COMMENT ON COLUMN %[1]s.note IS 'came later'; REVOKE REFERENCES ON %[1]s FROM reader", name)
		j.execf("COMMENT ON COLUMN %s.note IS NULL", name)
		x.finish(connector.Seal, connector.Seal, connector.Publish, connector.Publish, connector.Seal)
		expect(t, "rows after", j.rows("SELECT count(*), sum(id), sum(s) FROM %s", name), "[[100 5050 105050]]")
		alike(t, before, j.portrait(name))
		expect(t, "next numbers", j.rows("INSERT INTO %s (k) VALUES ('next') RETURNING id, s", name), "[[110 1101]]")
		expect(t, "left", j.rows("SELECT relname FROM pg_class WHERE relname LIKE '%%__tw_%%' AND relnamespace = '%s'::regnamespace", j.schema), "[]")
		expect(t, "remembered", j.rows("SELECT shard_id, convert_from(record, 'UTF8') FROM towpath_checkpoint"), "[[ published]]")
	})
}

// TestReplaceOfRoles: the owner of a table that another role replaces stays its owner.
func TestReplaceOfRoles(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		role := "owner" + j.schema[3:]
		j.execf("CREATE ROLE %s; GRANT %[1]s TO writer; GRANT ALL ON SCHEMA %[2]s TO writer, %[1]s; CREATE TABLE x (id int8 PRIMARY KEY); ALTER TABLE x OWNER TO %[1]s", role, j.schema)
		t.Cleanup(func() { j.other().execf("DROP OWNED BY %s; DROP ROLE %[1]s", role) })
		x := j.begin(j.clientOf(j.optionsOf(j.srv.Writer, nil)), connector.Sink{Dataset: "x", Mode: connector.Replace}, schemaOfText(t, "id int64 key"))
		x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"5"}))
		x.finish(connector.Seal, connector.Publish)
		expect(t, "owner", j.rows("SELECT pg_get_userbyid(relowner) = '%s' FROM pg_class WHERE oid = 'x'::regclass", role), "[[t]]")
		expect(t, "rows", j.rows("SELECT id FROM x"), "[[5]]")
	})
}

// TestReplaceOfNothing: a table that is made for the run has the names that it would have had.
func TestReplaceOfNothing(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		want := schemaOfText(t, "id int64 key", "v text null")
		want.Fields[0].Numbered = true
		want.Indexes = []record.Index{{Name: "by_v", Columns: []record.IndexColumn{{Name: "v"}}}}
		x := j.begin(j.client(nil), connector.Sink{Dataset: "fresh", Mode: connector.Replace, Create: connector.Structure{Indexes: true}}, want)
		x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"5", "a"}, []string{"70", "b"}))
		x.finish(connector.Seal, connector.Publish)
		expect(t, "objects", j.rows("SELECT relname FROM pg_class WHERE relnamespace = '%s'::regnamespace AND relname NOT LIKE 'towpath%%' AND relname NOT LIKE 'pg_toast%%' ORDER BY 1", j.schema),
			"[[by_v] [fresh] [fresh_id_seq] [fresh_pkey]]")
		expect(t, "next", j.rows("INSERT INTO fresh (v) VALUES ('c') RETURNING id"), "[[71]]")
	})
}

// TestSwapKilled: a swap whose session dies at any of its statements leaves the old table or the new one, whole, and the next attempt ends
// right.
func TestSwapKilled(t *testing.T) {
	t.Parallel()
	j := ownDatabase(t, "postgres17")
	j.furnished()
	name := quote("the t")
	before := j.portrait(name)
	rows := furnitureRows(20)
	// A trigger on every DDL command ends the session at the nth of them.
	j.exec("CREATE SEQUENCE public.commands; CREATE TABLE public.ends (at int); CREATE FUNCTION public.ends_here() RETURNS event_trigger LANGUAGE plpgsql AS " +
		"'BEGIN IF current_setting(''application_name'') LIKE ''towpath%'' AND nextval(''public.commands'') = (SELECT at FROM public.ends) THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END'; " +
		"CREATE EVENT TRIGGER ends ON ddl_command_end EXECUTE FUNCTION public.ends_here(); ALTER EVENT TRIGGER ends DISABLE")
	killed := 0
	for at := 1; ; at++ {
		x := j.begin(j.client(nil), connector.Sink{Dataset: name, Mode: connector.Replace}, furniture(t))
		s := x.take(1)
		for i := range rows {
			rows[i][5] = fmt.Sprintf("round %d row %d", at, i)
		}
		x.write(s, 1, batchOf(x.target.Stored, rows...))
		_ = s.Close()
		x.finish(connector.Seal)
		old := j.rows("SELECT k FROM %s ORDER BY k", name)
		j.execf("SELECT setval('public.commands', 1, false); DELETE FROM public.ends; INSERT INTO public.ends VALUES (%d); ALTER EVENT TRIGGER ends ENABLE", at)
		err := x.w.Finish(t.Context(), connector.Publish)
		j.exec("ALTER EVENT TRIGGER ends DISABLE")
		if err == nil {
			break // there are no more commands
		}
		killed++
		if class := connector.ClassOf(err); class != connector.Retry {
			t.Fatalf("command %d: %v is of class %s", at, err, class)
		}
		expect(t, "after the end of a session", j.rows("SELECT k FROM %s ORDER BY k", name), fmt.Sprint(old))
		x.finish(connector.Publish)
		expect(t, "after another attempt", j.rows("SELECT count(*), min(k) FROM %s", name), fmt.Sprintf("[[20 round %d row 0]]", at))
		x.finish(connector.Publish)
	}
	if killed < 15 {
		t.Errorf("the swap was killed at %d commands", killed)
	}
	alike(t, before, j.portrait(name))
	expect(t, "left", j.rows("SELECT relname FROM pg_class WHERE relname LIKE '%%__tw_%%' AND relnamespace = '%s'::regnamespace", j.schema), "[]")
}

// TestSwapAnswerLost: a swap whose answer is lost is not done twice.
func TestSwapAnswerLost(t *testing.T) {
	t.Parallel()
	j := judgeAt(t, servers.Need(t, "postgres17"))
	loss := newCommitLoser(t, j.srv.Addr())
	j.exec("CREATE TABLE x (id int8 PRIMARY KEY); INSERT INTO x VALUES (1)")
	for _, applied := range []bool{false, true} {
		x := j.begin(j.client(map[string]any{"port": loss.port}), connector.Sink{Dataset: "x", Mode: connector.Replace}, schemaOfText(t, "id int64 key"))
		x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"5"}))
		x.finish(connector.Seal)
		loss.arm(applied)
		if err := x.w.Finish(t.Context(), connector.Publish); connector.ClassOf(err) != connector.Retry {
			t.Fatalf("publish without an answer: %v", err)
		}
		if applied { // somebody writes what a second swap would lose
			readtest.WaitFor(j.t, "the swap", func() bool { return j.rows("SELECT count(*) FROM x WHERE id = 5")[0][0] == "1" })
			j.exec("INSERT INTO x VALUES (6)")
		}
		x.finish(connector.Publish)
		expect(t, "rows", j.rows("SELECT id FROM x ORDER BY id"), map[bool]any{false: "[[5]]", true: "[[5] [6]]"}[applied])
	}
}

// TestReplaceMeanwhile: what came to hang on the table since the plan stops the swap; the table is as it was, and the run can be stopped.
func TestReplaceMeanwhile(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	for _, c := range []struct{ change, undo, class string }{
		{"CREATE VIEW v AS SELECT * FROM x", "DROP VIEW v", "TOW-762"},
		{"ALTER TABLE x ADD more int", "ALTER TABLE x DROP more", "TOW-167"},
		{"CREATE INDEX i ON x (v)", "DROP INDEX i", "TOW-167"},
		{"ALTER TABLE x ADD CONSTRAINT k CHECK (id > 0)", "ALTER TABLE x DROP CONSTRAINT k", "TOW-167"},
		{"ALTER TABLE x ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES y NOT VALID", "ALTER TABLE x DROP CONSTRAINT k", "TOW-167"},
		{"ALTER TABLE x ALTER v SET DEFAULT 'new'", "ALTER TABLE x ALTER v DROP DEFAULT", "TOW-167"},
		{"ALTER TABLE x SET (fillfactor = 50)", "ALTER TABLE x RESET (fillfactor)", "TOW-167"},
		{"ALTER TABLE x OWNER TO writer", "ALTER TABLE x OWNER TO CURRENT_USER", "TOW-167"},
		{"DROP TABLE x", "CREATE TABLE x (id int8 PRIMARY KEY, v text); INSERT INTO x VALUES (1)", "TOW-167"},
	} {
		j.exec("DROP TABLE IF EXISTS x, y; CREATE TABLE y (id int8 PRIMARY KEY); CREATE TABLE x (id int8 PRIMARY KEY, v text); INSERT INTO x VALUES (1)")
		x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Replace}, schemaOfText(t, "id int64 key"))
		x.write(x.take(1), 1, batchOf(x.target.Stored, []string{"5"}))
		x.finish(connector.Seal)
		j.exec(c.change)
		expect(t, c.change, codeOf(x.w.Finish(t.Context(), connector.Publish)), c.class)
		j.exec(c.undo)
		expect(t, "rows", j.rows("SELECT id FROM x"), "[[1]]")
		if c.change != "DROP TABLE x" { // what was put back is as it was
			x.finish(connector.Publish)
			expect(t, "rows after it was put back", j.rows("SELECT id FROM x"), "[[5]]")
		}
		x.finish(connector.Drop, connector.Drop)
		expect(t, "left", j.rows("SELECT relname FROM pg_class WHERE (relname LIKE '%%__tw_%%' OR relname = 'towpath_checkpoint') AND relnamespace = '%s'::regnamespace", j.schema), "[]")
	}
}

// TestStopBesideAFrozenWriter: a run that is stopped ends the sessions in which its own frozen processes hold the staging table.
func TestStopBesideAFrozenWriter(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	raw, _ := json.Marshal(map[string]any{"lock_seconds": 1})
	x := j.begin(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Replace, Options: raw}, schemaOfText(t, "id int64 key"))
	s := x.take(1)
	if _, err := s.Write(t.Context(), []*record.Batch{batchOf(x.target.Stored, []string{"5"})}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := x.w.Finish(ctx, connector.Drop); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 1}); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("commit of the frozen writer: %v", err)
	}
	expect(t, "left", j.rows("SELECT relname FROM pg_class WHERE (relname LIKE '%%__tw_%%' OR relname = 'towpath_checkpoint') AND relnamespace = '%s'::regnamespace", j.schema), "[]")
}
