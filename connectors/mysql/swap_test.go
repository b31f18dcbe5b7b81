package mysql

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// TestSwapSurvivesDeath: the process dies before, between and after the statements of a swap, each of which is a transaction of its
// own: the next process ends where the first would have.
func TestSwapSurvivesDeath(t *testing.T) {
	t.Parallel()
	for _, exists := range []bool{true, false} {
		for _, point := range []string{"filled", "sealed", "half renamed", "renamed", "dropped", "collapsed", "published"} {
			if !exists && (point == "half renamed" || point == "dropped") {
				continue
			}
			t.Run(fmt.Sprint(point, " ", exists), func(t *testing.T) {
				t.Parallel()
				j := newJudge(t)
				if exists {
					j.exec("CREATE TABLE shop (id INT PRIMARY KEY, v VARCHAR(9) DEFAULT 'x' COLLATE utf8mb4_general_ci, n INT CHECK (n > 0), KEY (n)) COMMENT 'whose'")
					j.exec("INSERT INTO shop VALUES (1, 'old', 1)")
				}
				c := j.client(nil)
				x := j.start(c, connector.Sink{Dataset: "shop", Mode: connector.Replace, Run: "r7", Create: connector.Structure{Indexes: true, Comments: true}}, swapSchema(t))
				s := x.take("s", 1)
				x.commit(s, 1, []string{"5", "a", "1"}, []string{"6", "A", "2"})
				group, _ := x.group([]string{"7", "uncommitted", "1"})
				if _, err := s.Write(t.Context(), group); err != nil {
					t.Fatal(err)
				}
				s.Close() // what a dead process's session leaves: its transaction rolled back
				w := x.w.(*writer)
				for _, step := range map[string][]func(){
					"filled":       {},
					"sealed":       {func() { x.finish(connector.Seal) }},
					"half renamed": {func() { x.finish(connector.Seal) }, func() { j.exec("RENAME TABLE shop TO " + w.old().quoted()) }},
					"renamed":      {func() { x.finish(connector.Seal) }, func() { j.exec(w.swap(w.layout.Found)) }},
					"dropped":      {func() { x.finish(connector.Seal) }, func() { j.exec(w.swap(w.layout.Found)) }, func() { j.exec("DROP TABLE " + w.old().quoted()) }},
					"collapsed":    {func() { x.finish(connector.Seal, connector.Publish) }, func() { j.execf("ALTER TABLE shop COMMENT = '%s'", w.tag()) }},
					"published":    {func() { x.finish(connector.Seal, connector.Publish) }},
				}[point] {
					step()
				}
				c.Close()

				y := x.again(j.client(nil))
				var seen []int64
				err := y.w.Prepare(t.Context(), y.target, false, func(c connector.Checkpoint) error { seen = append(seen, c.Seq); return nil })
				if published := point == "published" || point == "collapsed"; err != nil || (len(seen) == 0) != published {
					t.Fatalf("remembered %v, %v", seen, err)
				}
				y.finish(connector.Seal, connector.Publish, connector.Publish, connector.Link)
				if got := fmt.Sprint(j.rows("SELECT * FROM shop ORDER BY id")); got != "[[5 a 1] [6 A 2]]" {
					t.Errorf("got %s", got)
				}
				want := map[bool]string{true: "[[shop whose]]", false: "[[shop wanted]]"}[exists]
				y.finish(connector.Drop, connector.Drop)
				if got := fmt.Sprint(j.rows("SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s'", j.db)); got != want {
					t.Errorf("tables %s, want %s", got, want)
				}
				if n := j.rows("SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = 'shop' AND COLUMN_NAME = 'n'", j.db); n[0][0] != "1" {
					t.Errorf("%s indexes on n", n[0][0])
				}
			})
		}
	}
}

func swapSchema(t *testing.T) *record.Schema {
	s := schemaOfText(t, "id int32 key", "v text(20)", "n int32")
	s.Comment = "wanted"
	s.Indexes = []record.Index{{Name: "by_n", Columns: []record.IndexColumn{{Name: "n"}}}}
	return s
}

