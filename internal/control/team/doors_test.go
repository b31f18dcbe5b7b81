package team

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
)

func TestTries(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	var d doors
	try := func(account, address string) bool {
		wait, first := d.try(account, address, now)
		if first && wait == 0 {
			t.Error("the first that came too early was let through")
		}
		return wait == 0
	}
	for i := range perAccount.burst {
		if !try("ann", fmt.Sprintf("10.0.0.%d", i)) {
			t.Fatalf("try %d came too early", i)
		}
	}
	wait, first := d.try("ann", "10.0.1.1", now)
	if wait != perAccount.every || !first {
		t.Errorf("one too many waits %v, first %v", wait, first)
	}
	if _, first := d.try("ann", "10.0.1.2", now); first {
		t.Error("the second one too many is the first")
	}
	if !try("bob", "10.0.1.3") {
		t.Error("another account waits")
	}
	now = now.Add(perAccount.every)
	if !try("ann", "10.0.1.4") || try("ann", "10.0.1.5") {
		t.Error("after its time one may be tried, and one only")
	}
	if _, first := d.try("ann", "10.0.1.6", now); first {
		t.Error("the second one too many is the first")
	}
	d.forget("ann")
	if !try("ann", "10.0.1.7") {
		t.Error("who has shown the password waits")
	}
	for i := range perAddress.burst {
		if !try(fmt.Sprintf("account-%d", i), "10.9.9.9:4711") {
			t.Fatalf("try %d of an address came too early", i)
		}
	}
	if try("account", "10.9.9.9:4712") || try("", "::ffff:10.9.9.9") {
		t.Error("an address is not bounded")
	}
	if !try("account", "10.9.9.8") {
		t.Error("another address waits")
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "10.1.2.3:80": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "[::ffff:10.1.2.3]:80": "10.1.2.3",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "[2001:db8:1:2:ffff::1]:443": "2001:db8:1:2::/64", "2001:db8:1:3::1": "2001:db8:1:3::/64",
		"fe80::1%eth0": "fe80::/64", "socket": "socket",
	} {
		if got := network(address); got != want {
			t.Errorf("network of %s is %s, want %s", address, got, want)
		}
	}
}

// TestBucketsAreBounded: whoever invents names makes the doors forget others, and takes no more memory.
func TestBucketsAreBounded(t *testing.T) {
	t.Parallel()
	var d doors
	now := time.Unix(1_000_000, 0)
	for range perAccount.burst {
		d.try("ann", "", now)
	}
	for i := range generation + generation/2 {
		d.try(fmt.Sprintf("name-%d", i), "", now)
	}
	if wait, _ := d.try("ann", "", now); wait == 0 {
		t.Error("a name of the generation before is forgotten")
	}
	for i := range 10 * generation {
		d.try(fmt.Sprintf("other-%d", i), "", now)
		if kept := len(d.accounts.young) + len(d.accounts.old); kept > 2*generation {
			t.Fatalf("%d names are kept", kept)
		}
	}
}

func TestCalculateIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d doors
		var wg sync.WaitGroup
		var at, most atomic.Int64
		for range 20 {
			wg.Go(func() {
				err := d.calculate(context.Background(), func() {
					most.Store(max(most.Load(), at.Add(1)))
					<-time.After(time.Second)
					at.Add(-1)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(gone)
		if err := d.calculate(ctx, func() { t.Error("calculated for who has left") }); !errors.Is(err, gone) {
			t.Errorf("who has left gets %v", err)
		}
		wg.Wait()
		if most.Load() != hashesAtOnce {
			t.Errorf("%d at once, want %d", most.Load(), hashesAtOnce)
		}
	})
}

// TestNobody: the hash for unknown names costs what others do, and has no password.
func TestNobody(t *testing.T) {
	t.Parallel()
	p, _, _, err := argon2id.DecodeHash(nobody())
	if d := cmp.Diff(cost(), p); err != nil || d != "" {
		t.Errorf("cost of nobody: %v, %s", err, d)
	}
	if p.Memory < 64<<10 {
		t.Errorf("a hash takes %d KiB", p.Memory)
	}
	team := new(Team)
	for _, password := range []string{"", "a", strings.Repeat("long", mostPassword)} {
		if same, err := team.matches(t.Context(), password, ""); same || err != nil {
			t.Errorf("nobody has the password %q, %v", password, err)
		}
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ password, account, why string }{
		{"", "ann", "less than 12 characters"},
		{"xkq!vfw7zpd", "ann", "less than 12 characters"},
		{"ééééééé", "ann", "less than 12 characters"},
		{"xkq!vfw7zpdm", "ann", ""},
		{"correct horse battery staple", "ann", ""},
		{"пароль длинный и свой", "ann", ""},
		{"password1234", "ann", "well-known words"},
		{"Password1234!", "ann", "well-known words"},
		{"PASSWORDPASSWORD", "ann", "well-known words"},
		{"qwertyuiop123", "ann", "well-known words"},
		{"administrator1", "ann", "well-known words"},
		{"towpath-admin-2026", "ann", "well-known words"},
		{"letmein-letmein", "ann", "well-known words"},
		{"annabel.smith", "annabel.smith", "account's name"},
		{"Annabel.Smith-2026", "annabel.smith", "account's name"},
		{"annabel.smith eats green pears", "annabel.smith", ""},
		{"xxxxxxxxxxxxxxxxxxxx", "ann", "different characters"},
		{"xyxyxyxyxyxyxyxy", "ann", "different characters"},
		{strings.Repeat("long one ", 120), "ann", "more than 1024 bytes"},
	} {
		err := CheckPassword(c.password, c.account)
		if c.why == "" {
			if err != nil {
				t.Errorf("%q: %v", c.password, err)
			}
			continue
		}
		e, ok := errors.AsType[*connector.Error](err)
		if !ok || e.Class != connector.Config || e.Code != "TOW-265" || !strings.Contains(e.Text, c.why) {
			t.Errorf("%q: %v, want %s", c.password, err, c.why)
		}
		if ok && len(c.password) > 0 && strings.Contains(e.Error()+e.Hint, c.password) {
			t.Errorf("the error tells the password: %v", e)
		}
	}
	// A word stands behind those that hold it, and is long enough to matter.
	words := strings.Fields(known)
	for i, word := range words {
		for _, before := range words[:i] {
			if strings.Contains(word, before) {
				t.Errorf("%q is never found, %q stands before it", word, before)
			}
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Firefox/1.0 (X11)": "Firefox/1.0 (X11)", "a\x1b[31mred\r\nb\x00": "a[31mredb", " \u202ex ": "x", strings.Repeat("a", 300): strings.Repeat("a", mostAgent),
	} {
		if got := clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}
