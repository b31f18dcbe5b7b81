package api

import (
	"context"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

// chosen is a choice of dirty rows as the store knows it.
func (s *server) chosen(ctx context.Context, run string, c client.Choice) (store.Choice, error) {
	var streams []string
	var err error
	if c.Stream != "" {
		streams, err = s.streams(ctx, run, c.Stream)
	}
	return view.Choice(c, streams), err
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
	w := team.ReplayInput{Replaying: view.Replaying(c, in.Body), Priority: in.Body.Priority, Key: in.Key, Why: in.Body.Why}
	r, _, err := s.Team.ReplayDirty(ctx, actorOf(ctx), in.Run, w)
	if err != nil {
		return nil, err
	}
	return &body[client.Run]{served(r, view.Run(r, nil))}, nil
}
