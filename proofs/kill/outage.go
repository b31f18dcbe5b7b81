package kill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/towpath/towpath/internal/crashpoint"
)

// Victim is a server of a scene that is killed under its runs.
type Victim struct {
	Address string // host:port
	Source  bool   // rows come from it, and nothing else is killed than that
	// Kill ends the server with SIGKILL and returns when it is gone, Start starts it on the data that it left and returns when it answers.
	Kill, Start func(ctx context.Context) error
}

// Outages is what kills of a server came to. A kill counts for every point at which a shard stood when the server ended.
type Outages struct {
	Tally
	Paused int `json:"pauses"` // of runs whose job did not bear it; each was resumed
}

// Add adds o.
func (t *Outages) Add(o Outages) {
	t.Tally.Add(o.Tally)
	t.Paused += o.Paused
}

// Published reports whether a server was killed while a table was published.
func (t *Outages) Published() bool {
	for p, name := range crashpoint.Names {
		if stageOf(crashpoint.Point(p)) == publishing && t.Points[name] > 0 {
			return true
		}
	}
	return false
}

const (
	mostOutages = 3               // of one run
	longestWait = 2 * time.Second // before a kill; runs take longer
	longestAway = 2 * time.Second // before a server is started again
)

// Paced are settings of jobs whose runs last long enough for a server to be killed in their middle; patient or not, they bear an outage.
func Paced(patient bool) string {
	if patient {
		return ", rate: {rows: 4000}"
	}
	return ", rate: {rows: 4000}, outage: 1s"
}

// Outage makes one run of the scene, kills the server most times at most while rows move or are published, starts it again, and judges what
// came of it. The process is left alone; a run that pauses is resumed. so tells what earlier runs hit.
func (h *Harness) Outage(ctx context.Context, scene Scene, v Victim, most int, so Outages) (Outages, error) {
	t := Outages{Tally: Tally{Runs: 1, Points: map[string]int{}}}
	dir, err := h.folder(ctx, scene)
	if err != nil {
		return t, err
	}
	r := &ride{Harness: h, scene: scene, wants: scene.Wants(), dir: dir, tally: &t.Tally, most: min(most, 1+h.Rand.IntN(mostOutages)), so: so.Tally}
	if err := (&outage{ride: r, victim: v, paused: &t.Paused}).toEnd(ctx); err != nil {
		return t, err
	}
	if len(t.Faults) == 0 {
		if err := h.judge(ctx, scene, dir, r.key, &t.Tally); err != nil {
			return t, err
		}
	}
	return t, h.done(dir, &t.Tally)
}

// Outages makes runs until so holds so many kills of the server, or something is wrong and brake says to stop there. save is called after each run.
func (h *Harness) Outages(ctx context.Context, scene Scene, v Victim, kills int, so *Outages, brake bool, save func() error) error {
	for so.Kills < kills {
		t, err := h.Outage(ctx, scene, v, kills-so.Kills, *so)
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

// outage takes one run to its end over the deaths of a server.
type outage struct {
	*ride
	victim Victim
	paused *int
}

func (o *outage) toEnd(ctx context.Context) error {
	args := []string{"run", "job.yaml"}
	for ctx.Err() == nil {
		aim := o.aim()
		p, err := o.start(o.dir, aim, nil, args...)
		if err != nil {
			return err
		}
		if err := o.alongside(ctx, p, aim); err != nil {
			p.kill()
			return err
		}
		if !p.wait(patience) {
			o.tally.fault("%v is stuck: %s", args, p.lastWords())
			return nil
		}
		os.Remove(p.points)
		if err := o.find(ctx); err != nil {
			return err
		}
		switch code, _ := p.result(); code {
		case exitDone, exitDirty:
			return nil
		case exitPaused:
			*o.paused++
		default:
			o.tally.fault("%v ended with %d: %s", args, code, p.said())
			return nil
		}
		args = []string{"resume", o.key}
	}
	return context.Cause(ctx)
}

// moving are the points at which the server is needed. Before them the run has not begun, and one whose target is away does not begin.
func (o *outage) moving(stages ...stage) []crashpoint.Point {
	var points []crashpoint.Point
	for _, p := range o.wants.Points {
		if slices.Contains(stages, stageOf(p)) && (!o.victim.Source || stageOf(p) == copying) {
			points = append(points, p)
		}
	}
	return points
}

// within leaves the points of those that count, each once.
func (o *outage) within(all []crashpoint.Point) (points []crashpoint.Point) {
	for _, p := range o.moving(copying, publishing) {
		if slices.Contains(all, p) {
			points = append(points, p)
		}
	}
	return points
}

// aim is the point at which a process is to stand when the server ends, one that was hit seldom; Elsewhere: anywhere. Where a table is
// published is over soon, and is aimed at until it was hit.
func (o *outage) aim() crashpoint.Point {
	points, late := o.moving(copying), o.moving(publishing)
	hit := slices.ContainsFunc(late, func(p crashpoint.Point) bool { return o.hits(p) > 0 })
	switch n := o.Rand.IntN(3); {
	case len(late) > 0 && (n == 0 || !hit):
		points = late
	case n == 1:
		return crashpoint.Elsewhere
	}
	rare := points[o.Rand.IntN(len(points))]
	for _, p := range points {
		if o.hits(p) < o.hits(rare) {
			rare = p
		}
	}
	return rare
}

// alongside kills the server and starts it again while the process runs, until there were enough kills.
func (o *outage) alongside(ctx context.Context, p *process, aim crashpoint.Point) error {
	for ; o.tally.Kills < o.most; aim = crashpoint.Elsewhere {
		kill := o.killAnywhere
		if aim != crashpoint.Elsewhere {
			kill = o.killAt
		}
		points, err := kill(ctx, p, aim)
		if err != nil {
			return err
		}
		if len(points) == 0 {
			return o.victim.Start(ctx)
		}
		o.tally.Kills++
		if aim != crashpoint.Elsewhere {
			o.tally.Aimed++
		}
		for _, at := range points {
			o.tally.Points[crashpoint.Names[at]]++
		}
		p.wait(time.Duration(o.Rand.Int64N(int64(longestAway))))
		if err := o.victim.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// killAt kills the server while the process is frozen at the point, and returns the points at which its shards stand; none: it has ended.
func (o *outage) killAt(ctx context.Context, p *process, aim crashpoint.Point) (points []crashpoint.Point, err error) {
	if !p.reach(patience, aim) {
		return nil, nil
	}
	if err := p.freeze(); errors.Is(err, errEnded) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	points = o.within(p.stands())
	if err := o.victim.Kill(ctx); err != nil {
		return nil, err
	}
	return points, p.wake()
}

// killAnywhere kills the server at a random moment, and looks where the process stands when a connection of ours to the server ends.
func (o *outage) killAnywhere(ctx context.Context, p *process, _ crashpoint.Point) (points []crashpoint.Point, err error) {
	if !p.reach(patience, o.moving(copying)...) || p.wait(time.Duration(o.Rand.Int64N(int64(longestWait)))) {
		return nil, nil
	}
	c, err := net.Dial("tcp", o.victim.Address)
	if err != nil {
		return nil, fmt.Errorf("watch the server: %w", err)
	}
	defer c.Close()
	stood := make(chan []crashpoint.Point, 1)
	go func() {
		_, _ = io.Copy(io.Discard, c) // however it ends, the server has
		select {
		case <-p.exited:
			stood <- nil
		default:
			stood <- o.within(p.stands())
		}
	}()
	if err := o.victim.Kill(ctx); err != nil {
		return nil, err
	}
	return <-stood, nil
}
