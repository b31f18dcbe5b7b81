package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

// InWorkspace is the workspace of a path. Whether the actor may be there has been asked when a handler runs.
type InWorkspace struct {
	Workspace string `path:"workspace" doc:"Name of the workspace." maxLength:"100"`
}

// OfRun names a run in a path.
type OfRun struct {
	InWorkspace
	Run string `path:"run" doc:"Key of the run." maxLength:"100"`
}

// body is an answer or a request with a body alone.
type body[T any] struct {
	Body T
}

// part is the answer of a part of a list.
func part[T any](items []T, limit int, next func(T) string) *body[client.Page[T]] {
	return &body[client.Page[T]]{view.Page(items, limit, next)}
}

// served is a run with where it belongs and where more is told.
func served(r store.Run, out client.Run) client.Run {
	view.Duty(&out, r)
	c := client.Client{Workspace: r.Workspace}
	out.Links = &client.Links{Self: "/api/v1/" + c.RunTopic(r.Key), Dirty: "/api/v1/" + c.RunTopic(r.Key) + "/dirty", Topic: c.RunTopic(r.Key)}
	return out
}

func (s *server) live(ctx context.Context, _ *InWorkspace) (*body[client.Page[client.Run]], error) {
	runs, err := s.Team.LiveRuns(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	list := make([]client.Run, len(runs))
	for i, r := range runs {
		list[i] = served(r.Run, view.Status(r.Run, r.Progress, nil, nil))
	}
	return part(list, len(list), nil), nil
}

type runsInput struct {
	InWorkspace
	List
	State      []string `query:"state" doc:"Only runs that stand so; may be given several times." enum:"planning,running,pausing,paused,stopping,stopped,verifying,finishing,succeeded,failed"`
	Job        string   `query:"job" doc:"Only runs of the job with this ID."`
	Connection string   `query:"connection" doc:"Only runs that use this connection."`
}

func (s *server) listRuns(ctx context.Context, in *runsInput) (*body[client.Page[client.Run]], error) {
	f := store.Filter{Limit: in.Limit + 1, Before: in.After, Job: in.Job, Alias: in.Connection}
	for _, state := range in.State {
		f.States = append(f.States, store.State(state))
	}
	runs, err := s.Team.ListRuns(ctx, actorOf(ctx), f)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(runs))
	for i, r := range runs {
		keys[i] = r.Key
	}
	states, err := s.Team.Store.StreamStates(ctx, keys...)
	if err != nil {
		return nil, err
	}
	totals, err := s.Team.Store.Totals(ctx, keys...)
	if err != nil {
		return nil, err
	}
	list := view.Runs(runs, states, totals)
	for i, r := range runs {
		list[i] = served(r, list[i])
	}
	return part(list, in.Limit, func(r client.Run) string { return r.Run }), nil
}

type runInput struct {
	OfRun
	Stream string `query:"stream" doc:"Only streams of this source, alias:source, or target."`
}

func (s *server) showRun(ctx context.Context, in *runInput) (*body[client.Run], error) {
	a := actorOf(ctx)
	run, progress, err := s.Team.Status(ctx, a, in.Run)
	if err != nil {
		return nil, err
	}
	streams := progress.Streams
	if in.Stream != "" {
		ids, err := s.streams(ctx, in.Run, in.Stream)
		if err != nil {
			return nil, err
		}
		streams = slices.DeleteFunc(streams, func(p control.StreamProgress) bool { return !slices.Contains(ids, p.ID) })
	}
	history, err := s.Team.Events(ctx, a, in.Run, 0, mostHistory)
	if err != nil {
		return nil, err
	}
	return &body[client.Run]{served(run, view.Status(run, progress, streams, history))}, nil
}

// mostHistory is how many changes are shown with a run; its events have pages.
const mostHistory = 1000

// streams are the IDs of the streams of a run that people call so.
func (s *server) streams(ctx context.Context, run, name string) ([]string, error) {
	found, err := s.Team.FindStreams(ctx, actorOf(ctx), run, name)
	ids := make([]string, len(found))
	for i, st := range found {
		ids[i] = st.ID
	}
	return ids, err
}

type eventsInput struct {
	OfRun
	List
}

