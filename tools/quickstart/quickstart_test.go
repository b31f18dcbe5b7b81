package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestQuickstart: what the README begins with is paused in the middle, goes on and ends with equal files.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	c := exec.CommandContext(t.Context(), "sh", "../quickstart.sh")
	c.Env = append(c.Environ(), "QUICKSTART_ROWS=300000", "QUICKSTART_DIR="+t.TempDir())
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"paused run ", "succeeded run ", "no row lost, none doubled, none changed"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}
