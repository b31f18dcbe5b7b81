package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

func keptConnection(c team.KeptConnection) client.Connection {
	return view.Connection(c.Connection, c.Secrets)
}

func keptJob(j team.KeptJob) client.Job { return view.Job(j.Job) }

// Connections lists the stored connections of an environment.
func (l *local) Connections(ctx context.Context, env string) (client.Page[client.Connection], error) {
	list, err := l.team.ListConnections(ctx, l.owner, env)
	return all(list, func(c store.Connection) client.Connection { return view.Connection(c, nil) }, err)
}

// Connection returns a stored connection.
func (l *local) Connection(ctx context.Context, env, alias string) (client.Connection, error) {
	c, err := l.team.Connection(ctx, l.owner, env, alias)
	return one(c, err, keptConnection)
}

// PutConnection makes a connection, at version 0, or replaces the one that has this version.
func (l *local) PutConnection(ctx context.Context, env, alias string, at int64, in client.ConnectionInput) (client.Connection, error) {
	c, err := l.team.PutConnection(ctx, l.owner, team.ConnectionInput{Environment: env, Alias: alias, Connector: in.Connector, Options: in.Options,
		UseRole: in.UseRole, Parallel: in.Parallel, Version: at})
	return one(c, err, keptConnection)
}

// RemoveConnection removes a connection that nothing uses.
func (l *local) RemoveConnection(ctx context.Context, env, alias string) error {
	return l.team.RemoveConnection(ctx, l.owner, env, alias)
}

// WhereUsed returns what uses a connection.
func (l *local) WhereUsed(ctx context.Context, env, alias string) (client.Use, error) {
	use, err := l.team.WhereUsed(ctx, l.owner, env, alias)
	return one(use, err, view.Use)
}

// TestConnection asks the server of a stored connection who it is, and keeps the answer.
func (l *local) TestConnection(ctx context.Context, env, alias string) (client.Checked, error) {
	checked, err := l.team.TestConnection(ctx, l.owner, env, alias)
	return view.Checked(checked), err
}

// Hold keeps runs off a connection.
func (l *local) Hold(ctx context.Context, env, alias, why string) (client.Released, error) {
	runs, err := l.team.Hold(ctx, l.owner, env, alias, why)
	return one(runs, err, view.Released)
}

// Release ends a hold.
func (l *local) Release(ctx context.Context, env, alias string) (client.Released, error) {
	runs, err := l.team.Release(ctx, l.owner, env, alias)
	return one(runs, err, view.Released)
}

// SyncStatus returns how datasets stand.
func (l *local) SyncStatus(ctx context.Context, env, alias string) (client.Page[client.Sync], error) {
	list, err := l.team.SyncStatus(ctx, l.owner, env, alias)
	return all(list, view.Sync, err)
}

// CheckSync looks at both sides of what a connection's datasets were copied by.
func (l *local) CheckSync(ctx context.Context, env, alias string) (client.Page[client.Sync], error) {
	list, err := l.team.CheckSync(ctx, l.owner, env, alias)
	return all(list, view.Sync, err)
}

// Jobs lists stored jobs by name.
func (l *local) Jobs(ctx context.Context, p client.Part) (page client.Page[client.Job], err error) {
	list, err := l.team.ListJobs(ctx, l.owner, p.After, p.Limit+1)
	if err != nil {
		return page, err
	}
	return view.Page(view.List(list, view.Job), p.Limit, func(j client.Job) string { return j.Name }), nil
}

// Job returns a stored job, at a version, 0 for the newest.
func (l *local) Job(ctx context.Context, idOrName string, at int64) (client.Job, error) {
	j, err := l.team.Job(ctx, l.owner, idOrName, at)
	return one(j, err, keptJob)
}

// JobVersions lists the versions of a job, newest first.
func (l *local) JobVersions(ctx context.Context, id string) (page client.Page[client.Job], err error) {
	j, err := l.team.Job(ctx, l.owner, id, 0)
	if err != nil {
		return page, err
	}
	list, err := l.team.JobVersions(ctx, l.owner, j.ID)
	return all(list, view.Job, err)
}

// CreateJob stores a job.
func (l *local) CreateJob(ctx context.Context, in client.JobInput) (client.Job, error) {
	return l.putJob(ctx, team.JobInput{}, in)
}

// ChangeJob adds a version to the job whose newest is this.
func (l *local) ChangeJob(ctx context.Context, id string, at int64, in client.JobInput) (client.Job, error) {
	return l.putJob(ctx, team.JobInput{ID: id, Version: at}, in)
}

func (l *local) putJob(ctx context.Context, to team.JobInput, in client.JobInput) (client.Job, error) {
	to.Document, to.Note = in.Text(), in.Note
	j, err := l.team.PutJob(ctx, l.owner, to)
	return one(j, err, keptJob)
}

// RemoveJob removes a job, at the version that was seen, 0 for any.
func (l *local) RemoveJob(ctx context.Context, id string, at int64) error {
	return l.team.RemoveJob(ctx, l.owner, id, at)
}

