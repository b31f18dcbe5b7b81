package team

import (
	"context"
	"encoding/json"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
)

// CheckInline asks the server of a connection that is not stored who it is. Its secrets are given in clear, and forgotten.
//
// Invariant 10: a secret that comes in here goes to its connector and nowhere else.
func (t *Team) CheckInline(ctx context.Context, a Actor, name string, options json.RawMessage) (control.Checked, error) {
	if err := a.May(LookInside); err != nil {
		return control.Checked{}, err
	}
	_, spec, err := t.connectionOf(a, ConnectionInput{Alias: inlineName, Connector: name, Options: options})
	if err != nil {
		return control.Checked{}, err
	}
	_, secrets, err := spec.Divide(options)
	if err != nil {
		return control.Checked{}, err
	}
	for _, value := range secrets {
		t.Scrub.Add(value)
	}
	if err := t.Store.Audit(ctx, a.Entry(LookInside, "", "tested a connection of "+name+" that is not stored")); err != nil {
		return control.Checked{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	s := t.Service(a.Workspace, DefaultEnvironment, a.Account)
	s.Connections = func(context.Context, string) (job.Connection, error) {
		return job.Connection{Connector: name, Options: options}, nil
	}
	s.Secrets = func(_ context.Context, _ string, options json.RawMessage) (json.RawMessage, error) {
		return options, nil
	}
	return s.Check(ctx, job.Endpoint{Connection: inlineName})
}

// inlineName is what errors call a connection that is not stored.
const inlineName = "connection"

// Leftovers lists what ended or unknown runs left behind at a connection, and with remove takes away what belongs to ended runs.
func (t *Team) Leftovers(ctx context.Context, a Actor, environment, alias string, remove bool) (list []connector.Leftover, err error) {
	what := "looked for what runs left"
	if remove {
		if err := a.May(ChangeConnections); err != nil {
			return nil, err
		}
		what = "removed what ended runs left"
	}
	err = t.look(ctx, a, a.key(environment, alias), what, func(ctx context.Context, s *control.Service, e job.Endpoint) (err error) {
		list, err = s.CleanUp(ctx, e, remove)
		return err
	})
	return list, err
}

// RunPlan returns the head of a run's plan. Where there is none yet it is class Missing, TOW-930.
func (t *Team) RunPlan(ctx context.Context, a Actor, key string) (*engine.Plan, error) {
	r, err := t.Run(ctx, a, key)
	if err != nil {
		return nil, err
	}
	_, _, plan, err := t.at(a, r).Status(ctx, key)
	if err == nil && plan == nil {
		err = connector.Errorf(connector.Missing, "TOW-930", "run %s has no plan", key)
	}
	return plan, err
}

// CheckJob reads a job document without connecting, and says which of its connections an environment does not have.
func (t *Team) CheckJob(ctx context.Context, a Actor, document []byte, environment string) (j *job.Job, missing []string, err error) {
	if err := a.May(SeeJobs); err != nil {
		return nil, nil, err
	}
	if j, err = parseJob(document); err != nil {
		return nil, nil, err
	}
	missing, err = t.Missing(ctx, a.Workspace, a.key(environment, "").Environment, aliasesOf(j))
	return j, missing, err
}
