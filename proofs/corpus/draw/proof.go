package draw

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/towpath/towpath/proofs/corpus"
)

// Figures are what draws came to.
type Figures struct {
	Draws    int            `json:"draws"`
	Ways     map[string]int `json:"draws_by_way"`
	Rows     int            `json:"rows"`
	Exact    int            `json:"rows_exact"`
	Losses   int            `json:"values_with_a_loss_that_the_plan_names"`
	Dirty    int            `json:"rows_dirty"`
	Codes    map[string]int `json:"rows_dirty_by_code"`
	Refused  int            `json:"draws_refused_by_the_plan"`
	Reasons  map[string]int `json:"draws_refused_by_code"`
	Values   map[string]int `json:"values_unchanged_by_source_and_kind"`
	Failures []string       `json:"failures"`
}

// Add counts an outcome in.
func (f *Figures) Add(o *Outcome) {
	if f.Ways == nil {
		f.Ways, f.Codes, f.Reasons, f.Values = map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	}
	f.Draws++
	f.Ways[o.Way.String()]++
	for _, fault := range o.Faults {
		f.Failures = append(f.Failures, fmt.Sprintf("%.1000s: %.1000s", o.Draw, fault))
	}
	if o.Refused != "" {
		f.Refused++
		f.Reasons[o.Refused]++
		return
	}
	f.Rows += len(o.Rows)
	f.Exact += o.Exact
	f.Losses += o.Losses
	f.Dirty += o.Dirty
	for code, n := range o.Codes {
		f.Codes[code] += n
	}
	for i, n := range o.Same {
		f.Values[o.From+" "+o.Columns[i].kind.name] += n
	}
}

// leastExact is the share of rows that must come as they are: a copier that refuses everything proves nothing.
const leastExact = 0.5

// Verdict says in what the figures fall short of so many draws, of so many at least each way.
func (f *Figures) Verdict(draws, each int) error {
	var short []error
	if n := len(f.Failures); n > 0 {
		short = append(short, fmt.Errorf("%d values, rows or draws are not as they must be, the first: %s", n, f.Failures[0]))
	}
	if f.Draws < draws {
		short = append(short, fmt.Errorf("%d draws, want %d", f.Draws, draws))
	}
	for _, w := range Ways() {
		if n := f.Ways[w.String()]; n < each {
			short = append(short, fmt.Errorf("%d draws of %s, want %d", n, w, each))
		}
	}
	if float64(f.Exact) < leastExact*float64(f.Rows) || f.Dirty == 0 || f.Refused == 0 || f.Losses == 0 {
		short = append(short, fmt.Errorf("of %d rows %d are exact and %d dirty, %d values have a named loss, %d draws are refused: one of the outcomes hardly occurs",
			f.Rows, f.Exact, f.Dirty, f.Losses, f.Refused))
	}
	for _, w := range Ways() {
		for _, k := range kinds(w.From) {
			if draws >= 1000 && !k.off && f.Values[w.From+" "+k.name] == 0 {
				short = append(short, fmt.Errorf("no value of %s %s came as it was", w.From, k.name))
			}
		}
	}
	return errors.Join(short...)
}

// Proof makes draws of all ways in turn.
type Proof struct {
	Root  string // of the tree
	Dir   string
	Seed  uint64
	Draws int
	Log   func(format string, args ...any)
	Save  func(f *Figures) error // after each round of all ways
}

// Draws of a way that go together as streams of one run, and failures after which it makes no sense to go on.
const (
	together     = 40
	mostFailures = 30
)

// Run makes the draws that f lacks, on servers of its own.
func (p *Proof) Run(ctx context.Context, f *Figures) (err error) {
	dir := p.Dir
	// the servers' disks would take most of the time, and durability is not what is proven
	if shared, err := os.MkdirTemp("/dev/shm", "towpath-draws-"); err == nil {
		dir = shared
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filepath.Join(dir, "servers")), removeIfOwn(dir, p.Dir)) }()
	servers, err := corpus.Start(ctx, p.Root, filepath.Join(dir, "servers"), "America/St_Johns", "mariadb", "postgres", "elasticsearch8")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	r := &Runner{Servers: servers.Servers, Dir: dir, Prefix: "towpath_draws"}
	if err := r.Open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close(context.WithoutCancel(ctx))) }()
	ways := Ways()
	for f.Draws < p.Draws && len(f.Failures) < mostFailures {
		round := f.Draws / (together * len(ways))
		for i, w := range ways {
			source := rand.New(rand.NewPCG(p.Seed, uint64(round*len(ways)+i)))
			draws := make([]*Draw, together)
			for n := range draws {
				draws[n] = Make(w, source.Uint64()>>16)
			}
			outcomes, err := r.Run(ctx, draws)
			if err != nil {
				return fmt.Errorf("%s, from seed %d on: %w", w, draws[0].Seed, err)
			}
			for _, o := range outcomes {
				f.Add(o)
			}
		}
		p.Log("%d draws, %d rows exact, %d dirty, %d draws refused, %d failures", f.Draws, f.Exact, f.Dirty, f.Refused, len(f.Failures))
		if err := p.Save(f); err != nil {
			return err
		}
	}
	return f.Verdict(p.Draws, p.Draws/len(ways)/2)
}

func removeIfOwn(dir, kept string) error {
	if dir == kept {
		return nil
	}
	return os.RemoveAll(dir)
}
