package storetest

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// lasting is longer than any test.
var lasting = store.Lasting{Idle: time.Hour, Most: 2 * time.Hour}

func ticket(id string) store.Ticket {
	hash := sha256.Sum256([]byte(id))
	return store.Ticket{ID: id, Hash: hash[:]}
}

// forged has the id of a ticket and not its hash.
func forged(id string) store.Ticket { return store.Ticket{ID: id, Hash: ticket("x").Hash} }

// newAccount makes an account whose password has the hash "hash of NAME".
func (f *fixture) newAccount(t *testing.T, name string, admin bool) {
	t.Helper()
	_, err := f.CreateAccount(f.ctx, name, admin, entry("create"))
	must(t, err)
	must(t, f.SetPassword(f.ctx, name, "hash of "+name, entry("password")))
}

func (f *fixture) newSession(t *testing.T, account, id string, l store.Lasting) {
	t.Helper()
	must(t, f.CreateSession(f.ctx, ticket(id), store.Session{Account: account, Address: "10.0.0.1", Agent: "test"}, l, "hash of "+account, entry("in")))
}

func testAccounts(t *testing.T, f *fixture) {
	a, err := f.CreateAccount(f.ctx, "ann", true, entry("create"))
	if must(t, err); a.Name != "ann" || !a.Admin || a.HasPassword || a.Created == 0 || a.Disabled != 0 {
		t.Errorf("made %+v", a)
	}
	_, err = f.CreateAccount(f.ctx, "ann", false, entry("create"))
	wantClass(t, err, connector.Config, "TOW-240")
	must(t, f.SetPassword(f.ctx, "ann", "hash", entry("password")))
	a, hash, err := f.Account(f.ctx, "ann")
	if must(t, err); hash != "hash" || !a.HasPassword || !a.Admin || a.PasswordSet == 0 {
		t.Errorf("account %+v, password %q", a, hash)
	}
	_, err = f.CreateAccount(f.ctx, "Zoe", false, entry("create"))
	must(t, err)
	all, err := f.Accounts(f.ctx)
	if must(t, err); len(all) != 2 || !slices.ContainsFunc(all, func(x store.Account) bool { return cmp.Equal(x, a) }) {
		t.Errorf("accounts %+v", all)
	}
	for _, name := range []string{"", "ANN", "nobody", "a\x00b", "\xff"} {
		_, _, err := f.Account(f.ctx, name)
		wantClass(t, err, connector.Missing, "TOW-241")
		wantClass(t, f.SetPassword(f.ctx, name, "x", entry("password")), connector.Missing, "TOW-241")
		wantClass(t, f.SetDisabled(f.ctx, name, true, entry("disable")), connector.Missing, "TOW-241")
		wantClass(t, f.SetAdmin(f.ctx, name, true, entry("admin")), connector.Missing, "TOW-241")
	}
	f.recorded(t, "create", "password", "create")
}

func testLastAdmin(t *testing.T, f *fixture) {
	f.newAccount(t, "ann", true)
	f.newAccount(t, "bob", false)
	_, err := f.CreateAccount(f.ctx, "new", true, entry("create")) // who has no password cannot come in
	must(t, err)
	stays := func(name string) {
		t.Helper()
		wantClass(t, f.SetDisabled(f.ctx, name, true, entry("disable")), connector.Config, "TOW-242")
		wantClass(t, f.SetAdmin(f.ctx, name, false, entry("admin")), connector.Config, "TOW-242")
		if a, _, err := f.Account(f.ctx, name); err != nil || !a.Admin || a.Disabled != 0 {
			t.Errorf("refused, and changed: %+v, %v", a, err)
		}
	}
	stays("ann")
	must(t, f.SetDisabled(f.ctx, "bob", true, entry("disable")))
	must(t, f.SetAdmin(f.ctx, "bob", true, entry("admin")))
	stays("ann") // bob is disabled
	must(t, f.SetDisabled(f.ctx, "bob", false, entry("enable")))
	must(t, f.SetAdmin(f.ctx, "ann", false, entry("admin")))
	stays("bob")
	f.recorded(t, "create", "password", "create", "password", "create", "disable", "admin", "enable", "admin")
}