// TestSwapOfATableThatChanged: what was not planned for is not replaced, and a staging table that has gone is no swap.
func TestSwapOfATableThatChanged(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE shop (id INT PRIMARY KEY, v VARCHAR(20), n INT)")
	x := j.start(j.client(nil), connector.Sink{Dataset: "shop", Mode: connector.Replace}, swapSchema(t))
	x.commit(x.take("s", 1), 1, []string{"5", "a", "1"})
	j.exec("ALTER TABLE shop ADD COLUMN more INT")
	if err := x.w.Finish(t.Context(), connector.Publish); connector.ClassOf(err) != connector.Changed {
		t.Errorf("an altered target: got %v, want class changed", err)
	}
	j.exec("ALTER TABLE shop DROP COLUMN more")
	j.exec("DROP TABLE " + x.w.(*writer).staging().quoted())
	if err := x.w.Finish(t.Context(), connector.Publish); connector.ClassOf(err) != connector.Changed {
		t.Errorf("a staging table that has gone: got %v, want class changed", err)
	}
	if err := x.prepare(false); connector.ClassOf(err) != connector.Changed {
		t.Errorf("prepare without it: got %v, want class changed", err)
	}
}

// TestStoppedAmidASwap: the target is there, old or new, and nothing else is.
func TestStoppedAmidASwap(t *testing.T) {
	t.Parallel()
	for point, want := range map[string]string{"staged": "[[1 old]]", "half renamed": "[[1 old]]", "renamed": "[[5 a]]"} {
		j := newJudge(t)
		j.exec("CREATE TABLE shop (id INT PRIMARY KEY, v VARCHAR(20))")
		j.exec("INSERT INTO shop VALUES (1, 'old')")
		x := j.start(j.shared(), connector.Sink{Dataset: "shop", Mode: connector.Replace}, schemaOfText(t, "id int32 key", "v text(20)"))
		x.commit(x.take("s", 1), 1, []string{"5", "a"})
		switch w := x.w.(*writer); point {
		case "half renamed":
			j.exec("RENAME TABLE shop TO " + w.old().quoted())
		case "renamed":
			j.exec(w.swap(w.layout.Found))
		}
		x.finish(connector.Drop, connector.Drop)
		if got := fmt.Sprint(j.rows("SELECT * FROM shop")); got != want {
			t.Errorf("%s: got %s, want %s", point, got, want)
		}
		if got := fmt.Sprint(j.rows("SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s'", j.db)); got != "[[shop ]]" {
			t.Errorf("%s: tables %s", point, got)
		}
	}
}

// TestNamesOfASwap: of two tables of a run, one may be called as if the other one had been moved away.
func TestNamesOfASwap(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	want := schemaOfText(t, "id int32 key", "v text(20)")
	replacing := func(run string, tables ...string) (all []*copying) {
		for i, table := range tables {
			x := j.start(j.shared(), connector.Sink{Dataset: table, Mode: connector.Replace, Run: run}, want)
			x.commit(x.take("s", 1), 1, []string{fmt.Sprint(i + 5), table})
			all = append(all, x)
		}
		return all
	}
	for _, x := range replacing("r7", "shop", "old_shop") { // neither is there
		x.finish(connector.Drop)
	}
	if got := fmt.Sprint(j.rows("SHOW TABLES")); got != "[]" {
		t.Errorf("a stopped run left %s", got)
	}
	for _, table := range []string{"shop", "old_shop"} {
		j.execf("CREATE TABLE %s (id INT PRIMARY KEY, v VARCHAR(20))", table)
		j.execf("INSERT INTO %s VALUES (1, 'old')", table)
	}
	for _, x := range replacing("r8", "shop", "old_shop") {
		x.finish(connector.Seal, connector.Publish)
	}
	if got := fmt.Sprint(j.rows("SELECT * FROM shop"), j.rows("SELECT * FROM old_shop")); got != "[[5 shop]] [[6 old_shop]]" {
		t.Errorf("got %s", got)
	}
}

