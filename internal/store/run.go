package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
)

// State is where a run stands. Which may follow which is control's to know.
type State string

// The states of a run.
const (
	Planning  State = "planning"
	Running   State = "running"
	Pausing   State = "pausing"
	Paused    State = "paused"
	Stopping  State = "stopping"
	Stopped   State = "stopped"
	Verifying State = "verifying"
	Finishing State = "finishing"
	Succeeded State = "succeeded"
	Failed    State = "failed"
)

// Final reports whether nothing follows s.
func (s State) Final() bool { return s == Stopped || s == Succeeded }

// Run is one execution of a job.
type Run struct {
	Key, Name, Mode string
	Job             []byte // the document as run, without secrets
	State           State
	Reason, Code    string // why it is in its state; Code is TOW-nnn or "" when nothing went wrong
	Event           int64  // number of its newest event
	Created         int64
	Started         int64 // first time running; 0: never
	Ended           int64 // when it became final or failed; 0: it goes on
	PlanFormat      int   // 0: no plan yet
	PlanHash        []byte
	Owner           Owner // of the run lease; zero: nobody
	Epoch           int64 // of the run lease
	Until           int64 // end of the run lease
	Consistency     Consistency
	Replays         string // key of the run whose dirty rows it writes; "": it is no replay
	Choice          []byte // which of them, as NewRun has it
	Duty
}

// Duty says whose run it is and who has to see to it that it runs.
type Duty struct {
	Workspace   string // "": main
	Environment string // its connections are looked up in; "": it was started where connections stand in a file
	JobID       string // of the stored job that it is a run of; "": none
	JobVersion  int64
	Priority    int    // the higher, the sooner
	Served      bool   // servers take it up by themselves
	Queued      int64  // since when it waits for the pool; 0: it does not
	Waits       string // for what
	Held        string // alias of the connection whose hold paused it; "": none did
}

// Consistency is what instants the rows of a run are of.
type Consistency struct {
	Wanted string // fuzzy or snapshot
	At     int64  // when the snapshot was made; 0: there is none
	Locked int64  // ms for which writes waited for it
	Until  int64  // when the run went on without it; 0: it did not
}

// NewRun is what CreateRun needs. With an Owner.ID the run lease is taken at once, for TTL.
type NewRun struct {
	Key, Name, Mode string
	Job             []byte
	Who, Why        string
	Consistency     string // that the job wants; "": fuzzy
	Limits          Limits
	Owner           Owner
	TTL             time.Duration
	Duty                     // Queued above 0: it waits for the pool from now on
	Replays         string   // key of the run whose dirty rows it writes; "": none
	Choice          []byte   // which of them: kept as it is given
	StartKey        string   // makes a start that is asked for twice in a workspace one; "": each is its own
	Aliases         []string // of the connections that it uses, in Duty.Environment
	Source, Target  string   // those of them that the job's sides are
}

// Event is one change of a run's state. Numbers of a run are gapless and start at 1, its creation.
type Event struct {
	Run      string
	Number   int64
	At       int64
	From, To State // From is "" at creation
	Who, Why string
	Code     string
}

// Change says who changes a state and why.
type Change struct {
	Who, Why, Code string
	Epoch          int64 // of the run lease, which must be the newest; 0: nobody's in particular
}

// Filter selects runs.
type Filter struct {
	States      []State // nil: all
	Limit       int     // 0: 100
	Before      string  // key of the last run of the page before; runs come newest first
	EndedBefore int64   // ms; of those that no replay keeps from being forgotten; 0: whenever
	Workspace   string  // "": of all
	Job         string  // ID of their job; "": of any
	Alias       string  // that they use; "": any
}