func testMembers(t *testing.T, f *fixture) {
	f.newAccount(t, "ann", false)
	f.newAccount(t, "bob", false)
	must(t, f.CreateWorkspace(f.ctx, "lab", entry("workspace")))
	for _, m := range []store.Member{{Account: "bob", Workspace: "main", Role: "viewer"}, {Account: "ann", Workspace: "main", Role: "viewer"},
		{Account: "ann", Workspace: "main", Role: "editor"}, {Account: "ann", Workspace: "lab", Role: "admin"}, {Account: "bob", Workspace: "lab", Role: "viewer"},
		{Account: "bob", Workspace: "lab"}} {
		must(t, f.SetMember(f.ctx, m, entry("member")))
	}
	wantClass(t, f.SetMember(f.ctx, store.Member{Account: "zoe", Workspace: "main", Role: "viewer"}, entry("member")), connector.Missing, "TOW-241")
	wantClass(t, f.SetMember(f.ctx, store.Member{Account: "ann", Workspace: "nowhere", Role: "viewer"}, entry("member")), connector.Missing, "TOW-243")
	seen := func(members []store.Member, err error) (seen []string) {
		t.Helper()
		must(t, err)
		for _, m := range members {
			if m.Since == 0 {
				t.Errorf("member %+v has no time", m)
			}
			seen = append(seen, m.Account+" "+m.Workspace+" "+m.Role)
		}
		return seen
	}
	if d := cmp.Diff([]string{"ann main editor", "bob main viewer"}, seen(f.Members(f.ctx, "main"))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"ann lab admin", "ann main editor"}, seen(f.Memberships(f.ctx, "ann"))); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		account, workspace, role string
		there                    bool
	}{{"ann", "main", "editor", true}, {"bob", "lab", "", true}, {"bob", "main", "viewer", true}, {"ann", "nowhere", "", false}, {"zoe", "main", "", true}, {"ann", "\xff", "", false}} {
		role, there, err := f.RoleIn(f.ctx, c.account, c.workspace)
		if must(t, err); role != c.role || there != c.there {
			t.Errorf("%s in %s: %q, %v", c.account, c.workspace, role, there)
		}
	}
	f.recorded(t, "create", "password", "create", "password", "workspace", "member", "member", "member", "member", "member", "member")
}

