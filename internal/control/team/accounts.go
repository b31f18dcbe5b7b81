package team

import (
	"cmp"
	"context"
	"regexp"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// mostName is the longest name of an account.
const mostName = 64

// accountName is what names of accounts look like; addresses of mail do.
var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]*$`)

// onAccounts is what the record says of something done to accounts, which belong to no workspace.
func (a Actor) onAccounts(x Action, object, detail string) store.Entry {
	e := a.Entry(x, object, detail)
	e.Workspace = ""
	return e
}

// Accounts returns all accounts by name.
func (t *Team) Accounts(ctx context.Context, a Actor) ([]store.Account, error) {
	if err := a.May(ManageServer); err != nil {
		return nil, err
	}
	return t.Store.Accounts(ctx)
}

// CreateAccount makes an account without a password; a link lets somebody set one. A name that does not fit is class Config, TOW-266.
func (t *Team) CreateAccount(ctx context.Context, a Actor, name string, admin bool) (store.Account, error) {
	if err := a.May(ManageServer); err != nil {
		return store.Account{}, err
	}
	if len(name) > mostName || !accountName.MatchString(name) {
		return store.Account{}, connector.Errorf(connector.Config, "TOW-266", "%q cannot be the name of an account", name).
			WithHint("Names have small letters, digits and . _ @ + -, begin with a letter or digit, and have at most %d characters.", mostName)
	}
	return t.Store.CreateAccount(ctx, name, admin, a.onAccounts("account.create", name, as(admin)))
}

func as(admin bool) string {
	if admin {
		return "as an administrator"
	}
	return ""
}

// SetPassword replaces the password of an account and ends all its sessions and links. One's own needs the present one; that of others an administrator.
func (t *Team) SetPassword(ctx context.Context, a Actor, name, present, password string, from Peer) error {
	own := name == a.Account && a.Via != ViaCommand
	if err := a.mayOn(own); err != nil {
		return err
	}
	if own {
		if _, _, err := t.prove(ctx, name, present, from); err != nil {
			return err
		}
	}
	hash, err := t.hash(ctx, password, name)
	if err != nil {
		return err
	}
	return t.Store.SetPassword(ctx, name, hash, a.onAccounts("account.password", name, ""))
}

// mayOn allows what people do to their own accounts, and administrators to those of others. A token may neither: who stole one would make more.
func (a Actor) mayOn(own bool) error {
	if strings.HasPrefix(a.Via, ViaToken) {
		return connector.Errorf(connector.Denied, "TOW-267", "a token may not look after accounts, sessions and tokens").WithHint("Sign in for that.")
	}
	if own {
		return a.May(OwnAccount)
	}
	return a.May(ManageServer)
}

// DisableAccount ends an account's sessions and links, and lets it in no more; its tokens do not hold meanwhile. The last administrator who can sign in
// stays: class Config, TOW-242.
func (t *Team) DisableAccount(ctx context.Context, a Actor, name string) error {
	if err := a.mayOn(false); err != nil {
		return err
	}
	return t.Store.SetDisabled(ctx, name, true, a.onAccounts("account.disable", name, ""))
}

// EnableAccount lets an account in again.
func (t *Team) EnableAccount(ctx context.Context, a Actor, name string) error {
	if err := a.mayOn(false); err != nil {
		return err
	}
	return t.Store.SetDisabled(ctx, name, false, a.onAccounts("account.enable", name, ""))
}

// SetAdmin makes an account an administrator of the installation, or no more. The last one who can sign in stays: class Config, TOW-242.
func (t *Team) SetAdmin(ctx context.Context, a Actor, name string, admin bool) error {
	if err := a.mayOn(false); err != nil {
		return err
	}
	return t.Store.SetAdmin(ctx, name, admin, a.onAccounts("account.admin", name, cmp.Or(as(admin), "no administrator")))
}

// CreateLink makes a link that lets somebody in once, as an account, within an hour; older ones of the account end.
func (t *Team) CreateLink(ctx context.Context, a Actor, name string) (link string, expires int64, err error) {
	if err := a.mayOn(false); err != nil {
		return "", 0, err
	}
	link, ticket := newTicket(linkKind)
	expires, err = t.Store.CreateLink(ctx, ticket, name, linkHolds, a.onAccounts("link.create", name, ""))
	if err != nil {
		return "", 0, err
	}
	return link, expires, nil
}

// Sessions returns the sessions of an account that have not ended, newest first; "" stands for one's own.
func (t *Team) Sessions(ctx context.Context, a Actor, account string) ([]store.Session, error) {
	account = cmp.Or(account, a.Account)
	if err := a.mayOn(account == a.Account); err != nil {
		return nil, err
	}
	return t.Store.Sessions(ctx, account)
}

// EndSession ends a session of an account; "" stands for one's own.
func (t *Team) EndSession(ctx context.Context, a Actor, account, id string) error {
	account = cmp.Or(account, a.Account)
	if err := a.mayOn(account == a.Account); err != nil {
		return err
	}
	return t.Store.EndSession(ctx, account, id, a.onAccounts("session.end", account, "session "+id))
}
