package connectortest

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// newRun returns a run's key as the engine makes them.
func newRun() string { return strings.ToLower(rand.Text()[:6]) }

// job is what the writer tests write: one run into one dataset.
type job struct {
	suite   Suite
	dataset string
	mode    connector.Mode
	run     string
	create  connector.Structure
	joins   bool // another process steers the run
	table   Table
	target  *connector.Target // from the first session's Plan, as stored
}

func (s Suite) job(tb TB, mode connector.Mode, table Table) *job {
	tb.Helper()
	return &job{suite: s, dataset: s.NewName(tb), mode: mode, run: newRun(), table: table}
}

// session is a job in one process: a client, a writer, and what Prepare reported.
type session struct {
	*job
	tb         TB
	client     connector.Client
	writer     connector.Writer
	remembered map[string]connector.Checkpoint
	closed     bool
}

// open opens a writer without preparing it.
func (j *job) open(tb TB) *session {
	tb.Helper()
	x := &session{job: j, tb: tb, client: j.suite.open(tb)}
	sink := connector.Sink{Dataset: j.dataset, Mode: j.mode, Run: j.run, Create: j.create, Options: j.suite.Writing, Joins: j.joins}
	for _, k := range j.table.Schema.Key() {
		sink.Key = append(sink.Key, j.table.Schema.Fields[k].Name)
	}
	w, err := j.suite.Connector.Write(tb.Context(), x.client, sink)
	if err != nil {
		tb.Fatalf("open writer: %v", err)
	}
	x.writer = w
	tb.Cleanup(x.close)
	if j.target == nil {
		planned, err := w.Plan(tb.Context(), j.table.Schema)
		if err != nil {
			tb.Fatalf("plan: %v", err)
		}
		j.target = stored(tb, planned)
	}
	return x
}

// stored is what the plan's storage makes of a target.
func stored(tb TB, planned *connector.Target) *connector.Target {
	tb.Helper()
	b, err := json.Marshal(planned)
	if err != nil {
		tb.Fatalf("store target: %v", err)
	}
	t := new(connector.Target)
	if err := json.Unmarshal(b, t); err != nil {
		tb.Fatalf("load target: %v", err)
	}
	return t
}

// start opens a writer and prepares it.
func (j *job) start(tb TB, fresh bool) *session {
	tb.Helper()
	x := j.open(tb)
	if err := x.prepare(fresh); err != nil {
		tb.Fatalf("prepare: %v", err)
	}
	return x
}

// join opens a writer in a process that does not steer the run.
func (j *job) join(tb TB) *session {
	tb.Helper()
	other := *j
	other.joins = true
	return other.open(tb)
}

func (x *session) prepare(fresh bool) error {
	x.remembered = map[string]connector.Checkpoint{}
	return x.writer.Prepare(x.tb.Context(), x.target, fresh, func(c connector.Checkpoint) error {
		x.remembered[c.Shard] = c
		return nil
	})
}

func (x *session) close() {
	if !x.closed {
		x.closed = true
		_ = x.writer.Close()
		_ = x.client.Close()
	}
}

func (x *session) finish(phases ...connector.Phase) {
	x.tb.Helper()
	for _, phase := range phases {
		if err := x.writer.Finish(x.tb.Context(), phase); err != nil {
			x.tb.Fatalf("finish %s: %v", phase, err)
		}
	}
}

// publishes ends the run and compares what then stands in the dataset.
func (x *session) publishes(want []Row) {
	x.tb.Helper()
	x.finish(connector.Seal, connector.Publish)
	x.holds(want)
}

func (j *job) holdsIn(tb TB, want []Row) {
	tb.Helper()
	if d := Diff(j.suite.ReadBack(tb, j.dataset, j.table.Schema), want); d != "" {
		tb.Errorf("%s holds %s", j.dataset, d)
	}
}

func (x *session) holds(want []Row) {
	x.tb.Helper()
	x.holdsIn(x.tb, want)
}

