// Package data makes the tables that benchmark and proofs copy: the same seed gives the same rows on every machine, and row n
// can be made without the rows before it. It knows how a table is made and loaded in SQL, and no towpath code at all.
package data

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Table is a generated table. Its rows have the ids 1, 2, 3 ...
type Table struct {
	Name    string
	Columns []Column
}

// Column is one column of a generated table.
type Column struct {
	Name string
	Type string // in SQL, with NOT NULL where it has no NULLs
	Hex  bool   // bytes: written as hex, loaded by UNHEX
	// Append appends the text of a value, unescaped; false is NULL.
	Append func(dst []byte, r *Row) ([]byte, bool)
}

// Row is where the values of a row come from: its id, and random numbers that depend on seed and id alone.
type Row struct {
	ID int64
	*rand.Rand
	source rand.PCG
}

// Rows makes rows of one seed, one after the other or in any order.
type Rows struct {
	table *Table
	seed  uint64
	row   Row
	cell  []byte
}

// Rows returns a maker of the table's rows. It is used by one goroutine.
func (t *Table) Rows(seed uint64) *Rows {
	m := &Rows{table: t, seed: seed}
	m.row.Rand = rand.New(&m.row.source)
	return m
}

// Append appends row id as LOAD DATA reads it: tabs between the cells, \N for NULL, backslashes before what needs them, a newline.
func (m *Rows) Append(dst []byte, id int64) []byte {
	m.row.ID = id
	m.row.source.Seed(m.seed, uint64(id))
	for i := range m.table.Columns {
		c := &m.table.Columns[i]
		if i > 0 {
			dst = append(dst, '\t')
		}
		var present bool
		m.cell, present = c.Append(m.cell[:0], &m.row)
		if !present {
			dst = append(dst, '\\', 'N')
			continue
		}
		dst = appendEscaped(dst, m.cell)
	}
	return append(dst, '\n')
}

func appendEscaped(dst, cell []byte) []byte {
	for _, c := range cell {
		switch c {
		case '\\', '\t':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case 0:
			dst = append(dst, '\\', '0')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// Write writes the rows with the ids from first to last.
func (t *Table) Write(w io.Writer, seed uint64, first, last int64) error {
	out := bufio.NewWriterSize(w, 1<<18)
	m := t.Rows(seed)
	var line []byte
	for id := first; id <= last; id++ {
		line = m.Append(line[:0], id)
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("write row %d of %s: %w", id, t.Name, err)
		}
	}
	return out.Flush()
}

// Create is the statement that makes the table under a name, which is quoted already where it has to be.
func (t *Table) Create(name, comment string) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + name + " (")
	for _, c := range t.Columns {
		b.WriteString("`" + c.Name + "` " + c.Type + ", ")
	}
	b.WriteString("PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='" + comment + "'")
	return b.String()
}

// Load is the LOAD DATA statement that reads what Write wrote from the file at path, on the client's side.
func (t *Table) Load(name, path string) string {
	var into, set []string
	for _, c := range t.Columns {
		switch {
		case c.Hex:
			into = append(into, "@"+c.Name)
			set = append(set, "`"+c.Name+"` = UNHEX(@"+c.Name+")")
		case strings.HasPrefix(c.Type, "BIT"):
			into = append(into, "@"+c.Name)
			set = append(set, "`"+c.Name+"` = CAST(@"+c.Name+" AS UNSIGNED)")
		default:
			into = append(into, "`"+c.Name+"`")
		}
	}
	text := "LOAD DATA LOCAL INFILE '" + path + "' INTO TABLE " + name + " CHARACTER SET utf8mb4 (" + strings.Join(into, ", ") + ")"
	if len(set) > 0 {
		text += " SET " + strings.Join(set, ", ")
	}
	return text
}

// some makes a column NULL in one of n rows.
func some(n int, value func(dst []byte, r *Row) []byte) func([]byte, *Row) ([]byte, bool) {
	return func(dst []byte, r *Row) ([]byte, bool) {
		if r.IntN(n) == 0 {
			return dst, false
		}
		return value(dst, r), true
	}
}

// all makes a column without NULLs.
func all(value func(dst []byte, r *Row) []byte) func([]byte, *Row) ([]byte, bool) {
	return func(dst []byte, r *Row) ([]byte, bool) { return value(dst, r), true }
}

func id(dst []byte, r *Row) []byte { return strconv.AppendInt(dst, r.ID, 10) }

// between makes whole numbers from low to high; one in 64 is an end.
func between(low, high int64) func([]byte, *Row) []byte {
	return func(dst []byte, r *Row) []byte {
		switch r.IntN(128) {
		case 0:
			return strconv.AppendInt(dst, low, 10)
		case 1:
			return strconv.AppendInt(dst, high, 10)
		}
		return strconv.AppendInt(dst, low+int64(r.Uint64N(uint64(high-low)+1)), 10)
	}
}

// decimal makes numbers of at most digits digits, scale of them behind the point.
func decimal(digits, scale int) func([]byte, *Row) []byte {
	return func(dst []byte, r *Row) []byte {
		if r.IntN(4) == 0 {
			dst = append(dst, '-')
		}
		whole := 1 + r.IntN(digits-scale)
		dst = append(dst, byte('1'+r.IntN(9)))
		for range whole - 1 {
			dst = append(dst, byte('0'+r.IntN(10)))
		}
		dst = append(dst, '.')
		for range scale {
			dst = append(dst, byte('0'+r.IntN(10)))
		}
		return dst
	}
}

func oneOf(values ...string) func([]byte, *Row) []byte {
	return func(dst []byte, r *Row) []byte { return append(dst, values[r.IntN(len(values))]...) }
}

// twoDigits appends n with a zero before it where it has one digit.
func twoDigits(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func date(dst []byte, r *Row) []byte { return day(dst, r, 1870, 200) }

// day is a date in one of so many years from first on.
func day(dst []byte, r *Row, first, years int) []byte {
	dst = strconv.AppendInt(dst, int64(first+r.IntN(years)), 10)
	dst = twoDigits(append(dst, '-'), 1+r.IntN(12))
	return twoDigits(append(dst, '-'), 1+r.IntN(28))
}

func clock(dst []byte, r *Row) []byte {
	dst = twoDigits(dst, r.IntN(24))
	dst = twoDigits(append(dst, ':'), r.IntN(60))
	return twoDigits(append(dst, ':'), r.IntN(60))
}

// datetime keeps to the years that indices of nanoseconds can hold.
func datetime(fraction int) func([]byte, *Row) []byte {
	return func(dst []byte, r *Row) []byte {
		dst = clock(append(day(dst, r, 1971, 66), ' '), r)
		if fraction > 0 {
			dst = append(dst, '.')
			for range fraction {
				dst = append(dst, byte('0'+r.IntN(10)))
			}
		}
		return dst
	}
}
