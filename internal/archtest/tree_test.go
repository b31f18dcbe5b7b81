package archtest_test

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/archtest"
)

func TestTree(t *testing.T) {
	t.Parallel()
	tree, err := archtest.Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range archtest.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()
			for _, finding := range rule.Check(tree) {
				t.Error(finding)
			}
			if t.Failed() {
				t.Log("why: " + rule.Reason)
			}
		})
	}
}

// TestLinkedModules checks the committed list of what the program links, both ways.
func TestLinkedModules(t *testing.T) {
	t.Parallel()
	c := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./cmd/towpath")
	c.Dir = "../.."
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, linked, _ := strings.Cut(string(page), "## Linked into the program")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^- `([^`]+)`$").FindAllStringSubmatch(linked, -1) {
		listed[m[1]] = true
	}
	modules := map[string]bool{}
	for _, m := range strings.Fields(string(out)) {
		modules[m] = true
	}
	for _, m := range slices.Sorted(maps.Keys(modules)) {
		if !listed[m] {
			t.Errorf("linked, but not in docs/dependencies.md: %s", m)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(listed)) {
		if !modules[m] {
			t.Errorf("in docs/dependencies.md, but not linked: %s", m)
		}
	}
}
