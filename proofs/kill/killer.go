package kill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/towpath/towpath/internal/crashpoint"
)

// mostKills of one run, unless the scene says otherwise.
const mostKills = 24

// life is how one process of a run is to end.
type life struct {
	aim   crashpoint.Point // kill it when a shard stands here; Elsewhere: at any moment
	dwell crashpoint.Point
	after time.Duration // before looking for the point, or before the kill
	then  time.Duration // once the point is reached
	free  bool          // let it run to its end
}

// Run makes one run of the scene, kills its processes most times at most, and judges what came of it. so tells what earlier
// runs hit, so that points that are passed in an instant are not left out.
func (h *Harness) Run(ctx context.Context, scene Scene, most int, so Tally) (Tally, error) {
	t := Tally{Runs: 1, Points: map[string]int{}}
	dir, err := h.folder(ctx, scene)
	if err != nil {
		return t, err
	}
	wants := scene.Wants()
	limit := wants.Kills
	if limit == 0 {
		limit = mostKills
	}
	r := &ride{Harness: h, scene: scene, wants: wants, dir: dir, tally: &t, most: min(most, 3+h.Rand.IntN(limit-2)), so: so}
	if err := r.toEnd(ctx); err != nil {
		return t, err
	}
	if len(t.Faults) == 0 {
		if err := h.judge(ctx, scene, dir, r.key, &t); err != nil {
			return t, err
		}
	}
	return t, h.done(dir, &t)
}

// folder makes the folder of the next run.
func (h *Harness) folder(ctx context.Context, scene Scene) (string, error) {
	if err := os.MkdirAll(h.Dir, 0o700); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(h.Dir, scene.Name()+"-")
	if err != nil {
		return "", err
	}
	return dir, scene.Reset(ctx, dir)
}

// done removes the folder of a good run; what a bad one leaves is evidence.
func (h *Harness) done(dir string, t *Tally) error {
	if t.Good() {
		return os.RemoveAll(dir)
	}
	h.Log("NOT GOOD, see %s: %+v %v", dir, t.Verdict, t.Faults)
	return nil
}

// ride takes one run to its end over the deaths of its processes.
type ride struct {
	*Harness
	scene Scene
	wants Wants
	dir   string
	key   string
	tally *Tally
	most  int // kills
	so    Tally
	stale int   // lives in a row that ended by themselves without an end of the run
	stage stage // that was seen to be reached
}

// stage is a part of a run. A run that has reached one does not stand at a point of an earlier one again.
type stage int

const (
	planning stage = iota
	making
	copying
	publishing
)

func stageOf(p crashpoint.Point) stage {
	switch p {
	case crashpoint.Planned:
		return planning
	case crashpoint.Making:
		return making
	case crashpoint.Swapping, crashpoint.Swapped, crashpoint.Cleared, crashpoint.Marked, crashpoint.Published:
		return publishing
	}
	return copying
}

func (r *ride) toEnd(ctx context.Context) error {
	if r.span == 0 {
		r.span = time.Second
	}
	for ctx.Err() == nil {
		ended, err := r.live(ctx, r.next())
		if err != nil || ended {
			return err
		}
	}
	return context.Cause(ctx)
}

// next decides how the next process ends.
func (r *ride) next() life {
	if r.tally.Kills >= r.most {
		return life{free: true}
	}
	points := make([]crashpoint.Point, 0, len(r.wants.Points))
	for _, p := range r.wants.Points {
		if stageOf(p) >= r.stage && (p != crashpoint.Planned || r.key == "") {
			points = append(points, p)
		}
	}
	any := points[r.Rand.IntN(len(points))]
	l := life{dwell: any, after: time.Duration(r.Rand.Int64N(int64(r.span)))}
	if r.Rand.IntN(2) == 0 {
		return l
	}
	rare := any
	if r.Rand.IntN(3) > 0 {
		for _, p := range points {
			if r.hits(p) < r.hits(rare) {
				rare = p
			}
		}
	}
	l.aim, l.dwell, l.then = rare, rare, time.Duration(r.Rand.Int64N(int64(6*time.Millisecond)))
	if stageOf(rare) != copying || rare == crashpoint.Leased || rare == crashpoint.Ended {
		l.after = 0
	} else {
		l.after /= 2
	}
	return l
}

func (r *ride) hits(p crashpoint.Point) int {
	return r.so.Points[crashpoint.Names[p]] + r.tally.Points[crashpoint.Names[p]]
}