func testTokens(t *testing.T, f *fixture) {
	f.newAccount(t, "ann", false)
	kept := store.Token{Name: "ci", Account: "ann", Workspace: "main", Role: "operator"}
	k, err := f.CreateToken(f.ctx, ticket("k1"), kept, time.Hour, entry("token"))
	if must(t, err); k.ID != "k1" || k.Expires != k.Created+time.Hour.Milliseconds() || k.Created == 0 {
		t.Errorf("made %+v", k)
	}
	used, a, err := f.UseToken(f.ctx, ticket("k1"))
	if must(t, err); a.Name != "ann" || used.Used == 0 || used.Role != "operator" || used.Workspace != "main" || used.Name != "ci" {
		t.Errorf("used %+v of %+v", used, a)
	}
	again, _, err := f.UseToken(f.ctx, ticket("k1"))
	if must(t, err); again.Used != used.Used {
		t.Errorf("a second use at %d was noted, the first was at %d", again.Used, used.Used)
	}
	refused := func(k store.Ticket) {
		t.Helper()
		got, a, err := f.UseToken(f.ctx, k)
		wantClass(t, err, connector.Missing, "TOW-244")
		if got != (store.Token{}) || a != (store.Account{}) {
			t.Errorf("refused, and gave %+v of %+v", got, a)
		}
	}
	for _, bad := range []store.Ticket{ticket("k2"), forged("k1"), {ID: "k1"}, {ID: "k1", Hash: ticket("k1").Hash[:31]}, {}, {ID: "k1\x00", Hash: ticket("k1").Hash}} {
		refused(bad)
	}
	must(t, f.SetDisabled(f.ctx, "ann", true, entry("disable")))
	refused(ticket("k1"))
	must(t, f.SetDisabled(f.ctx, "ann", false, entry("enable")))
	_, _, err = f.UseToken(f.ctx, ticket("k1"))
	must(t, err)

	short, err := f.CreateToken(f.ctx, ticket("k3"), kept, time.Millisecond, entry("token"))
	must(t, err)
	f.past(t, short.Expires)
	refused(ticket("k3"))
	_, err = f.CreateToken(f.ctx, ticket("k4"), store.Token{Account: "zoe", Workspace: "main"}, time.Hour, entry("token"))
	wantClass(t, err, connector.Missing, "TOW-241")

	for _, c := range [][3]string{{"lab", "", "k1"}, {"main", "bob", "k1"}, {"main", "", "k9"}} {
		wantClass(t, f.RevokeToken(f.ctx, c[0], c[1], c[2], entry("revoke")), connector.Missing, "TOW-244")
	}
	must(t, f.RevokeToken(f.ctx, "main", "ann", "k1", entry("revoke")))
	refused(ticket("k1"))
	wantClass(t, f.RevokeToken(f.ctx, "main", "", "k1", entry("revoke")), connector.Missing, "TOW-244")
	all, err := f.Tokens(f.ctx, store.TokenFilter{Workspace: "main", Account: "ann"})
	if must(t, err); len(all) != 2 || all[0].ID != "k3" || all[1].Revoked == 0 || all[1].Used != used.Used {
		t.Errorf("tokens %+v", all)
	}
	for _, none := range []store.TokenFilter{{Workspace: "lab"}, {Account: "bob"}} {
		if all, err := f.Tokens(f.ctx, none); err != nil || len(all) > 0 {
			t.Errorf("tokens of %+v: %+v, %v", none, all, err)
		}
	}
	f.recorded(t, "create", "password", "token", "disable", "enable", "token", "revoke")
}

func testSessions(t *testing.T, f *fixture) {
	f.newAccount(t, "ann", false)
	f.newAccount(t, "bob", false)
	f.newSession(t, "ann", "s1", lasting)
	f.newSession(t, "bob", "s2", lasting)
	x, a, err := f.UseSession(f.ctx, ticket("s1"), lasting)
	if must(t, err); x.Account != "ann" || a.Name != "ann" || x.Address != "10.0.0.1" || x.Agent != "test" || x.Expires != x.Created+lasting.Most.Milliseconds() {
		t.Errorf("session %+v of %+v", x, a)
	}
	refused := func(k store.Ticket) {
		t.Helper()
		got, a, err := f.UseSession(f.ctx, k, lasting)
		wantClass(t, err, connector.Missing, "TOW-245")
		if got != (store.Session{}) || a != (store.Account{}) {
			t.Errorf("refused, and gave %+v of %+v", got, a)
		}
	}
	for _, bad := range []store.Ticket{ticket("s9"), forged("s1"), {ID: "s1"}, {}, {ID: "s1", Hash: ticket("s2").Hash}} {
		refused(bad)
	}
	// Whose password was changed, or who was disabled, while it was checked does not come in.
	for _, c := range [][2]string{{"ann", "hash of bob"}, {"ann", ""}, {"zoe", "hash of zoe"}} {
		err := f.CreateSession(f.ctx, ticket("s8"), store.Session{Account: c[0]}, lasting, c[1], entry("in"))
		wantClass(t, err, connector.Missing, "TOW-241")
	}
	must(t, f.SetDisabled(f.ctx, "bob", true, entry("disable")))
	refused(ticket("s2"))
	wantClass(t, f.CreateSession(f.ctx, ticket("s8"), store.Session{Account: "bob"}, lasting, "hash of bob", entry("in")), connector.Missing, "TOW-241")
	must(t, f.SetDisabled(f.ctx, "bob", false, entry("enable")))
	refused(ticket("s2")) // it ended

	f.newSession(t, "ann", "s3", lasting)
	wantClass(t, f.EndSession(f.ctx, "bob", "s3", entry("out")), connector.Missing, "TOW-245")
	must(t, f.EndSession(f.ctx, "ann", "s3", entry("out")))
	refused(ticket("s3"))
	if all, err := f.Sessions(f.ctx, "ann"); err != nil || len(all) != 1 || all[0].ID != "s1" {
		t.Errorf("sessions %+v, %v", all, err)
	}
	must(t, f.SetPassword(f.ctx, "ann", "other", entry("password")))
	refused(ticket("s1"))
	f.recorded(t, "create", "password", "create", "password", "in", "in", "disable", "enable", "in", "out", "password")
}

