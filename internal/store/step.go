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
	Name  string
	State StepState
	Begun int64
	Done  int64
}

// BeginSteps records that steps begin and tells, in their order, how far earlier attempts at them came. runEpoch is that of the run lease.
func (s *Store) BeginSteps(ctx context.Context, run string, runEpoch int64, names ...string) ([]StepState, error) {
	states := make([]StepState, len(names))
	err := s.change(ctx, "begin steps of run "+run, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		for i, name := range names {
			n, err := t.exec(ctx, "INSERT INTO step (run, name, detail, begun, done) VALUES ($1, $2, '', $3, 0) ON CONFLICT (run, name) DO NOTHING",
				run, name, t.now)
			if err != nil {
				return err
			}
			if states[i] = StepNew; n == 1 {
				continue
			}
			st, err := scanStep(t.row(ctx, selectStep+" AND name = $2", run, name).Scan)
			if err != nil {
				return err
			}
			states[i] = st.State
		}
		return nil
	})
	return states, err
}

const selectStep = "SELECT name, begun, done FROM step WHERE run = $1"

func scanStep(scan func(...any) error) (st Step, err error) {
	err = scan(&st.Name, &st.Begun, &st.Done)
	if st.State = StepBegun; st.Done != 0 {
		st.State = StepDone
	}
	return st, err
}

// DoneSteps records that begun steps are done.
func (s *Store) DoneSteps(ctx context.Context, run string, runEpoch int64, names ...string) error {
	return s.change(ctx, "end steps of run "+run, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		for _, name := range names {
			if err := t.doneStep(ctx, run, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) doneStep(ctx context.Context, run, name string) error {
	n, err := t.exec(ctx, "UPDATE step SET done = $3 WHERE run = $1 AND name = $2", run, name, t.now)
	if err == nil && n == 0 {
		return connector.Errorf(connector.Other, "TOW-222", "end step %s of run %s: it never began", name, run)
	}
	return err
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
