package examples_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/towpath/towpath/app"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/tools/apptest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"towpath": func() { app.Main(all.Connectors(), "v0.0.0-test") }})
}

// TestRun does what the guides of the examples that need no server say.
func TestRun(t *testing.T) {
	t.Parallel()
	p := apptest.Params("testdata")
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		if err := os.CopyFS(filepath.Join(env.WorkDir, "sqlite-to-sqlite"), os.DirFS("sqlite-to-sqlite")); err != nil {
			return err
		}
		return setup(env)
	}
	testscript.Run(t, p)
}
