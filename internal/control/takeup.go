package control

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/executor/local"
	"github.com/towpath/towpath/internal/executor/slot"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// Taking is how a pool has a run steered.
type Taking struct {
	Seat *slot.Seat // the run's part in the places of the process
	// Leave is closed when the process is to end: groups in hand are committed, and the run is left as it is to whoever takes it up next.
	Leave <-chan struct{}
	// Aside: the process has no places, its runs' shards are for workers.
	Aside bool
}

// away is the code of an outage that was too long; the run may go on by itself when it is over.
const away = "TOW-132"

// errLeft says that a run goes on elsewhere.
var errLeft = errors.New("left")

// left reports whether the run is to be left.
func (t Taking) left() bool {
	select {
	case <-t.Leave:
		return true
	default:
		return false
	}
}

// Queue has a run that is paused, failed or not begun taken up by servers.
func (s *Service) Queue(ctx context.Context, key string, by store.Entry) (store.Run, error) {
	run, err := s.Store.Run(ctx, key)
	switch {
	case err != nil:
		return run, err
	case run.State.Final():
		return run, notResumable(run)
	case run.State == store.Failed && run.PlanFormat == 0:
		return run, neverPlanned(key)
	}
	return s.after(ctx, key, s.Store.Enqueue(ctx, key, by))
}

// Away returns up to most of the served runs that rest because of an outage, and that nobody wants to rest for longer.
func (s *Service) Away(ctx context.Context, most int) ([]store.Run, error) {
	return s.Store.PausedBy(ctx, away, most)
}

// Waiting returns up to most of the runs that wait for servers and that no process has, the first to be taken first.
func (s *Service) Waiting(ctx context.Context, most int) ([]store.Run, error) {
	return s.lost(ctx, func() ([]store.Run, error) { return s.Store.Queue(ctx, most) })
}

// Orphans returns the served runs that neither rest nor wait and have no process: it left them, is gone, or was not heard of for the time of its lease.
func (s *Service) Orphans(ctx context.Context) ([]store.Run, error) {
	return s.lost(ctx, func() ([]store.Run, error) { return s.Store.Unrested(ctx, s.Owner) })
}

// lost returns those of a list that no living process has. The clock is read behind the list: a lease that is renewed meanwhile may seem over, and is then
// not taken.
func (s *Service) lost(ctx context.Context, list func() ([]store.Run, error)) (lost []store.Run, err error) {
	runs, err := list()
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	now, err := s.Store.Now(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		if run.Owner.ID == "" || run.Until <= now || s.gone(run.Owner) {
			lost = append(lost, run)
		}
	}
	return lost, nil
}

// TakeUp goes on with a served run that waits, or that lost its process, until it rests or is left: it is planned when it was not, resumed when it
// rested or was in the middle of something, and paused or stopped when that was wished of it before its process died. An error that wraps
// *store.HeldError, or of class Busy, says that it is not to be had at present; else it is why the run failed, or could not go on.
func (s *Service) TakeUp(ctx context.Context, key string, o Taking, obs Observer) (store.Run, error) {
	own := *s
	own.taking = o
	return own.takeUpRun(ctx, key, obs)
}

func (s *Service) takeUpRun(ctx context.Context, key string, obs Observer) (store.Run, error) {
	run, err := s.Store.Run(ctx, key)
	if err != nil {
		return run, err
	}
	lease, err := s.takeServed(ctx, run)
	if err != nil {
		return run, err
	}
	ctx, letGo := s.keep(ctx, lease)
	defer letGo()
	wishes, err := s.Store.Wishes(ctx, key)
	if err == nil {
		run, err = s.Store.Run(ctx, key)
	}
	if err != nil {
		return s.leaveRun(ctx, lease)
	}
	wish := wishes[key].Wish
	c := store.Change{Who: wish.Who, Why: wish.Why}
	switch waits := run.Queued > 0; {
	case run.State == store.Stopping, wish.Kind == store.WishStop && !run.State.Final():
		return s.stopTaken(ctx, lease, c, obs)
	case run.State == store.Planning && run.PlanFormat == 0 && waits:
		return s.begin(ctx, lease, run, obs)
	case waits, run.State == store.Running && wish.Kind == store.WishNone, run.State == store.Verifying, run.State == store.Finishing:
		return s.goOn(ctx, lease, run, obs)
	}
	if run.State == store.Pausing || run.State == store.Running {
		if run, err = s.calm(ctx, lease, obs); err == nil {
			err = s.lieDown(ctx, lease, run, c, obs)
		}
	}
	return s.rest(ctx, lease, err)
}

// takeServed takes the lease of a run that waits, or that has no process.
func (s *Service) takeServed(ctx context.Context, run store.Run) (store.RunLease, error) {
	if run.Queued == 0 {
		return s.takeLease(ctx, run, nil)
	}
	var gone store.Owner
	if s.gone(run.Owner) {
		gone = run.Owner
	}
	return s.Store.TakeQueued(ctx, run.Key, gone, s.Owner, s.Lease)
}

// begin plans a run of which the job alone is stored, and steers it.
func (s *Service) begin(ctx context.Context, lease store.RunLease, run store.Run, obs Observer) (store.Run, error) {
	planning, end := s.untilLeft(ctx)
	defer end()
	e, of, err := s.openRun(planning, run)
	if err != nil {
		return s.notBegun(ctx, planning, lease, err, obs)
	}
	defer e.close()
	crashpoint.At("", crashpoint.Planned)
	plan, streams, err := s.draftRun(planning, lease, run, of, e, obs)
	crashpoint.At("", crashpoint.Elsewhere)
	if err == nil {
		err = s.claim(planning, lease.Run, streams, e.target)
	}
	if err != nil {
		return s.notBegun(ctx, planning, lease, err, obs)
	}
	return s.steer(ctx, lease, plan, streams, e, obs)
}

