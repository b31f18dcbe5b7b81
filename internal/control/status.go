package control

import (
	"context"
	"fmt"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// add counts a stream in and returns it as it is told: one that is ready and has no shard at work waits.
func (p *Progress) add(s StreamProgress) StreamProgress {
	if s.State == store.StreamRunning && s.Active == 0 {
		s.State = store.StreamWaiting
	}
	t := &p.Total
	t.Rows += max(s.Rows, s.Counts.Read)
	t.Bytes += s.Bytes
	t.Counts.Add(s.Counts)
	t.Shards += s.Shards
	t.Done += s.Done
	t.Active += s.Active
	p.States[s.State]++
	return s
}

// progressOf is how far a run is by what the store knows.
func progressOf(run store.Run, stored []store.Progress) Progress {
	p := Progress{Run: run.Key, State: run.State, States: map[store.StreamState]int{}, Streams: make([]StreamProgress, len(stored))}
	for i, st := range stored {
		p.Streams[i] = p.add(StreamProgress{ID: st.Stream.ID, Source: st.Stream.Source, Connection: st.Stream.Connection, Target: st.Stream.Dataset, State: st.State,
			Error: st.Failure, Code: st.Code, Guarantee: job.Guarantee(st.Stream.Guarantee), Rows: st.Stream.Rows, Bytes: st.Stream.Bytes, Counts: st.Counts,
			Shards: st.Shards, Done: st.Done, Active: st.Active})
	}
	return p
}

// Status returns a run, its progress and, when it was planned and its plan can be read, the head of that.
func (s *Service) Status(ctx context.Context, key string) (store.Run, Progress, *engine.Plan, error) {
	run, err := s.Store.Run(ctx, key)
	if err != nil {
		return run, Progress{}, nil, err
	}
	if run.PlanFormat == 0 {
		return run, progressOf(run, nil), nil, nil
	}
	plan, _, err := s.load(ctx, key)
	if connector.ClassOf(err) == connector.Changed { // how far the run came is known all the same
		plan, err = nil, nil
	}
	if err != nil {
		return run, Progress{}, nil, err
	}
	stored, err := s.Store.Progress(ctx, key)
	return run, progressOf(run, stored), plan, err
}

// Consistency says what instants the rows of a run are of: fuzzy, snapshot, or snapshot until the time at which it went on without.
func Consistency(c store.Consistency) string {
	switch {
	case c.Wanted != string(job.Snapshot):
		return string(job.Fuzzy)
	case c.Until > 0:
		return "snapshot until " + time.UnixMilli(c.Until).UTC().Format(time.RFC3339)
	}
	return string(job.Snapshot)
}

// snapshotText tells of a snapshot that was made.
func snapshotText(connections int, locked time.Duration) string {
	text := "rows are read in a snapshot"
	if connections > 1 {
		text = fmt.Sprintf("rows are read in %d snapshots, one of each connection", connections)
	}
	if locked > 0 {
		text += fmt.Sprintf("; writes waited for %s", locked.Round(time.Millisecond))
	}
	return text
}