func testSessionsEnd(t *testing.T, f *fixture) {
	f.newAccount(t, "ann", false)
	for _, l := range []store.Lasting{{Idle: time.Hour, Most: time.Millisecond}, {Idle: time.Millisecond, Most: time.Hour}} {
		f.newSession(t, "ann", "short", l) // the one before is forgotten, or this would be there already
		now, err := f.Now(f.ctx)
		must(t, err)
		f.past(t, now+1)
		_, _, err = f.UseSession(f.ctx, ticket("short"), l)
		wantClass(t, err, connector.Missing, "TOW-245")
		if all, err := f.Sessions(f.ctx, "ann"); err != nil || len(all) > 0 {
			t.Errorf("sessions %+v, %v", all, err)
		}
	}
	f.newSession(t, "ann", "fresh", lasting)
	wantClass(t, f.EndSession(f.ctx, "ann", "short", entry("out")), connector.Missing, "TOW-245")

	// A session that is used outlasts its idle time, and not its longest.
	used := store.Lasting{Idle: 1500 * time.Millisecond, Most: 3 * time.Second}
	f.newSession(t, "ann", "used", used)
	first, _, err := f.UseSession(f.ctx, ticket("used"), used)
	must(t, err)
	for at := first.Created; at < first.Expires-900; at += 50 {
		f.past(t, at)
		x, _, err := f.UseSession(f.ctx, ticket("used"), used)
		must(t, err)
		at = max(at, x.Used)
	}
	f.past(t, first.Expires)
	_, _, err = f.UseSession(f.ctx, ticket("used"), used)
	wantClass(t, err, connector.Missing, "TOW-245")
}

