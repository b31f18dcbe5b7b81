package control

import (
	"context"
	"encoding/json"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// ReplayMode is the mode of runs that write dirty rows of another.
const ReplayMode = "replay"

// Replaying says which dirty rows a replay writes, and by which policies beside those of the run.
type Replaying struct {
	store.Choice
	On record.Policies `json:"on,omitempty"`
}

// Mend gives dirty rows of a run other values, by column as read, nil for NULL, in place of those given before; with none they are as read
// again. It returns how many rows it were. A value that the column does not hold is class Config, TOW-340.
func (s *Service) Mend(ctx context.Context, key string, c store.Choice, values map[string]*string, by store.Entry) (int64, error) {
	if err := s.replayable(ctx, key); err != nil {
		return 0, err
	}
	chosen, err := s.Store.Chosen(ctx, key, c)
	if err != nil {
		return 0, err
	}
	for _, st := range chosen {
		plan, err := s.loadStream(ctx, key, st.ID)
		if err != nil {
			return 0, err
		}
		if err := holds(plan, values); err != nil {
			return 0, err
		}
	}
	n, err := s.Store.MendDirty(ctx, key, c, s.Who, values, by)
	if err == nil && n == 0 {
		err = noneChosen(key)
	}
	return n, err
}

// holds refuses values for columns that a stream does not read, or whose types do not hold them.
func holds(plan *engine.StreamPlan, values map[string]*string) error {
	for name, value := range values {
		at := plan.Schema.Index(name)
		if at < 0 {
			return connector.Errorf(connector.Config, "TOW-340", "%s has no column %q", plan.Source.Dataset, name)
		}
		if value == nil {
			continue
		}
		t := &plan.Schema.Fields[at].Type
		if code := record.AppendParsed(record.NewVector(t.Form()), t, []byte(*value)); code != "" {
			return connector.Errorf(connector.Config, "TOW-340", "column %s of type %s does not hold that value (%s)", name, t, code)
		}
	}
	return nil
}

func noneChosen(key string) error {
	return connector.Errorf(connector.Config, "TOW-341", "run %s has no such dirty rows that wait", key).
		WithHint("Rows that a replay has taken are not to be had. towpath dirty %s lists them.", key)
}

// replayable refuses runs whose dirty rows are those of another.
func (s *Service) replayable(ctx context.Context, key string) error {
	run, err := s.Store.Run(ctx, key)
	if err == nil && run.Replays != "" {
		err = connector.Errorf(connector.Config, "TOW-344", "run %s is a replay: its dirty rows are those of run %s", key, run.Replays).WithHint("Mend and replay them there.")
	}
	return err
}

// NewReplay is the record of a run that writes dirty rows of another, for CreateRun: without key, owner and duty. What cannot be replayed is refused here,
// before there is a run.
func (s *Service) NewReplay(ctx context.Context, key string, r Replaying, why string) (store.NewRun, error) {
	if err := s.replayable(ctx, key); err != nil {
		return store.NewRun{}, err
	}
	for code, policy := range r.On {
		if err := record.ValidPolicy(code, policy); err != nil {
			return store.NewRun{}, connector.Errorf(connector.Config, "TOW-345", "%w", err)
		}
	}
	of, _, err := s.load(ctx, key)
	if err != nil {
		return store.NewRun{}, err
	}
	if _, err := s.chosen(ctx, key, r.Choice); err != nil {
		return store.NewRun{}, err
	}
	choice, err := json.Marshal(r)
	if err != nil {
		return store.NewRun{}, err
	}
	n := store.NewRun{Name: of.Job.Name, Mode: ReplayMode, Job: of.Job.Canonical(), Who: s.Who, Why: why, Limits: LimitsOf(of.Job), Replays: key, Choice: choice}
	if alias := of.Job.Target.Connection; alias != "" {
		n.Aliases, n.Target = []string{alias}, alias
	}
	return n, nil
}

// chosen returns the streams that a choice has rows of; all of them must be published.
func (s *Service) chosen(ctx context.Context, key string, c store.Choice) ([]store.Chosen, error) {
	chosen, err := s.Store.Chosen(ctx, key, c)
	if err != nil {
		return nil, err
	}
	var early []string
	for _, st := range chosen {
		if st.State != store.StreamDone {
			early = append(early, nameOf(&stream{Stream: st.Stream}))
		}
	}
	switch {
	case len(chosen) == 0:
		return nil, noneChosen(key)
	case early != nil:
		return nil, connector.Errorf(connector.Config, "TOW-346", "run %s has not published %s", key, few(early)).
			WithHint("Resume it first: towpath resume %s. What was mended stays so. Or choose other streams.", key)
	}
	return chosen, nil
}

// Replay writes dirty rows of a run, as they were mended, by a run of their own, and steers that until it rests. made is told its key and the head of its
// plan before rows move.
func (s *Service) Replay(ctx context.Context, key string, r Replaying, obs Observer, made func(key string, plan *engine.Plan)) (store.Run, error) {
	n, err := s.NewReplay(ctx, key, r, "")
	if err != nil {
		return store.Run{}, err
	}
	n.Owner, n.TTL = s.Owner, s.Lease
	lease, err := s.createAs(ctx, n)
	if err != nil {
		return store.Run{}, err
	}
	ctx, letGo := s.keep(ctx, lease)
	defer letGo()
	crashpoint.At("", crashpoint.Planned)
	defer crashpoint.At("", crashpoint.Elsewhere)
	e, of, err := s.openReplay(ctx, lease.Run, key)
	if err != nil {
		return s.giveUp(lease, store.Planning, err, obs)
	}
	defer e.close()
	plan, streams, err := s.draftReplay(ctx, lease, store.Run{Key: lease.Run, Choice: n.Choice}, of, e)
	if err == nil {
		err = s.claim(ctx, lease.Run, streams, e.target)
	}
	if err != nil {
		return s.giveUp(lease, store.Planning, err, obs)
	}
	crashpoint.At("", crashpoint.Elsewhere)
	if made != nil {
		made(lease.Run, plan)
	}
	return s.steer(ctx, lease, plan, streams, e, obs)
}

// openPlanned opens the sides of a run by its plan.
func (s *Service) openPlanned(ctx context.Context, plan *engine.Plan) (ends, error) {
	if plan.Replays == "" {
		return s.openAll(ctx, plan.Job)
	}
	e := ends{sources: map[string]engine.End{"": s.dirtySource(plan.Run, plan.Replays)}}
	var err error
	e.target, err = s.open(ctx, "target", plan.Job.Target)
	return e, err
}

// openReplay loads the plan of the run whose dirty rows are written, and opens both sides: the server must be the one that it wrote to.
func (s *Service) openReplay(ctx context.Context, replay, parent string) (e ends, of *engine.Plan, err error) {
	if of, _, err = s.load(ctx, parent); err != nil {
		return e, nil, err
	}
	if e, err = s.openPlanned(ctx, of.Anew(replay, s.dirtySource(replay, parent).Side)); err != nil {
		return e, nil, err
	}
	if err = sameServers(of, ends{target: e.target}, false); err != nil {
		e.close()
	}
	return e, of, err
}

// draftReplay plans a replay, stores the plan and chooses the rows in the same transaction.
func (s *Service) draftReplay(ctx context.Context, lease store.RunLease, run store.Run, of *engine.Plan, e ends) (*engine.Plan, []store.Stream, error) {
	var r Replaying
	if err := json.Unmarshal(run.Choice, &r); err != nil {
		return nil, nil, err
	}
	chosen, err := s.chosen(ctx, of.Run, r.Choice)
	if err != nil {
		return nil, nil, err
	}
	plan := of.Anew(run.Key, s.dirtySource(run.Key, of.Run).Side)
	d := &draft{run: run.Key, target: e.target.Identity, choice: r.Choice}
	leads := map[string]string{}
	for _, c := range chosen {
		was, err := s.loadStream(ctx, of.Run, c.ID)
		if err != nil {
			return nil, nil, err
		}
		st, err := was.Anew(ctx, run.Key, plan.Job, e.target, r.On)
		if err != nil {
			return nil, nil, err
		}
		if leads[c.Lead] == "" { // the first stream of a target may have no such row
			leads[c.Lead] = st.ID
		}
		st.Lead, st.Rows, st.Bytes = leads[c.Lead], c.Rows, c.Bytes
		plan.Add(st, c.Stage)
		sh := connector.Shard{ID: st.ID + "-r", Stream: st.ID, Replay: connector.Exact, Rows: c.Rows, Bytes: c.Bytes}
		if err := d.keep(st, []connector.Shard{sh}); err != nil {
			return nil, nil, err
		}
	}
	if err := s.save(ctx, lease, plan, d); err != nil {
		return nil, nil, err
	}
	streams, err := s.Store.Streams(ctx, run.Key)
	return plan, streams, err
}

// settle has the targets of a replay that is stopped tell, for good, how far its shards are: what is free afterwards may be written by another replay.
//
// Invariant 3: each shard is taken with a new epoch first, so that nobody writes it afterwards.
func (h *helm) settle(ctx context.Context) error {
	if h.plan.Replays == "" || h.steps[store.SettleStep] == store.StepDone {
		return nil
	}
	for _, s := range h.streams {
		for row, err := range h.Store.Shards(ctx, h.lease.Run, s.ID) {
			if err == nil && row.Epoch > 0 && row.State != store.ShardDone {
				err = h.settleShard(ctx, s.target, row)
			}
			if err != nil {
				return err
			}
		}
	}
	if _, err := h.Store.BeginSteps(ctx, h.lease.Run, h.lease.Epoch, store.SettleStep); err != nil {
		return err
	}
	return h.Store.DoneSteps(ctx, h.lease.Run, h.lease.Epoch, store.SettleStep)
}

func (h *helm) settleShard(ctx context.Context, t *target, row store.ShardRow) error {
	if h.ends.target.Client == nil {
		return connector.Errorf(connector.Missing, "TOW-347", "%s does not answer", t.dataset)
	}
	lease, err := h.Store.SeizeShard(ctx, h.lease.Run, h.lease.Epoch, row.Shard.ID, h.Owner.ID)
	if err != nil {
		return err
	}
	lease.TTL = h.Lease
	writer, err := h.hold(ctx, t)
	if err != nil {
		return err
	}
	defer h.letGo(ctx, t)
	sw, at, err := writer.Take(ctx, row.Shard, lease, row.Checkpoint)
	if err != nil {
		return err
	}
	defer sw.Close()
	at.Shard, at.Rev, at.Range = row.Shard.ID, row.Shard.Rev, row.Shard.Range
	if err := h.Store.DropDirty(ctx, h.lease.Run, row.Shard.ID, lease.Epoch, at.Seq); err != nil {
		return err
	}
	return h.Store.SaveCheckpoint(ctx, h.lease.Run, lease.Epoch, at)
}
