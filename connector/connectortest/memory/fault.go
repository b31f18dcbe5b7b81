package memory

import (
	"context"
	"slices"
	"time"
)

// Op is a call that can be made to fail.
type Op string

// The calls. Read is counted by chunk.
const (
	Open     Op = "open"
	Datasets Op = "datasets"
	Count    Op = "count"
	Schema   Op = "schema"
	Split    Op = "split"
	Read     Op = "read"
	Plan     Op = "plan"
	Prepare  Op = "prepare"
	Take     Op = "take"
	Write    Op = "write"
	Commit   Op = "commit"
	Finish   Op = "finish"
	Snapshot Op = "snapshot"
)

// Fault is what happens to one call, in this order: Reached, Wait, Delay, Err.
type Fault struct {
	Reached func()          // called when the call begins
	Wait    <-chan struct{} // the call waits until it is closed or its context ends
	Delay   time.Duration   // then so long, or until its context ends
	Err     error           // then it fails; nil: it goes on
	Applied bool            // Err is returned once the call has had its effect: the answer was lost
}

type armed struct {
	Fault
	op Op
	at int
}

// Inject arms a fault for the nth call of an op from here on; 1 is the next.
func (s *Store) Inject(op Op, nth int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armed{f, op, s.calls[op] + nth})
}

// Disarm takes back the faults that have not happened.
func (s *Store) Disarm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Calls returns how often an op was called.
func (s *Store) Calls(op Op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// enter counts a call and lets its fault happen. err is to be returned at once, after once the call has had its effect.
func (s *Store) enter(ctx context.Context, op Op) (after, err error) {
	s.mu.Lock()
	s.calls[op]++
	at := slices.IndexFunc(s.faults, func(a *armed) bool { return a.op == op && a.at == s.calls[op] })
	var f Fault
	if at >= 0 {
		f = s.faults[at].Fault
		s.faults = slices.Delete(s.faults, at, at+1)
	}
	s.mu.Unlock()
	if f.Reached != nil {
		f.Reached()
	}
	if f.Wait != nil {
		select {
		case <-f.Wait:
		case <-ctx.Done():
		}
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if f.Applied {
		return f.Err, nil
	}
	return nil, f.Err
}