// live starts a process and ends it as l says. ended: the run is over, by itself.
func (r *ride) live(ctx context.Context, l life) (ended bool, err error) {
	args := []string{"run", "job.yaml"}
	if r.key != "" {
		args = []string{"resume", r.key}
	}
	began := time.Now()
	p, err := r.start(r.dir, l.dwell, nil, args...)
	if err != nil {
		return false, err
	}
	defer os.Remove(p.points)
	switch {
	case l.free:
		if !p.wait(patience) {
			r.tally.fault("%s of run %s is stuck: %s", args[0], r.key, p.lastWords())
		}
	case l.aim != crashpoint.Elsewhere:
		if !p.wait(l.after) && p.reach(30*time.Second, l.aim) {
			p.wait(l.then)
		}
	default:
		p.wait(l.after)
	}
	points, killed := p.kill()
	if killed {
		r.tally.Kills++
		if l.aim != crashpoint.Elsewhere {
			r.tally.Aimed++
		}
		for _, at := range points {
			r.tally.Points[crashpoint.Names[at]]++
			r.stage = max(r.stage, stageOf(at))
		}
		r.stale = 0
		return len(r.tally.Faults) > 0, r.find(ctx)
	}
	r.span = max((3*r.span+time.Since(began))/4, 100*time.Millisecond)
	return r.left(ctx, args, p)
}

// find learns the run's key, once there is one.
func (r *ride) find(ctx context.Context) (err error) {
	if r.key == "" {
		r.key, err = r.newest(ctx, r.dir)
	}
	return err
}

// left looks at how a process ended that was not killed.
func (r *ride) left(ctx context.Context, args []string, p *process) (ended bool, err error) {
	code, a := p.result()
	switch {
	case code == exitDone || code == exitDirty:
		return true, r.find(ctx)
	case a.code() == codeFinal:
		return true, nil
	case a.code() == codeUnplanned: // killed before its plan was stored
		r.key, r.stage = "", planning
		if r.stale++; r.stale < 3 {
			return false, nil
		}
	}
	if err := r.find(ctx); err != nil {
		return true, err
	}
	r.tally.fault("%v ended with %d: %s", args, code, p.said())
	return true, nil
}

// What the command line says, from docs/reference.
const (
	exitDone      = 0
	exitPaused    = 4
	exitDirty     = 5
	codeFinal     = "TOW-142" // the run is over
	codeUnplanned = "TOW-143" // it ended before it was planned
)

// judge holds a run that ended against what it should have come to.
func (h *Harness) judge(ctx context.Context, scene Scene, dir, key string, t *Tally) error {
	v, err := scene.Judge(ctx, dir)
	if err != nil {
		return err
	}
	t.Verdict.Add(v)
	wants := scene.Wants()
	t.Rows += wants.Read
	var s runState
	if err := h.ask(ctx, dir, &s, "status", key); err != nil {
		return err
	}
	if c := s.Total; s.State != "succeeded" || c.Read != wants.Read || c.Read != c.Written+c.Dirty+c.Filtered || c.Dirty != int64(len(wants.Dirty)) {
		t.fault("run %s is %s with %+v, wanted are %d rows read and %d dirty", key, s.State, c, wants.Read, len(wants.Dirty))
	}
	dirty, err := h.dirtyIDs(ctx, dir, key)
	if err != nil {
		return err
	}
	for id, n := range dirty {
		if n != 1 || !wants.Dirty[id] {
			t.fault("run %s has row %s %d times among its dirty rows", key, id, n)
		}
	}
	if len(dirty) != len(wants.Dirty) {
		t.fault("run %s has %d dirty rows, wanted are %d", key, len(dirty), len(wants.Dirty))
	}
	shards, commits, err := progressOf(ctx, dir, key)
	if err != nil {
		return err
	}
	t.Shards, t.Commits, t.Fewest = shards, commits, commits
	if shards < wants.Shards || commits < wants.Commits {
		t.fault("run %s had %d shards and %d commits, wanted are %d and %d", key, shards, commits, wants.Shards, wants.Commits)
	}
	if err := h.ask(ctx, dir, nil, "clean", "target", "--remove"); err != nil {
		return err
	}
	left, err := scene.Leftovers(ctx, dir)
	for _, what := range left {
		t.fault("run %s left %s behind", key, what)
	}
	return err
}

// Until kills until so holds kills of them, or something is wrong and brake says to stop there. save is called after each run.
func (h *Harness) Until(ctx context.Context, scene Scene, kills int, so *Tally, brake bool, save func() error) error {
	for so.Kills < kills {
		t, err := h.Run(ctx, scene, kills-so.Kills, *so)
		so.Add(t)
		if err := errors.Join(err, save()); err != nil {
			return fmt.Errorf("%s: %w", scene.Name(), err)
		}
		if brake && !so.Good() {
			return nil
		}
	}
	return nil
}
