// Package examples_test checks the jobs and connections of the examples.
package examples_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towpath/towpath/job"
)

// TestExamples reads every example: its documents are valid, its aliases are known, and its guide names its files.
func TestExamples(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("*/job.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatalf("found %d examples: %v", len(folders), err)
	}
	for _, path := range folders {
		folder := filepath.Dir(path)
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			j, err := job.Parse(read(t, path), path)
			if err != nil {
				t.Fatal(err)
			}
			if bound, err := j.Bind(nil); err != nil || bound.Hash() == "" {
				t.Errorf("bind: %v", err)
			}
			path := filepath.Join(folder, "connections.yaml")
			connections, err := job.ParseConnections(read(t, path), path)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range []job.Endpoint{j.Source, j.Target} {
				if _, known := connections[e.Connection]; !known {
					t.Errorf("%s does not have the alias %q", path, e.Connection)
				}
			}
			guide := string(read(t, filepath.Join(folder, "README.md")))
			for _, want := range []string{"# ", "towpath plan job.yaml", "towpath run job.yaml", "cd examples/" + folder} {
				if !strings.Contains(guide, want) {
					t.Errorf("README.md lacks %q", want)
				}
			}
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
