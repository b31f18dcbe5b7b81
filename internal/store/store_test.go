package store_test

import (
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/store/storetest"
)

func open(t *testing.T, path string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) func(*testing.T) *store.Store {
		path := filepath.Join(t.TempDir(), "control.db")
		return func(t *testing.T) *store.Store { return open(t, path, store.Options{}) }
	})
}
