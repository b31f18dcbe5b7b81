// Package rig runs jobs in this process, as the application does, with a control database of its own and with connectors that a proof
// may come between, and reads what a run says of itself afterwards.
package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// Rig is a control database.
type Rig struct{ store *store.Store }

// Open makes or opens the control database of a path.
func Open(ctx context.Context, path string) (*Rig, error) {
	opened, err := store.Open(ctx, path, store.Options{})
	if err != nil {
		return nil, err
	}
	return &Rig{opened}, nil
}

// Close closes the control database; what it holds is of no use any more.
func (r *Rig) Close() { _ = r.store.Close() }

// Passwords are those that a resumed run is given again.
type Passwords struct{ Source, Target string }

// Service is the application with these connectors.
func (r *Rig) Service(set connector.Set, p Passwords) *control.Service {
	return &control.Service{Store: r.store, Connectors: set, Owner: control.ThisProcess(), Who: "proof", Log: slog.New(slog.DiscardHandler), Lease: 10 * time.Second,
		Connections: func(context.Context, string) (job.Connection, error) {
			return job.Connection{}, errors.New("no aliases here")
		},
		Secrets: func(_ context.Context, _ string, raw json.RawMessage) (json.RawMessage, error) { return raw, nil },
		Password: func(side string) (string, error) {
			if side == "source" {
				return p.Source, nil
			}
			return p.Target, nil
		},
		Clean: func(text string) string { return text }}
}

// Ended is a run that rests.
type Ended struct {
	Run   store.Run
	Err   error                        // that the run was returned with
	Total map[string]connector.Counts  // by stream
	State map[string]store.StreamState // by stream
	Told  map[string]string            // why a stream failed, code and text
	Dirty map[string][]DirtyRow        // by stream
}

// DirtyRow is a row that was kept.
type DirtyRow struct {
	ID     string // of its column id
	Code   string
	Column string // "" where the whole row is at fault
	Reason string
	Row    json.RawMessage
}

func (d DirtyRow) String() string {
	return fmt.Sprintf("row %s %s %s (%s): %.600s", d.ID, d.Code, d.Column, d.Reason, d.Row)
}

// Look reads what a run says of itself.
func Look(ctx context.Context, s *control.Service, run store.Run, err error) (*Ended, error) {
	e := &Ended{Run: run, Err: err, Total: map[string]connector.Counts{}, State: map[string]store.StreamState{}, Told: map[string]string{}, Dirty: map[string][]DirtyRow{}}
	if run.Key == "" {
		return e, nil
	}
	_, progress, _, err := s.Status(ctx, run.Key)
	if err != nil {
		return nil, err
	}
	for _, p := range progress.Streams {
		e.Total[p.ID], e.State[p.ID], e.Told[p.ID] = p.Counts, p.State, strings.TrimSpace(p.Code+" "+p.Error)
	}
	for d, err := range s.Dirty(ctx, run.Key, "", 0) {
		if err != nil {
			return nil, err
		}
		var row map[string]json.RawMessage
		var record string // of the source, which became no row
		if err := json.Unmarshal(d.Row, &record); err == nil {
			row = map[string]json.RawMessage{"id": d.Row}
		} else if err := json.Unmarshal(d.Row, &row); err != nil {
			return nil, fmt.Errorf("read dirty row %s: %w", d.Row, err)
		}
		stream, _, _ := strings.Cut(d.Cursor.Shard, "-")
		e.Dirty[stream] = append(e.Dirty[stream], DirtyRow{strings.Trim(string(row["id"]), `"`), string(d.Code), d.Column, d.Reason, d.Row})
	}
	return e, nil
}

// Said is what a person is told of how a run ended.
func (e *Ended) Said() string {
	text := fmt.Sprintf("run is %s %s %s", e.Run.State, e.Run.Code, e.Run.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Codes are the codes of what a run was refused or ended with.
func (e *Ended) Codes() []string {
	var codes []string
	if e.Run.Code != "" {
		codes = append(codes, e.Run.Code)
	}
	var collect func(err error)
	collect = func(err error) {
		if found, ok := err.(*connector.Error); ok && found.Code != "" {
			codes = append(codes, found.Code)
		}
		switch x := err.(type) {
		case interface{ Unwrap() []error }:
			for _, part := range x.Unwrap() {
				collect(part)
			}
		case interface{ Unwrap() error }:
			collect(x.Unwrap())
		}
	}
	if e.Err != nil {
		collect(e.Err)
	}
	return codes
}