// TestTableMadeAmidASwap: the rows that a target had are not dropped while they are in no other place.
func TestTableMadeAmidASwap(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE shop (id INT PRIMARY KEY, v VARCHAR(20))")
	j.exec("INSERT INTO shop VALUES (1, 'old')")
	x := j.start(j.shared(), connector.Sink{Dataset: "shop", Mode: connector.Replace, Run: "r" + j.db[3:]}, schemaOfText(t, "id int32 key", "v text(20)"))
	x.commit(x.take("s", 1), 1, []string{"5", "a"})
	w := x.w.(*writer)
	j.exec("RENAME TABLE shop TO " + w.old().quoted()) // as a server leaves it that died within RENAME
	j.exec("CREATE TABLE shop (id INT PRIMARY KEY)")
	if err := x.w.Finish(t.Context(), connector.Publish); connector.ClassOf(err) != connector.Changed {
		t.Errorf("publish: got %v, want class changed", err)
	}
	if err := x.w.Finish(t.Context(), connector.Drop); connector.ClassOf(err) != connector.Changed || !strings.Contains(err.Error(), w.old().String()) {
		t.Errorf("stop: got %v, want class changed, and where the rows are", err)
	}
	clean := func() string {
		list, err := Connector().Clean(t.Context(), x.client, []string{x.sink.Run}, true)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(list)
	}
	if got := clean(); !strings.Contains(got, w.old().String()) {
		t.Errorf("clean: got %s", got)
	}
	if got := fmt.Sprint(j.rows("SELECT * FROM %s", w.old().quoted())); got != "[[1 old]]" {
		t.Errorf("got %s", got)
	}
	j.exec("DROP TABLE shop")
	clean()
	if got := fmt.Sprint(j.rows("SELECT * FROM shop"), j.rows("SHOW TABLES")); got != "[[1 old]] [[shop]]" {
		t.Errorf("the rows of the target: got %s", got)
	}
}

// TestCleaningAfterASwap that was cut off behind its RENAME: what was replaced goes, what was swapped in stays.
func TestCleaningAfterASwap(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE shop (id INT PRIMARY KEY, v VARCHAR(20))")
	x := j.start(j.shared(), connector.Sink{Dataset: "shop", Mode: connector.Replace, Run: "r" + j.db[3:]}, schemaOfText(t, "id int32 key", "v text(20)"))
	x.commit(x.take("s", 1), 1, []string{"5", "a"})
	j.exec(x.w.(*writer).swap("there"))
	if _, err := Connector().Clean(t.Context(), x.client, []string{x.sink.Run}, true); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(j.rows("SELECT * FROM shop"), j.rows("SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s'", j.db)); got != "[[5 a]] [[shop ]]" {
		t.Errorf("got %s", got)
	}
}

// TestPreparingAgain: an attempt that was cut off is taken up, and nothing else is taken for it.
func TestPreparingAgain(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	want := schemaOfText(t, "id int32 key", "v text(20)")
	x, err := j.plan(c, connector.Sink{Dataset: "a", Mode: connector.Insert, Run: "r7"}, want)
	if err != nil {
		t.Fatal(err)
	}
	j.exec(x.target.Steps[1]) // the table is made, and its marker is not
	if err := x.prepare(true); err != nil {
		t.Fatalf("over an attempt before: %v", err)
	}
	x.commit(x.take("s", 1), 1, []string{"1", "a"})
	j.exec("DELETE FROM towpath_checkpoint")
	if err := x.again(c).prepare(false); connector.ClassOf(err) != connector.Changed {
		t.Errorf("a target that was restored: got %v, want class changed", err)
	}
	for _, other := range []string{"id INT PRIMARY KEY, v VARCHAR(20) COLLATE utf8mb4_bin NULL, w INT", "id INT PRIMARY KEY, v VARCHAR(21)", "id INT, v VARCHAR(20)"} {
		j.exec("DROP TABLE IF EXISTS b")
		if x, err = j.plan(c, connector.Sink{Dataset: "b", Mode: connector.Insert}, want); err != nil {
			t.Fatal(err)
		}
		j.execf("CREATE TABLE b (%s)", other)
		if err := x.prepare(true); connector.ClassOf(err) != connector.Changed {
			t.Errorf("a table (%s) that somebody made meanwhile: got %v, want class changed", other, err)
		}
	}
}

