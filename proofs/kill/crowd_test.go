package kill

import (
	"os"
	"strings"
	"testing"
)

// The role of the workers that are killed has the rights that docs/pool.md names, and no others.
func TestWorkersHaveTheRightsOfTheGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/pool.md")
	if err != nil {
		t.Fatal(err)
	}
	granted := strings.Split(of(workerGrants, "public", "towpath_worker"), ";")
	for _, grant := range granted {
		if grant = strings.TrimSpace(grant); !strings.Contains(string(guide), "\n"+grant+";\n") {
			t.Errorf("docs/pool.md does not say %q", grant)
		}
	}
	if n := strings.Count(string(guide), "\nGRANT "); n != len(granted) {
		t.Errorf("docs/pool.md names %d rights, the workers have %d", n, len(granted))
	}
}
