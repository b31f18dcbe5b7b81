package team_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

const (
	right = "green pears on a roof"
	other = "a lamp that walks home"
)

// doorRig is a team with a control database of its own, and no connectors.
type doorRig struct {
	*team.Team
	t   *testing.T
	ctx context.Context
	dir string
}

func newDoors(t *testing.T) *doorRig {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(dir, "towpath.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &doorRig{Team: &team.Team{Store: s}, t: t, ctx: t.Context(), dir: dir}
}

func (r *doorRig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// owner is who has the state folder.
func owner() team.Actor {
	return team.Actor{Account: "root", Workspace: "main", Role: team.Admin, Admin: true, Via: team.ViaCommand}
}

// account makes one with the password right, and a role in the main workspace.
func (r *doorRig) account(name string, role team.Role, admin bool) {
	r.t.Helper()
	_, err := r.CreateAccount(r.ctx, owner(), name, admin)
	r.must(err)
	r.must(r.SetPassword(r.ctx, owner(), name, "", right, team.Peer{}))
	if role != team.Nobody {
		r.must(r.SetMember(r.ctx, owner(), name, role))
	}
}

func (r *doorRig) signIn(name string) string {
	r.t.Helper()
	session, a, err := r.SignIn(r.ctx, name, right, team.Peer{Address: "10.0.0.1:5000", Agent: "test"})
	r.must(err)
	if a.Name != name {
		r.t.Errorf("signed in as %q, want %q", a.Name, name)
	}
	return session
}

func (r *doorRig) as(session string) team.Actor {
	r.t.Helper()
	a, err := r.BySession(r.ctx, session, "")
	r.must(err)
	return a
}

func wantClass(t *testing.T, err error, class connector.Class, code string) {
	t.Helper()
	codeIs(t, err, code)
	if got := connector.ClassOf(err); got != class {
		t.Errorf("class %s of %v, want %s", got, err, class)
	}
}

// record is the record as lines, oldest first.
func (r *doorRig) record() string {
	r.t.Helper()
	all, err := r.Store.AuditEntries(r.ctx, store.AuditFilter{Limit: 1000})
	r.must(err)
	var lines []string
	for _, e := range all {
		lines = append([]string{fmt.Sprintf("%s|%s|%s|%s|%s", e.Who, e.Via, e.Action, e.Object, e.Detail)}, lines...)
	}
	return strings.Join(lines, "\n")
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	r.account("ann", team.Viewer, false)
	r.account("gone", team.Viewer, false)
	r.must(r.DisableAccount(r.ctx, owner(), "gone"))
	_, err := r.CreateAccount(r.ctx, owner(), "fresh", false)
	r.must(err)
	from := team.Peer{Address: "10.0.0.1", Agent: "test\x1b[31m"}
	said := map[string]bool{}
	for _, c := range [][2]string{{"ann", other}, {"ann", ""}, {"ANN", right}, {"gone", right}, {"fresh", ""}, {"fresh", right}, {"hunter2-canary", right},
		{"", right}, {strings.Repeat("n", 70), right}} {
		session, a, err := r.SignIn(r.ctx, c[0], c[1], from)
		wantClass(t, err, connector.Denied, "TOW-263")
		if session != "" || a != (store.Account{}) {
			t.Errorf("%q came in: %q, %+v", c, session, a)
		}
		said[fmt.Sprint(err)] = true
	}
	if len(said) != 1 {
		t.Errorf("refusals can be told apart: %v", said)
	}
	first, second := r.signIn("ann"), r.signIn("ann")
	if first == second || !strings.HasPrefix(first, "tw_ses_") {
		t.Errorf("sessions %q and %q", first, second)
	}
	a := r.as(first)
	if want := (team.Actor{Account: "ann", Workspace: "main", Role: team.Viewer, Via: "session"}); a != want {
		t.Errorf("actor %+v, want %+v", a, want)
	}
	sessions, err := r.Sessions(r.ctx, a, "")
	if r.must(err); len(sessions) != 2 || sessions[0].Agent != "test" || sessions[0].Expires-sessions[0].Created != (7*24*time.Hour).Milliseconds() {
		t.Errorf("sessions %+v", sessions)
	}
	record := r.record()
	for text, want := range map[string]int{
		"ann|session|session.refuse|ann|wrong name or password, from 10.0.0.1, with test[31m": 2,
		"gone|session|session.refuse|gone|":                                                   1, "fresh|session|session.refuse|": 2, "\n|session|session.refuse||wrong": 4,
		"ann|session|session.begin|ann|from 10.0.0.1:5000, with test": 2, "hunter2": 0, right: 0, other: 0,
	} {
		if got := strings.Count(record, text); got != want {
			t.Errorf("the record has %q %d times, want %d:\n%s", text, got, want, record)
		}
	}
	r.nowhere(right, first, second, first[len(first)-64:])
}

// nowhere fails when a file of the control database has a text.
func (r *doorRig) nowhere(texts ...string) {
	r.t.Helper()
	files, err := os.ReadDir(r.dir)
	r.must(err)
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(r.dir, f.Name()))
		r.must(err)
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) {
				r.t.Errorf("%s holds %q", f.Name(), text)
			}
		}
	}
}

