package team

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// StartInput says what is to run.
type StartInput struct {
	Job         string // ID or name
	Version     int64  // 0: the newest
	Environment string // "": DefaultEnvironment
	Parameters  map[string]string
	Priority    int    // from -100 to 100; the higher, the sooner
	Key         string // makes a request that is sent twice one start; "": each is its own
	Why         string
}

// Started is the answer to a start.
type Started struct {
	Job     store.Job
	Run     store.Run // its Key is "" where nothing was started: the job is incomplete
	Again   bool      // the start was asked for before: this is its run
	Missing []string  // aliases that the job names and the environment does not have
}

// Start queues a run of a stored job and answers at once: the pool plans and copies. A job that is incomplete is class Config, TOW-186.
func (t *Team) Start(ctx context.Context, a Actor, in StartInput) (Started, error) {
	if err := a.May(StartRuns); err != nil {
		return Started{}, err
	}
	j, err := t.job(ctx, a.Workspace, in.Job, in.Version)
	if err != nil {
		return Started{}, err
	}
	started, err := t.start(ctx, a, j, in)
	if err == nil && started.Run.Key == "" {
		err = incomplete(j.Name, cmp.Or(in.Environment, DefaultEnvironment), started.Missing)
	}
	return started, err
}

// most is the largest and the smallest priority.
const most = 100

func (t *Team) start(ctx context.Context, a Actor, j KeptJob, in StartInput) (Started, error) {
	started := Started{Job: j.Job}
	environment := cmp.Or(in.Environment, DefaultEnvironment)
	if err := checkPriority(in.Priority); err != nil {
		return started, err
	}
	bound, err := j.Parsed.Bind(in.Parameters)
	if err != nil {
		return started, err
	}
	if started.Missing, err = t.Missing(ctx, a.Workspace, environment, j.Aliases); err != nil || len(started.Missing) > 0 {
		return started, err
	}
	if err := t.mayUse(ctx, a, environment, j.Aliases); err != nil {
		return started, err
	}
	n := store.NewRun{Name: bound.Name, Mode: string(bound.Mode), Job: bound.Canonical(), Who: a.Account, Why: t.Scrub.Clean(in.Why),
		Consistency: string(bound.Settings.Consistency), Limits: control.LimitsOf(bound), StartKey: in.Key, Aliases: j.Aliases, Source: bound.Source.Connection, Target: bound.Target.Connection,
		Duty: store.Duty{Workspace: a.Workspace, Environment: environment, JobID: j.ID, JobVersion: j.Version, Priority: in.Priority, Served: true, Queued: 1}}
	started.Run, started.Again, err = t.create(ctx, n)
	if err == nil && started.Again && (started.Run.JobID != j.ID || started.Run.Replays != "") {
		err = startedBefore(started.Run.Key)
	}
	return started, err
}

func checkPriority(p int) error {
	if p < -most || p > most {
		return connector.Errorf(connector.Config, "TOW-187", "priority %d is not from -%d to %d", p, most, most).At("priority")
	}
	return nil
}

func startedBefore(run string) error {
	return connector.Errorf(connector.Config, "TOW-188", "the key of this start was used for run %s of another job", run).WithHint("Give each start a key of its own.")
}

// create stores a run that waits for the pool, under a key that is free. again: its start was asked for before, and this is the run.
func (t *Team) create(ctx context.Context, n store.NewRun) (run store.Run, again bool, err error) {
	for {
		n.Key = control.NewKey(5)
		_, err := t.Store.CreateRun(ctx, n)
		if before, again := errors.AsType[*store.StartedError](err); again {
			run, err = t.Store.Run(ctx, before.Run)
			return run, true, err
		}
		if e, ok := errors.AsType[*connector.Error](err); ok && e.Code == "TOW-219" {
			continue
		}
		if err != nil {
			return run, false, err
		}
		t.wake()
		run, err = t.Store.Run(ctx, n.Key)
		return run, false, err
	}
}

// mayUse refuses connections that the actor's role may not use in runs.
func (t *Team) mayUse(ctx context.Context, a Actor, environment string, aliases []string) error {
	for _, alias := range aliases {
		c, err := t.Store.Connection(ctx, a.key(environment, alias))
		if err != nil {
			return err
		}
		need, err := ParseRole(c.UseRole)
		if err != nil {
			return err
		}
		if !a.Admin && a.Role < need {
			return connector.Errorf(connector.Denied, "TOW-261", "%s may not use connection %s in runs", a.Account, alias).WithHint("Needs the role %s.", need)
		}
	}
	return nil
}

// Whole asks for a full synchronisation in one call.
type Whole struct {
	Source, Target string   // aliases
	Datasets       []string // or patterns; none: all that the account of the source may read
	Name           string   // of the job; "": SOURCE-to-TARGET
	Start          StartInput
}

