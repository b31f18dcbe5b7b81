// Package view shows what the application knows as people and programs see it: facts of control and store become the types of package client, which
// the command line prints and the API serves. It decides nothing and reads nothing.
package view

import (
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// Time is a time of the control database in RFC 3339 and UTC; "" for 0.
func Time(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}

// Run is a run with the states of its streams.
func Run(r store.Run, states map[store.StreamState]int) client.Run {
	c := r.Consistency
	return client.Run{Run: r.Key, Name: r.Name, Mode: r.Mode, Replays: r.Replays, State: client.State(r.State), Reason: r.Reason, Code: r.Code, Created: Time(r.Created),
		Ended: Time(r.Ended), States: States(states),
		Consistency: client.Consistency{Label: control.Consistency(c), At: Time(c.At), Locked: c.Locked, Until: Time(c.Until)}}
}

// Runs are runs as a list of them shows them, with their totals where they are planned.
func Runs(runs []store.Run, states map[string]map[store.StreamState]int, totals map[string]connector.Counts) []client.Run {
	return List(runs, func(r store.Run) client.Run {
		out := Run(r, states[r.Key])
		Duty(&out, r)
		if c, planned := totals[r.Key]; planned {
			counts := Counts(c)
			out.Total = &counts
		}
		return out
	})
}

// Status is a run with those of its streams that were asked for, and its history.
func Status(r store.Run, p control.Progress, streams []control.StreamProgress, history []store.Event) client.Run {
	out := Run(r, p.States)
	total := Counts(p.Total.Counts)
	out.Total, out.Streams = &total, Streams(streams)
	for _, e := range history {
		out.History = append(out.History, Event(e))
	}
	return out
}

// States are counts of streams by the names of their states.
func States(counts map[store.StreamState]int) map[string]int {
	out := make(map[string]int, len(counts))
	for state, n := range counts {
		out[string(state)] = n
	}
	return out
}

// Counts are counts of rows.
func Counts(c connector.Counts) client.Counts { return client.Counts(c) }

// Event is a change of a run's state.
func Event(e store.Event) client.Event {
	return client.Event{Number: e.Number, At: Time(e.At), From: client.State(e.From), To: client.State(e.To), Who: e.Who, Why: e.Why, Code: e.Code}
}

// Stream is how far a stream is.
func Stream(p control.StreamProgress) client.Stream {
	return client.Stream{ID: p.ID, Source: p.Source, Connection: p.Connection, Target: p.Target, State: string(p.State), Error: p.Error, Code: p.Code,
		Guarantee: string(p.Guarantee), Rows: p.Rows, Bytes: p.Bytes, Counts: Counts(p.Counts), Shards: p.Shards, Done: p.Done, Active: p.Active}
}

// Streams are how far streams are.
func Streams(list []control.StreamProgress) []client.Stream {
	out := make([]client.Stream, len(list))
	for i, p := range list {
		out[i] = Stream(p)
	}
	return out
}

// Progress is how far a run is.
func Progress(p control.Progress) client.Progress {
	return client.Progress{Run: p.Run, State: client.State(p.State), States: States(p.States), Total: Stream(p.Total), Streams: Streams(p.Streams),
		Planned: p.Planned, ToPlan: p.ToPlan}
}

// StreamName is how people call a stream.
func StreamName(s client.Stream) string {
	name := s.Source
	if name == "" {
		name = "query to " + s.Target
	}
	if s.Connection != "" {
		name = s.Connection + ":" + name
	}
	return name
}

// DirtyRow is a dirty row; names are those of the run's streams by ID.
func DirtyRow(names map[string]string, d store.DirtyAt) client.DirtyRow {
	return client.DirtyRow{Stream: names[StreamOf(d.Cursor.Shard)], Shard: d.Cursor.Shard, Seq: d.Cursor.Seq, Ordinal: d.Cursor.Ordinal,
		Code: string(d.Code), Column: d.Column, Reason: d.Reason, Row: d.Row,
		Mend: d.Mend.Values, MendedBy: d.Mend.Who, MendedAt: Time(d.Mend.At), Replay: d.Replay}
}

// Limits are the limits of a run.
func Limits(l store.Limits) client.Limits {
	return client.Limits{Rows: l.Rows, Bytes: l.Bytes, Parallel: l.Parallel}
}

// Duty adds to a run where it belongs and what it waits for.
func Duty(out *client.Run, r store.Run) {
	out.Workspace, out.Environment, out.Job, out.JobVersion = r.Workspace, r.Environment, r.JobID, r.JobVersion
	out.Priority, out.Queued, out.Waits, out.Held = r.Priority, Time(r.Queued), r.Waits, r.Held
}

// StreamOf is the ID of the stream that a shard is of.
func StreamOf(shard string) string { return engine.StreamOf(shard) }

// Page makes a part of a list: of one item more than asked for, which says that there is more; next is where an item stands.
func Page[T any](items []T, limit int, next func(T) string) client.Page[T] {
	p := client.Page[T]{Items: items}
	if len(items) > limit {
		p.Items = items[:limit]
		p.Next = next(items[limit-1])
	}
	if p.Items == nil {
		p.Items = []T{}
	}
	return p
}
