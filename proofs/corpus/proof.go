package corpus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cells "github.com/towpath/towpath/connector/connectortest/corpus"
	"github.com/towpath/towpath/proofs/corpus/system"
)

// Zone is in which time zones a pass runs: the process with its clients, and the servers.
type Zone struct{ Process, Servers string }

func (z Zone) String() string { return "process in " + z.Process + ", servers in " + z.Servers }

// Zones are those of the proof: none apart, half an hour and a summer time of its own, the other side of the date line.
func Zones() []Zone {
	return []Zone{{"UTC", "UTC"}, {"Asia/Kolkata", "America/St_Johns"}, {"Pacific/Apia", "Europe/Amsterdam"}}
}

// Figures are what a proof came to.
type Figures struct {
	Corpus   int               `json:"cells"`
	Families int               `json:"families"`
	All      Report            `json:"all"`
	Passes   map[string]Report `json:"passes"`
}

// Proof takes all cells through all lanes, under three settings of time zones and with both PostgreSQL servers.
type Proof struct {
	Root string // of the tree
	Dir  string
	Log  func(format string, args ...any)
	Save func(f *Figures) error // after each pass
}

// pass is one setting.
type pass struct {
	Zone
	postgres string // of the test servers
}

func allPasses() []pass {
	var all []pass
	for _, z := range Zones() {
		all = append(all, pass{z, "postgres"})
	}
	return append(all, pass{Zones()[1], "postgres17"})
}

func (p pass) String() string { return p.Zone.String() + ", " + p.postgres }

// Run goes through the passes that f does not have yet. What fell short is in the error.
func (p *Proof) Run(ctx context.Context, f *Figures) error {
	list, err := cells.Load()
	if err != nil {
		return err
	}
	floors, err := cells.Floors()
	if err != nil {
		return err
	}
	f.Corpus, f.Families = len(list), len(floors)
	if f.Passes == nil {
		f.Passes = map[string]Report{}
	}
	for _, one := range allPasses() {
		if _, done := f.Passes[one.String()]; done {
			continue
		}
		report, err := p.pass(ctx, one, list)
		if err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
		f.Passes[one.String()] = report
		if err := p.Save(f); err != nil {
			return err
		}
	}
	f.All = Report{}
	for _, report := range f.Passes {
		f.All.Add(report)
	}
	return f.verdict(list)
}

// verdict says in what the figures fall short.
func (f *Figures) verdict(list []cells.Cell) error {
	var short []error
	if n := len(f.All.Failures); n > 0 {
		short = append(short, fmt.Errorf("%d cells came to something else than they say, the first: %s", n, f.All.Failures[0]))
	}
	want := 0
	for _, one := range allPasses() {
		for i := range list {
			if one.takes(&list[i]) {
				want++
			}
		}
	}
	if got := f.All.Lanes[Copy]; got != want {
		short = append(short, fmt.Errorf("%d first copies of cells, want %d", got, want))
	}
	return errors.Join(short...)
}

// takes reports whether a cell belongs to the pass: that of the other PostgreSQL, which has no PostGIS, repeats those alone that touch it.
func (p pass) takes(c *cells.Cell) bool {
	return p.postgres == "postgres" || (c.From == "postgres" || c.To == "postgres") && c.Family != "geometry"
}

func (p *Proof) pass(ctx context.Context, one pass, list []cells.Cell) (report Report, err error) {
	p.Log("%s", one)
	zone, err := time.LoadLocation(one.Process)
	if err != nil {
		return report, err
	}
	time.Local = zone
	dir := filepath.Join(p.Dir, strings.NewReplacer("/", "-", " ", "-", ",", "").Replace(one.String()))
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return report, err
	}
	servers, err := Start(ctx, p.Root, dir, one.Servers, "mariadb", one.postgres, "elasticsearch8", "hbase")
	if err != nil {
		return report, err
	}
	defer func() {
		if err = errors.Join(err, servers.Stop()); err == nil { // else the folder is evidence
			err = os.RemoveAll(dir)
		}
	}()
	mine := slices.DeleteFunc(slices.Clone(list), func(c cells.Cell) bool { return !one.takes(&c) })
	r := &Runner{Servers: servers.Servers, Dir: dir, Prefix: "towpath_cells", Log: p.Log}
	return r.Run(ctx, mine, func(*cells.Cell, Lane) bool { return true })
}

// clock asks a server one question.
func clock(ctx context.Context, p *system.Place, question string) (answer string, err error) {
	if err := p.Reset(ctx); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.Remove(context.WithoutCancel(ctx))) }()
	shown, err := p.Show(ctx, []system.Look{{Table: "none", Query: question}})
	if err != nil {
		return "", err
	}
	text, found := shown[0].Line("1")
	if found != 1 {
		return "", fmt.Errorf("ask %s for its zone: %s", p.Connector, shown[0].Trouble)
	}
	return text, nil
}