// openRun opens the sides of a run of which the job alone is stored; of is the plan that a replay goes by, nil where there is none.
func (s *Service) openRun(ctx context.Context, run store.Run) (e ends, of *engine.Plan, err error) {
	if run.Replays != "" {
		return s.openReplay(ctx, run.Key, run.Replays)
	}
	j := new(job.Job)
	if err = json.Unmarshal(run.Job, j); err == nil {
		e, err = s.openAll(ctx, j)
	}
	return e, nil, err
}

func (s *Service) draftRun(ctx context.Context, lease store.RunLease, run store.Run, of *engine.Plan, e ends, obs Observer) (*engine.Plan, []store.Stream, error) {
	if of != nil {
		return s.draftReplay(ctx, lease, run, of, e)
	}
	j := new(job.Job)
	if err := json.Unmarshal(run.Job, j); err != nil {
		return nil, nil, err
	}
	return s.draft(ctx, lease, j, e, obs)
}

// untilLeft is ctx, ended when the run is to be left.
func (s *Service) untilLeft(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-s.taking.Leave:
			cancel(errLeft)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
	}
}

// notBegun ends a run that could not be planned; where planning was cut short, or the control database was away, it waits again.
func (s *Service) notBegun(ctx, planning context.Context, lease store.RunLease, err error, obs Observer) (store.Run, error) {
	if planning.Err() != nil || storeAway(err) {
		return s.leaveRun(ctx, lease)
	}
	return s.giveUp(lease, store.Planning, err, obs)
}

// storeAway reports whether an error is that of a control database that may answer again: its codes are of its own family.
func storeAway(err error) bool {
	return connector.ClassOf(err) == connector.Retry && strings.HasPrefix(codeOf(err), "TOW-2")
}

// goOn resumes a run that has a plan. Servers that are away are waited for, as long as the job bears outages.
func (s *Service) goOn(ctx context.Context, lease store.RunLease, run store.Run, obs Observer) (store.Run, error) {
	if run.PlanFormat == 0 {
		err := neverPlanned(run.Key)
		return s.rest(ctx, lease, errors.Join(err, s.Store.Unqueue(ctx, run.Key, err.Error())))
	}
	var err error
	if run.State == store.Verifying || run.State == store.Finishing { // on the way back it is paused for a moment, where a death must not leave it
		err = s.Store.Requeue(ctx, lease)
	}
	if err != nil {
		return s.leaveRun(ctx, lease)
	}
	if run.State != store.Planning { // else it goes on with its plan: its target may be made
		if run, err = s.calm(ctx, lease, obs); err != nil {
			return s.leaveRun(ctx, lease)
		}
	}
	plan, streams, err := s.load(ctx, run.Key)
	if err != nil {
		return s.notResumed(ctx, lease, run, store.Change{Why: err.Error(), Code: codeOf(err)}, err, obs)
	}
	h := s.newHelm(run, lease, plan, ends{}, obs)
	attaching, end := s.untilLeft(ctx)
	defer end()
	err = h.patiently(ctx, func() (err error) {
		h.ends, err = s.attach(attaching, plan, streams, false)
		return attached(err)
	})
	halt, _ := errors.AsType[*local.Halt](err)
	switch {
	case err == nil:
		defer h.ends.close()
		return h.steer(ctx, run, streams)
	case halt != nil && halt.Kind == store.WishStop:
		return s.stopTaken(ctx, lease, h.changeOf(ctx, halt), obs)
	case attaching.Err() != nil || s.taking.left():
		return s.leaveRun(ctx, lease)
	}
	if halt == nil {
		halt = &local.Halt{Kind: store.WishPause, Err: err}
	}
	return s.notResumed(ctx, lease, run, h.changeOf(ctx, halt), halt.Err, obs)
}

// attached returns an error of attaching; that another run writes the target does not pass by itself.
func attached(err error) error {
	if claimed, ok := errors.AsType[*store.ClaimedError](err); ok {
		return &connector.Error{Class: connector.Config, Code: codeOf(err), Text: "claim target " + claimed.Dataset, Err: claimed}
	}
	return err
}

// notResumed has a run rest that does not go on, because that was wished or for a cause. Where it rests already, why is told beside that.
func (s *Service) notResumed(ctx context.Context, lease store.RunLease, run store.Run, c store.Change, cause error, obs Observer) (store.Run, error) {
	var err error
	switch {
	case run.State == store.Planning && cause != nil:
		return s.giveUp(lease, store.Planning, cause, obs)
	case run.State == store.Running:
		err = s.lieDown(ctx, lease, run, c, obs)
	case codeOf(cause) == away && run.Code == away: // still: it may be queued again as before
		err = s.Store.Unqueue(ctx, run.Key, "")
	case cause != nil:
		err = s.Store.Unqueue(ctx, run.Key, s.Clean(cause.Error()))
	}
	return s.rest(ctx, lease, errors.Join(cause, err))
}

// leaveRun gives up a run's lease and nothing else: it neither rests nor has a process.
func (s *Service) leaveRun(ctx context.Context, lease store.RunLease) (store.Run, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := insist(ctx, func() error { return s.Store.ReleaseRun(ctx, lease) })
	s.Log.Info("run left", "run", lease.Run)
	return s.after(ctx, lease.Run, err)
}

func neverPlanned(key string) error {
	return connector.Errorf(connector.Config, "TOW-143", "run %s ended before it was planned", key).WithHint("Start another with: towpath run.")
}
