// Package storetest is the conformance suite of the control database: every database behind package store passes it.
package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// Make makes a new, empty database that goes with the test, and returns what opens a store in it, each time another one.
type Make func(t *testing.T) (open func(t *testing.T) *store.Store)

// Run runs the suite, in parallel subtests.
func Run(t *testing.T, make Make) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *fixture){
		"run made, found and listed":                    testRuns,
		"unknown run hints at keys alike":               testUnknownRun,
		"transition compares and numbers":               testTransition,
		"transitions at once leave no gap":              testTransitionsAtOnce,
		"forget":                                        testForget,
		"run lease held, expired, renewed":              testRunLease,
		"take-over frees shards":                        testTakeOver,
		"target has one writer":                         testClaims,
		"plan and shards come back":                     testPlan,
		"plan is fixed once run":                        testPlanFixed,
		"wishes and limits":                             testWishes,
		"steps":                                         testSteps,
		"lease largest first, fairly":                   testFairness,
		"lease holds the caps":                          testCaps,
		"several are leased at once":                    testSeveral,
		"lease only what runs":                          testLeaseable,
		"lease within the bounds of connections":        testBounds,
		"queue of runs":                                 testQueue,
		"queued run is taken":                           testTakeQueued,
		"hold of runs that wait":                        testHoldQueued,
		"stages in order":                               testStages,
		"streams wait for those of lower stages":        testStreamStages,
		"states of streams":                             testStreamStates,
		"snapshot of a run":                             testConsistency,
		"changes at once are each whole":                testTogether,
		"lease expires by the database's clock":         testExpiry,
		"expired lease is renewed until taken":          testRenew,
		"failure rests":                                 testFailure,
		"runs for workers":                              testWorkable,
		"verdicts of workers":                           testVerdicts,
		"former owner is fenced":                        testFenced,
		"checkpoint comes back":                         testCheckpoint,
		"stamps rise per target":                        testStamps,
		"commit with dirty rows is one":                 testCommit,
		"dirty rows replaced, dropped, listed":          testDirty,
		"dirty rows mended":                             testMend,
		"dirty rows replayed":                           testReplay,
		"replay stopped":                                testReplayStopped,
		"remembered checkpoints replace":                testRemember,
		"restored control database is noticed":          testRestored,
		"reset shards begin again":                      testReset,
		"divide is one change":                          testDivide,
		"sums of progress are those of the shards":      testProgress,
		"two stores lease 400 shards once":              testTwoStores,
		"the largest plan":                              testMany,
		"backup comes back":                             testBackup,
		"record numbers, chains and filters":            testRecord,
		"record of two processes is one chain":          testRecordAtOnce,
		"record that was tampered with is noticed":      testTampered,
		"workspaces":                                    testWorkspaces,
		"accounts":                                      testAccounts,
		"the last administrator stays":                  testLastAdmin,
		"members":                                       testMembers,
		"tokens":                                        testTokens,
		"sessions":                                      testSessions,
		"sessions end by themselves":                    testSessionsEnd,
		"links":                                         testLinks,
		"sessions and links are in no backup":           testTicketsAreNotSaved,
		"cancelled call changes nothing and store goes": testCancel,
		"connections with sealed secrets":               testConnections,
		"jobs in versions":                              testJobs,
		"hold and release":                              testHold,
		"a start asked for twice":                       testStartedOnce,
		"dirty rows are forgotten":                      testForgetDirty,
		"what is in sync":                               testSynced,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := make(t)
			test(t, &fixture{Store: open(t), ctx: t.Context(), again: open, fresh: func(t *testing.T) *store.Store { return make(t)(t) }})
		})
	}
}

// fixture is a store with the calls that tests make often.
type fixture struct {
	*store.Store
	ctx   context.Context
	again func(t *testing.T) *store.Store // opens another store in the same database
	fresh func(t *testing.T) *store.Store // opens a store in another, empty one
}

const ttl = time.Minute

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantClass checks class and code of an error.
func wantClass(t *testing.T, err error, class connector.Class, code string) {
	t.Helper()
	e, ok := asError(err)
	if !ok || e.Class != class || e.Code != code {
		t.Errorf("got error %v (class %s), want class %s, code %s", err, connector.ClassOf(err), class, code)
	}
}

func owner(id string) store.Owner {
	return store.Owner{ID: id, Host: "host-" + id, PID: 17, Started: 99, Boot: "boot"}
}

