package team

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// Peer is whom a request came from.
type Peer struct {
	Address string // IP, with or without a port; "": none, as on the command line
	Agent   string // the program, as it calls itself
}

// How an actor came in, for Actor.Via.
const (
	ViaSession = "session"
	ViaToken   = "token" // with its id behind a blank
	ViaLink    = "link"
	ViaCommand = "command"
	ViaServer  = "server"
)

// holds is how long a session does.
var holds = store.Lasting{Idle: 12 * time.Hour, Most: 7 * 24 * time.Hour}

// linkHolds is how long a link does.
const linkHolds = time.Hour

// SignIn begins a session for who has an account's password. A wrong name or password is class Denied, TOW-263, after the same time; too many tries are class
// Retry, TOW-264. Each is in the record.
func (t *Team) SignIn(ctx context.Context, name, password string, from Peer) (session string, a store.Account, err error) {
	a, hash, err := t.prove(ctx, name, password, from)
	if err != nil {
		return "", store.Account{}, err
	}
	session, ticket := newTicket(sessionKind)
	err = t.Store.CreateSession(ctx, ticket, from.session(a.Name), holds, hash, from.entry(a.Name, ViaSession, "session.begin", ""))
	if missing(err) { // changed meanwhile
		err = wrongPassword()
	}
	if err != nil {
		return "", store.Account{}, err
	}
	return session, a, nil
}

// prove returns an account whose password it is, and the hash of that.
func (t *Team) prove(ctx context.Context, name, password string, from Peer) (a store.Account, hash string, err error) {
	if len(name) > mostName {
		name = "" // no account has it
	}
	if err := t.admit(ctx, cmp.Or(name, "-"), ViaSession, from); err != nil {
		return a, "", err
	}
	a, hash, err = t.Store.Account(ctx, name)
	if err != nil && !missing(err) {
		return a, "", err
	}
	if a.Disabled != 0 {
		hash = ""
	}
	same, err := t.matches(ctx, password, hash)
	if err != nil {
		return a, "", err
	}
	if !same {
		// A name that no account has may be a password in the wrong field.
		if err := t.Store.Audit(ctx, from.entry(a.Name, ViaSession, "session.refuse", "wrong name or password")); err != nil {
			return a, "", err
		}
		return a, "", wrongPassword()
	}
	t.doors.forget(name)
	return a, hash, nil
}

func wrongPassword() error {
	return connector.Errorf(connector.Denied, "TOW-263", "wrong name or password")
}

// admit counts a try and refuses one too many. The record has the first of those that follow one another.
func (t *Team) admit(ctx context.Context, account, via string, from Peer) error {
	wait, first := t.doors.try(account, from.Address, time.Now())
	if wait == 0 {
		return nil
	}
	if first {
		if err := t.Store.Audit(ctx, from.entry("", via, "session.refuse", "too many tries")); err != nil {
			return err
		}
	}
	return connector.Errorf(connector.Retry, "TOW-264", "too many tries").WithHint("Try again in %d seconds.", int(wait.Seconds()))
}

// RedeemLink begins a session by a link, once. It sets a password, which ends the account's other sessions, or with "" leaves that which the account has. A link that
// does not hold is class Missing, TOW-246.
func (t *Team) RedeemLink(ctx context.Context, link, password string, from Peer) (session string, a store.Account, err error) {
	if err := t.admit(ctx, "", ViaLink, from); err != nil {
		return "", a, err
	}
	ticket := ticketOf(linkKind, link)
	a, err = t.Store.LinkAccount(ctx, ticket)
	if missing(err) {
		if err := t.Store.Audit(ctx, from.entry("", ViaLink, "link.refuse", "it does not hold")); err != nil {
			return "", a, err
		}
	}
	if err != nil {
		return "", a, err
	}
	hash := ""
	if password != "" {
		if hash, err = t.hash(ctx, password, a.Name); err != nil {
			return "", store.Account{}, err
		}
	}
	session, begun := newTicket(sessionKind)
	a, err = t.Store.RedeemLink(ctx, ticket, hash, begun, from.session(a.Name), holds, from.entry(a.Name, ViaLink, "link.redeem", ""))
	if err != nil {
		return "", store.Account{}, err
	}
	t.doors.forget(a.Name)
	return session, a, nil
}

// firstAdmin is the account that FirstLink makes.
const firstAdmin = "admin"

