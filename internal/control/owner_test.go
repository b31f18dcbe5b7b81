package control

import (
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/store"
)

// Whose process is taken for gone: never one that may live where nobody here can look.
func TestGone(t *testing.T) {
	t.Parallel()
	self := ThisProcess()
	boot, space, _ := strings.Cut(self.Boot, " ")
	if boot == "" {
		t.Fatal("this system tells no boot from another")
	}
	dead := self
	dead.ID, dead.PID = "dead", 1<<30
	reused := self
	reused.ID, reused.Started = "reused", self.Started-10*startSlack
	for name, c := range map[string]struct {
		owner       store.Owner
		own, shared bool // what is said of it where the database is of this machine, and where it is shared
	}{
		"this process":      {self, false, false},
		"dead":              {dead, true, true},
		"id used again":     {reused, true, true},
		"nobody":            {store.Owner{}, false, false},
		"before the boot":   {with(dead, func(o *store.Owner) { o.Boot = "other " + space }), true, false},
		"other container":   {with(dead, func(o *store.Owner) { o.Boot = boot + " pid:[1]" }), false, false},
		"other machine":     {with(dead, func(o *store.Owner) { o.Host += "x" }), false, false},
		"boot is not known": {with(dead, func(o *store.Owner) { o.Boot = "" }), false, false},
	} {
		if got := gone(c.owner, self, false); got != c.own {
			t.Errorf("%s: %v, want %v", name, got, c.own)
		}
		if got := gone(c.owner, self, true); got != c.shared {
			t.Errorf("%s, shared: %v, want %v", name, got, c.shared)
		}
	}
}

func with(o store.Owner, change func(o *store.Owner)) store.Owner {
	change(&o)
	return o
}