// newRun makes a run that owner holds.
func (f *fixture) newRun(t *testing.T, key, id string) store.RunLease {
	t.Helper()
	l, err := f.CreateRun(f.ctx, store.NewRun{Key: key, Name: "job of " + key, Mode: "full", Job: []byte("name: " + key), Who: "ann", Owner: owner(id), TTL: ttl})
	must(t, err)
	return l
}

// running makes a run with streams and shards that is running.
func (f *fixture) running(t *testing.T, key string, streams []store.Stream, shards ...connector.Shard) store.RunLease {
	t.Helper()
	l := f.newRun(t, key, "owner-"+key)
	must(t, f.SavePlan(f.ctx, key, l.Epoch, store.Plan{Format: 1, Bytes: []byte("plan"), Hash: []byte("hash")}, streams, slices.Values(shards)))
	f.move(t, key, store.Planning, store.Running)
	for _, st := range streams {
		f.ready(t, l, st.ID)
	}
	return l
}

// ready makes the shards of a stream leasable, whose target remembers nothing.
func (f *fixture) ready(t *testing.T, l store.RunLease, stream string) {
	t.Helper()
	_, err := f.ReadyStream(f.ctx, l.Run, l.Epoch, stream, store.Remembered{})
	must(t, err)
}

// remember takes over what the target of stream s remembers.
func (f *fixture) remember(run string, epoch int64, cps ...connector.Checkpoint) error {
	_, err := f.ReadyStream(f.ctx, run, epoch, "s", store.Remembered{Checkpoints: cps})
	return err
}

func (f *fixture) move(t *testing.T, key string, from, to store.State) store.Event {
	t.Helper()
	e, err := f.Transition(f.ctx, key, from, to, store.Change{Who: "ann", Why: "test"})
	must(t, err)
	return e
}

func stream(id string) store.Stream {
	return store.Stream{ID: id, Source: "src." + id, Identity: "server-1", Dataset: "dst." + id, Guarantee: "exactly-once"}
}

func shard(id, stream string, rows int64) connector.Shard {
	return connector.Shard{ID: id, Stream: stream, Range: []byte("range of " + id), Rows: rows, Bytes: rows * 10}
}

// shardsOf makes n shards of a stream with 1, 2, ... n rows.
func shardsOf(stream string, n int) []connector.Shard {
	all := make([]connector.Shard, n)
	for i := range all {
		all[i] = shard(fmt.Sprintf("%s-%06d", stream, i+1), stream, int64(i+1))
	}
	return all
}

// LeaseShard leases one shard; of a damaged one, the answer names it.
func LeaseShard(ctx context.Context, s *store.Store, q store.LeaseRequest) (l store.Leased, ok bool, err error) {
	leased, err := s.LeaseShards(ctx, q, 1)
	if len(leased) == 0 {
		return l, false, err
	}
	return leased[0], err == nil, err
}

// take leases a shard and fails when there is none.
func (f *fixture) take(t *testing.T, worker string) store.Leased {
	t.Helper()
	l, ok, err := LeaseShard(f.ctx, f.Store, store.LeaseRequest{Worker: worker, TTL: ttl})
	must(t, err)
	if !ok {
		t.Fatal("no shard to lease")
	}
	return l
}

// none fails when there is a shard to lease.
func (f *fixture) none(t *testing.T, why string) {
	t.Helper()
	l, ok, err := LeaseShard(f.ctx, f.Store, store.LeaseRequest{Worker: "w", TTL: ttl})
	must(t, err)
	if ok {
		t.Fatalf("leased shard %s of run %s although %s", l.Shard.ID, l.Run, why)
	}
}

// past waits until the database's clock is behind a time.
func (f *fixture) past(t *testing.T, until int64) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := f.Now(f.ctx)
		must(t, err)
		if now > until {
			return
		}
		<-tick.C
	}
}

// checkpoint makes one with balanced counts.
func checkpoint(shard string, seq, read int64) connector.Checkpoint {
	c := connector.Checkpoint{Shard: shard, Seq: seq, At: connector.NewPosition("test", connector.Part{Tag: connector.TagInt, Int: read}),
		Range: []byte("range of " + shard), State: []byte("state")}
	c.Read, c.Written, c.Dirty, c.Counts.Bytes = read, read-read/10, read/10, read*7
	c.Sum.Count, c.Sum.Lo = c.Written, uint64(read)
	return c
}

func epochOf(l store.Leased) store.ShardEpoch {
	return store.ShardEpoch{Run: l.Run, Shard: l.Shard.ID, Epoch: l.Lease.Epoch}
}