// TestFrozenOwner: the session of an owner that stands still in a transaction is ended at once, and what it does later has no effect.
//
// Invariant 3: one owner.
func TestFrozenOwner(t *testing.T) {
	t.Parallel()
	for _, way := range []connector.Way{connector.WayA, connector.WayB} {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			j := newJudge(t)
			if way == connector.WayB {
				j.exec("CREATE TABLE x (id INT PRIMARY KEY, v TEXT) ENGINE=MyISAM")
			}
			x := j.start(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Upsert}, schemaOfText(t, "id int32 key", "v text"))
			if x.target.Way != way {
				t.Fatalf("way %s", x.target.Way)
			}
			old := x.take("s", 1)
			x.commit(old, 1, []string{"1", "first"})
			group, _ := x.group([]string{"2", "frozen"})
			if _, err := old.Write(t.Context(), group); err != nil {
				t.Fatal(err)
			}
			y := x.again(j.client(nil))
			if err := y.prepare(false); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			s, _, err := y.w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: 2}, connector.Checkpoint{Shard: "s", Seq: 1})
			if err != nil {
				t.Fatalf("take: %v", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("a frozen owner blocked its successor for %s", took)
			}
			y.commit(s, 2, []string{"3", "successor"})
			_, err = old.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 2})
			if class := connector.ClassOf(err); class != connector.Retry && class != connector.Fenced && class != connector.Unknown {
				t.Errorf("commit of the frozen owner: got %v, want class retry, unknown or fenced", err)
			}
			if _, err := old.Write(t.Context(), group); connector.ClassOf(err) != connector.Fenced {
				t.Errorf("write of the frozen owner: got %v, want class fenced", err)
			}
			want := "[[1 first] [3 successor]]"
			if way == connector.WayB {
				want = "[[1 first] [2 frozen] [3 successor]]" // written before the successor came
			}
			if got := fmt.Sprint(j.rows("SELECT * FROM x ORDER BY id")); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			s.Close()
			if n := j.rows("SELECT COALESCE(IS_USED_LOCK('%s'), 0)", lockName(x.sink.Run, j.db+".x", "s")); n[0][0] != "0" {
				t.Errorf("session %s still holds the shard's lock", n[0][0])
			}
		})
	}
}

// TestRowsThatOthersHold: a wait for them ends by itself, and at once when nobody wants it any more.
func TestRowsThatOthersHold(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE x (id INT PRIMARY KEY, v TEXT)")
	j.exec("INSERT INTO x VALUES (1, 'held')")
	sink := connector.Sink{Dataset: "x", Mode: connector.Upsert, Options: []byte(`{"lock_seconds": 1}`)}
	x := j.start(j.client(nil), sink, schemaOfText(t, "id int32 key", "v text"))
	j.exec("BEGIN")
	j.exec("UPDATE x SET v = 'mine' WHERE id = 1")
	s := x.take("s", 1)
	group, _ := x.group([]string{"0", "a"}, []string{"1", "b"})
	if _, err := s.Write(t.Context(), group); connector.ClassOf(err) != connector.Retry {
		t.Errorf("got %v, want class retry", err)
	}
	x.sink.Options = []byte(`{"lock_seconds": 60}`)
	y := x.again(j.client(nil))
	if err := y.prepare(false); err != nil {
		t.Fatal(err)
	}
	s = y.take("s", 2)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Write(ctx, group)
		ended <- err
	}()
	writing := func() []string {
		var ids []string
		for _, r := range j.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '%s' AND COMMAND <> 'Sleep' AND ID <> CONNECTION_ID()", j.db) {
			ids = append(ids, r[0])
		}
		return ids
	}
	eventually(t, "the write waits", func() bool { return len(writing()) == 1 })
	cancel()
	began := time.Now()
	if err := <-ended; err != context.Canceled || time.Since(began) > time.Second {
		t.Errorf("got %v after %s, want the context's error within a second", err, time.Since(began))
	}
	eventually(t, "the statement ends at the server", func() bool { return len(writing()) == 0 })
	j.exec("COMMIT")
	if got := fmt.Sprint(j.rows("SELECT * FROM x")); got != "[[1 mine]]" {
		t.Errorf("got %s", got)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// TestRightsToWrite: what an account may not do is known when the plan is made.
func TestRightsToWrite(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE x (id INT PRIMARY KEY, v TEXT)")
	user := "u" + j.db[3:]
	j.execf("CREATE USER %s@'%%' IDENTIFIED BY 'secret'", user)
	t.Cleanup(func() { j.exec("DROP USER " + user) })
	j.execf("GRANT SELECT ON %s.* TO %s", j.db, user)
	c := j.client(map[string]any{"user": user, "password": "secret"})
	want := schemaOfText(t, "id int32 key", "v text")
	for _, x := range []struct {
		table string
		mode  connector.Mode
		class connector.Class
		text  string
	}{
		{"x", connector.Upsert, connector.Denied, "INSERT, UPDATE command denied"},
		{"y", connector.Upsert, connector.Denied, "CREATE command denied"},
		{"x", connector.Insert, connector.Config, "the account has no rights to keep checkpoints"},
	} {
		_, err := j.plan(c, connector.Sink{Dataset: x.table, Mode: x.mode}, want)
		if connector.ClassOf(err) != x.class || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s into %s: got %v, want class %s with %q", x.mode, x.table, err, x.class, x.text)
		}
	}
	j.execf("GRANT INSERT, UPDATE ON %s.* TO %s", j.db, user)
	again := j.client(map[string]any{"user": user, "password": "secret"})
	x := j.start(again, connector.Sink{Dataset: "x", Mode: connector.Upsert}, want)
	if x.target.Way != connector.WayB {
		t.Errorf("way %s", x.target.Way)
	}
	x.commit(x.take("s", 1), 1, []string{"1", "a"})
	x.finish(connector.Seal, connector.Publish, connector.Drop)
	if got := fmt.Sprint(j.rows("SELECT * FROM x")); got != "[[1 a]]" {
		t.Errorf("got %s", got)
	}
}

