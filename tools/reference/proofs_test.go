package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProofsPage(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proofs"), 0o755); err != nil {
		t.Fatal(err)
	}
	const report = `{"part": "kill", "title": "Ten kills", "passed": false, "commit": "0123456789abcdef", "machine": "2 CPUs", "date": "2026-11-22T01:02:03Z",
		"seed": 18446744073709551615, "seconds": 120, "figures": {"all": {"rows_lost": 0, "by_point": {"P1": 2}, "faults": null},
		"servers": [{"name": "a"}, {"name": "b"}], "scenes": {"append": 1}}}`
	if err := os.WriteFile(filepath.Join(root, "proofs", "kill.json"), []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	page, err := proofsPage(root)
	if err != nil {
		t.Fatal(err)
	}
	want := `## kill

Ten kills.

**failed** in 2 minutes on 2 CPUs, 2026-11-22; commit ` + "`0123456789ab`" + `, seed 18446744073709551615.

- all
  - rows lost: 0
  - by point
    - P1: 2
- servers 1
  - name: a
- servers 2
  - name: b
`
	if _, got, _ := strings.Cut(page, "## kill"); "## kill"+got != want {
		t.Errorf("got\n%s\nwant\n%s", "## kill"+got, want)
	}
	if err := os.WriteFile(filepath.Join(root, "proofs", "broken.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := proofsPage(root); err == nil || !strings.Contains(err.Error(), "broken.json") {
		t.Errorf("a broken report gives %v", err)
	}
}
