package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/towpath/towpath/connector"
)

// HeldError tells who holds a run's lease; AcquireRun and TakeOverRun answer with it.
type HeldError struct {
	Run        string
	Holder     Owner
	Epoch      int64
	Until, Now int64
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("process %d on %s holds the lease for %d ms more", e.Holder.PID, e.Holder.Host, max(e.Until-e.Now, 0))
}

// StateError tells that a run was not in the state that a Transition starts from.
type StateError struct {
	Run            string
	From, Is, Want State
}

func (e *StateError) Error() string { return fmt.Sprintf("run %s is %s, not %s", e.Run, e.Is, e.From) }

// StartedError tells which run a start was, that was asked for before.
type StartedError struct{ Run string }

func (e *StartedError) Error() string { return "run " + e.Run + " was started by the same request" }

// ClaimedError tells which run writes a target dataset.
type ClaimedError struct {
	Run, Identity, Dataset string // Run: the one that holds the claim
	State                  State  // its state
}

func (e *ClaimedError) Error() string { return fmt.Sprintf("run %s (%s) writes it", e.Run, e.State) }

// fail gives a driver's error its class and code, and says what was being done. Errors that have both pass as they are.
func (s *Store) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*connector.Error](err); ok {
		return err
	}
	f, ok := s.d.fault(err)
	late := errors.Is(err, context.DeadlineExceeded) && !ok // else it is a server that let us wait
	if errors.Is(err, context.Canceled) || late {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if ok {
		if f.text == "" {
			return &connector.Error{Class: f.class, Code: f.code, Text: doing, Err: err}
		}
		return &connector.Error{Class: f.class, Code: f.code, Text: fmt.Sprintf("%s: %s (%s)", doing, f.text, s.path), Hint: f.hint, Err: err}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return (&connector.Error{Class: connector.Config, Code: "TOW-203", Text: doing, Err: err}).
			WithHint("Check path, owner and mode of the file and its folder; both must be writable.")
	}
	return &connector.Error{Class: connector.Other, Code: "TOW-200", Text: doing, Err: err}
}

func fenced(code, format string, args ...any) *connector.Error {
	return connector.Errorf(connector.Fenced, code, format, args...)
}

func noShard(run, shard string) error {
	return connector.Errorf(connector.Missing, "TOW-217", "no shard %s in run %s", shard, run)
}

// noRun is the answer to an unknown key; keys that look alike, else the newest, make the hint.
func (s *Store) noRun(ctx context.Context, key string) error {
	e := connector.Errorf(connector.Missing, "TOW-210", "no run %s", key)
	rows, err := s.read.QueryContext(ctx, "SELECT run_key FROM run ORDER BY created DESC, run_key DESC LIMIT 500")
	if err != nil {
		return e
	}
	keys, err := collect[string](rows, func(scan func(...any) error) (k string, err error) {
		err = scan(&k)
		return k, err
	})
	if err != nil || len(keys) == 0 {
		return e.WithHint("There is no run yet.")
	}
	var near []string
	for _, k := range keys {
		if distance(k, key) <= 2 || len(key) > 1 && strings.HasPrefix(k, key) {
			near = append(near, k)
		}
	}
	if len(near) == 0 {
		return e.WithHint("Newest runs: %s.", strings.Join(keys[:min(3, len(keys))], ", "))
	}
	return e.WithHint("Did you mean %s?", strings.Join(near[:min(3, len(near))], " or "))
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
