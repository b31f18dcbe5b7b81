package api

import (
	"context"
	"encoding/json"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/view"
)

// lookRoutes are those by which people look around before they copy.
func lookRoutes() []route {
	const leftovers = root + "/connections/{alias}/leftovers"
	return []route{
		{method: get, path: "/api/v1/connectors", action: team.OwnAccount, summary: "The systems that can be copied", call: answer((*server).listConnectors)},
		{method: get, path: "/api/v1/connectors/{connector}", action: team.OwnAccount, summary: "A connector with its guide and its options", call: answer((*server).showConnector)},
		{method: post, path: root + "/connections/check", action: team.LookInside, summary: "Try a connection that is not stored", call: answer((*server).checkInline)},
		{method: get, path: leftovers, action: team.LookInside, summary: "What runs left at a connection", call: answer((*server).leftovers)},
		{method: remove, path: leftovers, action: team.ChangeConnections, summary: "Remove what ended runs left at a connection", call: answer((*server).removeLeftovers)},
		{method: get, path: root + "/runs/{run}/plan", action: team.SeeRuns, summary: "The head of a run's plan", call: answer((*server).runPlan)},
		{method: post, path: root + "/jobs/{job}/plan", action: team.StartRuns, summary: "Plan a stored job; nothing is changed", call: answer((*server).planJob)},
		{method: post, path: root + "/jobs/check", action: team.SeeJobs, summary: "Check a job document without connecting", call: answer((*server).checkJob)},
	}
}

func (s *server) listConnectors(context.Context, *struct{}) (*body[client.Page[client.Connector]], error) {
	return all(s.Team.Connectors.All(), view.Connector, nil)
}

type connectorInput struct {
	Connector string `path:"connector" doc:"Name of the connector." maxLength:"100"`
}

func (s *server) showConnector(_ context.Context, in *connectorInput) (*body[client.Connector], error) {
	c, err := s.Team.Connectors.Get(in.Connector)
	if err != nil {
		return nil, err
	}
	return &body[client.Connector]{view.ConnectorGuide(c)}, nil
}

type inlineInput struct {
	InWorkspace
	Body client.Inline
}

func (s *server) checkInline(ctx context.Context, in *inlineInput) (*body[client.Checked], error) {
	c, err := s.Team.CheckInline(ctx, actorOf(ctx), in.Body.Connector, in.Body.Options)
	return &body[client.Checked]{view.Checked(c)}, err
}

func (s *server) leftovers(ctx context.Context, in *OfConnection) (*body[client.Page[client.Leftover]], error) {
	list, err := s.Team.Leftovers(ctx, actorOf(ctx), in.Environment, in.Alias, false)
	return all(list, view.Leftover, err)
}

func (s *server) removeLeftovers(ctx context.Context, in *OfConnection) (*body[client.Page[client.Leftover]], error) {
	list, err := s.Team.Leftovers(ctx, actorOf(ctx), in.Environment, in.Alias, true)
	return all(list, view.Leftover, err)
}

func (s *server) runPlan(ctx context.Context, in *OfRun) (*body[json.RawMessage], error) {
	return planned(s.Team.RunPlan(ctx, actorOf(ctx), in.Run))
}

type planJobInput struct {
	OfJob
	Body client.Start `required:"false"`
}

func (s *server) planJob(ctx context.Context, in *planJobInput) (*body[json.RawMessage], error) {
	w := OnceOnly{}.wish(in.Body)
	w.Job = in.Job
	return planned(s.Team.Plan(ctx, actorOf(ctx), nil, w))
}

func (s *server) checkJob(ctx context.Context, in *planInput) (*body[client.JobCheck], error) {
	j, missing, err := s.Team.CheckJob(ctx, actorOf(ctx), in.Body.Text(), in.Body.Environment)
	if err != nil {
		return nil, err
	}
	return &body[client.JobCheck]{client.JobCheck{Name: j.Name, Mode: string(j.Mode), Streams: len(j.Streams), Missing: missing}}, nil
}

// planned is the answer to who asks for a plan; one that refuses says why, and how far it was made.
func planned[P any](plan *P, err error) (*body[json.RawMessage], error) {
	if err != nil {
		return nil, view.Refusal(plan, err)
	}
	text, err := json.Marshal(plan)
	return &body[json.RawMessage]{text}, err
}
