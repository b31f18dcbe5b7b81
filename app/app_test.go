package app_test

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/towpath/towpath/app"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/tools/apptest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"towpath": func() { app.Main(all.Connectors(), "v0.0.0-test") }})
}

// TestScripts runs the program as people do; each case is a file of testdata/script.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, apptest.Params("testdata/script"))
}
