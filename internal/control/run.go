package control

import (
	"context"
	"errors"
	"time"

	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// Defaults of settings that a job leaves out.
const (
	defaultParallel = 4
	defaultMemory   = 32 << 20
	defaultOutage   = 5 * time.Minute
)

// Run makes a run of a job and steers it until it rests: succeeded, paused, stopped or failed. The run's record says which and
// why; the error is for what kept it from being recorded, a refused plan (*engine.Refused), or the failure itself. made, when
// not nil, is told the run's key and the head of its plan before rows move.
func (s *Service) Run(ctx context.Context, j *job.Job, obs Observer, made func(key string, plan *engine.Plan)) (store.Run, error) {
	e, err := s.openAll(ctx, j)
	if err != nil {
		return store.Run{}, err
	}
	defer e.close()
	lease, err := s.create(ctx, j)
	if err != nil {
		return store.Run{}, err
	}
	ctx, letGo := s.keep(ctx, lease)
	defer letGo()
	crashpoint.At("", crashpoint.Planned)
	plan, streams, err := s.draft(ctx, lease, j, e, obs)
	crashpoint.At("", crashpoint.Elsewhere)
	if err == nil {
		err = s.claim(ctx, lease.Run, streams, e.target)
	}
	if err != nil {
		return s.giveUp(lease, store.Planning, err, obs)
	}
	if made != nil {
		made(lease.Run, plan)
	}
	return s.steer(ctx, lease, plan, streams, e, obs)
}

// draft plans a job and stores the plan.
func (s *Service) draft(ctx context.Context, lease store.RunLease, j *job.Job, e ends, obs Observer) (*engine.Plan, []store.Stream, error) {
	d := &draft{run: lease.Run, obs: obs, told: time.Now(), target: e.target.Identity}
	plan, err := s.plan(ctx, lease.Run, j, e, func(streams int) { d.of = streams }, d.keep)
	if err != nil {
		return nil, nil, err
	}
	if err := s.save(ctx, lease, plan, d); err != nil {
		return nil, nil, err
	}
	streams, err := s.Store.Streams(ctx, lease.Run)
	return plan, streams, err
}

// create stores the run under a random key that nobody has.
func (s *Service) create(ctx context.Context, j *job.Job) (store.RunLease, error) {
	return s.createAs(ctx, store.NewRun{Name: j.Name, Mode: string(j.Mode), Job: s.hide(j).Canonical(),
		Who: s.Who, Owner: s.Owner, TTL: s.Lease, Limits: LimitsOf(j), Consistency: string(j.Settings.Consistency)})
}

func (s *Service) createAs(ctx context.Context, n store.NewRun) (store.RunLease, error) {
	for {
		n.Key = NewKey(5)
		lease, err := s.Store.CreateRun(ctx, n)
		if codeOf(err) != "TOW-219" {
			return lease, err
		}
	}
}

// LimitsOf returns the limits that a job begins with.
func LimitsOf(j *job.Job) store.Limits {
	l := store.Limits{Parallel: j.Settings.Parallel, Rows: j.Settings.Rate.Rows, Bytes: int64(j.Settings.Rate.Bytes)}
	if l.Parallel == 0 {
		l.Parallel = defaultParallel
	}
	return l
}

// claim makes the run the only one that writes its targets.
func (s *Service) claim(ctx context.Context, run string, streams []store.Stream, target engine.End) error {
	var datasets []string
	for _, st := range streams {
		if st.ID == st.Lead {
			datasets = append(datasets, target.Canonical(st.Dataset))
		}
	}
	return s.Store.ClaimTargets(ctx, run, target.Identity, datasets...)
}

// giveUp records why a run ended and gives up its lease and claims. It returns the error as well: it is for the caller to show.
func (s *Service) giveUp(lease store.RunLease, from store.State, cause error, obs Observer) (store.Run, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	code := codeOf(cause)
	err := insist(ctx, func() error {
		return s.move(ctx, lease.Run, from, store.Failed, store.Change{Why: cause.Error(), Code: code, Epoch: lease.Epoch}, obs)
	})
	return s.rest(ctx, lease, errors.Join(cause, err))
}

// rest gives up what a run holds while it rests, and returns its record.
//
// Invariant 8: a paused run holds no connection, no transaction, no worker and no timer.
func (s *Service) rest(ctx context.Context, lease store.RunLease, cause error) (store.Run, error) {
	limit := time.Minute
	if ctx.Err() != nil {
		limit = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := insist(ctx, func() error { return errors.Join(s.Store.ReleaseTargets(ctx, lease), s.Store.ReleaseRun(ctx, lease)) })
	run, readErr := s.Store.Run(ctx, lease.Run)
	return run, errors.Join(cause, err, readErr)
}
