// Package corpus copies the cells of connector/connectortest/corpus between real servers, and judges each by what the target's own client
// shows. Cells of one way from source to target go together, as streams of one run, through four lanes: a first copy; one
// that is interrupted between their rows and resumed; one in which the target refuses a row of the same statement; one whose
// connection is cut while rows or the answer to their commit are on their way. It knows how runs are steered, and what a
// connector's contract is where it comes between; it reads no row by towpath's own means.
package corpus

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cells "github.com/towpath/towpath/connector/connectortest/corpus"
	"github.com/towpath/towpath/proofs/corpus/rig"
	"github.com/towpath/towpath/proofs/corpus/system"
)

// Lane is a way in which rows come to their target.
type Lane string

// The lanes, in the order in which a cell goes through them: Single needs the table that an earlier one left.
const (
	Copy   Lane = "copy"   // in one go
	Resume Lane = "resume" // one row a commit, interrupted between them: by a pause, or by the end of the process's context
	Single Lane = "single" // the target refuses another row of the same group, so that the search for it writes the cell's rows alone
	Retry  Lane = "retry"  // the connection to the target is cut, or the answer to the commit is lost, and the group is sent again
)

// Lanes are all lanes in order.
func Lanes() []Lane { return []Lane{Copy, Resume, Single, Retry} }

// Server is how a server is reached.
type Server struct {
	URL    string
	Client string // path of its command line client; "" for HTTP
}

// Servers are those that cells are copied between.
type Servers struct {
	MySQL, Postgres, Search, HBase Server
}

// Runner takes cells through lanes.
type Runner struct {
	Servers Servers
	Dir     string // for control databases and files of SQLite
	Prefix  string // of databases, schemas and indices that it makes: letters, digits and underscores
	Log     func(format string, args ...any)

	rig *rig.Rig
}

// Way is a pair of connectors.
type Way struct{ From, To string }

func (w Way) String() string { return w.From + " -> " + w.To }

// Failure is a cell that came to something else than it says.
type Failure struct {
	Cell string `json:"cell"`
	Way  string `json:"way"`
	Lane Lane   `json:"lane"`
	What string `json:"what"`
}

func (f Failure) String() string {
	return fmt.Sprintf("%s (%s), lane %s: %s", f.Cell, f.Way, f.Lane, f.What)
}

// Report is what runs came to.
type Report struct {
	Cells    int            `json:"cells"` // each once a lane
	Lanes    map[Lane]int   `json:"cells_by_lane"`
	Ways     map[string]int `json:"cells_by_way"`
	Rows     int            `json:"rows"`
	Exact    int            `json:"exact"`
	Losses   int            `json:"losses_that_the_plan_names"`
	Dirty    int            `json:"dirty"`
	Refused  int            `json:"refused_by_the_plan"`
	Cuts     int            `json:"streams_interrupted_or_cut"`
	Failures []Failure      `json:"failures"`
}

// Add adds o.
func (r *Report) Add(o Report) {
	r.Cells += o.Cells
	r.Rows += o.Rows
	r.Exact += o.Exact
	r.Losses += o.Losses
	r.Dirty += o.Dirty
	r.Refused += o.Refused
	r.Cuts += o.Cuts
	r.Failures = append(r.Failures, o.Failures...)
	if r.Lanes == nil {
		r.Lanes, r.Ways = map[Lane]int{}, map[string]int{}
	}
	for lane, n := range o.Lanes {
		r.Lanes[lane] += n
	}
	for way, n := range o.Ways {
		r.Ways[way] += n
	}
}

// Ways are the ways of the cells, ordered.
func Ways(list []cells.Cell) []Way {
	var ways []Way
	for _, c := range list {
		if w := (Way{c.From, c.To}); !slices.Contains(ways, w) {
			ways = append(ways, w)
		}
	}
	slices.SortFunc(ways, func(a, b Way) int { return strings.Compare(a.String(), b.String()) })
	return ways
}

// Run makes the sources of the cells and takes them through the lanes; pick says which cells go through a lane. What fails of a cell is
// in the report; the error is for what kept others from being tried.
func (r *Runner) Run(ctx context.Context, list []cells.Cell, pick func(c *cells.Cell, lane Lane) bool) (Report, error) {
	var report Report
	if err := r.open(ctx); err != nil {
		return report, err
	}
	defer r.rig.Close()
	for _, w := range Ways(list) {
		var of []*cells.Cell
		for i := range list {
			if c := &list[i]; c.From == w.From && c.To == w.To {
				of = append(of, c)
			}
		}
		got, err := r.way(ctx, w, of, pick)
		report.Add(got)
		if err != nil {
			return report, fmt.Errorf("%s: %w", w, err)
		}
	}
	return report, nil
}

// way takes the cells of one way through the lanes.
func (r *Runner) way(ctx context.Context, w Way, of []*cells.Cell, pick func(*cells.Cell, Lane) bool) (Report, error) {
	var report Report
	l, err := r.line(w)
	if err != nil {
		return report, err
	}
	defer l.remove(context.WithoutCancel(ctx))
	if err := l.clear(ctx); err != nil {
		return report, err
	}
	of, failures := l.fill(ctx, of)
	report.Failures = failures
	for _, lane := range Lanes() {
		var through []*cells.Cell
		for _, c := range of {
			if passes(c, lane) && pick(c, lane) {
				through = append(through, c)
			}
		}
		began := time.Now()
		for _, group := range together(through) {
			got, err := l.run(ctx, lane, group)
			report.Add(got)
			if err != nil {
				return report, fmt.Errorf("lane %s: %w", lane, err)
			}
		}
		r.Log("%s: %s: %d cells in %.1f s, %d failures so far", w, lane, len(through), time.Since(began).Seconds(), len(report.Failures))
	}
	return report, nil
}