// StartJob queues a run of a stored job, for a server to take up.
func (l *local) StartJob(ctx context.Context, id, key string, in client.Start) (client.Started, error) {
	started, err := l.team.Start(ctx, l.owner, startOf(id, key, in))
	return one(started, err, view.Started)
}

// PlanStored makes the plan of a stored job.
func (l *local) PlanStored(ctx context.Context, id string, in client.Start) (*engine.Plan, error) {
	return l.team.Plan(ctx, l.owner, nil, startOf(id, "", in))
}

func startOf(id, key string, in client.Start) team.StartInput {
	return team.StartInput{Job: id, Version: in.Version, Environment: in.Environment, Parameters: in.Parameters, Priority: in.Priority, Key: key, Why: in.Why}
}

// Accounts lists all accounts.
func (l *local) Accounts(ctx context.Context) (client.Page[client.Account], error) {
	list, err := l.team.Accounts(ctx, l.owner)
	return all(list, view.Account, err)
}

// CreateAccount makes an account without a password.
func (l *local) CreateAccount(ctx context.Context, in client.AccountInput) (client.Account, error) {
	a, err := l.team.CreateAccount(ctx, l.owner, in.Name, in.Admin)
	return one(a, err, view.Account)
}

// ChangeAccount changes an account.
func (l *local) ChangeAccount(ctx context.Context, name string, change client.AccountChange) (err error) {
	if change.Admin != nil {
		err = l.team.SetAdmin(ctx, l.owner, name, *change.Admin)
	}
	if err != nil || change.Disabled == nil {
		return err
	}
	if *change.Disabled {
		return l.team.DisableAccount(ctx, l.owner, name)
	}
	return l.team.EnableAccount(ctx, l.owner, name)
}

// SetPassword sets a password.
func (l *local) SetPassword(ctx context.Context, name, password string) error {
	return l.team.SetPassword(ctx, l.owner, name, "", password, team.Peer{})
}

// CreateLink makes a link that lets an account in once.
func (l *local) CreateLink(ctx context.Context, name string) (client.Link, error) {
	link, expires, err := l.team.CreateLink(ctx, l.owner, name)
	return client.Link{Account: name, Link: link, Expires: view.Time(expires)}, err
}

// Members lists who has a part in the workspace.
func (l *local) Members(ctx context.Context) (client.Page[client.Member], error) {
	list, err := l.team.Members(ctx, l.owner)
	return all(list, view.Member, err)
}

// SetMember gives an account a role in the workspace; none takes it out.
func (l *local) SetMember(ctx context.Context, account, name string) (err error) {
	role := team.Nobody
	if name != role.String() {
		if role, err = team.ParseRole(name); err != nil {
			return err
		}
	}
	return l.team.SetMember(ctx, l.owner, account, role)
}

// Tokens lists the tokens of the workspace.
func (l *local) Tokens(ctx context.Context) (client.Page[client.Token], error) {
	list, err := l.team.Tokens(ctx, l.owner)
	return all(list, view.Token, err)
}

// CreateToken makes a token.
func (l *local) CreateToken(ctx context.Context, in client.TokenInput) (out client.Token, err error) {
	role, err := team.ParseRole(in.Role)
	if err != nil {
		return out, err
	}
	lasts := time.Duration(min(in.Days, 10_000)) * 24 * time.Hour // so many days that they overflow are refused as what they are not
	text, k, err := l.team.CreateToken(ctx, l.owner, team.TokenWish{Name: in.Name, Account: in.Account, Role: role, Lasts: lasts})
	if err != nil {
		return out, err
	}
	out = view.Token(k)
	out.Token = text
	return out, nil
}

// RevokeToken ends a token.
func (l *local) RevokeToken(ctx context.Context, id string) error {
	return l.team.RevokeToken(ctx, l.owner, id)
}

// Audit lists the record, newest first; without --workspace, all of it.
func (l *local) Audit(ctx context.Context, who string, p client.Part) (page client.Page[client.Entry], err error) {
	before := int64(0)
	if p.After != "" {
		if before, err = strconv.ParseInt(p.After, 10, 64); err != nil {
			return page, connector.Errorf(connector.Config, "TOW-932", "%q is no number of an entry", p.After)
		}
	}
	list, err := l.team.Record(ctx, l.owner, store.AuditFilter{Workspace: l.s.flags.Workspace, Who: who, Before: before, Limit: p.Limit + 1})
	if err != nil {
		return page, err
	}
	return view.Page(view.List(list, view.Entry), p.Limit, func(e client.Entry) string { return strconv.FormatInt(e.Number, 10) }), nil
}

// VerifyAudit checks the record, and returns its newest entry.
func (l *local) VerifyAudit(ctx context.Context) (client.Entry, error) {
	newest, err := l.team.VerifyRecord(ctx, l.owner)
	return one(newest, err, view.Entry)
}