func (s *server) runEvents(ctx context.Context, in *eventsInput) (*body[client.Page[client.Event]], error) {
	after, err := number(in.After)
	if err != nil {
		return nil, err
	}
	events, err := s.Team.Events(ctx, actorOf(ctx), in.Run, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	list := make([]client.Event, len(events))
	for i, e := range events {
		list[i] = view.Event(e)
	}
	return part(list, in.Limit, func(e client.Event) string { return text(e.Number) }), nil
}

// number is where a list that is ordered by numbers goes on; text says so.
func number(after string) (int64, error) {
	if after == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(after, 10, 64)
	if err != nil {
		return 0, noPart()
	}
	return n, nil
}

func text(n int64) string { return strconv.FormatInt(n, 10) }

func noPart() error {
	return connector.Errorf(connector.Config, "TOW-904", "after names no part of this list").At("after").WithHint("Give what next of the part before said.")
}

type dirtyInput struct {
	OfRun
	List
	Stream string `query:"stream" doc:"Only those of streams of this source, alias:source, or target."`
}

func (s *server) dirtyRows(ctx context.Context, in *dirtyInput) (*body[client.Page[client.DirtyRow]], error) {
	var after store.DirtyCursor
	var err error
	if in.After != "" {
		text, bad := base64.RawURLEncoding.DecodeString(in.After)
		if bad != nil || json.Unmarshal(text, &after) != nil {
			return nil, noPart()
		}
	}
	only := []string{""}
	if in.Stream != "" {
		if only, err = s.streams(ctx, in.Run, in.Stream); err != nil {
			return nil, err
		}
	}
	rows, err := s.dirtyOf(ctx, in.Run, only, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	_, progress, err := s.Team.Status(ctx, actorOf(ctx), in.Run)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(progress.Streams))
	for _, p := range progress.Streams {
		names[p.ID] = view.StreamName(view.Stream(p))
	}
	list := make([]client.DirtyRow, len(rows))
	for i, d := range rows {
		list[i] = view.DirtyRow(names, d)
	}
	return part(list, in.Limit, func(d client.DirtyRow) string {
		text, _ := json.Marshal(store.DirtyCursor{Shard: d.Shard, Seq: d.Seq, Ordinal: d.Ordinal})
		return base64.RawURLEncoding.EncodeToString(text)
	}), nil
}

// dirtyOf reads dirty rows of streams, "" for all, one stream behind the other.
func (s *server) dirtyOf(ctx context.Context, run string, streams []string, after store.DirtyCursor, most int) (rows []store.DirtyAt, err error) {
	last := view.StreamOf(after.Shard)
	for _, id := range streams[max(0, slices.Index(streams, last)):] {
		for row, err := range s.Team.Dirty(ctx, actorOf(ctx), run, id, after, most-len(rows)) {
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		if len(rows) == most {
			break
		}
		after = store.DirtyCursor{}
	}
	return rows, nil
}

func (s *server) limits(ctx context.Context, in *OfRun) (*body[client.Limits], error) {
	l, err := s.Team.Limits(ctx, actorOf(ctx), in.Run)
	return &body[client.Limits]{view.Limits(l)}, err
}

type limitsInput struct {
	OfRun
	Body client.LimitsChange
}

func (s *server) setLimits(ctx context.Context, in *limitsInput) (*body[client.Limits], error) {
	l, err := s.Team.SetLimits(ctx, actorOf(ctx), in.Run, in.Body.Rows, in.Body.Bytes, in.Body.Parallel)
	return &body[client.Limits]{view.Limits(l)}, err
}

type steerInput struct {
	OfRun
	Body *client.Reason // may be left out
}

func (in *steerInput) why() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Why
}

func (s *server) pause(ctx context.Context, in *steerInput) (*body[client.Run], error) {
	return steered(s.Team.Pause(ctx, actorOf(ctx), in.Run, in.why()))
}

func (s *server) resume(ctx context.Context, in *steerInput) (*body[client.Run], error) {
	return steered(s.Team.Resume(ctx, actorOf(ctx), in.Run, in.why()))
}

func (s *server) stop(ctx context.Context, in *steerInput) (*body[client.Run], error) {
	return steered(s.Team.Stop(ctx, actorOf(ctx), in.Run, in.why()))
}

func steered(r store.Run, err error) (*body[client.Run], error) {
	if err != nil {
		return nil, err
	}
	return &body[client.Run]{served(r, view.Run(r, nil))}, nil
}