// StartWhole stores a job that copies everything of the datasets, unless it is stored already, and starts it. Where a connection is not there yet the job is
// stored and waits: Started says what is missing.
func (t *Team) StartWhole(ctx context.Context, a Actor, w Whole) (Started, error) {
	if err := a.May(StartRuns); err != nil {
		return Started{}, err
	}
	j := w.Job(t.everything(ctx, a.key(w.Start.Environment, w.Source)))
	document, err := json.Marshal(j)
	if err != nil {
		return Started{}, err
	}
	return t.StartDocument(ctx, a, document, w.Start)
}

// Job is the job that is asked for; everything is the pattern of all datasets.
func (w Whole) Job(everything string) job.Job {
	j := job.Job{Name: cmp.Or(w.Name, w.Source+"-to-"+w.Target), Mode: job.Full, Source: job.Endpoint{Connection: w.Source}, Target: job.Endpoint{Connection: w.Target}}
	if len(w.Datasets) == 0 {
		w.Datasets = []string{everything}
	}
	for _, dataset := range w.Datasets {
		j.Streams = append(j.Streams, job.Stream{Source: dataset})
	}
	return j
}

// everything is the pattern of all datasets of a connection.
func (t *Team) everything(ctx context.Context, k store.ConnectionKey) string {
	c, err := t.Store.Connection(ctx, k)
	if err != nil { // the job waits for it
		return "*"
	}
	return t.Everything(c.Connector)
}

// Everything is the pattern of all datasets of connections of a connector.
func (t *Team) Everything(name string) string {
	kind, err := t.Connectors.Get(name)
	if err != nil {
		return "*"
	}
	return cmp.Or(kind.Everything, "*")
}

// StartDocument stores a job document under its name, as a new version where it says something else than the newest, and starts it. Where a connection is not
// there yet the job is stored and waits: Started says what is missing.
func (t *Team) StartDocument(ctx context.Context, a Actor, document []byte, in StartInput) (Started, error) {
	if err := a.May(StartRuns); err != nil {
		return Started{}, err
	}
	parsed, err := parseJob(document)
	if err != nil {
		return Started{}, err
	}
	j, err := t.storeNamed(ctx, a, parsed, document, in.Why)
	for range mostMeanwhile {
		if e, ok := errors.AsType[*connector.Error](err); !ok || e.Code != "TOW-232" && e.Code != "TOW-234" {
			break
		}
		j, err = t.storeNamed(ctx, a, parsed, document, in.Why) // somebody stored it meanwhile, as a request that is sent twice does
	}
	if err != nil {
		return Started{}, err
	}
	return t.start(ctx, a, j, in)
}

// mostMeanwhile is how often a job may be stored by others while it is looked up.
const mostMeanwhile = 5

// storeNamed stores a job document under its name, unless its newest version says the same.
func (t *Team) storeNamed(ctx context.Context, a Actor, parsed *job.Job, document []byte, why string) (KeptJob, error) {
	j, err := t.job(ctx, a.Workspace, parsed.Name, 0)
	switch {
	case connector.ClassOf(err) == connector.Missing:
		return t.PutJob(ctx, a, JobInput{Document: document, Note: why})
	case err == nil && !slices.Equal(j.Canonical, parsed.Canonical()):
		return t.PutJob(ctx, a, JobInput{ID: j.ID, Version: j.Version, Document: document, Note: why})
	}
	return j, err
}

// Plan makes the plan of a stored job, or of a document where there is one, and changes nothing. A plan that refuses comes with *engine.Refused.
func (t *Team) Plan(ctx context.Context, a Actor, document []byte, in StartInput) (*engine.Plan, error) {
	if err := a.May(StartRuns); err != nil {
		return nil, err
	}
	var parsed *job.Job
	var err error
	if document != nil {
		parsed, err = parseJob(document)
	} else {
		var j KeptJob
		j, err = t.job(ctx, a.Workspace, in.Job, in.Version)
		parsed = j.Parsed
	}
	if err != nil {
		return nil, err
	}
	bound, err := parsed.Bind(in.Parameters)
	if err != nil {
		return nil, err
	}
	environment := cmp.Or(in.Environment, DefaultEnvironment)
	aliases := aliasesOf(parsed)
	missing, err := t.Missing(ctx, a.Workspace, environment, aliases)
	if err == nil && len(missing) > 0 {
		err = incomplete(parsed.Name, environment, missing)
	}
	if err == nil {
		err = t.mayUse(ctx, a, environment, aliases)
	}
	if err == nil {
		err = t.Store.Audit(ctx, a.Entry(StartRuns, parsed.Name, "planned with "+strings.Join(aliases, ", ")))
	}
	if err != nil {
		return nil, err
	}
	return t.Service(a.Workspace, environment, a.Account).Plan(ctx, bound)
}
