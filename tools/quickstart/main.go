// Command quickstart makes the sample shop database of the quick start and compares the copy with it, by plain SQL: through
// another path than the code that copied.
//
//	quickstart make FILE ROWS      a database with a table orders of so many rows
//	quickstart compare A B TABLE   counts and hashes of the table in both files; exit code 1 when they differ
package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	_ "modernc.org/sqlite"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "make":
		rows, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return fill(args[1], rows)
	case len(args) == 4 && args[0] == "compare":
		return compare(args[1], args[2], args[3])
	}
	return fmt.Errorf("usage: quickstart make FILE ROWS | quickstart compare A B TABLE")
}

const schema = `CREATE TABLE orders (
	id INTEGER PRIMARY KEY,
	customer VARCHAR(40) NOT NULL,
	city VARCHAR(40),
	amount_cents INTEGER NOT NULL,
	weight DOUBLE,
	note TEXT,
	paid BOOLEAN NOT NULL,
	ordered DATETIME(3) NOT NULL
)`

// fill writes the rows in one transaction of 500-row statements; the same number gives the same rows.
func fill(path string, rows int) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", schema, "BEGIN"} {
		if _, err := db.Exec(statement); err != nil {
			return err
		}
	}
	const page = 500
	insert, err := db.Prepare("INSERT INTO orders VALUES " + values(page))
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, uint64(rows)))
	args := make([]any, 0, page*8)
	for id := 1; id <= rows; id++ {
		args = append(args, order(random, id)...)
		if len(args) == cap(args) {
			if _, err := insert.Exec(args...); err != nil {
				return err
			}
			args = args[:0]
		}
	}
	if n := len(args) / 8; n > 0 {
		if _, err := db.Exec("INSERT INTO orders VALUES "+values(n), args...); err != nil {
			return err
		}
	}
	_, err = db.Exec("COMMIT")
	return err
}

func values(n int) string {
	text := ""
	for i := range n {
		if i > 0 {
			text += ","
		}
		text += "(?,?,?,?,?,?,?,?)"
	}
	return text
}

var (
	names  = [...]string{"Ada", "Grace", "Linus", "Barbara", "Edsger", "Margaret", "Donald", "Frances", "Ken", "Radia"}
	cities = [...]string{"Lyon", "Kyōto", "Zürich", "Bogotá", "Łódź", "Québec", "上海", "Oslo"}
)

func order(r *rand.Rand, id int) []any {
	var city, note any
	if n := r.IntN(len(cities) + 1); n > 0 {
		city = cities[n-1]
	}
	if r.IntN(3) > 0 {
		note = fmt.Sprintf("order %d: \"handle with care\", 100%% paid\nleave at the door", id)
	}
	at := time.UnixMilli(1_700_000_000_000 + int64(id)*1000 + r.Int64N(1000)).UTC()
	return []any{id, names[r.IntN(len(names))] + " " + strconv.Itoa(r.IntN(10_000)), city, r.IntN(1_000_000), r.Float64() * 30, note,
		r.IntN(2), at.Format("2006-01-02 15:04:05.000")}
}

// digest hashes all rows of a table in the order of the id, each value by its own text and type.
func digest(path, table string) (rows int64, hash string, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return 0, "", err
	}
	defer db.Close()
	found, err := db.Query(`SELECT id || '|' || quote(customer) || '|' || quote(city) || '|' || quote(amount_cents) || '|' || quote(weight) || '|' ||
		quote(note) || '|' || quote(paid) || '|' || quote(ordered) FROM "` + table + `" ORDER BY id`)
	if err != nil {
		return 0, "", err
	}
	defer found.Close()
	sum := sha256.New()
	var row sql.RawBytes
	for found.Next() {
		if err := found.Scan(&row); err != nil {
			return 0, "", err
		}
		rows++
		sum.Write(row)
		sum.Write([]byte{'\n'})
	}
	return rows, hex.EncodeToString(sum.Sum(nil)[:8]), found.Err()
}

func compare(a, b, table string) error {
	rowsA, hashA, err := digest(a, table)
	if err != nil {
		return err
	}
	rowsB, hashB, err := digest(b, table)
	if err != nil {
		return err
	}
	fmt.Printf("source  %d rows  hash %s\ntarget  %d rows  hash %s\n", rowsA, hashA, rowsB, hashB)
	if rowsA != rowsB || hashA != hashB {
		return fmt.Errorf("source and target differ")
	}
	return nil
}
