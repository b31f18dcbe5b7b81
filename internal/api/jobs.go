package api

import (
	"context"
	"encoding/json"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

// OfJob names a job in a path.
type OfJob struct {
	InWorkspace
	Job string `path:"job" doc:"ID or name of the job." maxLength:"300"`
}

func tag(j store.Job, err error) (*tagged[client.Job], error) {
	if err != nil {
		return nil, err
	}
	return &tagged[client.Job]{etag(j.Version), view.Job(j)}, nil
}

type jobsInput struct {
	InWorkspace
	List
}

func (s *server) listJobs(ctx context.Context, in *jobsInput) (*body[client.Page[client.Job]], error) {
	jobs, err := s.Team.ListJobs(ctx, actorOf(ctx), in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return part(view.List(jobs, view.Job), in.Limit, func(j client.Job) string { return j.Name }), nil
}

type jobInput struct {
	OfJob
	Version int64 `query:"version" doc:"Version; the newest where left out." minimum:"0"`
}

func (s *server) showJob(ctx context.Context, in *jobInput) (*tagged[client.Job], error) {
	j, err := s.Team.Job(ctx, actorOf(ctx), in.Job, in.Version)
	return tag(j.Job, err)
}

func (s *server) jobVersions(ctx context.Context, in *OfJob) (*body[client.Page[client.Job]], error) {
	j, err := s.Team.Job(ctx, actorOf(ctx), in.Job, 0)
	if err != nil {
		return nil, err
	}
	list, err := s.Team.JobVersions(ctx, actorOf(ctx), j.ID)
	return all(list, view.Job, err)
}

type createJobInput struct {
	InWorkspace
	Body client.JobInput
}

func (s *server) createJob(ctx context.Context, in *createJobInput) (*tagged[client.Job], error) {
	j, err := s.Team.PutJob(ctx, actorOf(ctx), team.JobInput{Document: in.Body.Text(), Note: in.Body.Note})
	return tag(j.Job, err)
}

type changeJobInput struct {
	OfJob
	IfMatch
	Body client.JobInput
}

func (s *server) changeJob(ctx context.Context, in *changeJobInput) (*tagged[client.Job], error) {
	if in.version() == 0 {
		return nil, noVersion()
	}
	was, err := s.Team.Job(ctx, actorOf(ctx), in.Job, 0)
	if err != nil {
		return nil, err
	}
	j, err := s.Team.PutJob(ctx, actorOf(ctx), team.JobInput{ID: was.ID, Version: in.version(), Document: in.Body.Text(), Note: in.Body.Note})
	return tag(j.Job, err)
}

type removeJobInput struct {
	OfJob
	IfMatch
}

func (s *server) removeJob(ctx context.Context, in *removeJobInput) (*struct{}, error) {
	return nil, s.Team.RemoveJob(ctx, actorOf(ctx), in.Job, in.version())
}

// OnceOnly is what starts take.
type OnceOnly struct {
	Key string `header:"Idempotency-Key" doc:"Makes starts that are sent twice one." maxLength:"200"`
}

// wish is how a start is asked of the team.
func (k OnceOnly) wish(in client.Start) team.StartInput {
	return team.StartInput{Version: in.Version, Environment: in.Environment, Parameters: in.Parameters, Priority: in.Priority, Key: k.Key, Why: in.Why}
}

func started(v team.Started, err error) (*body[client.Started], error) {
	if err != nil {
		return nil, err
	}
	out := view.Started(v)
	if out.Run != nil {
		run := served(v.Run, *out.Run)
		out.Run = &run
	}
	return &body[client.Started]{out}, nil
}

type startInput struct {
	OfJob
	OnceOnly
	Body *client.Start // may be left out
}

func (s *server) startJob(ctx context.Context, in *startInput) (*body[client.Started], error) {
	var start client.Start
	if in.Body != nil {
		start = *in.Body
	}
	w := in.wish(start)
	w.Job = in.Job
	return started(s.Team.Start(ctx, actorOf(ctx), w))
}

type fullInput struct {
	InWorkspace
	OnceOnly
	Body client.Full
}

func (s *server) startFull(ctx context.Context, in *fullInput) (*body[client.Started], error) {
	b := in.Body
	return started(s.Team.StartWhole(ctx, actorOf(ctx), team.Whole{Source: b.Source, Target: b.Target, Datasets: b.Datasets, Name: b.Name, Start: in.wish(b.Start)}))
}

type batchInput struct {
	InWorkspace
	OnceOnly
	Body client.Batch
}

func (s *server) startBatch(ctx context.Context, in *batchInput) (*body[client.Started], error) {
	return started(s.Team.StartDocument(ctx, actorOf(ctx), in.Body.Text(), in.wish(in.Body.Start)))
}

type planInput struct {
	InWorkspace
	Body client.Batch
}

func (s *server) plan(ctx context.Context, in *planInput) (*body[json.RawMessage], error) {
	return planned(s.Team.Plan(ctx, actorOf(ctx), in.Body.Text(), OnceOnly{}.wish(in.Body.Start)))
}
