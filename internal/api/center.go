package api

import (
	"context"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
)

type workspaceInput struct {
	Body client.Workspace
}

func (s *server) createWorkspace(ctx context.Context, in *workspaceInput) (*body[client.Workspace], error) {
	return &body[client.Workspace]{in.Body}, s.Team.CreateWorkspace(ctx, actorOf(ctx), in.Body.Name)
}

type grantsInput struct {
	OfConnection
	Datasets []string `query:"dataset" doc:"Names or patterns; may be given several times. Left out: all." maxItems:"1000"`
	Write    bool     `query:"write" doc:"They are written; else they are read."`
	Mode     string   `query:"mode" doc:"How they are written; left out: in any way." enum:"insert,upsert,replace,append"`
	Snapshot bool     `query:"snapshot" doc:"They are read as of one instant."`
}

func (s *server) grants(ctx context.Context, in *grantsInput) (*body[client.Grants], error) {
	script, err := s.Team.Grants(ctx, actorOf(ctx), in.Environment, in.Alias,
		connector.Use{Datasets: in.Datasets, Write: in.Write, Mode: connector.Mode(in.Mode), Snapshot: in.Snapshot})
	return &body[client.Grants]{client.Grants{Script: script}}, err
}
