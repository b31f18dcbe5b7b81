package view

import (
	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

// Connection is a stored connection; secrets says which secrets it has.
func Connection(c store.Connection, secrets []store.Sealed) client.Connection {
	out := client.Connection{Workspace: c.Workspace, Environment: c.Environment, Alias: c.Alias, Connector: c.Connector, Options: c.Options, UseRole: c.UseRole,
		Parallel: c.Parallel, Version: c.Version, Created: Time(c.Created), Changed: Time(c.Changed), ChangedBy: c.ChangedBy}
	for _, s := range secrets {
		out.Secrets = append(out.Secrets, client.Secret{Path: s.Path, At: Time(s.At), By: s.By})
	}
	if c.Held.At > 0 {
		out.Held = &client.Hold{At: Time(c.Held.At), By: c.Held.By, Why: c.Held.Why}
	}
	if c.Tested.At > 0 {
		out.Tested = &client.Tested{At: Time(c.Tested.At), Error: c.Tested.Error, Identity: c.Tested.Identity}
	}
	return out
}

// Job is a stored job at one of its versions.
func Job(j store.Job) client.Job {
	return client.Job{ID: j.ID, Workspace: j.Workspace, Name: j.Name, Version: j.Version, Newest: j.Newest, Connections: j.Aliases, Document: string(j.Document),
		Canonical: j.Canonical, Created: Time(j.Created), Changed: Time(j.Changed), ChangedBy: j.ChangedBy, Made: Time(j.Made), MadeBy: j.MadeBy, Note: j.Note}
}

// Started is the answer to a start.
func Started(s team.Started) client.Started {
	out := client.Started{Job: Job(s.Job), Again: s.Again, Missing: s.Missing}
	if s.Run.Key != "" {
		run := Run(s.Run, nil)
		Duty(&run, s.Run)
		out.Run = &run
	}
	return out
}

// Sync is how a pair of datasets stands.
func Sync(s team.Sync) client.Sync {
	return client.Sync{Connection: s.Alias, Source: s.Source, TargetAlias: s.TargetAlias, Target: s.Target, Verdict: string(s.Verdict), Why: s.Why, Run: s.Good.Run,
		At: Time(s.Good.Ended), Checked: Time(s.Check.At), Method: s.Check.Method, About: s.Check.About}
}

// OpenSession is a session of an account.
func OpenSession(s store.Session) client.OpenSession {
	return client.OpenSession{ID: s.ID, Address: s.Address, Agent: s.Agent, Created: Time(s.Created), Used: Time(s.Used), Expires: Time(s.Expires)}
}

// List shows all of a list.
func List[S, T any](of []S, show func(S) T) []T {
	out := make([]T, len(of))
	for i, v := range of {
		out[i] = show(v)
	}
	return out
}
