package cli

import (
	"cmp"
	"context"
	"iter"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
)

// backend does what commands ask for: local on the control database of this machine, remote at a server. Where client.Client has a method for it, that is
// its form; what a server says is wrong is a *client.Problem, which understood turns into the error that local has.
type backend interface {
	copier
	runner
	looker
	center
	people
}

// copier takes jobs to where their runs rest, and tells the screen how they go.
type copier interface {
	Plan(ctx context.Context, w work) (*engine.Plan, error)
	Copy(ctx context.Context, w work, on *screen) (client.Run, error)
	CopyAll(ctx context.Context, all client.Full, on *screen) (client.Run, error)
	WriteAgain(ctx context.Context, key string, in client.Replay, on *screen) (client.Run, error)
	GoOn(ctx context.Context, key string, moved bool, on *screen) (client.Run, error)
}

// runner looks at runs and steers them.
type runner interface {
	Runs(ctx context.Context, f client.RunFilter) (client.Page[client.Run], error)
	Run(ctx context.Context, key, stream string) (client.Run, error)
	DirtyRows(ctx context.Context, key, stream string, most int) iter.Seq2[client.DirtyRow, error]
	Mend(ctx context.Context, key string, in client.Mend) (client.Mended, error)
	Limits(ctx context.Context, key string) (client.Limits, error)
	SetLimits(ctx context.Context, key string, change client.LimitsChange) (client.Limits, error)
	Pause(ctx context.Context, key, why string) (client.Run, error)
	Stop(ctx context.Context, key, why string) (client.Run, error)
}

// looker looks into connections, stored or, where that goes, inline.
type looker interface {
	Aliases(ctx context.Context) (map[string]job.Connection, error)
	Check(ctx context.Context, e job.Endpoint) (client.Checked, error)
	List(ctx context.Context, e job.Endpoint, pattern string) iter.Seq2[string, error]
	Look(ctx context.Context, e job.Endpoint, dataset string, rows int) (client.Sample, error)
	CleanUp(ctx context.Context, e job.Endpoint, remove bool) (client.Page[client.Leftover], error)
	Connectors(ctx context.Context) (client.Page[client.Connector], error)
	Connector(ctx context.Context, name string) (client.Connector, error)
}

// center keeps connections and jobs, and knows what is in sync.
type center interface {
	Connections(ctx context.Context, env string) (client.Page[client.Connection], error)
	Connection(ctx context.Context, env, alias string) (client.Connection, error)
	PutConnection(ctx context.Context, env, alias string, at int64, in client.ConnectionInput) (client.Connection, error)
	RemoveConnection(ctx context.Context, env, alias string) error
	WhereUsed(ctx context.Context, env, alias string) (client.Use, error)
	TestConnection(ctx context.Context, env, alias string) (client.Checked, error)
	Hold(ctx context.Context, env, alias, why string) (client.Released, error)
	Release(ctx context.Context, env, alias string) (client.Released, error)
	SyncStatus(ctx context.Context, env, alias string) (client.Page[client.Sync], error)
	CheckSync(ctx context.Context, env, alias string) (client.Page[client.Sync], error)

	Jobs(ctx context.Context, p client.Part) (client.Page[client.Job], error)
	Job(ctx context.Context, idOrName string, at int64) (client.Job, error)
	JobVersions(ctx context.Context, id string) (client.Page[client.Job], error)
	CreateJob(ctx context.Context, in client.JobInput) (client.Job, error)
	ChangeJob(ctx context.Context, id string, at int64, in client.JobInput) (client.Job, error)
	RemoveJob(ctx context.Context, id string, at int64) error
	StartJob(ctx context.Context, id, key string, in client.Start) (client.Started, error)
	PlanStored(ctx context.Context, id string, in client.Start) (*engine.Plan, error)
}

// people keeps accounts, their roles and tokens, and the record of what they did.
type people interface {
	Accounts(ctx context.Context) (client.Page[client.Account], error)
	CreateAccount(ctx context.Context, in client.AccountInput) (client.Account, error)
	ChangeAccount(ctx context.Context, name string, change client.AccountChange) error
	SetPassword(ctx context.Context, name, password string) error
	CreateLink(ctx context.Context, name string) (client.Link, error)
	Members(ctx context.Context) (client.Page[client.Member], error)
	SetMember(ctx context.Context, account, role string) error
	Tokens(ctx context.Context) (client.Page[client.Token], error)
	CreateToken(ctx context.Context, in client.TokenInput) (client.Token, error)
	RevokeToken(ctx context.Context, id string) error
	Audit(ctx context.Context, who string, p client.Part) (client.Page[client.Entry], error)
	VerifyAudit(ctx context.Context) (client.Entry, error)
}

// work is a job that is to be copied.
type work struct {
	job        *job.Job // with its parameters bound
	document   []byte   // as it is stored
	parameters map[string]string
}

// made is the work of a job that nobody wrote.
func made(j *job.Job) work { return work{job: j, document: j.Canonical()} }

// begin opens the backend for a short command; done ends it.
func (s *session) begin() (ctx context.Context, b backend, done func(), err error) {
	ctx, cancel := background()
	b, closing, err := s.backend(ctx)
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, b, func() {
		closing()
		cancel()
	}, nil
}

// backend is the server's where one is named, else this machine's.
func (s *session) backend(ctx context.Context) (backend, func(), error) {
	if s.flags.ServerURL != "" {
		b, err := s.remote()
		return b, func() {}, err
	}
	return s.local(ctx)
}

// onlyLocal refuses a command that needs the control database itself.
func (s *session) onlyLocal(why string) error {
	if s.flags.ServerURL == "" {
		return nil
	}
	return usage(connector.Errorf(connector.Config, "TOW-931", "%s does not go through a server: it needs the control database itself", s.command).WithHint("%s", why))
}

// workspace is the one of the flags.
func (s *session) workspace() string { return cmp.Or(s.flags.Workspace, "main") }

// moment is a time of package client; zero for "".
func moment(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text) // the server's or our own
	return t
}
