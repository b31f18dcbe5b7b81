package draw_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/proofs/corpus"
	"github.com/towpath/towpath/proofs/corpus/draw"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// runner copies between the shared servers, PostgreSQL being the one of that name.
func runner(t *testing.T, prefix, postgres string) *draw.Runner {
	t.Helper()
	maria, post, search := servers.Need(t, "mariadb"), servers.Need(t, postgres), servers.Need(t, "elasticsearch8")
	r := &draw.Runner{Dir: t.TempDir(), Prefix: prefix, Servers: corpus.Servers{MySQL: corpus.Server{URL: maria.URL, Client: maria.Client},
		Postgres: corpus.Server{URL: post.URL, Client: post.Client}, Search: corpus.Server{URL: search.URL}}}
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// clean runs draws and fails for what must not be.
func clean(t *testing.T, r *draw.Runner, draws ...*draw.Draw) []*draw.Outcome {
	t.Helper()
	outcomes, err := r.Run(t.Context(), draws)
	if err != nil {
		t.Fatal(err)
	}
	if len(outcomes) != len(draws) {
		t.Errorf("%d of %d draws have an outcome", len(outcomes), len(draws))
	}
	for _, o := range outcomes {
		for _, fault := range o.Faults {
			t.Errorf("%.1000s: %.2000s", o.Draw, fault)
		}
	}
	return outcomes
}

// Draws of all ways: 200 of them, each way 12 at least.
func TestDraws(t *testing.T) {
	t.Parallel()
	r := runner(t, "towpath_draws", "postgres")
	f := draw.Figures{}
	for _, w := range draw.Ways() {
		n := 19
		if w.To == "elasticsearch" { // where making an index takes longest
			n = 12
		}
		var draws []*draw.Draw
		for i := range n {
			draws = append(draws, draw.Make(w, uint64(i+1)))
		}
		for _, o := range clean(t, r, draws...) {
			f.Add(o)
		}
	}
	if err := f.Verdict(200, 12); err != nil {
		t.Error(err)
	}
	t.Logf("%+v", f)
}

// Seeds of draws that found something wrong.
func TestSeeds(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := runner(t, "towpath_seeds", "postgres")
	seeds := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var w corpus.Way
		var seed uint64
		if _, err := fmt.Sscanf(line, "%s -> %s %d", &w.From, &w.To, &seed); err != nil {
			t.Fatalf("%q is no seed: %v", line, err)
		}
		clean(t, r, draw.Make(w, seed))
		seeds++
	}
	if seeds == 0 {
		t.Error("there are no seeds")
	}
}

// TestPairs copies a table of every type of each system to every system, whole, to both PostgreSQL servers.
func TestPairs(t *testing.T) {
	t.Parallel()
	for _, postgres := range []string{"postgres", "postgres17"} {
		r := runner(t, "towpath_pairs_"+postgres, postgres)
		for _, w := range draw.Ways() {
			if postgres == "postgres17" && w.From != "postgres" && w.To != "postgres" {
				continue
			}
			t.Run(w.String()+", "+postgres, func(t *testing.T) {
				noShapes := postgres == "postgres17" && w.From == "postgres" // that server has no PostGIS
				d := draw.Every(w, func(kind string) bool { return noShapes && kind == "geometry" })
				o := clean(t, r, d)[0]
				for i, c := range d.Columns {
					if len(o.Same) > 0 && o.Same[i] == 0 {
						t.Errorf("no value of column %s, %s, came to the target as it was", c.Name, c.Type)
					}
				}
				t.Logf("%d columns, %d rows: %d exact, %d values with a loss that the plan names, dirty %v", len(d.Columns), len(d.Rows), o.Exact, o.Losses, o.Codes)
			})
		}
	}
}

// TestThroughHBase copies a table of every type of each system but lists and geometries, which HBase has no form for, into HBase and back into that
// system.
func TestThroughHBase(t *testing.T) {
	t.Parallel()
	hbase := servers.Need(t, "hbase")
	r := runner(t, "towpath_through", "postgres")
	for _, system := range []string{"mysql", "postgres", "sqlite"} {
		t.Run(system, func(t *testing.T) {
			d := draw.Flat(corpus.Way{From: system, To: system})
			o, err := r.Through(t.Context(), d, corpus.Server{URL: hbase.URL, Client: hbase.Client})
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range o.Faults {
				t.Errorf("%.2000s", fault)
			}
			for i, c := range d.Columns {
				if o.Same[i] == 0 {
					t.Errorf("no value of column %s, %s, came back as it was", c.Name, c.Type)
				}
			}
			t.Logf("%d columns, %d rows: %d exact, %d values with a loss that the plan names, dirty %v", len(d.Columns), len(d.Rows), o.Exact, o.Losses, o.Codes)
		})
	}
}

// TestFortyColumns: a table of MariaDB with forty columns arrives in PostgreSQL exact in all of them; dirty are the values alone that
// PostgreSQL has not: dates that are none, and U+0000.
func TestFortyColumns(t *testing.T) {
	t.Parallel()
	for _, postgres := range []string{"postgres", "postgres17"} {
		t.Run(postgres, func(t *testing.T) {
			d := draw.Forty()
			if len(d.Columns) != 40 {
				t.Fatalf("%d columns", len(d.Columns))
			}
			o := clean(t, runner(t, "towpath_forty_"+postgres, postgres), d)[0]
			want := map[string]int{
				"ZERODATE": 2 + 2*2 + 2, // DATE; DATETIME twice; TIMESTAMP twice, one such value each
				"RANGE":    1,           // the 30th of February
				"NUL":      2 * 5,       // two texts in each of five columns
			}
			if !maps.Equal(o.Codes, want) || o.Exact != len(d.Rows)-o.Dirty || o.Losses != 0 {
				t.Errorf("%d rows: %d exact, %d values with a loss, dirty %v, want %v and all others exact", len(d.Rows), o.Exact, o.Losses, o.Codes, want)
			}
			for i, c := range d.Columns {
				if least := 3; o.Same[i] < least {
					t.Errorf("column %s: %d values came as they were, want %d", c.Type, o.Same[i], least)
				}
			}
			if kinds := slices.Compact(slices.Sorted(func(yield func(string) bool) {
				for _, c := range d.Columns {
					if !yield(c.Kind()) {
						return
					}
				}
			})); len(kinds) < 25 {
				t.Errorf("%d kinds of types: %v", len(kinds), kinds)
			}
		})
	}
}
