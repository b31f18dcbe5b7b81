package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The documents that are checked against the code.
const (
	dependenciesPage = "docs/dependencies.md"
	errorsPage       = "docs/reference/errors.md"
)

func plural(have, most int) string {
	return fmt.Sprintf("%d lines, at most %d", have, most)
}

// required are the modules of go.mod.
func (t *Tree) required() []string {
	var modules []string
	for line := range strings.Lines(t.Other["go.mod"]) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == "require" {
			fields = fields[1:]
		}
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") && strings.Contains(fields[0], ".") {
			modules = append(modules, fields[0])
		}
	}
	return modules
}

// dependencies checks that every module whose packages are imported has its line, with what for and why, and that no line is stale.
func dependencies(t *Tree) []Finding {
	required := t.required()
	described := map[string]bool{}
	row := regexp.MustCompile("^\\| *`([^`]+)` *\\|")
	for line := range strings.Lines(t.Other[dependenciesPage]) {
		if m := row.FindStringSubmatch(line); m != nil {
			described[m[1]] = true
		}
	}
	var found []Finding
	missing := map[string]bool{}
	for _, f := range t.Files {
		f.imports(func(spec *ast.ImportSpec, name string) {
			if m := moduleOf(required, name); m != "" && !described[m] && !missing[m] {
				missing[m] = true
				found = append(found, f.find(spec, "module %s has no line in %s", m, dependenciesPage))
			}
		})
	}
	for _, m := range slices.Sorted(maps.Keys(described)) {
		if !slices.Contains(required, m) {
			found = append(found, Finding{Path: dependenciesPage, Text: "describes " + m + ", which go.mod does not require"})
		}
	}
	return found
}

// moduleOf is the required module that a package belongs to, "" for none.
func moduleOf(required []string, importPath string) string {
	best := ""
	for _, m := range required {
		if (importPath == m || strings.HasPrefix(importPath, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

// errorCodes checks codes against their page, both ways.
func errorCodes(t *Tree) []Finding {
	code := regexp.MustCompile(`^TOW-[0-9]{3}$`)
	documented := map[string]bool{}
	for _, c := range regexp.MustCompile(`TOW-[0-9]{3}`).FindAllString(t.Other[errorsPage], -1) {
		documented[c] = true
	}
	used := map[string]bool{}
	var found []Finding
	for _, f := range t.Files {
		if f.Test || under(f.Folder, "internal/archtest", "connector/connectortest", "internal/store/storetest") {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil || !code.MatchString(text) {
				return true
			}
			if !documented[text] && !used[text] {
				found = append(found, f.find(literal, "code %s is not in %s", text, errorsPage))
			}
			used[text] = true
			return true
		})
	}
	for _, c := range slices.Sorted(maps.Keys(documented)) {
		if !used[c] {
			found = append(found, Finding{Path: errorsPage, Text: "describes " + c + ", which no code uses"})
		}
	}
	return found
}
