package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/record"
)

func TestErrorsPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, want string }{
		{"error", `func f() error { return connector.Errorf(connector.Config, "TOW-301", "open %q: %w", a, err) }`, "| TOW-301 | config | open …: … |  |"},
		{"with a hint", `func f() error { return connector.Errorf(connector.Denied, "TOW-302", "read").At("x").WithHint("Grant %s.", a) }`, "| TOW-302 | denied | read | Grant …. |"},
		{"collected", `func f() { p.add(at, path, "TOW-603", "Write {a: " + x + "}.", "is %s", y) }`, "| TOW-603 |  | is … | Write {a: …}. |"},
		{"struct", `var e = connector.Error{Class: connector.Full, Code: "TOW-304", Text: "no room", Hint: "Free | some."}`, `| TOW-304 | full | no room | Free \| some. |`},
		{"handed on", `func f() error { return a.g(x, "TOW-306") }

func g(x int, code string) error { return connector.Errorf(connector.Retry, code, "wait %d s", x).At("y").WithHint("Wait.") }`, "| TOW-306 | retry | wait … s | Wait. |"},
		{"twice", `func f() { g(connector.Errorf(connector.Config, "TOW-305", "a"), connector.Errorf(connector.Row, "TOW-305", "b")) }`, "| TOW-305 | config, row | a<br>b |  |"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if err := os.WriteFile(filepath.Join(root, "a.go"), []byte("package a\n\n"+c.source+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			codes, err := readCodes(root)
			if err != nil {
				t.Fatal(err)
			}
			if got := errorsPage(codes); !strings.Contains(got, c.want) {
				t.Errorf("no %q in:\n%s", c.want, got)
			}
		})
	}
}

func TestConnectorPage(t *testing.T) {
	t.Parallel()
	type options struct {
		Mode string `json:"mode" doc:"How a|b." enum:"fast,slow"`
		Rows int    `json:"rows" doc:"Rows at a time." minimum:"1"`
	}
	set := connector.NewSet(connector.Connector{Name: "planted", Docs: "# Planted\n\nGrows.\n", Connection: connector.Describe(options{Mode: "fast", Rows: 7}),
		Types: func() []connector.TypeDoc {
			return []connector.TypeDoc{{From: "seed(2)", To: "int8"}, {From: "all others", To: "native", Note: "a|b"}, {From: "int8", To: "seed", Note: "cut", Made: true}}
		}})
	got := connectorPages(set)["connectors/planted.md"]
	for _, want := range []string{
		"# Planted\n\nGrows.\n\n## Mapping of types\n",
		"| declared | logical type | note |\n|---|---|---|\n| `seed(2)` | `int8` |  |\n| all others | `native` | a\\|b |\n",
		"| logical type | made as | note |\n|---|---|---|\n| `int8` | `seed` | cut |\n\n## Options\n\n### A connection",
		"| `mode` | text | `\"fast\"` | How a\\|b. One of `fast`, `slow`. |",
		"| `rows` | integer | `7` | Rows at a time. At least 1. |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// Each connector says what it makes of types, in each of its directions.
func TestConnectorsHaveTypes(t *testing.T) {
	t.Parallel()
	for _, c := range all.Connectors().All() {
		made := map[bool]int{}
		if c.Types != nil {
			for _, d := range c.Types() {
				if d.From == "" || d.To == "" {
					t.Errorf("%s: %+v says nothing", c.Name, d)
				}
				made[d.Made]++
			}
		}
		const least = 20
		if c.Read != nil && made[false] < least || c.Write != nil && made[true] < least {
			t.Errorf("%s has %d types that are read and %d that are made", c.Name, made[false], made[true])
		}
	}
}

func TestCommandPage(t *testing.T) {
	t.Parallel()
	got, err := cliPage()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## towpath job check\n\nCheck a job file without connecting.\n\n    towpath job check <file> [flags]\n",
		"| `--state=PLACE` | Where the control database is", "`TOWPATH_STATE` stands for it. |", "| `<run>` | The run's key. |",
		"| `TOWPATH_SOURCE_PASSWORD` |", "| 3 | the plan refuses; nothing was changed |", "The first Ctrl-C pauses the run",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "--lease") {
		t.Error("a hidden flag is on the page")
	}
}

func TestJobPage(t *testing.T) {
	t.Parallel()
	got, err := jobPage()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## The document", "| `mode` |", "## `source`", "| `connector` |", "## `streams[]`", "| `where` |",
		"## `streams[].columns[]`", "| `expr` |", "## `settings`", "## `settings.rate`", "| `parallel` | integer from "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// TestFresh is what `make check-generated` checks, for those who run the tests alone.
func TestFresh(t *testing.T) {
	t.Parallel()
	want, err := pages("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		page, err := os.ReadFile(filepath.Join("../../docs/reference", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(page) != text {
			t.Errorf("docs/reference/%s is stale: make generate", name)
		}
	}
	there, err := filepath.Glob("../../docs/reference/connectors/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if _, made := want["connectors/"+filepath.Base(path)]; !made {
			t.Errorf("%s belongs to no connector: make generate", path)
		}
	}
}

// TestPoliciesOfThePage checks that the policies of docs/reference/types.md are those that a job may name.
func TestPoliciesOfThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/types.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| ([A-Z0-9, ]+) \\| .* \\| (.*`.*) \\|$")
	quoted := regexp.MustCompile("`([^`]+)`")
	checked := 0
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		codes, lists := strings.Split(m[1], ", "), strings.Split(m[2], " / ")
		for i, code := range codes {
			list := lists[0]
			if len(lists) == len(codes) {
				list = lists[i]
			}
			for _, policy := range quoted.FindAllStringSubmatch(list, -1) {
				checked++
				if err := record.ValidPolicy(record.Code(code), strings.Replace(policy[1], "<charset>", "latin1", 1)); err != nil {
					t.Errorf("%s: %v", code, err)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("policies found on the page: got %d, want 30 at least", checked)
	}
}