// FirstLink lets the first administrator in: it returns "" when there is one with a password, else a link for one without, or for the account "admin", which it
// makes. The link holds an hour; older ones end.
func (t *Team) FirstLink(ctx context.Context) (link string, err error) {
	all, err := t.Store.Accounts(ctx)
	if err != nil {
		return "", err
	}
	name := ""
	for _, a := range all {
		if a.Admin && a.Disabled == 0 {
			if a.HasPassword {
				return "", nil
			}
			name = cmp.Or(name, a.Name)
		}
	}
	by := Actor{Account: ViaServer, Admin: true, Via: ViaServer}
	if name == "" {
		name = firstAdmin
		if _, err := t.CreateAccount(ctx, by, name, true); err != nil {
			// Another server may have made it in the same moment.
			if a, _, missed := t.Store.Account(ctx, name); missed != nil || !a.Admin || a.Disabled != 0 {
				return "", err
			}
		}
	}
	link, _, err = t.CreateLink(ctx, by, name)
	return link, err
}

// BySession returns who has a session, in a workspace, or with "" in the first of the account's. Somebody else is class Denied, TOW-262. Who has no part in the
// workspace has the role Nobody.
func (t *Team) BySession(ctx context.Context, session, workspace string) (Actor, error) {
	_, a, err := t.Store.UseSession(ctx, ticketOf(sessionKind, session), holds)
	if err != nil {
		return Actor{}, stranger(err)
	}
	if workspace == "" {
		in, err := t.Store.Memberships(ctx, a.Name)
		if err != nil {
			return Actor{}, err
		}
		if workspace = store.MainWorkspace; len(in) > 0 {
			workspace = in[0].Workspace
		}
	}
	role, err := t.roleIn(ctx, a, workspace)
	if err != nil {
		return Actor{}, err
	}
	return Actor{Account: a.Name, Workspace: workspace, Role: role, Admin: a.Admin, Via: ViaSession}, nil
}

// ByToken returns who has a token: its account, with the token's role or the account's present one, whichever is less, in the token's workspace, which "" stands
// for. In another it is Nobody. A token makes nobody an administrator of the installation. One that does not hold is class Denied, TOW-262.
func (t *Team) ByToken(ctx context.Context, token, workspace string) (Actor, error) {
	k, a, err := t.Store.UseToken(ctx, ticketOf(tokenKind, token))
	if err != nil {
		return Actor{}, stranger(err)
	}
	actor := Actor{Account: a.Name, Workspace: cmp.Or(workspace, k.Workspace), Via: ViaToken + " " + k.ID}
	if actor.Workspace != k.Workspace {
		return actor, nil
	}
	present, err := t.roleIn(ctx, a, k.Workspace)
	if err != nil {
		return Actor{}, err
	}
	given, err := ParseRole(k.Role)
	actor.Role = min(given, present)
	return actor, err
}

// roleIn is the present role of an account in a workspace. A workspace that is not there is class Missing, TOW-243, to who may know.
func (t *Team) roleIn(ctx context.Context, a store.Account, workspace string) (Role, error) {
	role, there, err := t.Store.RoleIn(ctx, a.Name, workspace)
	switch {
	case err != nil:
		return Nobody, err
	case a.Admin && !there:
		return Nobody, connector.Errorf(connector.Missing, "TOW-243", "no workspace %s", workspace)
	case a.Admin:
		return Admin, nil
	case role == "":
		return Nobody, nil
	}
	return ParseRole(role)
}

// stranger says of a session or token that there is none; other errors pass.
func stranger(err error) error {
	if missing(err) {
		return signInFirst()
	}
	return err
}

// SignOut ends a session. One that has ended is none.
func (t *Team) SignOut(ctx context.Context, session string) error {
	x, _, err := t.Store.UseSession(ctx, ticketOf(sessionKind, session), holds)
	if err == nil {
		err = t.Store.EndSession(ctx, x.Account, x.ID, Peer{Address: x.Address}.entry(x.Account, ViaSession, "session.end", ""))
	}
	if missing(err) {
		return nil
	}
	return err
}

func missing(err error) bool { return connector.ClassOf(err) == connector.Missing }

func (p Peer) session(account string) store.Session {
	return store.Session{Account: account, Address: clean(p.Address), Agent: clean(p.Agent)}
}

// entry is what the record says of who comes in.
func (p Peer) entry(account, via, action, why string) store.Entry {
	var detail []string
	for _, part := range [][2]string{{"", why}, {"from ", clean(p.Address)}, {"with ", clean(p.Agent)}} {
		if part[1] != "" {
			detail = append(detail, part[0]+part[1])
		}
	}
	return store.Entry{Who: account, Via: via, Action: action, Object: account, Detail: strings.Join(detail, ", ")}
}

// mostAgent is how much of what strangers say of themselves is kept.
const mostAgent = 200

// clean is a stranger's text as a terminal may show it.
func clean(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text[:min(len(text), mostAgent)]))
}
