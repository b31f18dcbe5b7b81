package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/towpath/towpath/connector"
)

// Job is a stored job with its newest version, or one that was asked for.
type Job struct {
	ID, Workspace, Name string
	Version             int64 // of Document
	Newest              int64
	Created, Changed    int64
	ChangedBy           string
	Removed             int64 // 0: it is there
	JobVersion
}

// JobVersion is what a job said from one change to the next. It never changes.
type JobVersion struct {
	Document  []byte // as it was given, YAML or JSON
	Canonical []byte // the same, in the one form
	Aliases   []string
	Made      int64
	MadeBy    string
	Note      string
}

// PutJob makes a job, at version 0, or adds a version to the one that has j.Version as its newest. A name that is taken is class Config, TOW-234;
// another version TOW-232.
func (s *Store) PutJob(ctx context.Context, j Job, by Entry) (Job, error) {
	err := s.change(ctx, "store job "+j.Name, func(ctx context.Context, t *tx) error {
		var other string
		err := t.row(ctx, "SELECT id FROM job WHERE workspace = $1 AND name = $2 AND removed = 0 AND id <> $3", j.Workspace, j.Name, j.ID).Scan(&other)
		if err == nil {
			return connector.Errorf(connector.Config, "TOW-234", "there is a job %s already", j.Name).WithHint("Change that one, or give this one another name.")
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var n int64
		if j.Version == 0 {
			n, err = t.exec(ctx, `INSERT INTO job (id, workspace, name, version, created, changed, changed_by) VALUES ($1, $2, $3, 1, $4, $4, $5) ON CONFLICT (id) DO NOTHING`,
				j.ID, j.Workspace, j.Name, t.now, by.Who)
		} else {
			n, err = t.exec(ctx, `UPDATE job SET name = $3, version = version + 1, changed = $4, changed_by = $5 WHERE workspace = $1 AND id = $2 AND removed = 0 AND version = $6`,
				j.Workspace, j.ID, j.Name, t.now, by.Who, j.Version)
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return staleVersion("job " + j.Name)
		}
		j.Version++
		j.Newest, j.Made, j.MadeBy, j.Changed, j.ChangedBy = j.Version, t.now, by.Who, t.now, by.Who
		if j.Version == 1 {
			j.Created = t.now
		}
		_, err = t.exec(ctx, "INSERT INTO job_version (job, version, document, canonical, made, made_by, note) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			j.ID, j.Version, notNil(j.Document), notNil(j.Canonical), j.Made, j.MadeBy, j.Note)
		if err != nil {
			return err
		}
		for _, alias := range j.Aliases {
			if _, err := t.exec(ctx, "INSERT INTO job_alias (job, version, alias) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", j.ID, j.Version, alias); err != nil {
				return err
			}
		}
		return t.audit(ctx, by)
	})
	return j, err
}

const selectJob = `SELECT j.id, j.workspace, j.name, v.version, j.version, j.created, j.changed, j.changed_by, j.removed, v.document, v.canonical, v.made, v.made_by, v.note
	FROM job j JOIN job_version v ON v.job = j.id`

func scanJob(scan func(...any) error) (j Job, err error) {
	err = scan(&j.ID, &j.Workspace, &j.Name, &j.Version, &j.Newest, &j.Created, &j.Changed, &j.ChangedBy, &j.Removed, &j.Document, &j.Canonical, &j.Made, &j.MadeBy, &j.Note)
	return j, err
}

// Job returns a job of a workspace by its ID or its name, at a version, 0 for the newest. An unknown one is class Missing, TOW-235.
func (s *Store) Job(ctx context.Context, workspace, idOrName string, version int64) (Job, error) {
	j, err := scanJob(s.read.QueryRowContext(ctx, selectJob+` WHERE j.workspace = $1 AND (j.id = $2 OR j.name = $2 AND j.removed = 0)
		AND v.version = CASE WHEN CAST($3 AS BIGINT) = 0 THEN j.version ELSE $3 END ORDER BY j.removed LIMIT 1`, workspace, idOrName, version).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return j, noOne("TOW-235", "no job %s", idOrName)
	}
	if err == nil {
		j.Aliases, err = s.aliases(ctx, j.ID, j.Version)
	}
	return j, s.fail("read job "+idOrName, err)
}

func (s *Store) aliases(ctx context.Context, id string, version int64) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT alias FROM job_alias WHERE job = $1 AND version = $2", id, version)
	if err != nil {
		return nil, err
	}
	return keysOf(rows)
}

// JobFilter selects jobs by name.
type JobFilter struct {
	Workspace string
	Alias     string // that the newest version names; "": any
	After     string // name of the last job of the page before
	Limit     int    // 0: 100
}

// Jobs returns the jobs of a workspace by name, each at its newest version.
func (s *Store) Jobs(ctx context.Context, f JobFilter) ([]Job, error) {
	if f.Limit == 0 {
		f.Limit = 100
	}
	rows, err := s.read.QueryContext(ctx, selectJob+` AND v.version = j.version WHERE j.workspace = $1 AND j.removed = 0 AND j.name > $2
		AND (CAST($3 AS TEXT) = '' OR EXISTS (SELECT 1 FROM job_alias a WHERE a.job = j.id AND a.version = j.version AND a.alias = $3)) ORDER BY j.name LIMIT $4`,
		f.Workspace, f.After, f.Alias, f.Limit)
	if err != nil {
		return nil, s.fail("list jobs", err)
	}
	jobs, err := collect(rows, scanJob)
	for i := range jobs {
		if err == nil {
			jobs[i].Aliases, err = s.aliases(ctx, jobs[i].ID, jobs[i].Version)
		}
	}
	return jobs, s.fail("list jobs", err)
}

// JobVersions returns all versions of a job, newest first.
func (s *Store) JobVersions(ctx context.Context, workspace, id string) ([]Job, error) {
	rows, err := s.read.QueryContext(ctx, selectJob+" WHERE j.workspace = $1 AND j.id = $2 ORDER BY v.version DESC", workspace, id)
	if err != nil {
		return nil, s.fail("list versions of job "+id, err)
	}
	jobs, err := collect(rows, scanJob)
	return jobs, s.fail("list versions of job "+id, err)
}

// RemoveJob takes a job away; its runs and their history stay.
func (s *Store) RemoveJob(ctx context.Context, workspace, id string, version int64, by Entry) error {
	return s.change(ctx, "remove job "+id, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "UPDATE job SET removed = $4 WHERE workspace = $1 AND id = $2 AND removed = 0 AND (CAST($3 AS BIGINT) = 0 OR version = $3)", workspace, id, version, t.now)
		if err != nil {
			return err
		}
		if n == 0 {
			return staleVersion("job " + id)
		}
		return t.audit(ctx, by)
	})
}