// CreateRun stores a run in state planning, with event 1. A key that is taken is class Retry, TOW-219: make another one. A StartKey that was used
// before is class Config and wraps *StartedError.
func (s *Store) CreateRun(ctx context.Context, n NewRun) (RunLease, error) {
	lease := RunLease{Run: n.Key}
	err := s.change(ctx, "create run "+n.Key, func(ctx context.Context, t *tx) error {
		if n.Owner.ID != "" {
			lease.Owner, lease.Epoch, lease.Until = n.Owner, 1, t.now+ms(n.TTL)
		}
		n.Workspace = cmp.Or(n.Workspace, MainWorkspace)
		if err := t.notStarted(ctx, n); err != nil {
			return err
		}
		if n.Queued > 0 {
			n.Queued = t.now
		}
		made, err := t.exec(ctx, `INSERT INTO run (run_key, name, mode, job, state, reason, code, event, created, started, ended,
			owner, owner_host, owner_pid, owner_started, owner_boot, epoch, lease_until,
			wish, wish_who, wish_why, limit_rows, limit_bytes, parallel, revision, consistency,
			workspace, environment, job_id, job_version, priority, served, queued, waits, start_key, source_alias, target_alias, replays, choice)
			VALUES ($1, $2, $3, $4, $5, $6, '', 1, $7, 0, 0, $8, $9, $10, $11, $12, $13, $14, '', '', '', $15, $16, $17, 1, $18,
			$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)
			ON CONFLICT (run_key) DO NOTHING`,
			n.Key, n.Name, n.Mode, notNil(n.Job), Planning, n.Why, t.now,
			n.Owner.ID, n.Owner.Host, n.Owner.PID, n.Owner.Started, n.Owner.Boot, lease.Epoch, lease.Until,
			n.Limits.Rows, n.Limits.Bytes, n.Limits.Parallel, cmp.Or(n.Consistency, "fuzzy"),
			n.Workspace, n.Environment, n.JobID, n.JobVersion, n.Priority, bit(n.Served), n.Queued, n.Waits, n.StartKey, n.Source, n.Target, n.Replays, n.Choice)
		if err != nil {
			return err
		}
		if made == 0 {
			return connector.Errorf(connector.Retry, "TOW-219", "create run %s: the key is taken", n.Key)
		}
		for _, alias := range n.Aliases {
			_, err := t.exec(ctx, "INSERT INTO run_connection (run, workspace, environment, alias) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
				n.Key, n.Workspace, n.Environment, alias)
			if err != nil {
				return err
			}
		}
		return t.addEvent(ctx, Event{Run: n.Key, Number: 1, To: Planning, Who: n.Who, Why: n.Why})
	})
	return lease, err
}

// Started returns the key of the run that a start key was used for in a workspace; "" when it was not.
func (s *Store) Started(ctx context.Context, workspace, startKey string) (run string, err error) {
	if startKey == "" {
		return "", nil
	}
	err = s.read.QueryRowContext(ctx, startedAs, workspace, startKey).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return run, s.fail("look up a start", err)
}

const startedAs = "SELECT run_key FROM run WHERE workspace = $1 AND start_key = $2"

// notStarted refuses a start that was made before.
func (t *tx) notStarted(ctx context.Context, n NewRun) error {
	if n.StartKey == "" {
		return nil
	}
	var run string
	err := t.row(ctx, startedAs, n.Workspace, n.StartKey).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = &connector.Error{Class: connector.Config, Code: "TOW-236", Text: "start run", Err: &StartedError{Run: run}}
	}
	return err
}

