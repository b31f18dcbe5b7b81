package team

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// JobInput is a job as a person gives it.
type JobInput struct {
	ID       string // "": a new one
	Version  int64  // that is changed; 0: it is new
	Document []byte // YAML or JSON
	Note     string // why it is changed
}

// KeptJob is a stored job, read.
type KeptJob struct {
	store.Job
	Parsed *job.Job
}

// PutJob stores a job, or a new version of one. It may name connections that are not there yet.
func (t *Team) PutJob(ctx context.Context, a Actor, in JobInput) (KeptJob, error) {
	if err := a.May(ChangeJobs); err != nil {
		return KeptJob{}, err
	}
	parsed, err := parseJob(in.Document)
	if err != nil {
		return KeptJob{}, err
	}
	stored := store.Job{ID: in.ID, Workspace: a.Workspace, Name: parsed.Name, Version: in.Version,
		JobVersion: store.JobVersion{Document: in.Document, Canonical: parsed.Canonical(), Aliases: aliasesOf(parsed), Note: t.Scrub.Clean(in.Note)}}
	if stored.ID == "" {
		stored.ID = control.NewKey(8)
	}
	stored, err = t.Store.PutJob(ctx, stored, a.Entry(ChangeJobs, parsed.Name, fmt.Sprintf("%s mode, version %d, %s", parsed.Mode, in.Version+1, parsed.Hash()[:12])))
	return KeptJob{stored, parsed}, err
}

// parseJob reads a job document of a server: all of its sides are aliases.
func parseJob(document []byte) (*job.Job, error) {
	j, err := job.Parse(document, "job")
	if err != nil {
		return nil, err
	}
	for path, e := range map[string]job.Endpoint{"source": j.Source, "target": j.Target} {
		if e.Inline() {
			return nil, inlineRefused(path)
		}
	}
	for _, alias := range aliasesOf(j) {
		if !job.IsAlias(alias) { // it is not repeated: people paste URLs with passwords
			return nil, connector.Errorf(connector.Config, "TOW-961", "the job names a connection by what is no alias").
				WithHint("Use letters, digits, -, _ and dots, a letter or digit first.")
		}
	}
	return j, nil
}

// aliasesOf are the connections that a job names, each once.
func aliasesOf(j *job.Job) []string {
	names := []string{j.Source.Connection, j.Target.Connection}
	for _, s := range j.Streams {
		if s.Connection != "" {
			names = append(names, s.Connection)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Job returns a job by its ID or name, at a version, 0 for the newest.
func (t *Team) Job(ctx context.Context, a Actor, idOrName string, version int64) (KeptJob, error) {
	if err := a.May(SeeJobs); err != nil {
		return KeptJob{}, err
	}
	return t.job(ctx, a.Workspace, idOrName, version)
}

func (t *Team) job(ctx context.Context, workspace, idOrName string, version int64) (KeptJob, error) {
	stored, err := t.Store.Job(ctx, workspace, idOrName, version)
	if err != nil {
		return KeptJob{}, err
	}
	parsed, err := job.Parse(stored.Canonical, stored.Name+".json")
	return KeptJob{stored, parsed}, err
}

// ListJobs returns a page of jobs by name, behind the name after.
func (t *Team) ListJobs(ctx context.Context, a Actor, after string, limit int) ([]store.Job, error) {
	if err := a.May(SeeJobs); err != nil {
		return nil, err
	}
	return t.Store.Jobs(ctx, store.JobFilter{Workspace: a.Workspace, After: after, Limit: limit})
}

// JobVersions returns all versions of a job, newest first.
func (t *Team) JobVersions(ctx context.Context, a Actor, id string) ([]store.Job, error) {
	if err := a.May(SeeJobs); err != nil {
		return nil, err
	}
	return t.Store.JobVersions(ctx, a.Workspace, id)
}

// RemoveJob takes a job away, at the version that the person has seen, 0 for any; its runs and their history stay.
func (t *Team) RemoveJob(ctx context.Context, a Actor, id string, version int64) error {
	if err := a.May(ChangeJobs); err != nil {
		return err
	}
	stored, err := t.Store.Job(ctx, a.Workspace, id, 0)
	if err != nil {
		return err
	}
	return t.Store.RemoveJob(ctx, a.Workspace, stored.ID, version, a.Entry(ChangeJobs, stored.Name, "removed"))
}

// Missing returns the aliases that a job names and an environment does not have. A job of which none is missing can start.
func (t *Team) Missing(ctx context.Context, workspace, environment string, aliases []string) ([]string, error) {
	there, err := t.Store.Connections(ctx, workspace, environment)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, alias := range aliases {
		if !slices.ContainsFunc(there, func(c store.Connection) bool { return c.Alias == alias }) {
			missing = append(missing, alias)
		}
	}
	return missing, nil
}

// incomplete is the answer to a start of a job that names connections which are not there.
func incomplete(name, environment string, missing []string) error {
	return connector.Errorf(connector.Config, "TOW-186", "job %s names %s, which environment %s does not have", name, strings.Join(missing, ", "), environment).
		WithHint("Store the connection; the job can start then.")
}
