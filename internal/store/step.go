package store

import (
	"context"

	"github.com/towpath/towpath/connector"
)

// StepState is how far a step outside the control database came.
type StepState string

// The states of a step.
const (
	StepNew   StepState = "new"   // never begun before: do it
	StepBegun StepState = "begun" // begun by an earlier attempt: look at the target first
	StepDone  StepState = "done"
)

// Step is something done outside the control database, recorded before and after.
type Step struct {
	Name   string
	Detail string // of its first attempt
	State  StepState
	Begun  int64
	Done   int64
}

// BeginStep records that a step begins and tells whether it began or ended before. runEpoch is that of the run lease.
func (s *Store) BeginStep(ctx context.Context, run string, runEpoch int64, name, detail string) (Step, error) {
	var st Step
	err := s.change(ctx, "begin step "+name+" of run "+run, func(t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		n, err := t.exec(ctx, "INSERT INTO step (run, name, detail, begun, done) VALUES ($1, $2, $3, $4, 0) ON CONFLICT (run, name) DO NOTHING",
			run, name, detail, t.now)
		if err != nil {
			return err
		}
		if st, err = scanStep(t.row(ctx, selectStep+" AND name = $2", run, name).Scan); n == 1 {
			st.State = StepNew
		}
		return err
	})
	return st, err
}

const selectStep = "SELECT name, detail, begun, done FROM step WHERE run = $1"

func scanStep(scan func(...any) error) (st Step, err error) {
	err = scan(&st.Name, &st.Detail, &st.Begun, &st.Done)
	if st.State = StepBegun; st.Done != 0 {
		st.State = StepDone
	}
	return st, err
}

// DoneStep records that a begun step is done.
func (s *Store) DoneStep(ctx context.Context, run string, runEpoch int64, name string) error {
	return s.change(ctx, "end step "+name+" of run "+run, func(t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		n, err := t.exec(ctx, "UPDATE step SET done = $3 WHERE run = $1 AND name = $2", run, name, t.now)
		if err == nil && n == 0 {
			return connector.Errorf(connector.Other, "TOW-222", "end step %s of run %s: it never began", name, run)
		}
		return err
	})
}

// Steps returns the steps of a run in the order in which they began.
func (s *Store) Steps(ctx context.Context, run string) ([]Step, error) {
	rows, err := s.read.QueryContext(ctx, selectStep+" ORDER BY begun, name", run)
	if err != nil {
		return nil, s.fail("read steps of run "+run, err)
	}
	steps, err := collect(rows, scanStep)
	return steps, s.fail("read steps of run "+run, err)
}
