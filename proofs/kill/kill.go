// Package kill proves that runs survive: it starts the towpath program, ends it with SIGKILL at random moments or freezes it while
// another process takes over, goes on with the run, and judges what stands at the target. It sees the program from outside alone,
// through its command line, its exit codes and the file in which a crashpoint build says where it stands; what it compares it
// reads with the systems' own means. It knows nothing of how the program keeps its promises.
package kill

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"

	"github.com/towpath/towpath/internal/crashpoint"
)

// Scene is a source and a target between which rows are moved.
type Scene interface {
	// Name tells it from others: letters and hyphens.
	Name() string
	// Reset makes a fresh target and writes job.yaml and connections.yaml, with the alias target, into dir.
	Reset(ctx context.Context, dir string) error
	// Wants says what a run in dir must come to.
	Wants() Wants
	// Judge compares source and target after a run.
	Judge(ctx context.Context, dir string) (Verdict, error)
	// Leftovers lists what is at the target beside its rows; `towpath clean --remove` has been called.
	Leftovers(ctx context.Context, dir string) ([]string, error)
}

// Wants is what a run must come to.
type Wants struct {
	Read    int64              // rows
	Dirty   map[string]bool    // ids of the rows that the target refuses
	Shards  int64              // at least
	Commits int64              // at least
	Kills   int                // most of them a run; 0: 24
	Points  []crashpoint.Point // that a run passes

	// For zombie trials. Freeze is the point at which a shard stands that writes when it goes on. File is the target, when it is a file of
	// the run's folder that one process locks at a time. Change changes rows of the source, so that what a frozen process holds is old.
	// After Settled the target may not change in any way. Refusal is in what a process says whose write the target refused; Refused counts
	// such writes as the target does, nil: it does not.
	Freeze  crashpoint.Point
	File    string
	Change  func(ctx context.Context) error
	Settled func(ctx context.Context, dir string) error
	Refusal *regexp.Regexp
	Refused func(ctx context.Context, dir string) (int64, error)
}

// Tally is what kills or trials came to. It can be added up and stored.
type Tally struct {
	Runs    int            `json:"runs"`
	Kills   int            `json:"kills,omitempty"`
	Aimed   int            `json:"kills_aimed_at_a_point,omitempty"`
	Points  map[string]int `json:"kills_by_point,omitempty"` // a kill counts for every point at which a shard stood
	Trials  int            `json:"trials,omitempty"`
	Tried   int            `json:"trials_in_which_the_woken_process_tried_a_write,omitempty"`
	Shards  int64          `json:"shards,omitempty"`
	Commits int64          `json:"commits"`
	Fewest  int64          `json:"fewest_commits_of_a_run"`
	Rows    int64          `json:"rows_judged"`
	Verdict
	Faults []string `json:"faults"` // what was wrong beside rows, and with which run
}

// Add adds o.
func (t *Tally) Add(o Tally) {
	if t.Runs == 0 || o.Runs > 0 && o.Fewest < t.Fewest {
		t.Fewest = o.Fewest
	}
	t.Runs += o.Runs
	t.Kills += o.Kills
	t.Aimed += o.Aimed
	t.Trials += o.Trials
	t.Tried += o.Tried
	t.Shards += o.Shards
	t.Commits += o.Commits
	t.Rows += o.Rows
	t.Verdict.Add(o.Verdict)
	t.Faults = append(t.Faults, o.Faults...)
	if t.Points == nil {
		t.Points = map[string]int{}
	}
	for point, n := range o.Points {
		t.Points[point] += n
	}
}

// Good reports whether nothing was wrong.
func (t *Tally) Good() bool { return t.Verdict == (Verdict{}) && len(t.Faults) == 0 }

func (t *Tally) fault(format string, args ...any) {
	t.Faults = append(t.Faults, fmt.Sprintf(format, args...))
}

// Missed lists the points that were hit by less than the share of the kills.
func (t *Tally) Missed(points []crashpoint.Point, share float64) []string {
	var missed []string
	for _, p := range points {
		if name := crashpoint.Names[p]; float64(t.Points[name]) < share*float64(t.Kills) {
			missed = append(missed, fmt.Sprintf("%s: %d of %d kills", name, t.Points[name], t.Kills))
		}
	}
	return missed
}

// PointsOf returns the points of several scenes, each once, in order.
func PointsOf(scenes ...Scene) []crashpoint.Point {
	all := map[crashpoint.Point]bool{}
	for _, s := range scenes {
		for _, p := range s.Wants().Points {
			all[p] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Harness kills and freezes the program.
type Harness struct {
	Program string // built by Build
	Dir     string // for the files of runs; each run has a folder that goes with it when it was good
	Rand    *rand.Rand
	Log     func(format string, args ...any)

	span time.Duration // how long a process that is let alone takes, about
}
