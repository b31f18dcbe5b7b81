package kill

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/towpath/towpath/internal/crashpoint"
)

// The kinds of File scenes.
const (
	Append  = "append"  // rows are appended to a table that has no key and holds rows of others
	Replace = "replace" // a table is staged and swapped in for one that holds other rows
	Keyless = "keyless" // the source has no key: what was not committed is read again from the beginning
)

// File is a scene of two database files. One row in a hundred breaks a CHECK of the target.
type File struct {
	kind   string
	source string
	rows   int
	dirty  map[string]bool
}

// fileColumns is what both tables hold, by plain SQL, as one text.
const fileColumns = `quote(id)||'|'||quote(customer)||'|'||quote(cents)||'|'||quote(weight)||'|'||quote(note)||'|'||quote(paid)||'|'||quote(at)`

// There are rows of others in the target, with ids below zero.
const others = 300

// NewFile makes the source in dir.
func NewFile(ctx context.Context, kind, dir string, rows int, seed uint64) (*File, error) {
	f := &File{kind: kind, source: filepath.Join(dir, "source-"+kind+".db"), rows: rows, dirty: map[string]bool{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(f.source); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 1))
	return f, within(ctx, f.source, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY, customer VARCHAR(40) NOT NULL, cents INTEGER NOT NULL, weight DOUBLE,
			note TEXT, paid BOOLEAN NOT NULL, at DATETIME(3) NOT NULL); CREATE VIEW keyless AS SELECT * FROM orders`); err != nil {
			return err
		}
		for id := 1; id <= rows; id++ {
			cents := r.IntN(1_000_000)
			if r.IntN(100) == 0 {
				cents = -1
				f.dirty[strconv.Itoa(id)] = true
			}
			if err := insertOrder(tx, "orders", id, cents, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertOrder(tx *sql.Tx, table string, id, cents int, r *rand.Rand) error {
	var note any
	if r.IntN(3) > 0 {
		note = fmt.Sprintf("order %d: \"with care\",\nnummer %d €", id, r.IntN(1000))
	}
	at := time.UnixMilli(1_700_000_000_000 + r.Int64N(1e10)).UTC().Format("2006-01-02 15:04:05.000")
	_, err := tx.Exec("INSERT INTO "+table+" VALUES (?, ?, ?, ?, ?, ?, ?)", id, "customer "+strconv.Itoa(r.IntN(5000)), cents, r.Float64()*30, note, r.IntN(2), at)
	return err
}

// within makes a change to a database file in one transaction.
func within(ctx context.Context, path string, change func(*sql.Tx) error) error {
	db, err := openFile(path, "rwc")
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := change(tx); err != nil {
		_ = tx.Rollback() // the change's error says more
		return err
	}
	return tx.Commit()
}

func openFile(path, mode string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{"mode": {mode}, "_pragma": {"busy_timeout(10000)"}}.Encode()}
	return sql.Open("sqlite", u.String())
}

// Name is the kind.
func (f *File) Name() string { return "sqlite-" + f.kind }

// Wants is the same for every run.
func (f *File) Wants() Wants {
	w := Wants{Read: int64(f.rows), Dirty: f.dirty, Freeze: crashpoint.Writing, File: "target.db", Refusal: newerOwner, Shards: 4, Commits: 100,
		Points: []crashpoint.Point{crashpoint.Planned, crashpoint.Making, crashpoint.Leased, crashpoint.Reading, crashpoint.Writing, crashpoint.Stored,
			crashpoint.Written, crashpoint.Committing, crashpoint.Committed, crashpoint.Ended, crashpoint.Swapping, crashpoint.Published}}
	if f.kind == Keyless { // one shard and one commit, which has dirty rows
		w.Shards, w.Commits, w.Kills = 1, 1, 8
		w.Points = []crashpoint.Point{crashpoint.Planned, crashpoint.Making, crashpoint.Leased, crashpoint.Reading, crashpoint.Writing, crashpoint.Stored,
			crashpoint.Committing, crashpoint.Ended, crashpoint.Swapping, crashpoint.Published}
	}
	return w
}

func (f *File) target(dir string) string { return filepath.Join(dir, "target.db") }

// Reset makes a target with rows of others.
func (f *File) Reset(ctx context.Context, dir string) error {
	key := ""
	if f.kind == Replace {
		key = " PRIMARY KEY"
	}
	err := within(ctx, f.target(dir), func(tx *sql.Tx) error {
		if _, err := tx.Exec(`CREATE TABLE copies (id INTEGER` + key + `, customer VARCHAR(40) NOT NULL, cents INTEGER NOT NULL CHECK (cents >= 0), weight DOUBLE,
			note TEXT, paid BOOLEAN NOT NULL, at DATETIME(3) NOT NULL); CREATE INDEX copies_by_customer ON copies (customer)`); err != nil {
			return err
		}
		r := rand.New(rand.NewPCG(7, 7))
		for id := range others {
			if err := insertOrder(tx, "copies", -1-id, id, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	stream := "source: orders, target: copies, write: append"
	switch f.kind {
	case Replace:
		stream = "source: orders, target: copies, write: replace"
	case Keyless:
		stream = "source: keyless, target: copies, write: append"
	}
	return writeJob(dir, stream, sqlite{f.source}.connection(), sqlite{f.target(dir)}.connection(), manyShards, "")
}

// Judge reads both files by plain SQL.
func (f *File) Judge(ctx context.Context, dir string) (Verdict, error) {
	var j Judge
	if err := eachRow(ctx, f.source, "orders WHERE cents >= 0", j.Expect); err != nil {
		return Verdict{}, err
	}
	if f.kind != Replace {
		pristine := filepath.Join(dir, "others.db")
		if err := f.others(ctx, pristine, j.Expect); err != nil {
			return Verdict{}, err
		}
	}
	q := j.Begin()
	err := eachRow(ctx, f.target(dir), "copies", q.Saw)
	return q.End(), err
}

// others gives the rows that stood in the target before.
func (f *File) others(ctx context.Context, scratch string, row func(id string, row []byte)) error {
	err := within(ctx, scratch, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`CREATE TABLE copies (id INTEGER, customer VARCHAR(40), cents INTEGER, weight DOUBLE, note TEXT, paid BOOLEAN, at DATETIME(3))`); err != nil {
			return err
		}
		r := rand.New(rand.NewPCG(7, 7))
		for id := range others {
			if err := insertOrder(tx, "copies", -1-id, id, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer os.Remove(scratch)
	return eachRow(ctx, scratch, "copies", row)
}

func eachRow(ctx context.Context, path, from string, row func(id string, row []byte)) error {
	db, err := openFile(path, "rw")
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT id, "+fileColumns+" FROM "+from)
	if err != nil {
		return err
	}
	defer rows.Close()
	var id sql.RawBytes
	var text sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		row(string(id), text)
	}
	return rows.Err()
}

// Leftovers lists tables, indexes and triggers that were not there before, and what was and is gone.
func (f *File) Leftovers(ctx context.Context, dir string) ([]string, error) {
	db, err := openFile(f.target(dir), "rw")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT type || ' ' || name FROM sqlite_schema")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	had := map[string]bool{"table copies": true, "index copies_by_customer": true}
	var left []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if !had[name] {
			left = append(left, name)
		}
		delete(had, name)
	}
	for name := range had {
		left = append(left, "no "+name)
	}
	return left, rows.Err()
}

// progressOf counts the shards and commits of a run in the control database.
func progressOf(ctx context.Context, dir, key string) (shards, commits int64, err error) {
	db, err := openFile(filepath.Join(dir, "state", "towpath.db"), "rw")
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(seq), 0) FROM shard WHERE run = ?", key).Scan(&shards, &commits)
	return shards, commits, err
}

// epochOf counts the leases that a run has had.
func epochOf(ctx context.Context, dir, key string) (epoch int64, err error) {
	db, err := openFile(filepath.Join(dir, "state", "towpath.db"), "rw")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT epoch FROM run WHERE run_key = ?", key).Scan(&epoch)
	return epoch, err
}
