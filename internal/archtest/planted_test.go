package archtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/archtest"
)

// planted are violations that each rule must find, and neighbours of them that it must leave alone.
func planted() []plant {
	return []plant{
		{"imports", files{"record/a.go": "// Package record is.\npackage record\n\nimport _ \"github.com/towpath/towpath/job\"\n"}, "record/a.go:4: record imports job"},
		{"imports", files{"connectors/alpha/a.go": "package alpha\n\nimport _ \"github.com/towpath/towpath/connectors/beta\"\n"}, "imports connectors/beta"},
		{"imports", files{"connectors/alpha/a.go": "package alpha\n\nimport _ \"github.com/towpath/towpath/connectors/all\"\n"}, "imports connectors/all"},
		{"imports", files{"connectors/alpha/a.go": "package alpha\n\nimport _ \"github.com/towpath/towpath/internal/engine\"\n"}, "imports internal/engine"},
		{"imports", files{"internal/store/sub/a.go": "package sub\n\nimport _ \"github.com/towpath/towpath/internal/engine\"\n"}, "imports internal/engine"},
		{"imports", files{"helpful/a.go": "package helpful\n"}, "no room"},
		{"imports", files{"connectors/alpha/a.go": "package alpha\n\nimport (\n_ \"github.com/towpath/towpath/connectors/internal/rows\"\n_ \"github.com/towpath/towpath/record\"\n)\n"}, ""},
		{"imports", files{"record/a_test.go": "package record\n\nimport _ \"github.com/towpath/towpath/job\"\n"}, ""},
		{"imports", files{"internal/store/a.go": "package store\n\nimport _ \"github.com/towpath/towpath/internal/store/rows\"\n"}, ""},

		{"names", files{"connectors/gammabase/a.go": "package gammabase\n", "internal/engine/a.go": "package engine\n\n// GammaBase is special.\n"}, "internal/engine/a.go:3: names gammabase"},
		{"names", files{"job/a.go": "package job\n\nconst x = \"opensearch\"\n"}, "names opensearch"},
		{"names", files{"connectors/gammabase/a.go": "package gammabase\n", "connectors/delta/a.go": "package delta\n\n// unlike gammabase\n"}, "connectors/delta/a.go:3"},
		{"names", files{"connectors/gammabase/a.go": "package gammabase\n\n// gammabase\n", "docs/a.go": "package docs\n\n// gammabase\n"}, ""},

		{"drivers", files{"internal/engine/a.go": "package engine\n\nimport _ \"modernc.org/sqlite\"\n"}, "imports modernc.org/sqlite"},
		{"drivers", files{"connectors/sqlite/a.go": "package sqlite\n\nimport _ \"modernc.org/sqlite/lib\"\n"}, ""},
		{"processes", files{"internal/control/a.go": "package control\n\nimport _ \"os/exec\"\n"}, "os/exec"},
		{"processes", files{"internal/control/a_test.go": "package control\n\nimport _ \"os/exec\"\n", "tools/x/a.go": "package x\n\nimport _ \"os/exec\"\n"}, ""},
		{"sockets", files{"connectors/alpha/a.go": "package alpha\n\nvar d = new(net.Dialer)\n"}, "makes a net.Dialer"},
		{"sockets", files{"connectors/internal/a/a.go": "package a\n\nvar d = &net.Dialer{}\n"}, "makes a net.Dialer"},
		{"sockets", files{"connectors/alpha/a.go": "package alpha\n\nvar c, err = net.Dial(\"tcp\", \"db1:1\")\n"}, "uses net.Dial:"},
		{"sockets", files{"connectors/alpha/a.go": "package alpha\n\nfunc f(by *net.Dialer) { by.Dial(\"tcp\", \"db1:1\") }\n", "internal/store/a.go": "package store\n\nvar d = new(net.Dialer)\n"}, ""},
		{"files", files{"connectors/alpha/alpha.go": "package alpha\n"}, "has no options.go"},
		{"files", files{"connectors/alpha/alpha.go": "package alpha\n"}, "neither reader.go nor writer.go"},

		{"files", files{"connectors/alpha/alpha.go": "package alpha\n"}, "no test that runs connector/connectortest"},
		{"files", files{
			"connectors/alpha/alpha.go": "package alpha\n", "connectors/alpha/options.go": "package alpha\n", "connectors/alpha/types.go": "package alpha\n",
			"connectors/alpha/errors.go": "package alpha\n", "connectors/alpha/writer.go": "package alpha\n", "connectors/alpha/README.md": "# Alpha\n",
			"connectors/alpha/suite_test.go": "package alpha\n\nimport _ \"github.com/towpath/towpath/connector/connectortest\"\n",
		}, ""},

		{"init", files{"record/a.go": "package record\n\nfunc init() {}\n"}, "func init"},
		{"init", files{"record/a.go": "package record\n\ntype t int\n\nfunc (t) init() {}\n"}, ""},
		{"variables", files{"record/a.go": "package record\n\nvar seen = map[string]int{}\n", "record/b.go": "package record\n\nfunc f() { seen[\"a\"]++ }\n"}, "record/b.go:3: changes package variable seen"},
		{"variables", files{"record/a.go": "package record\n\nvar last int\n\nfunc f() { last = 2 }\n"}, "changes package variable last"},
		{"variables", files{"record/a.go": "package record\n\nimport \"sync\"\n\nvar pool = sync.Pool{}\n"}, "sync.Pool"},
		{"variables", files{"record/a.go": "package record\n\nimport \"sync\"\n\nvar mu sync.Mutex\n"}, "sync.Mutex"},
		{"variables", files{"record/a.go": "package record\n\nvar names = [...]string{\"a\"}\n\nfunc f() { names := []string{}; names[0] = names[0]; names = nil }\n"}, ""},
		{"comments", files{"record/a.go": "package record\n"}, "no package comment"},
		{"comments", files{"record/a.go": "// Package record is.\npackage record\n", "record/b.go": "// Package record is again.\npackage record\n"}, "more than one"},
		{"comments", files{"record/a.go": "// Package record is.\npackage record\n", "record/b.go": "package record\n"}, ""},
		{"package names", files{"internal/util/a.go": "package util\n"}, "package util"},
		{"package names", files{"internal/x/a_test.go": "package helpers_test\n"}, "package helpers_test"},
		{"exported", files{"record/a.go": "package record\n\nfunc Open() {}\n"}, "exported Open"},
		{"exported", files{"record/a.go": "package record\n\ntype Row struct{}\n"}, "exported Row"},
		{"exported", files{"record/a.go": "package record\n\ntype row struct{}\n\nfunc (r *row) Open() {}\n\n// Row is.\ntype Row struct{}\n\nfunc (r Row) String() string { return \"\" }\n"}, ""},
		{"sizes", files{"record/a.go": "package record\n" + strings.Repeat("\n", 800)}, "801 lines"},
		{"sizes", files{"record/a.go": "package record\n\nfunc f() {\n" + strings.Repeat("\n", 79) + "}\n"}, "f: 81 lines"},
		{"sizes", files{"record/a.go": "package record\n\nfunc f() {\n" + strings.Repeat("\n", 78) + "}\n"}, ""},
		{"prose", files{"record/a.go": "package record\n\n// TODO: later\n"}, `"TODO"`},
		{"prose", files{"record/a.go": "package record\n\n// enough for now\n"}, `"for now"`},
		{"prose", files{"record/a.go": "package record\n\n// see https://example.com/issues/7, todos aside\n"}, ""},
		{"tests", files{"record/a_test.go": "package record\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n"}, "time.Sleep"},
		{"tests", files{"record/a_test.go": "package record\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Skip() }\n"}, "t.Skip"},
		{"tests", files{"record/a_test.go": "package record\n\nimport (\n\"testing/synctest\"\n\"time\"\n)\n\nfunc f() { synctest.Test(nil, nil); time.Sleep(1) }\n"}, ""},
		{"tests", files{"record/a.go": "package record\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n"}, ""},

		{"dependencies", files{"go.mod": "module m\n\nrequire (\n\texample.org/a v1.0.0\n\texample.org/a/v2 v2.0.0 // indirect\n)\n", "record/a.go": "package record\n\nimport _ \"example.org/a/b\"\n"}, "module example.org/a has no line"},
		{"dependencies", files{"go.mod": "module m\n\nrequire example.org/a v1.0.0\n", "docs/dependencies.md": "| `example.org/a` | x |\n| `example.org/old` | x |\n", "record/a.go": "package record\n\nimport _ \"example.org/a\"\n"}, "describes example.org/old"},
		{"dependencies", files{"go.mod": "module m\n\nrequire example.org/a v1.0.0\n", "docs/dependencies.md": "| `example.org/a` | x |\n", "record/a.go": "package record\n\nimport (\n_ \"example.org/a/b\"\n_ \"fmt\"\n)\n"}, ""},
		{"codes", files{"job/a.go": "package job\n\nconst c = \"TOW-999\"\n"}, "code TOW-999 is not in"},
		{"codes", files{"docs/reference/errors.md": "TOW-998\n"}, "describes TOW-998"},
		{"codes", files{"docs/reference/errors.md": "TOW-997\n", "job/a.go": "package job\n\nconst c = \"TOW-997\"\n"}, ""},
		{"links", files{"docs/a.md": "# A\n\nSee [b](b.md).\n"}, "docs/a.md:3: link b.md: there is no docs/b.md"},
		{"links", files{"docs/a.md": "[`b`](../job/)\n"}, "there is no job"},
		{"links", files{"a.md": "[b](../b.md)\n"}, "leads out of the tree"},
		{"links", files{"docs/a.md": "[b](b.md#two)\n", "docs/b.md": "# One\n\n```\n# Two\n```\n"}, "docs/b.md has no such heading"},
		{"links", files{"a.md": "# A\n\n[a]\n\n[a]: b.md\n"}, "a.md:5: link b.md"},
		{"links", files{"docs/patent.md": "| word | ours |\n|---|---|\n| run key | the run |\n"}, "docs/patent.md:3: this line leads nowhere"},
		{"links", files{
			"docs/a.md": "# A\n\n[b](<b.md#one-two-ways-1>), [c](../job), [d](#a), [e](https://example.com/#x), `[f](f.md)`\n\n```\n[g](g.md)\n```\n",
			"docs/b.md": "## One: `two` ways\n\n## One, two ways\n", "job/a.go": "package job\n",
		}, ""},
	}
}

type files map[string]string

type plant struct {
	rule  string
	files files
	want  string // part of a finding; "" for no finding at all
}

func TestPlantedViolationsAreFound(t *testing.T) {
	t.Parallel()
	rules := map[string]archtest.Rule{}
	for _, rule := range archtest.Rules() {
		rules[rule.Name] = rule
	}
	caught := map[string]bool{}
	for _, p := range planted() {
		root := t.TempDir()
		for name, text := range p.files {
			path := filepath.Join(root, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tree, err := archtest.Load(root)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, finding := range rules[p.rule].Check(tree) {
			texts = append(texts, finding.String())
		}
		got := strings.Join(texts, "\n")
		if p.want == "" && got != "" {
			t.Errorf("%s: found in %v:\n%s\nwant nothing", p.rule, p.files, got)
		}
		if p.want != "" && !strings.Contains(got, p.want) {
			t.Errorf("%s: in %v\ngot %q, want %q", p.rule, p.files, got, p.want)
		}
		caught[p.rule] = caught[p.rule] || p.want != ""
	}
	for name := range rules {
		if !caught[name] {
			t.Errorf("rule %s has no planted violation", name)
		}
	}
}