func testLinks(t *testing.T, f *fixture) {
	_, err := f.CreateAccount(f.ctx, "ann", true, entry("create"))
	must(t, err)
	link := func(id string, lasts time.Duration) int64 {
		t.Helper()
		expires, err := f.CreateLink(f.ctx, ticket(id), "ann", lasts, entry("link"))
		must(t, err)
		return expires
	}
	redeem := func(k store.Ticket, password, session string) (store.Account, error) {
		return f.RedeemLink(f.ctx, k, password, ticket(session), store.Session{Address: "10.0.0.1"}, lasting, entry("redeem"))
	}
	refused := func(k store.Ticket) {
		t.Helper()
		_, err := f.LinkAccount(f.ctx, k)
		wantClass(t, err, connector.Missing, "TOW-246")
		a, err := redeem(k, "stolen", "s9")
		wantClass(t, err, connector.Missing, "TOW-246")
		if a != (store.Account{}) {
			t.Errorf("refused, and gave %+v", a)
		}
		_, _, err = f.UseSession(f.ctx, ticket("s9"), lasting)
		wantClass(t, err, connector.Missing, "TOW-245")
	}
	link("l1", time.Hour)
	link("l2", time.Hour)
	refused(ticket("l1")) // the older one ended
	refused(forged("l2"))
	refused(store.Ticket{})
	_, err = redeem(ticket("l2"), "", "s1")
	wantClass(t, err, connector.Config, "TOW-247")
	if a, err := f.LinkAccount(f.ctx, ticket("l2")); err != nil || a.Name != "ann" {
		t.Errorf("a link that was refused is used up: %+v, %v", a, err)
	}
	a, err := redeem(ticket("l2"), "first", "s1")
	if must(t, err); a.Name != "ann" || !a.HasPassword {
		t.Errorf("redeemed by %+v", a)
	}
	refused(ticket("l2"))
	if x, _, err := f.UseSession(f.ctx, ticket("s1"), lasting); err != nil || x.Account != "ann" {
		t.Errorf("session %+v, %v", x, err)
	}

	link("l3", time.Hour)
	_, err = redeem(ticket("l3"), "", "s2") // it keeps its password and its sessions
	must(t, err)
	refused(ticket("l3"))
	link("l4", time.Hour)
	_, err = redeem(ticket("l4"), "second", "s3")
	must(t, err)
	if _, hash, err := f.Account(f.ctx, "ann"); err != nil || hash != "second" {
		t.Errorf("password %q, %v", hash, err)
	}
	all, err := f.Sessions(f.ctx, "ann")
	if must(t, err); len(all) != 1 || all[0].ID != "s3" {
		t.Errorf("sessions %+v", all)
	}
	f.past(t, link("l5", time.Millisecond))
	refused(ticket("l5"))

	f.newAccount(t, "bob", true)
	link("l6", time.Hour)
	must(t, f.SetDisabled(f.ctx, "ann", true, entry("disable")))
	refused(ticket("l6"))
	_, err = f.CreateLink(f.ctx, ticket("l7"), "ann", time.Hour, entry("link"))
	wantClass(t, err, connector.Missing, "TOW-241")
	f.recorded(t, "create", "link", "link", "redeem", "link", "redeem", "link", "redeem", "link", "create", "password", "link", "disable")
	newest, err := f.AuditEntries(f.ctx, store.AuditFilter{Who: "ann"})
	must(t, err)
	if at := slices.IndexFunc(newest, func(e store.AuditEntry) bool { return e.Action == "redeem" }); at < 0 || newest[at].Object != "ann" {
		t.Errorf("who redeemed is not in the record: %+v", newest)
	}
}

// testTicketsAreNotSaved: who had a session or a link when a backup was made does not come in by it.
func testTicketsAreNotSaved(t *testing.T, f *fixture) {
	f.newAccount(t, "ann", true)
	f.newSession(t, "ann", "s1", lasting)
	_, err := f.CreateLink(f.ctx, ticket("l1"), "ann", time.Hour, entry("link"))
	must(t, err)
	_, err = f.CreateToken(f.ctx, ticket("k1"), store.Token{Account: "ann", Workspace: "main", Role: "viewer"}, time.Hour, entry("token"))
	must(t, err)
	must(t, f.SetMember(f.ctx, store.Member{Account: "ann", Workspace: "main", Role: "viewer"}, entry("member")))
	var backup bytes.Buffer
	_, err = f.Backup(f.ctx, &backup)
	must(t, err)
	other := &fixture{Store: f.fresh(t), ctx: f.ctx}
	_, err = other.Restore(f.ctx, bytes.NewReader(backup.Bytes()))
	must(t, err)
	_, _, err = other.UseSession(f.ctx, ticket("s1"), lasting)
	wantClass(t, err, connector.Missing, "TOW-245")
	_, err = other.LinkAccount(f.ctx, ticket("l1"))
	wantClass(t, err, connector.Missing, "TOW-246")
	if _, _, err := other.UseToken(f.ctx, ticket("k1")); err != nil {
		t.Errorf("a token is lost: %v", err)
	}
	if role, _, err := other.RoleIn(f.ctx, "ann", "main"); err != nil || role != "viewer" {
		t.Errorf("role %q, %v", role, err)
	}
	other.recorded(t, "create", "password", "in", "link", "token", "member")
	_, err = other.Restore(f.ctx, bytes.NewReader(backup.Bytes()))
	wantClass(t, err, connector.Config, "TOW-226")
}
