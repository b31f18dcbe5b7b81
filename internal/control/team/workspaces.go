package team

import (
	"context"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// Workspaces returns all workspaces by name, the main one among them.
func (t *Team) Workspaces(ctx context.Context, a Actor) ([]store.Workspace, error) {
	if err := a.May(ManageServer); err != nil {
		return nil, err
	}
	all, err := t.Store.Workspaces(ctx)
	if err == nil && !slices.ContainsFunc(all, func(w store.Workspace) bool { return w.Name == store.MainWorkspace }) {
		all = append([]store.Workspace{{Name: store.MainWorkspace}}, all...)
	}
	return all, err
}

// CreateWorkspace makes a workspace, in which nobody has a part yet but administrators of the installation.
func (t *Team) CreateWorkspace(ctx context.Context, a Actor, name string) error {
	if err := a.May(ManageServer); err != nil {
		return err
	}
	if err := checkName("name", name); err != nil {
		return err
	}
	if name == store.MainWorkspace {
		return connector.Errorf(connector.Config, "TOW-231", "there is a workspace %s already", name)
	}
	return t.Store.CreateWorkspace(ctx, name, a.onAccounts(ManageServer, name, "workspace made"))
}
