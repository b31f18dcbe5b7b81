package team_test

import (
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	r.account("ann", team.Editor, false)
	r.account("root", team.Nobody, true)
	ann := team.Actor{Account: "ann", Workspace: "main", Role: team.Editor, Via: team.ViaSession}
	text, k, err := r.CreateToken(r.ctx, ann, team.TokenWish{Name: "ci", Role: team.Operator})
	r.must(err)
	if !strings.HasPrefix(text, "tw_pat_"+k.ID+"_") || k.Expires-k.Created != (90*24*time.Hour).Milliseconds() || k.Account != "ann" {
		t.Errorf("token %q, %+v", text, k)
	}
	r.nowhere(text, text[len(text)-64:])
	by := func(text, workspace string) team.Actor {
		t.Helper()
		a, err := r.ByToken(r.ctx, text, workspace)
		r.must(err)
		return a
	}
	want := team.Actor{Account: "ann", Workspace: "main", Role: team.Operator, Via: "token " + k.ID}
	for _, workspace := range []string{"", "main"} {
		if a := by(text, workspace); a != want {
			t.Errorf("in %q: %+v, want %+v", workspace, a, want)
		}
	}
	if a := by(text, "lab"); a.Role != team.Nobody || a.Can(team.SeeRuns) || a.Workspace != "lab" {
		t.Errorf("in another workspace: %+v", a)
	}
	// Its role is never above what its account has by now.
	for role, has := range map[team.Role]team.Role{team.Viewer: team.Viewer, team.Nobody: team.Nobody, team.Admin: team.Operator} {
		r.must(r.SetMember(r.ctx, owner(), "ann", role))
		if a := by(text, ""); a.Role != has {
			t.Errorf("with the account at %s the token has %s, want %s", role, a.Role, has)
		}
	}
	r.must(r.SetMember(r.ctx, owner(), "ann", team.Editor))
	r.must(r.DisableAccount(r.ctx, owner(), "ann"))
	_, err = r.ByToken(r.ctx, text, "")
	wantClass(t, err, connector.Denied, "TOW-262")
	r.must(r.EnableAccount(r.ctx, owner(), "ann"))

	// That of an administrator of the installation is bound to its workspace all the same.
	root := team.Actor{Account: "root", Workspace: "main", Role: team.Admin, Admin: true, Via: team.ViaSession}
	mighty, _, err := r.CreateToken(r.ctx, root, team.TokenWish{Name: "ops", Role: team.Admin})
	r.must(err)
	if a := by(mighty, ""); a.Admin || a.Role != team.Admin || a.Can(team.ManageServer) {
		t.Errorf("token of an administrator: %+v", a)
	}
	if a := by(mighty, "lab"); a.Admin || a.Role != team.Nobody {
		t.Errorf("in another workspace: %+v", a)
	}
	// With a token nobody makes another, or changes a password.
	thief := by(mighty, "")
	_, _, err = r.CreateToken(r.ctx, thief, team.TokenWish{Name: "more", Role: team.Viewer})
	wantClass(t, err, connector.Denied, "TOW-267")
	wantClass(t, r.SetPassword(r.ctx, thief, "root", right, other, team.Peer{}), connector.Denied, "TOW-267")
	_, err = r.Sessions(r.ctx, thief, "")
	wantClass(t, err, connector.Denied, "TOW-267")

	if own, err := r.Tokens(r.ctx, ann); err != nil || len(own) != 1 || own[0].ID != k.ID || own[0].Used == 0 {
		t.Errorf("own tokens %+v, %v", own, err)
	}
	if all, err := r.Tokens(r.ctx, root); err != nil || len(all) != 2 {
		t.Errorf("all tokens %+v, %v", all, err)
	}
	wantClass(t, r.RevokeToken(r.ctx, ann, strings.Split(mighty, "_")[2]), connector.Missing, "TOW-244")
	r.must(r.RevokeToken(r.ctx, ann, k.ID))
	_, err = r.ByToken(r.ctx, text, "")
	wantClass(t, err, connector.Denied, "TOW-262")
	by(mighty, "")
	record := r.record()
	for _, want := range []string{"ann|session|token.create|" + k.ID + `|"ci" for ann, role operator, for 90 days`, "ann|session|token.revoke|" + k.ID + "|"} {
		if !strings.Contains(record, want) {
			t.Errorf("the record lacks %q:\n%s", want, record)
		}
	}
}

func TestTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	r.account("ann", team.Editor, false)
	r.account("bob", team.Admin, false)
	ann := team.Actor{Account: "ann", Workspace: "main", Role: team.Editor, Via: team.ViaSession}
	bob := team.Actor{Account: "bob", Workspace: "main", Role: team.Admin, Via: team.ViaSession}
	elsewhere := ann
	elsewhere.Workspace = "lab"
	for name, c := range map[string]struct {
		by    team.Actor
		wish  team.TokenWish
		class connector.Class
		code  string
	}{
		"above one's role":   {ann, team.TokenWish{Name: "a", Role: team.Admin}, connector.Config, "TOW-268"},
		"no role":            {ann, team.TokenWish{Name: "a"}, connector.Config, "TOW-268"},
		"another workspace":  {elsewhere, team.TokenWish{Name: "a", Role: team.Viewer}, connector.Config, "TOW-268"},
		"no name":            {ann, team.TokenWish{Role: team.Viewer}, connector.Config, "TOW-268"},
		"odd name":           {ann, team.TokenWish{Name: "a\x1b[2J", Role: team.Viewer}, connector.Config, "TOW-268"},
		"long name":          {ann, team.TokenWish{Name: strings.Repeat("a", 65), Role: team.Viewer}, connector.Config, "TOW-268"},
		"for ever":           {ann, team.TokenWish{Name: "a", Role: team.Viewer, Lasts: 366 * 24 * time.Hour}, connector.Config, "TOW-268"},
		"in the past":        {ann, team.TokenWish{Name: "a", Role: team.Viewer, Lasts: -time.Hour}, connector.Config, "TOW-268"},
		"for somebody else":  {bob, team.TokenWish{Name: "a", Role: team.Viewer, Account: "ann"}, connector.Denied, "TOW-261"},
		"for nobody":         {owner(), team.TokenWish{Name: "a", Role: team.Viewer, Account: "zoe"}, connector.Missing, "TOW-241"},
		"above their role":   {owner(), team.TokenWish{Name: "a", Role: team.Admin, Account: "ann"}, connector.Config, "TOW-268"},
		"by who came not in": {team.Actor{}, team.TokenWish{Name: "a", Role: team.Viewer}, connector.Denied, "TOW-262"},
	} {
		text, k, err := r.CreateToken(r.ctx, c.by, c.wish)
		if wantClass(t, err, c.class, c.code); text != "" || k != (store.Token{}) {
			t.Errorf("%s: %q, %+v, %v", name, text, k, err)
		}
	}
	if all, err := r.Tokens(r.ctx, owner()); err != nil || len(all) != 0 {
		t.Errorf("tokens %+v, %v", all, err)
	}
}

// TestAccountsAreGuarded: who may do what with accounts, members, tokens and the record.
func TestAccountsAreGuarded(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	r.account("ann", team.Viewer, false)
	session := func(account string, role team.Role, admin bool) team.Actor {
		return team.Actor{Account: account, Workspace: "main", Role: role, Admin: admin, Via: team.ViaSession}
	}
	foreign := session("kim", team.Nobody, false)
	foreign.Workspace = "lab"
	actors := []team.Actor{{}, foreign, session("bob", team.Viewer, false), session("eve", team.Editor, false), session("max", team.Admin, false), session("root", team.Admin, true)}
	const stranger, anybody, member, installation = 0, 1, 4, 5 // the first of actors who may
	for name, c := range map[string]struct {
		least int
		do    func(a team.Actor) error
	}{
		"list accounts":   {installation, func(a team.Actor) error { return second(r.Accounts(r.ctx, a)) }},
		"create account":  {installation, func(a team.Actor) error { return second(r.CreateAccount(r.ctx, a, "x y", false)) }},
		"set password":    {installation, func(a team.Actor) error { return r.SetPassword(r.ctx, a, "ann", "", "short", team.Peer{}) }},
		"disable":         {installation, func(a team.Actor) error { return r.DisableAccount(r.ctx, a, "nobody") }},
		"enable":          {installation, func(a team.Actor) error { return r.EnableAccount(r.ctx, a, "nobody") }},
		"make admin":      {installation, func(a team.Actor) error { return r.SetAdmin(r.ctx, a, "nobody", true) }},
		"create link":     {installation, func(a team.Actor) error { _, _, err := r.CreateLink(r.ctx, a, "nobody"); return err }},
		"others' session": {installation, func(a team.Actor) error { return second(r.Sessions(r.ctx, a, "ann")) }},
		"end others'":     {installation, func(a team.Actor) error { return r.EndSession(r.ctx, a, "ann", "x") }},
		"others' token": {installation, func(a team.Actor) error {
			_, _, err := r.CreateToken(r.ctx, a, team.TokenWish{Account: "ann"})
			return err
		}},
		"verify record": {installation, func(a team.Actor) error { return second(r.VerifyRecord(r.ctx, a)) }},
		"read record":   {member, func(a team.Actor) error { return second(r.Record(r.ctx, a, store.AuditFilter{})) }},
		"list members":  {member, func(a team.Actor) error { return second(r.Members(r.ctx, a)) }},
		"set member":    {member, func(a team.Actor) error { return r.SetMember(r.ctx, a, "nobody", team.Viewer) }},
		"own sessions":  {anybody, func(a team.Actor) error { return second(r.Sessions(r.ctx, a, a.Account)) }},
		"own members":   {anybody, func(a team.Actor) error { return second(r.Memberships(r.ctx, a)) }},
		"own tokens":    {anybody, func(a team.Actor) error { return second(r.Tokens(r.ctx, a)) }},
		"revoke token":  {anybody, func(a team.Actor) error { return r.RevokeToken(r.ctx, a, "x") }},
	} {
		for i, a := range actors {
			err := c.do(a)
			denied := connector.ClassOf(err) == connector.Denied
			if denied != (i < c.least) {
				t.Errorf("%s by %+v: %v", name, a, err)
			}
			if i == stranger {
				codeIs(t, err, "TOW-262")
			} else if denied {
				codeIs(t, err, "TOW-261")
			}
		}
	}
}

func TestAccountNames(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	for _, name := range []string{"", "A", "Ann", "-ann", ".ann", "a b", "a/b", "ann\n", "änn", "a\x00", strings.Repeat("a", 65)} {
		_, err := r.CreateAccount(r.ctx, owner(), name, false)
		wantClass(t, err, connector.Config, "TOW-266")
	}
	for _, name := range []string{"a", "ann.smith+ops@example.org", "7up", strings.Repeat("a", 64)} {
		_, err := r.CreateAccount(r.ctx, owner(), name, false)
		r.must(err)
	}
	_, err := r.CreateAccount(r.ctx, owner(), "a", false)
	wantClass(t, err, connector.Config, "TOW-240")
}
