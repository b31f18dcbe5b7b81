// Package servedtest makes sites of servers for tests.
package servedtest

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/towpath/towpath/proofs/served"
)

// Site is one in a folder of the test, with a program built with the tags.
func Site(t *testing.T, tags ...string) *served.Site {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	dir := t.TempDir()
	program, err := served.Build(t.Context(), filepath.Join(filepath.Dir(here), "..", "..", ".."), dir, tags...)
	if err != nil {
		t.Fatal(err)
	}
	return &served.Site{Program: program, Dir: dir, Log: t.Logf}
}

// Opened is a site with so many servers, which end with the test.
func Opened(t *testing.T, s *served.Site, servers int) *served.Site {
	t.Helper()
	if err := s.Open(t.Context(), servers); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Survives kills so often, and checks that runs were under way then.
func Survives(t *testing.T, k *served.Killing, kills int) {
	t.Helper()
	f, err := k.Run(t.Context(), kills)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", f)
	if !f.Good() || f.Kills < kills || f.Under < kills || f.Runs < len(k.Scenes) || f.Pauses == 0 || f.Resumes == 0 {
		t.Errorf("got %+v", f)
	}
}

// KeepsSecrets checks that no secret is seen anywhere.
func KeepsSecrets(t *testing.T, c *served.Canary) {
	t.Helper()
	leaks, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range leaks {
		t.Error(leak)
	}
	bytes, doors := c.Looked()
	t.Logf("%d doors, bytes looked at: %v", doors, bytes)
}
