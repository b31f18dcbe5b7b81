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
		for _, folder := range []string{"sqlite-to-sqlite", "whole-database"} {
			if err := os.CopyFS(filepath.Join(env.WorkDir, folder), os.DirFS(folder)); err != nil {
				return err
			}
		}
		return setup(env)
	}
	testscript.Run(t, p)
}
