package team

import (
	"context"

	"github.com/towpath/towpath/internal/store"
)

// Members returns the members of the actor's workspace by account.
func (t *Team) Members(ctx context.Context, a Actor) ([]store.Member, error) {
	if err := a.May(SeeMembers); err != nil {
		return nil, err
	}
	return t.Store.Members(ctx, a.Workspace)
}

// Memberships returns what the actor's own account is a member of, by workspace.
func (t *Team) Memberships(ctx context.Context, a Actor) ([]store.Member, error) {
	if err := a.May(OwnAccount); err != nil {
		return nil, err
	}
	return t.Store.Memberships(ctx, a.Account)
}

// SetMember gives an account a role in the actor's workspace, or with Nobody takes it out. It holds from the account's next request on.
func (t *Team) SetMember(ctx context.Context, a Actor, account string, role Role) error {
	if err := a.May(ChangeMembers); err != nil {
		return err
	}
	m := store.Member{Account: account, Workspace: a.Workspace}
	if role != Nobody {
		m.Role = role.String()
	}
	return t.Store.SetMember(ctx, m, a.Entry(ChangeMembers, account, "role "+role.String()))
}