func (t *tx) addEvent(ctx context.Context, e Event) error {
	_, err := t.exec(ctx, `INSERT INTO event (run, number, at, from_state, to_state, who, why, code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.Run, e.Number, t.now, e.From, e.To, e.Who, e.Why, e.Code)
	return err
}

const selectRun = `SELECT r.run_key, r.name, r.mode, r.job, r.state, r.reason, r.code, r.event, r.created, r.started, r.ended,
	COALESCE(p.format, 0), p.hash, r.owner, r.owner_host, r.owner_pid, r.owner_started, r.owner_boot, r.epoch, r.lease_until,
	r.consistency, r.snapshot_at, r.snapshot_locked, r.snapshot_until,
	r.workspace, r.environment, r.job_id, r.job_version, r.priority, r.served, r.queued, r.waits, r.held, r.replays, r.choice
	FROM run r LEFT JOIN plan p ON p.run = r.run_key`

func scanRun(scan func(...any) error) (r Run, err error) {
	c := &r.Consistency
	var served int
	err = scan(&r.Key, &r.Name, &r.Mode, &r.Job, &r.State, &r.Reason, &r.Code, &r.Event, &r.Created, &r.Started, &r.Ended,
		&r.PlanFormat, &r.PlanHash, &r.Owner.ID, &r.Owner.Host, &r.Owner.PID, &r.Owner.Started, &r.Owner.Boot, &r.Epoch, &r.Until,
		&c.Wanted, &c.At, &c.Locked, &c.Until,
		&r.Workspace, &r.Environment, &r.JobID, &r.JobVersion, &r.Priority, &served, &r.Queued, &r.Waits, &r.Held, &r.Replays, &r.Choice)
	r.Served = served != 0
	return r, err
}

// Run returns one run. An unknown key is class Missing, TOW-210, with keys alike in the hint.
func (s *Store) Run(ctx context.Context, key string) (Run, error) {
	r, err := scanRun(s.read.QueryRowContext(ctx, selectRun+" WHERE r.run_key = $1", key).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, s.noRun(ctx, key)
	}
	return r, s.fail("read run "+key, err)
}

// Runs returns runs, newest first.
func (s *Store) Runs(ctx context.Context, f Filter) ([]Run, error) {
	if f.Limit == 0 {
		f.Limit = 100
	}
	where, args := []string{"1 = 1"}, []any{}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if f.States != nil {
		marks := []string{"''"}
		for _, st := range f.States {
			marks = append(marks, arg(st))
		}
		where = append(where, "r.state IN ("+strings.Join(marks, ", ")+")")
	}
	if f.Workspace != "" {
		where = append(where, "r.workspace = "+arg(f.Workspace))
	}
	if f.Job != "" {
		where = append(where, "r.job_id = "+arg(f.Job))
	}
	if f.Alias != "" {
		where = append(where, "EXISTS (SELECT 1 FROM run_connection u WHERE u.run = r.run_key AND u.alias = "+arg(f.Alias)+")")
	}
	if f.Before != "" {
		where = append(where, "(r.created, r.run_key) < (SELECT b.created, b.run_key FROM run b WHERE b.run_key = "+arg(f.Before)+")")
	}
	if f.EndedBefore != 0 {
		where = append(where, "r.ended > 0 AND r.ended < "+arg(f.EndedBefore), "NOT (r.replays <> '' AND r.state = 'failed')", "NOT "+replayed("r.run_key"))
	}
	query := selectRun + " WHERE " + strings.Join(where, " AND ") + " ORDER BY r.created DESC, r.run_key DESC LIMIT " + arg(f.Limit)
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.fail("list runs", err)
	}
	runs, err := collect(rows, scanRun)
	return runs, s.fail("list runs", err)
}

// Transition moves a run from one state to another and returns the event that says so; both become durable together. Once it is running, or
// at an end, it waits for the pool no more. A run that is not in from is left alone: an error that wraps *StateError. A lease that is not the newest: class Fenced, TOW-213.
func (s *Store) Transition(ctx context.Context, key string, from, to State, c Change) (Event, error) {
	e := Event{Run: key, From: from, To: to, Who: c.Who, Why: c.Why, Code: c.Code}
	err := s.change(ctx, fmt.Sprintf("move run %s to %s", key, to), func(ctx context.Context, t *tx) error {
		e.At = t.now
		err := t.row(ctx, `UPDATE run SET state = $3, reason = $4, code = $5, event = event + 1,
			started = CASE WHEN started = 0 AND $3 = 'running' THEN $6 ELSE started END,
			ended = CASE WHEN $3 IN ('succeeded', 'stopped', 'failed') THEN $6 ELSE 0 END,
			queued = CASE WHEN $3 IN ('running', 'stopping', 'succeeded', 'stopped', 'failed') THEN 0 ELSE queued END,
			waits = CASE WHEN $3 IN ('running', 'stopping', 'succeeded', 'stopped', 'failed') THEN '' ELSE waits END
			WHERE run_key = $1 AND state = $2 AND (CAST($7 AS BIGINT) = 0 OR epoch = $7) RETURNING event`, key, from, to, c.Why, c.Code, t.now, c.Epoch).Scan(&e.Number)
		if errors.Is(err, sql.ErrNoRows) {
			if c.Epoch != 0 {
				if err := t.checkRun(ctx, key, c.Epoch); err != nil {
					return err
				}
				if done, err := t.madeBefore(ctx, &e); done || err != nil {
					return err
				}
			}
			return t.staleState(ctx, s, key, from, to)
		}
		if err != nil {
			return err
		}
		if to.Final() {
			if err := t.settle(ctx, key, to); err != nil {
				return err
			}
		}
		return t.addEvent(ctx, e)
	})
	if err != nil {
		return Event{}, err
	}
	return e, nil
}

// madeBefore reports whether the newest event of a run is the very change that is asked for: the holder of its lease asks again when the answer was lost.
func (t *tx) madeBefore(ctx context.Context, e *Event) (bool, error) {
	var newest Event
	err := t.row(ctx, `SELECT e.number, e.at, e.from_state, e.to_state, e.who, e.why, e.code FROM event e JOIN run r ON r.run_key = e.run AND r.event = e.number
		WHERE e.run = $1`, e.Run).Scan(&newest.Number, &newest.At, &newest.From, &newest.To, &newest.Who, &newest.Why, &newest.Code)
	if err != nil {
		return false, err
	}
	asked := Event{Number: newest.Number, At: newest.At, From: e.From, To: e.To, Who: e.Who, Why: e.Why, Code: e.Code}
	if newest != asked {
		return false, nil
	}
	e.Number, e.At = newest.Number, newest.At
	return true, nil
}

func (t *tx) staleState(ctx context.Context, s *Store, key string, from, to State) error {
	var is State
	err := t.row(ctx, "SELECT state FROM run WHERE run_key = $1", key).Scan(&is)
	if errors.Is(err, sql.ErrNoRows) {
		return s.noRun(ctx, key)
	}
	if err != nil {
		return err
	}
	return &connector.Error{Class: connector.Other, Code: "TOW-211", Text: fmt.Sprintf("move run %s to %s", key, to),
		Hint: "Something else moved it first; look at it again.", Err: &StateError{Run: key, From: from, Is: is, Want: to}}
}

// SetSnapshot records that the rows of a run are read in a snapshot made now, for which writes waited.
func (s *Store) SetSnapshot(ctx context.Context, l RunLease, locked time.Duration) error {
	return s.changeLed(ctx, "record the snapshot of run "+l.Run, l, "UPDATE run SET snapshot_at = $2, snapshot_locked = $3, snapshot_until = 0 WHERE run_key = $1", ms(locked))
}

// EndSnapshot records that a run goes on without its snapshot from now on; the first time stays.
func (s *Store) EndSnapshot(ctx context.Context, l RunLease) error {
	return s.changeLed(ctx, "record the end of the snapshot of run "+l.Run, l, "UPDATE run SET snapshot_until = $2 WHERE run_key = $1 AND snapshot_at > 0 AND snapshot_until = 0")
}

// changeLed runs a statement about a run, $1, with the time, $2, and args behind it, for the holder of its lease.
func (s *Store) changeLed(ctx context.Context, doing string, l RunLease, statement string, args ...any) error {
	return s.change(ctx, doing, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, l.Run, l.Epoch); err != nil {
			return err
		}
		_, err := t.exec(ctx, statement, append([]any{l.Run, t.now}, args...)...)
		return err
	})
}

// Events returns up to limit events of a run with numbers above after, in order.
func (s *Store) Events(ctx context.Context, key string, after int64, limit int) ([]Event, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT run, number, at, from_state, to_state, who, why, code FROM event
		WHERE run = $1 AND number > $2 ORDER BY number LIMIT $3`, key, after, limit)
	if err != nil {
		return nil, s.fail("read events of run "+key, err)
	}
	events, err := collect(rows, func(scan func(...any) error) (e Event, err error) {
		err = scan(&e.Run, &e.Number, &e.At, &e.From, &e.To, &e.Who, &e.Why, &e.Code)
		return e, err
	})
	return events, s.fail("read events of run "+key, err)
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, one func(scan func(...any) error) (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := one(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// notNil makes nil bytes empty ones, for columns that hold no NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
