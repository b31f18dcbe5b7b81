// Package corpus holds the cells of values that copies between stores are known to alter in silence: each a file that says what
// the source holds, and what must stand at the target or become of the row. It reads them, and knows neither stores nor how rows
// are copied. docs/testing.md describes the files.
package corpus

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed families.txt */*.txtar
var files embed.FS

// Cell is one case.
type Cell struct {
	Family, Name string   // its folder and its file without the extension
	Traps        []string // numbers of the traps it comes from
	From, To     string   // connectors
	Note         string   // what it shows, for people

	Stored   string   // what the target declares the column v as; "" does not matter
	Show     string   // how the target's client shows a row, an expression over its columns; "": as it shows v
	Settings string   // further settings of the job, keys and values in YAML's flow form
	Stream   string   // further keys of the stream, likewise
	Table    string   // of source and target; "": made of family and name
	Decoy    string   // the literals of the row that stands beside those of the cell, 0 by number; "": NULLs. "none": there is no such row
	Ends     string   // state and code in which the run ends when it does not succeed: "failed TOW-141"
	Lanes    []string // that it is copied through; nil: all

	Source []string // the columns of the source table beside its key id, a name and a type each
	Target []string // those of a target that is there before; nil: the run makes it
	// What a cell that is no plain table says in the store's own language: how its source and its target are made, and what is
	// looked at, a query that yields rows of id and v. {t} stands for the table's name.
	SourceScript, TargetScript, Probe string

	Rows []Row
}

// Row is a row of the source and what must become of it.
type Row struct {
	ID      string  // what stands in the column id
	Literal string  // what is put into the columns, comma-separated, in the source's own language; "" when a script makes the rows
	Outcome Outcome // of the row
	Text    string  // what the target's client shows, or the code
}

// Outcome is what becomes of a row.
type Outcome string

// The outcomes. There is no other.
const (
	Exact   Outcome = "exact"   // the target holds it, and shows the text
	Loss    Outcome = "loss"    // the target holds less, shows the text, and the plan says so of the column
	Dirty   Outcome = "dirty"   // the row is kept with the code, and the target does not hold it
	Refused Outcome = "refused" // the plan refuses with the code, and nothing is written
)

// ID names the cell.
func (c *Cell) ID() string { return c.Family + "/" + c.Name }

// TableName is the name of its table at either side.
func (c *Cell) TableName() string {
	if c.Table != "" {
		return c.Table
	}
	return strings.ReplaceAll(c.Family+"_"+c.Name, "-", "_")
}

// Refuses reports whether the plan must refuse the cell.
func (c *Cell) Refuses() bool { return c.Rows[0].Outcome == Refused }

// Alone reports whether the cell cannot be copied together with others: its run does not succeed.
func (c *Cell) Alone() bool { return c.Refuses() || c.Ends != "" }

// Load reads all cells, ordered by family and name.
func Load() ([]Cell, error) {
	names, err := fs.Glob(files, "*/*.txtar")
	if err != nil {
		return nil, err
	}
	var cells []Cell
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c, err := Parse(name, text)
		if err != nil {
			return nil, err
		}
		cells = append(cells, *c)
	}
	return cells, nil
}

// Floors reads families.txt: how many cells each family must have at least.
func Floors() (map[string]int, error) {
	text, err := files.ReadFile("families.txt")
	if err != nil {
		return nil, err
	}
	floors := map[string]int{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		n := 0
		if len(fields) == 2 {
			n, err = strconv.Atoi(fields[1])
		}
		if err != nil || n < 1 || floors[fields[0]] > 0 {
			return nil, fmt.Errorf("read families.txt: %q is no family with a number of its own", strings.TrimSpace(line))
		}
		floors[fields[0]] = n
	}
	return floors, nil
}

