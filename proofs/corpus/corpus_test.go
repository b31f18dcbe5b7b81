package corpus_test

import (
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	cells "github.com/towpath/towpath/connector/connectortest/corpus"
	"github.com/towpath/towpath/proofs/corpus"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// processZone is that of the test's process: of half an hour, and none of those of its servers.
const processZone = "Asia/Kolkata"

func TestMain(m *testing.M) {
	zone, err := time.LoadLocation(processZone)
	if err != nil {
		panic(err)
	}
	time.Local = zone
	os.Exit(m.Run())
}

// share is one of how many cells goes through a lane beyond the first copy; `make prove PART=corpus` takes all.
const share = 6

// sampled spreads the cells over the lanes: another share of them goes through each.
func sampled(c *cells.Cell, lane corpus.Lane) bool {
	h := fnv.New32a()
	h.Write([]byte(c.ID()))
	return lane == corpus.Copy || (int(h.Sum32())+slices.Index(corpus.Lanes(), lane))%share == 0
}

// TestCells takes every cell through its first copy, and a share of them through the other lanes.
func TestCells(t *testing.T) {
	t.Parallel()
	list, err := cells.Load()
	if err != nil {
		t.Fatal(err)
	}
	maria, post, search, wide := servers.Need(t, "mariadb"), servers.Need(t, "postgres"), servers.Need(t, "elasticsearch8"), servers.Need(t, "hbase")
	r := &corpus.Runner{Dir: t.TempDir(), Prefix: "towpath_cells", Log: t.Logf, Servers: corpus.Servers{MySQL: corpus.Server{URL: maria.URL, Client: maria.Client},
		Postgres: corpus.Server{URL: post.URL, Client: post.Client}, Search: corpus.Server{URL: search.URL},
		HBase: corpus.Server{URL: wide.URL, Client: wide.Client}}}
	report, err := r.Run(t.Context(), list, sampled)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Failures {
		t.Error(f)
	}
	alone := 0
	for i := range list {
		if list[i].Alone() {
			alone++
		}
	}
	if report.Lanes[corpus.Copy] != len(list) {
		t.Errorf("%d of %d cells were copied", report.Lanes[corpus.Copy], len(list))
	}
	for _, lane := range corpus.Lanes()[1:] {
		if least := (len(list) - alone) / share / 2; report.Lanes[lane] < least {
			t.Errorf("%d cells went through lane %s, want %d at least", report.Lanes[lane], lane, least)
		}
	}
	t.Logf("%d cells, by lane %v: %d rows exact, %d losses, %d dirty, %d refusals; %d streams interrupted or cut", report.Cells, report.Lanes,
		report.Exact, report.Losses, report.Dirty, report.Refused, report.Cuts)
}

// Cells that say something else than what comes of them must fail, each for its reason.
func TestWrongCellsFail(t *testing.T) {
	t.Parallel()
	const good = "T000 sqlite -> sqlite\nPlain.\n-- source --\nv TINYINT\n-- rows --\n1 => exact 1\n200 => dirty RANGE\n"
	for name, c := range map[string]struct{ old, with, want string }{
		"good":             {"", "", ""},
		"another text":     {"exact 1", "exact 2", `row 1 shows "1", want "2"`},
		"exact is dirty":   {"1 => exact 1", "1 => dirty RANGE", "row 1 is to be dirty (RANGE), and the target shows"},
		"dirty is exact":   {"200 => dirty RANGE", "200 => exact 200", "row 2 is there 0 times"},
		"another code":     {"dirty RANGE", "dirty SCALE", "row 2 is to be dirty (SCALE), kept are"},
		"no loss is named": {"exact 1", "loss 1", "loses something that the plan does not name"},
		"nothing refused":  {"1 => exact 1\n200 => dirty RANGE", "1 => refused TOW-124", "want a refusal with TOW-124"},
		"it succeeds":      {"Plain.", "ends: failed TOW-141\nPlain.", "want failed TOW-141"},
		"another type":     {"Plain.", "stored: BIGINT\nPlain.", `declares "TINYINT", want "BIGINT"`},
		"no such source":   {"v TINYINT", "v TINYINT CHECK (v = 7)", "make source"},
		"no such target":   {"-- rows", "-- target --\nw INTEGER PRIMARY KEY\n-- rows", "make target"},
		"an altered row":   {"-- rows", "-- target script --\nCREATE TABLE {t} (id INTEGER PRIMARY KEY, v TINYINT); CREATE TRIGGER bend AFTER INSERT ON {t} BEGIN UPDATE {t} SET v = v + 1; END;\n-- rows", `row 1 shows "2"`},
		"a row too many":   {"-- rows", "-- target script --\nCREATE TABLE {t} (id INTEGER PRIMARY KEY, v TINYINT); INSERT INTO {t} VALUES (9, 9);\n-- rows", `the target holds a row "9"`},
		"a row missing":    {"-- rows", "-- target script --\nCREATE TABLE {t} (id INTEGER PRIMARY KEY, v TINYINT); CREATE TRIGGER lose AFTER INSERT ON {t} BEGIN DELETE FROM {t} WHERE v = 1; END;\n-- rows", "row 1 is there 0 times"},
		"nothing to show":  {"Plain.", "show: w\nPlain.", "cannot be shown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(good, c.old) {
				t.Fatal("nothing to replace")
			}
			cell, err := cells.Parse("planted/cell.txtar", []byte(strings.Replace(good, c.old, c.with, 1)))
			if err != nil {
				t.Fatal(err)
			}
			r := &corpus.Runner{Dir: t.TempDir(), Prefix: "planted", Log: t.Logf}
			report, err := r.Run(t.Context(), []cells.Cell{*cell}, func(*cells.Cell, corpus.Lane) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if len(report.Failures) > 0 || len(report.Lanes) != 4 || report.Cuts != 2 {
					t.Errorf("got %+v", report)
				}
				return
			}
			if !slices.ContainsFunc(report.Failures, func(f corpus.Failure) bool { return strings.Contains(f.String(), c.want) }) {
				t.Errorf("got %v, want %q", report.Failures, c.want)
			}
		})
	}
}
