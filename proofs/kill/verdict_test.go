package kill_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/proofs/kill"
)

// rowsOf makes a target as a good run would leave it: the judge's own scene with its rows copied by SQL.
func rowsOf(t *testing.T) (*kill.File, string) {
	t.Helper()
	folder := t.TempDir()
	scene, err := kill.NewFile(t.Context(), kill.Append, folder, 2000, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := scene.Reset(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	plant(t, dir, "ATTACH '"+filepath.Join(folder, "source-append.db")+"' AS s; INSERT INTO copies SELECT * FROM s.orders WHERE cents >= 0")
	return scene, dir
}

func plant(t *testing.T, dir, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "target.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func TestJudgeFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	const some = "SELECT min(rowid) FROM copies WHERE id > 100 AND note IS NOT NULL"
	for _, c := range []struct {
		name, plant string
		want        kill.Verdict
	}{
		{"nothing", "SELECT 1", kill.Verdict{}},
		{"three lost", "DELETE FROM copies WHERE rowid IN (SELECT rowid FROM copies WHERE id > 0 ORDER BY id LIMIT 3)", kill.Verdict{Lost: 3}},
		{"one of others lost", "DELETE FROM copies WHERE id = -7", kill.Verdict{Lost: 1}},
		{"two doubled", "INSERT INTO copies SELECT * FROM copies WHERE id IN (-3, (SELECT max(id) FROM copies))", kill.Verdict{Doubled: 2}},
		{"one four times", "INSERT INTO copies SELECT c.* FROM copies AS c, (VALUES (1), (2), (3)) WHERE id = -3", kill.Verdict{Doubled: 3}},
		{"a text altered", "UPDATE copies SET note = note || ' ' WHERE rowid = (" + some + ")", kill.Verdict{Altered: 1}},
		{"a NULL altered", "UPDATE copies SET note = '' WHERE rowid = (SELECT min(rowid) FROM copies WHERE id > 0 AND note IS NULL)", kill.Verdict{Altered: 1}},
		{"a type altered", "UPDATE copies SET customer = CAST(customer AS BLOB) WHERE id = -9", kill.Verdict{Altered: 1}},
		{"last bit altered", "UPDATE copies SET weight = weight * (1 + 4e-16) WHERE rowid = (" + some + ")", kill.Verdict{Altered: 1}},
		{"two extra", "INSERT INTO copies SELECT 100000 + id, customer, cents, weight, note, paid, at FROM copies WHERE id IN (-1, -2)", kill.Verdict{Extra: 2}},
		{"a dirty row written", "INSERT INTO copies VALUES (NULL, 'x', 1, 1, 'x', 1, 'x')", kill.Verdict{Extra: 1}},
		{"all at once", "DELETE FROM copies WHERE id = -1; INSERT INTO copies SELECT * FROM copies WHERE id = -2; UPDATE copies SET paid = 2 WHERE id = -3;" +
			"INSERT INTO copies VALUES (99999, 'x', 1, 1, 'x', 1, 'x')", kill.Verdict{Lost: 1, Doubled: 1, Altered: 1, Extra: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			scene, dir := rowsOf(t)
			plant(t, dir, c.plant)
			got, err := scene.Judge(t.Context(), dir)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestLeftoversAreFound(t *testing.T) {
	t.Parallel()
	scene, dir := rowsOf(t)
	plant(t, dir, "CREATE TABLE copies__tw_abc (id); DROP INDEX copies_by_customer")
	left, err := scene.Leftovers(t.Context(), dir)
	if err != nil || len(left) != 2 {
		t.Errorf("got %q, %v, want a table too many and an index too few", left, err)
	}
}

func TestJudgeTakesEitherForm(t *testing.T) {
	t.Parallel()
	var j kill.Judge
	j.Expect("1", []byte("old"))
	j.Expect("1", []byte("new"))
	j.Expect("2", []byte("same"))
	for _, c := range []struct {
		name string
		rows []string
		want kill.Verdict
	}{
		{"old", []string{"1 old", "2 same"}, kill.Verdict{}},
		{"new", []string{"1 new", "2 same"}, kill.Verdict{}},
		{"neither", []string{"1 older", "2 same"}, kill.Verdict{Altered: 1}},
		{"both", []string{"1 old", "1 new", "2 same"}, kill.Verdict{Doubled: 1}},
	} {
		q := j.Begin()
		for _, r := range c.rows {
			q.Saw(r[:1], []byte(r[2:]))
		}
		if got := q.End(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}