// owner is a shard under a lease.
type owner struct {
	*session
	sw connector.ShardWriter
	cp connector.Checkpoint // the newest that is durable
	// pending is what the open group adds.
	pending connector.Counts
}

func (x *session) lease(epoch int64) connector.Lease {
	return connector.Lease{Run: x.run, Worker: "connectortest", Epoch: epoch, Stamp: 1_700_000_000_000 + epoch, TTL: time.Minute}
}

func (x *session) tryTake(shard string, epoch int64, last connector.Checkpoint) (*owner, error) {
	last.Shard = shard
	sw, cp, err := x.writer.Take(x.tb.Context(), connector.Shard{ID: shard, Stream: "stream-0", Range: []byte("range of " + shard)}, x.lease(epoch), last)
	if err != nil {
		return nil, err
	}
	o := &owner{session: x, sw: sw, cp: cp}
	x.tb.Cleanup(func() { _ = sw.Close() })
	return o, nil
}

func (x *session) take(shard string, epoch int64, last connector.Checkpoint) *owner {
	x.tb.Helper()
	o, err := x.tryTake(shard, epoch, last)
	if err != nil {
		x.tb.Fatalf("take %s at epoch %d: %v", shard, epoch, err)
	}
	return o
}

// group makes the batches of a group: two of them where there are rows enough.
func (x *session) group(rows []Row) []*record.Batch {
	x.tb.Helper()
	var group []*record.Batch
	for _, part := range [][]Row{rows[:len(rows)/2], rows[len(rows)/2:]} {
		if len(part) == 0 {
			continue
		}
		b := record.NewBatch(x.target.Stored)
		for _, r := range part {
			Append(b, r)
		}
		for _, m := range b.Marks {
			x.tb.Fatalf("stored type %s does not hold %q: %s", b.Schema.Fields[m.Col].Type, m.Raw, m.Code)
		}
		group = append(group, b)
	}
	return group
}

func (o *owner) tryWrite(rows []Row) (connector.Outcome, error) {
	out, err := o.sw.Write(o.tb.Context(), o.group(rows))
	n, bad := int64(len(rows)), int64(len(out.Rejected))
	o.pending.Add(connector.Counts{Read: n, Written: n - bad, Dirty: bad, Superseded: int64(len(out.Superseded))})
	return out, err
}

func (o *owner) tryCommit() error {
	next := o.cp
	next.Seq++
	next.Counts.Add(o.pending)
	next.Sum.Count = next.Written
	next.At = connector.NewPosition("connectortest.rows", connector.Part{Tag: connector.TagInt, Int: next.Read})
	next.Range = []byte("range of " + o.cp.Shard)
	state, err := o.sw.Commit(o.tb.Context(), next)
	if err != nil {
		return err
	}
	o.cp, o.pending = next, connector.Counts{}
	o.cp.State = slices.Clone(state)
	return nil
}

// write sends a group and commits it; the outcome has to be that all rows were written.
func (o *owner) write(rows []Row) {
	o.tb.Helper()
	out, err := o.tryWrite(rows)
	if err != nil {
		o.tb.Fatalf("write: %v", err)
	}
	if len(out.Rejected)+len(out.Superseded) > 0 {
		o.tb.Fatalf("write: %d rows rejected (%v), %d superseded, want none", len(out.Rejected), out.Rejected, len(out.Superseded))
	}
	o.commit()
}

func (o *owner) commit() {
	o.tb.Helper()
	if err := o.tryCommit(); err != nil {
		o.tb.Fatalf("commit: %v", err)
	}
}

// sameCheckpoint compares what a target gave back with what was committed; State is the writer's own.
func sameCheckpoint(got, want connector.Checkpoint) bool {
	got.State, want.State = nil, nil
	return string(connector.AppendCheckpoint(nil, got)) == string(connector.AppendCheckpoint(nil, want))
}
