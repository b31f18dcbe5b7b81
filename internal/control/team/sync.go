package team

import (
	"context"
	"fmt"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// Verdict says whether a dataset is in sync.
type Verdict string

// The verdicts. Data that nobody looked at since it was copied is unverified, whatever the run said.
const (
	Never      Verdict = "never"      // no run has published it
	Updating   Verdict = "updating"   // a run is at it
	Behind     Verdict = "behind"     // the newest run did not succeed, or the source has changed since
	Differs    Verdict = "differs"    // the target does not hold what was written
	Unverified Verdict = "unverified" // nobody has looked since
	InSync     Verdict = "in sync"
)

// Sync is how a pair of datasets stands, and why.
type Sync struct {
	store.Synced
	Verdict Verdict
	Why     string
}

// verdictOf judges a pair by its runs and by what was found at both sides. receipts is how many rows the run wrote to the target, all streams together.
func verdictOf(s store.Synced, receipts int64) (Verdict, string) {
	k, good := s.Check, s.Good
	switch {
	case s.Last.State == store.Paused:
		return Behind, "run " + s.Last.Run + " is paused"
	case s.Last.State == store.Failed && !s.Last.Done:
		return Behind, "run " + s.Last.Run + " failed"
	case !s.Last.State.Final() && s.Last.State != store.Failed:
		return Updating, "run " + s.Last.Run + " is " + string(s.Last.State)
	case good.Run == "":
		return Never, "no run has published it"
	case s.Last.Run != good.Run:
		return Behind, "run " + s.Last.Run + " did not publish it"
	case k.At == 0:
		return Unverified, "nobody has looked since run " + good.Run
	case k.Target < 0 || k.Source < 0:
		return Unverified, "not counted: " + k.Note
	case k.Target != receipts && k.Note != "": // others write there, too
		if k.Target == k.Source && !k.About {
			return InSync, fmt.Sprintf("both sides hold %d rows", k.Target)
		}
		return Unverified, fmt.Sprintf("the target holds %d rows, the source %d: %s", k.Target, k.Source, k.Note)
	case k.Target != receipts:
		return Differs, fmt.Sprintf("the target holds %d rows, the run wrote %d", k.Target, receipts)
	case k.About && near(k.Source, good.Counts.Read):
		return InSync, fmt.Sprintf("the target holds the %d rows that were written; the source has about as many as were read", k.Target)
	case k.Source != good.Counts.Read:
		return Behind, fmt.Sprintf("the source has %d rows, the run read %d", k.Source, good.Counts.Read)
	}
	return InSync, fmt.Sprintf("the target holds the %d rows that were written, the source the %d that were read", k.Target, k.Source)
}

// near reports whether an estimate is one of so many rows: statistics of databases are off by some per cent.
func near(estimate, rows int64) bool {
	off := max(estimate-rows, rows-estimate)
	return off <= rows/10
}

// SyncStatus returns how the datasets of an environment stand, those of one connection or with "" of all.
func (t *Team) SyncStatus(ctx context.Context, a Actor, environment, alias string) ([]Sync, error) {
	if err := a.May(SeeRuns); err != nil {
		return nil, err
	}
	return t.synced(ctx, a.key(environment, alias))
}

func (t *Team) synced(ctx context.Context, k store.ConnectionKey) ([]Sync, error) {
	found, err := t.Store.Synced(ctx, k.Workspace, k.Environment, k.Alias)
	if err != nil {
		return nil, err
	}
	type target struct{ run, alias, dataset string }
	receipts := map[target]int64{}
	for _, s := range found {
		receipts[target{s.Good.Run, s.TargetAlias, s.Target}] += s.Good.Counts.Written - s.Good.Counts.Superseded
	}
	all := make([]Sync, len(found))
	for i, s := range found {
		verdict, why := verdictOf(s, receipts[target{s.Good.Run, s.TargetAlias, s.Target}])
		all[i] = Sync{s, verdict, why}
	}
	return all, nil
}

// CheckSync looks at both sides of what a connection's datasets were last copied by, keeps what it finds and returns how they stand.
func (t *Team) CheckSync(ctx context.Context, a Actor, environment, alias string) ([]Sync, error) {
	if err := a.May(StartRuns); err != nil {
		return nil, err
	}
	k := a.key(environment, alias)
	all, err := t.synced(ctx, k)
	if err != nil {
		return nil, err
	}
	if err := t.Store.Audit(ctx, a.Entry(StartRuns, alias, "checked what is in sync in environment "+k.Environment)); err != nil {
		return nil, err
	}
	streams := map[string][]string{} // by run
	var runs []string
	for _, s := range all {
		if good := s.Good; good.Run != "" && good.Run == s.Last.Run {
			if !slices.Contains(runs, good.Run) {
				runs = append(runs, good.Run)
			}
			streams[good.Run] = append(streams[good.Run], good.Stream)
		}
	}
	for _, run := range runs {
		err := t.Service(k.Workspace, k.Environment, a.Account).Compare(ctx, run, streams[run], func(c control.Compared) error {
			return t.Store.SetSyncCheck(ctx, run, c.Stream, store.SyncCheck{Method: c.Method, About: c.About, Source: c.Source, Target: c.Target, Note: t.Scrub.Clean(c.Note)})
		})
		if err != nil && (ctx.Err() != nil || connector.ClassOf(err) == connector.Denied) {
			return nil, err
		}
		for _, id := range streams[run] { // a side that is away is an answer, too
			if err == nil {
				break
			}
			unknown := store.SyncCheck{Source: -1, Target: -1, Note: t.Scrub.Clean(err.Error())}
			if kept := t.Store.SetSyncCheck(ctx, run, id, unknown); kept != nil {
				return nil, kept
			}
		}
	}
	return t.synced(ctx, k)
}