// limited is a client of an account with the rights of the README on the test's database alone.
func (j *judge) limited(more ...string) *Client {
	user := "u" + strings.ToLower(rand.Text()[:10])
	j.execf("CREATE USER %s@'%%' IDENTIFIED BY 'secret'", user)
	j.t.Cleanup(func() { j.execf("DROP USER %s@'%%'", user) })
	rights := append([]string{"SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES"}, more...)
	j.execf("GRANT %s ON %s.* TO %s@'%%'", strings.Join(rights, ", "), j.db, user)
	return j.client(map[string]any{"user": user, "password": "secret"})
}

// TestTriggersThatAreNotSeen: they would go with a table that is replaced, so an account has to see that there are none.
func TestTriggersThatAreNotSeen(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"mariadb", "mysql55"} {
		j := judgeAt(t, server)
		j.exec("CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=InnoDB")
		j.exec("CREATE TABLE trig (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=InnoDB")
		j.exec("CREATE TRIGGER tr BEFORE INSERT ON trig FOR EACH ROW SET NEW.v = 'x'")
		replace := func(c *Client, table string) string {
			_, err := j.plan(c, connector.Sink{Dataset: table, Mode: connector.Replace}, schemaOfText(t, "id int32 key", "v text(20)"))
			return errText(err)
		}
		none, some := j.limited(), j.limited("TRIGGER")
		if got := replace(none, "trig"); !strings.Contains(got, "triggers") {
			t.Errorf("%s: a table with triggers that the account does not see: got %q", server, got)
		}
		if got := replace(none, "plain"); !strings.Contains(got, "no right to see its triggers") {
			t.Errorf("%s: an account without the right: got %q", server, got)
		}
		if got := replace(some, "trig"); !strings.Contains(got, "it has triggers: tr") {
			t.Errorf("%s: an account with the right: got %q", server, got)
		}
		if got := replace(some, "plain"); got != "" {
			t.Errorf("%s: a table without triggers: got %q", server, got)
		}
		x, err := j.plan(none, connector.Sink{Dataset: "plain", Mode: connector.Upsert}, schemaOfText(t, "id int32 key", "v text(20)"))
		if err != nil || !strings.Contains(fmt.Sprint(x.target.Notes), "no right to see the table's triggers") {
			t.Errorf("%s: upsert: notes %q, %v", server, x.target.Notes, err)
		}
	}
}

