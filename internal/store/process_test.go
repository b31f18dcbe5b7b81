package store_test

import (
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.db")
	storetest.Processes(t, open(t, path, store.Options{}), path, "")
}
