package corpus_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towpath/towpath/connector/connectortest/corpus"
)

// The corpus never shrinks in silence: each family has its floor, and all families together those of the whole.
func TestFloors(t *testing.T) {
	t.Parallel()
	cells, err := corpus.Load()
	if err != nil {
		t.Fatal(err)
	}
	floors, err := corpus.Floors()
	if err != nil {
		t.Fatal(err)
	}
	const leastFamilies, leastCells = 18, 180
	have := map[string]int{}
	for _, c := range cells {
		have[c.Family]++
	}
	for _, family := range slices.Sorted(maps.Keys(floors)) {
		if have[family] < floors[family] {
			t.Errorf("family %s has %d cells, its floor is %d", family, have[family], floors[family])
		}
	}
	for _, family := range slices.Sorted(maps.Keys(have)) {
		if floors[family] == 0 {
			t.Errorf("family %s has no floor in families.txt", family)
		}
	}
	if len(floors) < leastFamilies || len(cells) < leastCells {
		t.Errorf("%d cells in %d families, want %d in %d", len(cells), len(floors), leastCells, leastFamilies)
	}
}

func TestTablesHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	cells, err := corpus.Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, c := range cells {
		// the way and a store's folding of names decide where tables meet
		at := c.From + " " + c.To + " " + c.TableName()
		if before := seen[at]; before != "" {
			t.Errorf("%s and %s have one table", before, c.ID())
		}
		seen[at] = c.ID()
		const longest = 48 // a store's longest name, less what a run puts behind it
		if c.Table == "" && len(c.TableName()) > longest {
			t.Errorf("%s: its table's name has %d characters", c.ID(), len(c.TableName()))
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	want := &corpus.Cell{Family: "integer", Name: "edge", Traps: []string{"T003", "T004"}, From: "here", To: "there", Note: "The greatest number, and one more.",
		Stored: "bigint", Settings: "on: {RANGE: null}", Source: []string{"v BIGINT UNSIGNED"}, Target: []string{"v BIGINT"}, Rows: []corpus.Row{
			{ID: "1", Literal: "9223372036854775807", Outcome: corpus.Exact, Text: "9223372036854775807"},
			{ID: "2", Literal: "9223372036854775808", Outcome: corpus.Dirty, Text: "RANGE"},
		}}
	got, err := corpus.Parse("integer/edge.txtar", []byte(`T003 T004 here -> there
stored: bigint
settings: on: {RANGE: null}
The greatest number, and one more.
-- source --
v BIGINT UNSIGNED
-- target --
v BIGINT
-- rows --
# within
9223372036854775807 => exact 9223372036854775807

9223372036854775808 => dirty RANGE
`))
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const good = "T001 a -> b\nIt shows.\n-- source --\nv INT\n-- rows --\n1 => exact 1\n"
	if _, err := corpus.Parse("f/n.txtar", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, with, want string }{
		"no target":          {" -> b", "", "SOURCE -> TARGET"},
		"no note":            {"It shows.\n", "", "nothing says"},
		"key behind note":    {"It shows.", "It shows.\nshow: v", "show stands behind"},
		"key twice":          {"It shows.", "show: v\nshow: w\nIt shows.", "show is there twice"},
		"unknown section":    {"-- source --", "-- sauce --", `section "sauce"`},
		"unknown outcome":    {"exact", "roughly", "is not LITERALS"},
		"no literal":         {"1 => exact 1", " => exact 1", "is not LITERALS"},
		"separator":          {"1 => exact 1", "' => ' => exact 1", "is not LITERALS"},
		"no code":            {"exact 1", "dirty", "is no code"},
		"half refused":       {"exact 1\n", "exact 1\n2 => refused TOW-124\n", "all or nothing"},
		"no rows":            {"1 => exact 1\n", "", "no rows"},
		"two sources":        {"-- rows", "-- source script --\nx\n-- rows", "either source"},
		"no source":          {"-- source --\nv INT\n", "", "either source"},
		"two ways of target": {"-- rows", "-- target --\nv INT\n-- target script --\nx\n-- rows", "either target"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%s: nothing to replace", name)
		}
		_, err := corpus.Parse("f/n.txtar", []byte(strings.Replace(good, c.old, c.with, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
