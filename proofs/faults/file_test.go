package faults

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the judge's own way to the files
)

// file is a SQLite database with a table people.
type file struct {
	t    *testing.T
	path string
}

func newFile(t *testing.T) file {
	t.Helper()
	return file{t, filepath.Join(t.TempDir(), "shop.db")}
}

func (f file) open() *sql.DB {
	f.t.Helper()
	db, err := sql.Open("sqlite", f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	return db
}

func (f file) exec(text string) {
	f.t.Helper()
	db := f.open()
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		f.t.Fatal(err)
	}
}

// table makes people of n rows.
func (f file) table(n int) {
	f.t.Helper()
	f.exec("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, note TEXT)")
	f.exec(fmt.Sprintf("WITH RECURSIVE seq(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM seq WHERE id < %d) "+
		"INSERT INTO people SELECT id, 'person ' || id, CASE WHEN id %% 7 > 0 THEN hex(zeroblob(id %% 50)) END FROM seq", n))
}

// rows are those of people by their key; two of the same are an error.
func (f file) rows() map[int64]string {
	f.t.Helper()
	db := f.open()
	defer db.Close()
	found, err := db.Query("SELECT id, name || '|' || ifnull(note, 'NULL') FROM people")
	if err != nil {
		f.t.Fatal(err)
	}
	defer found.Close()
	rows := map[int64]string{}
	for found.Next() {
		var id int64
		var row string
		if err := found.Scan(&id, &row); err != nil {
			f.t.Fatal(err)
		}
		if _, twice := rows[id]; twice {
			f.t.Fatalf("two rows have id %d", id)
		}
		rows[id] = row
	}
	if err := found.Err(); err != nil {
		f.t.Fatal(err)
	}
	return rows
}

// save keeps the file as it is; what comes back puts it back as a restored backup would be.
func (f file) save() (restore func()) {
	f.t.Helper()
	f.exec("PRAGMA wal_checkpoint(TRUNCATE)")
	raw, err := os.ReadFile(f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	return func() {
		f.t.Helper()
		for _, side := range []string{"-wal", "-shm"} {
			if err := os.Remove(f.path + side); err != nil && !os.IsNotExist(err) {
				f.t.Fatal(err)
			}
		}
		if err := os.WriteFile(f.path, raw, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

// fileJob is a job from one file into another.
func fileJob(from, to file, mode, write, settings string) string {
	return fmt.Sprintf(`name: files
mode: %s
source: {connector: sqlite, path: %q}
target: {connector: sqlite, path: %q}
streams: [{source: people, target: people, write: %s}]
settings: {%s}
`, mode, from.path, to.path, write, settings)
}
