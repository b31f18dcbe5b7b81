package team

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// How long a token holds.
const (
	tokenHolds    = 90 * 24 * time.Hour // where nothing else is asked for
	mostTokenTime = 365 * 24 * time.Hour
)

// TokenWish is a token to make, in the actor's workspace.
type TokenWish struct {
	Name    string // what it is for
	Account string // whose it is; "": the actor's own
	Role    Role
	Lasts   time.Duration // 0: 90 days; at most a year
}

// CreateToken makes a token and returns its text, which is kept nowhere. Its role is at most the one that its account has; one for another account needs an
// administrator.
func (t *Team) CreateToken(ctx context.Context, a Actor, w TokenWish) (text string, k store.Token, err error) {
	w.Account, w.Lasts = cmp.Or(w.Account, a.Account), cmp.Or(w.Lasts, tokenHolds)
	if err := a.mayOn(w.Account == a.Account); err != nil {
		return "", k, err
	}
	refuse := func(format string, args ...any) error {
		return connector.Errorf(connector.Config, "TOW-268", "create token: "+format, args...).WithHint("Change that, and ask again.")
	}
	account, _, err := t.Store.Account(ctx, w.Account)
	if err != nil {
		return "", k, err
	}
	has, err := t.roleIn(ctx, account, a.Workspace)
	switch {
	case err != nil:
		return "", k, err
	case w.Name == "" || len(w.Name) > mostName || clean(w.Name) != w.Name:
		return "", k, refuse("its name has 1 to %d characters that can be printed", mostName)
	case w.Lasts < 0 || w.Lasts > mostTokenTime:
		return "", k, refuse("it holds at most %d days", int(mostTokenTime.Hours()/24))
	case w.Role == Nobody || w.Role > has:
		return "", k, refuse("its role is %s, and that of %s in workspace %s is %s", w.Role, w.Account, a.Workspace, has)
	}
	text, ticket := newTicket(tokenKind)
	k = store.Token{Name: w.Name, Account: w.Account, Workspace: a.Workspace, Role: w.Role.String()}
	by := a.Entry("token.create", ticket.ID, fmt.Sprintf("%q for %s, role %s, for %.3g days", w.Name, w.Account, w.Role, w.Lasts.Hours()/24))
	if k, err = t.Store.CreateToken(ctx, ticket, k, w.Lasts, by); err != nil {
		return "", store.Token{}, err
	}
	return text, k, nil
}

// Tokens returns the tokens of the actor's workspace, newest first: all to who may see its members, else one's own.
func (t *Team) Tokens(ctx context.Context, a Actor) ([]store.Token, error) {
	if err := a.May(OwnAccount); err != nil {
		return nil, err
	}
	f := store.TokenFilter{Workspace: a.Workspace, Account: a.Account}
	if a.Can(SeeMembers) {
		f.Account = ""
	}
	return t.Store.Tokens(ctx, f)
}

// RevokeToken ends a token of the actor's workspace at once: one's own, or any as who may change its members.
func (t *Team) RevokeToken(ctx context.Context, a Actor, id string) error {
	if err := a.May(OwnAccount); err != nil {
		return err
	}
	account := a.Account
	if a.Can(ChangeMembers) {
		account = ""
	}
	return t.Store.RevokeToken(ctx, a.Workspace, account, id, a.Entry("token.revoke", id, ""))
}
