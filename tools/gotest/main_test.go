package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	passing  = "func TestA(t *testing.T) {}\n"
	failing  = "func TestB(t *testing.T) { t.Error(\"seen by the reader\") }\n"
	skipping = "func TestC(t *testing.T) { t.Skip(\"no server\") }\n"
	broken   = "func TestD(t *testing.T) { missing() }\n"
	dying    = "func TestE(t *testing.T) { panic(\"the end\") }\n"
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, tests string
		strict      bool
		ok          bool
		want        []string
		last        string
	}{
		{"pass", passing, true, true, nil, "ok  \tplanted"},
		{"fail", passing + failing, false, false, []string{"seen by the reader", "--- FAIL: TestB"}, "FAIL\tplanted"},
		{"skip", passing + skipping, false, true, []string{"--- SKIP: TestC"}, "ok  \tplanted"},
		{"skip in strict mode", passing + skipping, true, false, []string{"no server", "FAIL\tplanted\tskipped: TestC"}, "FAIL"},
		{"does not compile", broken, false, false, []string{"undefined: missing"}, "FAIL\tplanted"},
		{"panic", dying, false, false, []string{"panic: the end"}, "FAIL\tplanted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			write(t, folder, "go.mod", "module planted\n\ngo 1.26\n")
			write(t, folder, "a_test.go", "package planted\n\nimport \"testing\"\n\n"+c.tests)
			t.Chdir(folder)
			var out strings.Builder
			code, err := run([]string{"./..."}, c.strict, &out)
			if err != nil {
				t.Fatal(err)
			}
			if got := code == 0; got != c.ok {
				t.Errorf("success: got %v, want %v\n%s", got, c.ok, out.String())
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out.String())
				}
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, c.last) {
				t.Errorf("last line: got %q, want %q", last, c.last)
			}
		})
	}
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