// TestRightsToTriggers as servers write them.
func TestRightsToTriggers(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	role := "r" + j.db[3:]
	j.execf("CREATE ROLE %s", role)
	t.Cleanup(func() { j.execf("DROP ROLE %s", role) })
	pattern := strings.Replace(j.db, "_", "\\_", 1)[:8] + "%"
	for on, seen := range map[string]bool{"*.*": true, "`" + pattern + "`.*": true, j.db + ".*": true, j.db + ".shop": true, j.db + ".other": false, "`a``b`.*": false} {
		for _, byRole := range []bool{false, true} {
			user := "u" + strings.ToLower(rand.Text()[:10])
			j.execf("CREATE USER %s@'%%' IDENTIFIED BY 'secret'", user)
			t.Cleanup(func() { j.execf("DROP USER %s@'%%'", user) })
			j.execf("CREATE TABLE IF NOT EXISTS shop (id INT)")
			j.execf("CREATE TABLE IF NOT EXISTS other (id INT)")
			j.execf("GRANT SELECT ON %s.* TO %s@'%%'", j.db, user)
			if byRole {
				j.exec("GRANT SELECT, TRIGGER ON " + on + " TO " + role)
				j.execf("GRANT %s TO %s@'%%'", role, user)
				j.execf("SET DEFAULT ROLE %s FOR %s@'%%'", role, user)
			} else {
				j.exec("GRANT SELECT, TRIGGER ON " + on + " TO " + user + "@'%'")
			}
			err := j.client(map[string]any{"user": user, "password": "secret"}).with(t.Context(), func(s *session) error {
				unseen, err := s.triggersUnseen(tableName{j.db, "shop"})
				if unseen == seen {
					t.Errorf("TRIGGER ON %s, by a role: %t: unseen %t", on, byRole, unseen)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if byRole {
				j.exec("REVOKE SELECT, TRIGGER ON " + on + " FROM " + role)
			}
		}
	}
}

// TestForeignKeysThatAreNotSeen refer to a table that is replaced: it takes its place again, and they with it.
func TestForeignKeysThatAreNotSeen(t *testing.T) {
	t.Parallel()
	j, other := newJudge(t), newJudge(t)
	j.exec("CREATE TABLE shop (id INT PRIMARY KEY, v VARCHAR(20)) COMMENT 'whose'")
	j.exec("INSERT INTO shop VALUES (1, 'old')")
	other.execf("CREATE TABLE child (id INT PRIMARY KEY, shop INT, FOREIGN KEY (shop) REFERENCES %s.shop (id))", j.db)
	other.exec("INSERT INTO child VALUES (1, 1)")
	x := j.start(j.limited("TRIGGER"), connector.Sink{Dataset: "shop", Mode: connector.Replace}, schemaOfText(t, "id int32 key", "v text(20)"))
	x.commit(x.take("s", 1), 1, []string{"1", "a"})
	x.finish(connector.Seal)
	for range 2 {
		if err := x.w.Finish(t.Context(), connector.Publish); connector.ClassOf(err) != connector.Config || !strings.Contains(err.Error(), "does not see") {
			t.Fatalf("publish: got %v, want class config", err)
		}
		if got := fmt.Sprint(j.rows("SELECT * FROM shop"), j.rows("SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = 'shop'", j.db)); got != "[[1 old]] [[whose]]" {
			t.Errorf("the target is %s", got)
		}
	}
	if _, err := other.conn.Execute("INSERT INTO child VALUES (2, 2)"); err == nil {
		t.Error("the foreign key holds no more")
	}
	j.exec(x.w.(*writer).swap("there")) // as a process leaves it that died behind its RENAME
	x.finish(connector.Drop)
	if got := fmt.Sprint(j.rows("SELECT * FROM shop"), j.rows("SHOW TABLES LIKE 'shop%%'"), other.rows("SELECT REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = '%s' AND REFERENCED_TABLE_NAME <> ''", other.db)); got !=
		"[[1 old]] [[shop]] [[shop]]" {
		t.Errorf("stopped: %s", got)
	}
	other.exec("DROP TABLE child")
}

// TestLinking: foreign keys are made once all rows are there, and only once.
func TestLinking(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	create := connector.Structure{References: true, Indexes: true}
	parent := j.start(c, connector.Sink{Dataset: "parent", Mode: connector.Insert, Create: create}, schemaOfText(t, "id int32 key", "v text(20)"))
	want := schemaOfText(t, "id int32 key", "p int32")
	want.References = []record.Reference{{Name: "of", Columns: []string{"p"}, Dataset: j.db + ".parent", Foreign: []string{"id"}, OnDelete: record.Cascade, OnUpdate: record.SetDefault}}
	child := j.start(c, connector.Sink{Dataset: "child", Mode: connector.Insert, Create: create}, want)
	child.commit(child.take("s", 1), 1, []string{"1", "7"}, []string{"2", "NULL"})
	child.finish(connector.Seal, connector.Publish)
	err := child.w.Finish(t.Context(), connector.Link)
	if e, ok := err.(*connector.Error); !ok || e.Code != "TOW-454" {
		t.Errorf("rows that refer to nothing: got %v, want TOW-454", err)
	}
	parent.commit(parent.take("s", 1), 1, []string{"7", "a"})
	parent.finish(connector.Seal, connector.Publish)
	child.finish(connector.Link, connector.Link)
	got := j.rows("SELECT CONSTRAINT_NAME, REFERENCED_TABLE_NAME, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = '%s'", j.db)
	if fmt.Sprint(got) != "[[of parent CASCADE]]" {
		t.Errorf("got %v", got)
	}
	s, _, err := j.reader(c, connector.Source{Dataset: "child"}).Schema(t.Context())
	if err != nil || len(s.References) != 1 || s.References[0].Dataset != j.db+".parent" || s.References[0].OnDelete != record.Cascade {
		t.Errorf("read back %+v, %v", s.References, err)
	}
}

// TestSealRefusesDuplicates of a unique index, and makes the others only once.
func TestSealRefusesDuplicates(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	want := schemaOfText(t, "id int32 key", "v text(20)", "n int32")
	want.Indexes = []record.Index{{Name: "u", Unique: true, Columns: []record.IndexColumn{{Name: "v"}}}, {Name: "n", Columns: []record.IndexColumn{{Name: "n"}, {Name: "v"}}}}
	x := j.start(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Insert, Create: connector.Structure{Indexes: true}}, want)
	s := x.take("s", 1)
	x.commit(s, 1, []string{"1", "a", "1"}, []string{"2", "A", "1"}, []string{"3", "a", "1"})
	err := x.w.Finish(t.Context(), connector.Seal)
	if e, ok := err.(*connector.Error); !ok || e.Code != "TOW-455" {
		t.Errorf("got %v, want TOW-455", err)
	}
	j.exec("DELETE FROM x WHERE id = 3")
	x.finish(connector.Seal, connector.Seal)
	if got := fmt.Sprint(j.rows("SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = 'x' AND INDEX_NAME <> 'PRIMARY' ORDER BY INDEX_NAME, SEQ_IN_INDEX", j.db)); got !=
		"[[n n] [n v] [u v]]" {
		t.Errorf("got %s", got)
	}
}

// TestLeftoversAreFoundAndRemoved, each for the run it belongs to.
func TestLeftoversAreFoundAndRemoved(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	runs := []string{"ra" + j.db[3:], "rb" + j.db[3:]}
	for _, run := range runs {
		j.start(c, connector.Sink{Dataset: "s" + run, Mode: connector.Replace, Run: run}, schemaOfText(t, "id int32 key"))
		j.start(c, connector.Sink{Dataset: "m" + run, Mode: connector.Insert, Run: run}, schemaOfText(t, "id int32 key"))
	}
	what := func(remove bool, runs ...string) (list []string) {
		found, err := Connector().Clean(t.Context(), c, runs, remove)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range found {
			if slices.Contains([]string{runs[0], runs[len(runs)-1]}, l.Run) && strings.Contains(l.What, j.db) || l.Run == runs[0] {
				list = append(list, strings.NewReplacer(j.db, "DB", l.Run, "RUN").Replace(fmt.Sprint(l.What, " ", l.Removed)))
			}
		}
		slices.Sort(list)
		return list
	}
	j.execf("CREATE TABLE swapped (id INT) COMMENT = 'towpath:%s'", runs[0])
	j.execf("CREATE DATABASE %s_foreign", j.db)
	t.Cleanup(func() { newJudge(t).execf("DROP DATABASE %s_foreign", j.db) })
	j.execf("CREATE TABLE %s_foreign.towpath_checkpoint (x INT)", j.db)
	want := []string{"checkpoints of mRUN, sRUN false", "staging table DB.sRUN__tw_RUN false", "tag on table DB.swapped false"}
	if got := what(false, runs[0]); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for i := range want {
		want[i] = strings.Replace(want[i], "false", "true", 1)
	}
	if got := what(true, runs[0]); !slices.Equal(got, want) {
		t.Errorf("removed %q, want %q", got, want)
	}
	if got := what(false, runs[0]); len(got) > 0 {
		t.Errorf("left %q", got)
	}
	if got := what(true, runs[1]); len(got) != 2 {
		t.Errorf("the other run's: %q", got)
	}
	if got := fmt.Sprint(j.rows("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = '%s'", j.db, sqltarget.Checkpoints)); got != "[[0]]" {
		t.Errorf("tables of checkpoints: %s", got)
	}
}