// passes reports whether a cell goes through the lane at all.
func passes(c *cells.Cell, lane Lane) bool {
	switch {
	case c.Alone() && lane != Copy, lane == Single && !hasDecoy(c):
		return false
	}
	return len(c.Lanes) == 0 || slices.Contains(c.Lanes, string(lane))
}

// hasDecoy reports whether a row of id 0 stands beside the cell's rows.
func hasDecoy(c *cells.Cell) bool { return c.SourceScript == "" && c.Decoy != noDecoy }

const (
	noDecoy = "none"
	decoyID = "0"
)

// together groups cells that can be streams of one job.
func together(list []*cells.Cell) [][]*cells.Cell {
	var groups [][]*cells.Cell
	at := map[string]int{}
	for _, c := range list {
		key := c.Settings + "\n" + mode(c)
		n, known := at[key]
		if !known || c.Alone() {
			groups = append(groups, []*cells.Cell{c})
			if !c.Alone() {
				at[key] = len(groups) - 1
			}
			continue
		}
		groups[n] = append(groups[n], c)
	}
	return groups
}

// line is the two places of a way.
type line struct {
	*Runner
	way      Way
	from, to *system.Place
}

func (r *Runner) line(w Way) (*line, error) {
	from, err := r.place(w.From, "source")
	if err != nil {
		return nil, err
	}
	to, err := r.place(w.To, "target")
	return &line{r, w, from, to}, err
}

func (r *Runner) place(connector, side string) (*system.Place, error) {
	return r.Servers.Place(connector, r.Dir, r.Prefix, r.Prefix+"_"+side)
}

// Place is a place of these servers: a database, a schema of the database that places of one group share, a file of the folder, or the
// indices whose names begin with the name.
func (s Servers) Place(connector, dir, group, name string) (*system.Place, error) {
	switch connector {
	case "mysql":
		return system.MySQL(s.MySQL.Client, s.MySQL.URL, name)
	case "postgres":
		return system.Postgres(s.Postgres.Client, s.Postgres.URL, group, name)
	case "sqlite":
		return system.SQLite(filepath.Join(dir, name+".db")), nil
	case "hbase":
		return system.HBase(s.HBase.Client, s.HBase.URL, name+"_")
	case "elasticsearch":
		return system.Search(s.Search.URL, strings.ReplaceAll(name, "_", "-")+"-"), nil
	}
	return nil, fmt.Errorf("no place for connector %q", connector)
}

func (l *line) clear(ctx context.Context) error {
	if err := l.from.Reset(ctx); err != nil {
		return err
	}
	return l.to.Reset(ctx)
}

// remove takes away what the line made. What it cannot take away the next line of the same prefix does.
func (l *line) remove(ctx context.Context) {
	for _, p := range []*system.Place{l.from, l.to} {
		if err := p.Remove(ctx); err != nil {
			l.Log("%s: %v", l.way, err)
		}
	}
}

// fill makes the source tables. A cell whose source cannot be made fails; the others are returned.
func (l *line) fill(ctx context.Context, of []*cells.Cell) (good []*cells.Cell, failures []Failure) {
	var all strings.Builder
	for _, c := range of {
		all.WriteString(l.source(c))
	}
	if l.from.Run(ctx, all.String()) == nil {
		return of, nil
	}
	if err := l.from.Reset(ctx); err != nil {
		return nil, []Failure{{"all", l.way.String(), Copy, err.Error()}}
	}
	for _, c := range of {
		if err := l.from.Run(ctx, l.source(c)); err != nil {
			failures = append(failures, Failure{c.ID(), l.way.String(), Copy, "make source: " + err.Error()})
			continue
		}
		good = append(good, c)
	}
	return good, failures
}

// source is what makes a cell's source.
func (l *line) source(c *cells.Cell) string {
	x := l.from.Texts
	if c.SourceScript != "" {
		return strings.ReplaceAll(c.SourceScript, "{t}", x.Name(c.TableName())) + "\n"
	}
	s := x.Make(c.TableName(), c.Source)
	if hasDecoy(c) {
		s += x.Put(c.TableName(), decoyID, c.Source, literals(c.Decoy))
	}
	for _, row := range c.Rows {
		s += x.Put(c.TableName(), row.ID, c.Source, literals(row.Literal))
	}
	return s
}

// literals is the list of a row's literals as one text: it stands in the statement as the cell writes it.
func literals(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// target is what makes a cell's target ready for a lane.
func (l *line) target(c *cells.Cell, lane Lane) string {
	x := l.to.Texts
	if lane == Single && len(c.Target) == 0 { // it is there from the lanes before, with a row that refuses another of its key
		return x.Only(c.TableName(), decoyID) + l.refusing(c)
	}
	s := x.Drop(c.TableName())
	switch {
	case c.TargetScript != "":
		s += strings.ReplaceAll(c.TargetScript, "{t}", x.Name(c.TableName())) + "\n"
	case len(c.Target) > 0:
		s += x.Make(c.TableName(), c.Target)
		if lane == Single {
			s += x.Put(c.TableName(), decoyID, nil, nil)
		}
	}
	return s
}

// refusing makes the document that is there differ from the one that comes: a target of documents takes an equal one for its own.
func (l *line) refusing(c *cells.Cell) string {
	if l.way.To != "elasticsearch" {
		return ""
	}
	return l.to.Texts.Put(c.TableName(), decoyID, nil, nil)
}