// TestSignInIsBounded runs in fake time, which stands still while passwords are hashed.
func TestSignInIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, signInIsBounded)
}

func signInIsBounded(t *testing.T) {
	r := newDoors(t)
	r.account("ann", team.Viewer, false)
	try := func(name, password, address string) error {
		_, _, err := r.SignIn(r.ctx, name, password, team.Peer{Address: address})
		return err
	}
	wantClass(t, try("ann", other, "10.0.0.9"), connector.Denied, "TOW-263")
	r.signIn("ann") // and is counted anew
	for i := range 5 {
		wantClass(t, try("ann", other, fmt.Sprintf("10.0.0.%d", i)), connector.Denied, "TOW-263")
	}
	for range 3 {
		wantClass(t, try("ann", right, "10.0.1.1"), connector.Retry, "TOW-264")
	}
	<-time.After(30 * time.Second)
	wantClass(t, try("ann", other, "10.0.1.1"), connector.Denied, "TOW-263")
	wantClass(t, try("ann", right, "10.0.1.1"), connector.Retry, "TOW-264")
	// Neither links nor one's own change of the password is a way around.
	a := team.Actor{Account: "ann", Workspace: "main", Via: team.ViaSession}
	wantClass(t, r.SetPassword(r.ctx, a, "ann", right, other, team.Peer{}), connector.Retry, "TOW-264")
	for range 20 {
		_, _, err := r.RedeemLink(r.ctx, "tw_link_a_b", right, team.Peer{Address: "10.0.2.1"})
		wantClass(t, err, connector.Missing, "TOW-246")
	}
	_, _, err := r.RedeemLink(r.ctx, "tw_link_a_b", right, team.Peer{Address: "10.0.2.1"})
	wantClass(t, err, connector.Retry, "TOW-264")
	record := r.record()
	if got := strings.Count(record, "session.refuse||too many tries"); got != 3 {
		t.Errorf("%d entries of too many tries, want one for each that began:\n%s", got, record)
	}
	if got := strings.Count(record, "|link|link.refuse||it does not hold, from 10.0.2.1"); got != 20 {
		t.Errorf("%d links refused:\n%s", got, record)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	r.must(r.Store.CreateWorkspace(r.ctx, "lab", store.Entry{}))
	r.account("ann", team.Viewer, false)
	r.account("root", team.Nobody, true)
	session := r.signIn("ann")
	in := func(workspace string) team.Actor {
		t.Helper()
		a, err := r.BySession(r.ctx, session, workspace)
		r.must(err)
		return a
	}
	for _, workspace := range []string{"lab", "nowhere"} { // of which ann may not even know
		if a := in(workspace); a.Role != team.Nobody || a.Workspace != workspace || a.Can(team.SeeRuns) {
			t.Errorf("in %s: %+v", workspace, a)
		}
	}
	r.must(r.SetMember(r.ctx, owner(), "ann", team.Operator)) // holds at once
	if a := in("main"); a.Role != team.Operator {
		t.Errorf("after the change: %+v", a)
	}
	r.must(r.SetMember(r.ctx, owner(), "ann", team.Nobody))
	lab := owner()
	lab.Workspace = "lab"
	r.must(r.SetMember(r.ctx, lab, "ann", team.Editor))
	if a := in(""); a.Role != team.Editor || a.Workspace != "lab" {
		t.Errorf("in the first workspace: %+v", a)
	}
	for i := range len(session) {
		if i%9 != 0 {
			continue
		}
		spoilt := []byte(session)
		spoilt[i] ^= 1
		_, err := r.BySession(r.ctx, string(spoilt), "")
		wantClass(t, err, connector.Denied, "TOW-262")
	}
	for _, none := range []string{"", "tw_ses_", "tw_ses__", session + "x", session[:len(session)-1], strings.Replace(session, "ses", "pat", 1), "\x00\xff"} {
		_, err := r.BySession(r.ctx, none, "")
		wantClass(t, err, connector.Denied, "TOW-262")
		_, err = r.ByToken(r.ctx, none, "")
		wantClass(t, err, connector.Denied, "TOW-262")
		r.must(r.SignOut(r.ctx, none))
	}

	admin := r.signIn("root")
	if a := r.as(admin); !a.Admin || a.Role != team.Admin || a.Workspace != "main" {
		t.Errorf("administrator: %+v", a)
	}
	_, err := r.BySession(r.ctx, admin, "nowhere")
	wantClass(t, err, connector.Missing, "TOW-243")

	// Sessions end by signing out, one by one, and all with the password.
	r.must(r.SignOut(r.ctx, session))
	_, err = r.BySession(r.ctx, session, "")
	wantClass(t, err, connector.Denied, "TOW-262")
	first, second := r.signIn("ann"), r.signIn("ann")
	a := r.as(first)
	sessions, err := r.Sessions(r.ctx, r.as(admin), "ann")
	if r.must(err); len(sessions) != 2 {
		t.Errorf("sessions %+v", sessions)
	}
	r.must(r.EndSession(r.ctx, a, "", strings.Split(second, "_")[2]))
	_, err = r.BySession(r.ctx, second, "")
	wantClass(t, err, connector.Denied, "TOW-262")
	wantClass(t, r.SetPassword(r.ctx, a, "ann", other, other, team.Peer{}), connector.Denied, "TOW-263")
	wantClass(t, r.SetPassword(r.ctx, a, "ann", right, "password1234", team.Peer{}), connector.Config, "TOW-265")
	r.as(first) // refused, it goes on
	r.must(r.SetPassword(r.ctx, a, "ann", right, other, team.Peer{}))
	_, err = r.BySession(r.ctx, first, "")
	wantClass(t, err, connector.Denied, "TOW-262")
	_, _, err = r.SignIn(r.ctx, "ann", right, team.Peer{})
	wantClass(t, err, connector.Denied, "TOW-263")
	_, _, err = r.SignIn(r.ctx, "ann", other, team.Peer{})
	r.must(err)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	older, err := r.FirstLink(r.ctx)
	r.must(err)
	link, err := r.FirstLink(r.ctx)
	r.must(err)
	from := team.Peer{Address: "10.0.0.1"}
	for _, none := range []string{older, "", "tw_link_", strings.Replace(link, "link", "ses", 1), link + "0"} {
		_, _, err := r.RedeemLink(r.ctx, none, right, from)
		wantClass(t, err, connector.Missing, "TOW-246")
	}
	for password, code := range map[string]string{"": "TOW-247", "short": "TOW-265", "admin-admin-admin": "TOW-265"} {
		_, _, err := r.RedeemLink(r.ctx, link, password, from)
		wantClass(t, err, connector.Config, code)
	}
	session, a, err := r.RedeemLink(r.ctx, link, right, from)
	if r.must(err); a.Name != "admin" || !a.Admin || !a.HasPassword {
		t.Errorf("redeemed by %+v", a)
	}
	if got := r.as(session); got.Account != "admin" || !got.Admin {
		t.Errorf("the first administrator is %+v", got)
	}
	_, _, err = r.RedeemLink(r.ctx, link, other, from)
	wantClass(t, err, connector.Missing, "TOW-246")
	r.signIn("admin")
	if again, err := r.FirstLink(r.ctx); again != "" || err != nil {
		t.Errorf("another first link %q, %v", again, err)
	}
	record := r.record()
	for _, want := range []string{"server|server|account.create|admin|as an administrator", "server|server|link.create|admin|", "admin|link|link.redeem|admin|from 10.0.0.1"} {
		if !strings.Contains(record, want) {
			t.Errorf("the record lacks %q:\n%s", want, record)
		}
	}
	r.nowhere(link, link[len(link)-64:])

	// A link for somebody who has forgotten it.
	r.account("ann", team.Viewer, false)
	before := r.signIn("ann")
	link, expires, err := r.CreateLink(r.ctx, r.as(session), "ann")
	r.must(err)
	if now, err := r.Store.Now(r.ctx); err != nil || expires-now > time.Hour.Milliseconds() || expires-now < 59*time.Minute.Milliseconds() {
		t.Errorf("the link holds %d ms, %v", expires-now, err)
	}
	after, _, err := r.RedeemLink(r.ctx, link, other, from)
	r.must(err)
	_, err = r.BySession(r.ctx, before, "")
	wantClass(t, err, connector.Denied, "TOW-262")
	r.as(after)
}

// TestFirstLinkTakesNoOther: an account that is no administrator does not become the first one by its name.
func TestFirstLinkTakesNoOther(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	_, err := r.CreateAccount(r.ctx, owner(), "admin", false)
	r.must(err)
	link, err := r.FirstLink(r.ctx)
	wantClass(t, err, connector.Config, "TOW-240")
	if link != "" {
		t.Errorf("link %q", link)
	}
	_, err = r.CreateAccount(r.ctx, owner(), "zoe", true)
	r.must(err)
	if link, err = r.FirstLink(r.ctx); err != nil {
		t.Fatal(err)
	}
	_, a, err := r.RedeemLink(r.ctx, link, right, team.Peer{})
	if r.must(err); a.Name != "zoe" {
		t.Errorf("the link lets %s in", a.Name)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	r := newDoors(t)
	r.must(r.Store.CreateWorkspace(r.ctx, "lab", store.Entry{Workspace: "lab", Action: "workspace.create"}))
	r.account("ann", team.Admin, false)
	admin := team.Actor{Account: "ann", Workspace: "main", Role: team.Admin}
	actions := func(a team.Actor, f store.AuditFilter) (seen []string) {
		t.Helper()
		all, err := r.Record(r.ctx, a, f)
		r.must(err)
		for _, e := range all {
			seen = append(seen, e.Action)
		}
		return seen
	}
	for _, of := range []string{"", "lab", "main"} { // the filter does not widen it
		if d := cmp.Diff([]string{"member.change"}, actions(admin, store.AuditFilter{Workspace: of})); d != "" {
			t.Errorf("%q: %s", of, d)
		}
	}
	if d := cmp.Diff([]string{"member.change", "account.password", "account.create", "workspace.create"}, actions(owner(), store.AuditFilter{})); d != "" {
		t.Error(d)
	}
	newest, err := r.VerifyRecord(r.ctx, owner())
	if r.must(err); newest.Number != 4 || newest.Action != "member.change" {
		t.Errorf("newest %+v", newest)
	}
}
