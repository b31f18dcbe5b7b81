// Package system speaks to stores by their own means: the mariadb and psql clients, plain SQL through database/sql, HTTP. Proofs
// make their tables with it and judge by it what came to stand there. It knows no connector, no run and nothing of how rows are
// copied.
package system

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Place is where tables of one side of a run stand: a database of a MySQL server, a schema of PostgreSQL, a file of SQLite, the indices
// of a search server.
type Place struct {
	Connector string // that reads or writes it
	Password  string // that a resumed run is given again; "" where there is none
	Texts     Texts
	// Endpoint is the connection as jobs write it inline; addr, when not empty, is reached instead of the server's own address.
	Endpoint func(addr string) string
	// Dataset is a table as jobs name it.
	Dataset func(table string) string

	client
}

// client is how a place is reached.
type client interface {
	// Reset makes the place, or empties it.
	Reset(ctx context.Context) error
	// Remove removes all that Reset made.
	Remove(ctx context.Context) error
	// Run runs statements as the texts make them.
	Run(ctx context.Context, script string) error
	// Show looks at tables. What one of them has to say is in its answer; the error is for what kept all from being asked.
	Show(ctx context.Context, looks []Look) ([]Shown, error)
}

// Texts are statements in a place's own language.
type Texts interface {
	// Name is a table's name within statements.
	Name(table string) string
	// Make makes a table of a key id, a whole number, and the columns, a name and a type each.
	Make(table string, columns []string) string
	// Put puts a row into a table: its id, and the literals of the columns.
	Put(table, id string, columns, literals []string) string
	// Only removes all rows of a table but that of the id.
	Only(table, id string) string
	// Drop removes a table that may not be there.
	Drop(table string) string
}

// Look is a question about one table.
type Look struct {
	Table string
	Show  string // an expression over its columns; "": the column v
	Query string // rows of id and v to look at instead of the table

	// Column is the column of which the declared type is asked for; "": v.
	Column string
}

// column is the name of the column that is asked for.
func (l *Look) column() string { return cmp.Or(l.Column, "v") }

// Shown is what a client shows of a table.
type Shown struct {
	Lines   []Line
	Stored  string // the declared type of the column; "" when there is none
	Trouble string // what the client said when it could not show it
}

// Line is a row as the client shows it. NULL is NULL; a text of these four letters stands in quotation marks.
type Line struct{ ID, Text string }

// Line is the line of the id, and whether there is exactly one.
func (s *Shown) Line(id string) (text string, found int) {
	for _, l := range s.Lines {
		if l.ID == id {
			text = l.Text
			found++
		}
	}
	return text, found
}

// patience is how long a client may take.
const patience = 3 * time.Minute

// command runs a client with a script on its standard input.
func command(ctx context.Context, script string, env []string, name string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	c.Stdin = strings.NewReader(script)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err = c.Run(); err != nil {
		err = fmt.Errorf("%s: %w: %.2000s", name, err, strings.TrimSpace(errs.String()))
	}
	return out.String(), errs.String(), err
}

// blame gives what a client said of the statement at a line of its script to the look that stands there, from line first on, each in
// as many lines.
func blame(said string, shown []Shown, first, lines int) {
	at := regexp.MustCompile(`(?:<stdin>:| at line )([0-9]+):`)
	look := -1
	for line := range strings.Lines(said) {
		if m := at.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			if look = (n - first) / lines; err != nil || n < first || look >= len(shown) {
				look = -1
			}
		}
		if look >= 0 {
			shown[look].Trouble += line
		}
	}
}

// oneLine puts an expression into one line of a script.
func oneLine(text string) string { return strings.Join(strings.Split(text, "\n"), " ") }

// What clients print of a look: its number, what kind of line it is, the id and the text, both as a sign and hex, between blanks.
const (
	kindRow    = "row"
	kindStored = "stored"
	signNull   = "-"
	signText   = "x" // hex follows
)

// read takes the lines of all looks apart.
func read(stdout string, shown []Shown) error {
	for line := range strings.Lines(stdout) {
		fields := strings.Fields(line)
		at := -1
		if len(fields) < 2 || len(fields) > 4 {
			return fmt.Errorf("read what the client shows: %.200q is no line of a look", line)
		}
		if _, err := fmt.Sscanf(fields[0], "look%d", &at); err != nil || at < 0 || at >= len(shown) {
			return fmt.Errorf("read what the client shows: %.200q names no look", line)
		}
		var cells []string
		for _, field := range fields[2:] {
			cell, err := readCell(field)
			if err != nil {
				return fmt.Errorf("read what the client shows: %w", err)
			}
			cells = append(cells, cell)
		}
		s := &shown[at]
		switch {
		case fields[1] == kindRow && len(cells) == 2:
			s.Lines = append(s.Lines, Line{cells[0], cells[1]})
		case fields[1] == kindStored && len(cells) == 1:
			s.Stored = cells[0]
		default:
			return fmt.Errorf("read what the client shows: %.200q is no line of a look", line)
		}
	}
	return nil
}

func readCell(field string) (string, error) {
	if field == signNull {
		return "NULL", nil
	}
	digits, ok := strings.CutPrefix(field, signText)
	text, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return "", fmt.Errorf("%.200q is no cell", field)
	}
	if string(text) == "NULL" {
		return "'NULL'", nil
	}
	return string(text), nil
}

// password is that of an address, "" for none.
func password(u *url.URL) string {
	p, _ := u.User.Password()
	return p
}

// yaml writes a text as YAML's flow form has it: a JSON string.
func yaml(text string) string {
	b, err := json.Marshal(text)
	if err != nil { // a string is always JSON
		panic(err)
	}
	return string(b)
}

// address is where a server is reached: addr when it is given, else its own.
func address(addr, own string) (host, port string) {
	if addr == "" {
		addr = own
	}
	at := strings.LastIndexByte(addr, ':')
	return addr[:at], addr[at+1:]
}

// columnName is the name that stands first in "name TYPE ...", quoted or not.
func columnName(column string) string {
	for _, q := range []byte{'`', '"'} {
		if column != "" && column[0] == q {
			if end := strings.IndexByte(column[1:], q); end >= 0 {
				return column[:end+2]
			}
		}
	}
	name, _, _ := strings.Cut(column, " ")
	return name
}
