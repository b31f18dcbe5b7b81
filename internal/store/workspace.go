package store

import (
	"context"

	"github.com/towpath/towpath/connector"
)

// MainWorkspace is the workspace of runs that nobody put into another.
const MainWorkspace = "main"

// Workspace is what connections, jobs and runs of people who work together lie in.
type Workspace struct {
	Name    string
	Created int64
}

// CreateWorkspace makes a workspace. A name that is taken is class Config, TOW-231.
func (s *Store) CreateWorkspace(ctx context.Context, name string, by Entry) error {
	return s.change(ctx, "create workspace "+name, func(ctx context.Context, t *tx) error {
		made, err := t.exec(ctx, "INSERT INTO workspace (name, created) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, t.now)
		if err != nil {
			return err
		}
		if made == 0 {
			return connector.Errorf(connector.Config, "TOW-231", "there is a workspace %s already", name)
		}
		return t.audit(ctx, by)
	})
}

// Workspaces returns all workspaces by name.
func (s *Store) Workspaces(ctx context.Context) ([]Workspace, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT name, created FROM workspace ORDER BY name")
	if err != nil {
		return nil, s.fail("list workspaces", err)
	}
	all, err := collect(rows, func(scan func(...any) error) (w Workspace, err error) {
		err = scan(&w.Name, &w.Created)
		return w, err
	})
	return all, s.fail("list workspaces", err)
}
