package api

import (
	"context"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
	"github.com/towpath/towpath/record"
)

// chosen is a choice of dirty rows as the store knows it.
func (s *server) chosen(ctx context.Context, run string, c client.Choice) (store.Choice, error) {
	out := store.Choice{Code: record.Code(c.Code), Column: c.Column, Mended: c.Mended}
	if c.Row != nil {
		out.Row = store.DirtyCursor{Shard: c.Row.Shard, Seq: c.Row.Seq, Ordinal: c.Row.Ordinal}
	}
	var err error
	if c.Stream != "" {
		out.Streams, err = s.streams(ctx, run, c.Stream)
	}
	return out, err
}

type mendInput struct {
	OfRun
	Body client.Mend
}

func (s *server) mend(ctx context.Context, in *mendInput) (*body[client.Mended], error) {
	c, err := s.chosen(ctx, in.Run, in.Body.Choice)
	if err != nil {
		return nil, err
	}
	n, err := s.Team.MendDirty(ctx, actorOf(ctx), in.Run, c, in.Body.Values)
	return &body[client.Mended]{client.Mended{Rows: n}}, err
}

type replayInput struct {
	OfRun
	OnceOnly
	Body client.Replay
}

func (s *server) replay(ctx context.Context, in *replayInput) (*body[client.Run], error) {
	c, err := s.chosen(ctx, in.Run, in.Body.Choice)
	if err != nil {
		return nil, err
	}
	w := team.ReplayInput{Replaying: control.Replaying{Choice: c, On: record.Policies{}}, Priority: in.Body.Priority, Key: in.Key, Why: in.Body.Why}
	for code, policy := range in.Body.On {
		w.On[record.Code(code)] = policy
	}
	r, _, err := s.Team.ReplayDirty(ctx, actorOf(ctx), in.Run, w)
	if err != nil {
		return nil, err
	}
	return &body[client.Run]{served(r, view.Run(r, nil))}, nil
}