// Parse reads the cell of a file named family/name.txtar.
func Parse(name string, text []byte) (*Cell, error) {
	c := &Cell{Family: path.Dir(name), Name: strings.TrimSuffix(path.Base(name), ".txtar")}
	a := txtar.Parse(text)
	err := c.head(string(a.Comment))
	for _, f := range a.Files {
		if err == nil {
			err = c.section(f.Name, string(f.Data))
		}
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("read cell %s: %w", name, err)
	}
	return c, nil
}

// head reads the line of traps, source and target, the keys below it, and the note.
func (c *Cell) head(text string) error {
	first, rest, _ := strings.Cut(text, "\n")
	words := strings.Fields(first)
	if len(words) < 4 || words[len(words)-2] != "->" {
		return fmt.Errorf("%q is not TRAP... SOURCE -> TARGET", first)
	}
	c.Traps, c.From, c.To = words[:len(words)-3], words[len(words)-3], words[len(words)-1]
	lanes := ""
	keys := map[string]*string{"stored": &c.Stored, "show": &c.Show, "settings": &c.Settings, "stream": &c.Stream, "table": &c.Table, "decoy": &c.Decoy,
		"ends": &c.Ends, "lanes": &lanes}
	for rest != "" {
		line, after, _ := strings.Cut(rest, "\n")
		key, value, _ := strings.Cut(line, ": ")
		into, known := keys[key]
		if !known {
			break
		}
		if *into != "" {
			return fmt.Errorf("%s is there twice", key)
		}
		*into, rest = strings.TrimSpace(value), after
	}
	if c.Note = strings.TrimSpace(rest); lanes != "" {
		c.Lanes = strings.Fields(lanes)
	}
	if c.Note == "" {
		return fmt.Errorf("nothing says what it shows")
	}
	for line := range strings.Lines(c.Note) {
		if key, _, ok := strings.Cut(line, ": "); ok && keys[key] != nil {
			return fmt.Errorf("%s stands behind the note", key)
		}
	}
	return nil
}

func (c *Cell) section(name, text string) error {
	switch name {
	case "source":
		c.Source = lines(text)
	case "target":
		c.Target = lines(text)
	case "source script":
		c.SourceScript = text
	case "target script":
		c.TargetScript = text
	case "probe":
		c.Probe = strings.TrimSpace(text)
	case "rows":
		for i, line := range lines(text) {
			if err := c.row(i+1, line); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("section %q is none", name)
	}
	return nil
}

// lines returns the lines of a section without blank ones and those that begin with #.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

// row reads LITERALS => OUTCOME TEXT; of a script's rows, ID => OUTCOME TEXT.
func (c *Cell) row(number int, line string) error {
	left, right, ok := strings.Cut(line, " => ")
	word, text, _ := strings.Cut(right, " ")
	r := Row{ID: strconv.Itoa(number), Literal: strings.TrimSpace(left), Outcome: Outcome(word), Text: text}
	known := []Outcome{Exact, Loss, Dirty, Refused}
	if !ok || !slices.Contains(known, r.Outcome) || r.Literal == "" {
		return fmt.Errorf("%q is not LITERALS => %v TEXT", line, known)
	}
	if c.SourceScript != "" {
		r.ID, r.Literal = r.Literal, ""
	}
	c.Rows = append(c.Rows, r)
	return nil
}

func (c *Cell) check() error {
	refused := 0
	for _, r := range c.Rows {
		if r.Outcome == Refused {
			refused++
		}
		if r.Outcome == Dirty && strings.ToUpper(r.Text) != r.Text || (r.Outcome == Dirty || r.Outcome == Refused) && r.Text == "" {
			return fmt.Errorf("row %s: %q is no code", r.ID, r.Text)
		}
	}
	switch {
	case len(c.Rows) == 0:
		return fmt.Errorf("it has no rows")
	case refused > 0 && refused < len(c.Rows):
		return fmt.Errorf("some of its rows are refused: a plan refuses all or nothing")
	case (len(c.Source) > 0) == (c.SourceScript != ""):
		return fmt.Errorf("either source or a source script makes the source")
	case len(c.Target) > 0 && c.TargetScript != "":
		return fmt.Errorf("either target or a target script makes the target")
	}
	return nil
}
