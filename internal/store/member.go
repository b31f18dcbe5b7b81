package store

import (
	"context"
	"database/sql"
	"errors"
)

// Member is an account's part in a workspace.
type Member struct {
	Account, Workspace string
	Role               string
	Since              int64
}

// SetMember gives an account a role in a workspace, or with an empty role takes it out. An unknown account is class Missing, TOW-241, an unknown workspace
// TOW-243.
func (s *Store) SetMember(ctx context.Context, m Member, by Entry) error {
	return s.change(ctx, "set member "+m.Account+" of workspace "+m.Workspace, func(ctx context.Context, t *tx) error {
		if _, err := t.account(ctx, m.Account); err != nil {
			return err
		}
		var there bool
		if err := t.row(ctx, workspaceThere, m.Workspace, MainWorkspace).Scan(&there); err != nil {
			return err
		}
		if !there {
			return noOne("TOW-243", "no workspace %s", m.Workspace)
		}
		var err error
		if m.Role == "" {
			_, err = t.exec(ctx, "DELETE FROM member WHERE account = $1 AND workspace = $2", m.Account, m.Workspace)
		} else {
			_, err = t.exec(ctx, `INSERT INTO member (account, workspace, role, since) VALUES ($1, $2, $3, $4)
				ON CONFLICT (account, workspace) DO UPDATE SET role = $3, since = $4`, m.Account, m.Workspace, m.Role, t.now)
		}
		if err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
}

// The main workspace is always there.
const workspaceThere = "SELECT CAST($1 AS TEXT) = $2 OR EXISTS (SELECT 1 FROM workspace WHERE name = $1)"

// RoleIn returns the role of an account in a workspace, "" for none, and whether there is that workspace.
func (s *Store) RoleIn(ctx context.Context, account, workspace string) (role string, there bool, err error) {
	doing := "read the role of " + account + " in workspace " + workspace
	err = s.read.QueryRowContext(ctx, "SELECT role FROM member WHERE account = $1 AND workspace = $2", storable(account), storable(workspace)).Scan(&role)
	if err == nil {
		return role, true, nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = s.read.QueryRowContext(ctx, workspaceThere, storable(workspace), MainWorkspace).Scan(&there)
	}
	return "", there, s.fail(doing, err)
}

// Members returns the members of a workspace by account.
func (s *Store) Members(ctx context.Context, workspace string) ([]Member, error) {
	return s.members(ctx, "list members of workspace "+workspace, "workspace = $1 ORDER BY account", workspace)
}

// Memberships returns what an account is a member of, by workspace.
func (s *Store) Memberships(ctx context.Context, account string) ([]Member, error) {
	return s.members(ctx, "list workspaces of "+account, "account = $1 ORDER BY workspace", account)
}

func (s *Store) members(ctx context.Context, doing, where, of string) ([]Member, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT account, workspace, role, since FROM member WHERE "+where, of)
	if err != nil {
		return nil, s.fail(doing, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (m Member, err error) {
		err = scan(&m.Account, &m.Workspace, &m.Role, &m.Since)
		return m, err
	})
	return all, s.fail(doing, err)
}
