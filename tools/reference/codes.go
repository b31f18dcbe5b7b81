package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// place is one spot of the code that raises a code.
type place struct {
	folder, class, text, hint string
	handed                    string // package.Function that the code is handed to; "": none
}

// readCodes finds every place that raises a code, by code.
func readCodes(root string) (map[string][]place, error) {
	codes, raised := map[string][]place{}, map[string][]place{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			skipped := []string{"internal/archtest", "connector/connectortest", "internal/store/storetest", "tools", "bench", "proofs"}
			if name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || slices.Contains(skipped, filepath.ToSlash(relative))) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for code, places := range placesOf(file) {
			for _, p := range places {
				p.folder = filepath.ToSlash(filepath.Dir(relative))
				codes[code] = append(codes[code], p)
			}
		}
		maps.Copy(raised, raisedBy(file))
		return nil
	})
	for code, places := range codes {
		codes[code] = resolved(places, raised)
	}
	return codes, err
}

// resolved puts what a function raises with the code that it is handed in the place of the call that hands it the code.
func resolved(places []place, raised map[string][]place) (out []place) {
	for _, p := range places {
		within, ok := raised[p.handed]
		if !ok {
			out = append(out, p)
			continue
		}
		for _, w := range within {
			w.folder = p.folder
			out = append(out, w)
		}
	}
	return out
}

// raisedBy reads what the functions of a file raise with a code that they are handed by a parameter of that name, by package.Function.
func raisedBy(file *ast.File) map[string][]place {
	raised := map[string][]place{}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil {
			continue
		}
		var above []ast.Node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				above = above[:len(above)-1]
				return true
			}
			if call, ok := n.(*ast.CallExpr); ok && calls(call, "Errorf") {
				at := slices.IndexFunc(call.Args, func(e ast.Expr) bool { name, ok := e.(*ast.Ident); return ok && name.Name == "code" })
				if at >= 0 {
					name := file.Name.Name + "." + f.Name.Name
					raised[name] = append(raised[name], place{class: className(call.Args), text: literalAt(call.Args[at+1:], 0), hint: chained(above)})
				}
			}
			above = append(above, n)
			return true
		})
	}
	return raised
}

// placesOf reads the codes of one file with what stands beside them.
func placesOf(file *ast.File) map[string][]place {
	known := regexp.MustCompile(`^TOW-[0-9]{3}$`)
	codes := map[string][]place{}
	var above []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return true
		}
		if text, ok := literal(n); ok && known.MatchString(text) {
			codes[text] = append(codes[text], describe(n, above))
		}
		above = append(above, n)
		return true
	})
	return codes
}

// describe reads what surrounds a code: a call that makes an error of it, or fields of a struct.
func describe(code ast.Node, above []ast.Node) place {
	for i := len(above) - 1; i >= 0; i-- {
		switch n := above[i].(type) {
		case *ast.CallExpr:
			p := place{class: className(n.Args)}
			if s, ok := n.Fun.(*ast.SelectorExpr); ok {
				if from, ok := s.X.(*ast.Ident); ok {
					p.handed = from.Name + "." + s.Sel.Name
				}
			}
			at := slices.IndexFunc(n.Args, func(e ast.Expr) bool { return e == code })
			if at < 0 {
				return p
			}
			rest := n.Args[at+1:]
			if calls(n, "Errorf") {
				p.text = literalAt(rest, 0)
				p.hint = chained(above[:i])
			} else {
				// collectors of problems take the hint before the format and its arguments
				p.hint, p.text = literalAt(rest, 0), literalAt(rest, 1)
				if p.text == "" {
					p.text, p.hint = p.hint, ""
				}
			}
			return p
		case *ast.CompositeLit:
			return fields(n, code)
		case *ast.ReturnStmt:
			return place{class: className(n.Results)}
		}
	}
	return place{}
}

// chained is the hint that a call's result is given: Errorf(...).WithHint("...").
func chained(above []ast.Node) string {
	for i := len(above) - 1; i >= 0; i-- {
		switch n := above[i].(type) {
		case *ast.SelectorExpr:
			continue
		case *ast.CallExpr:
			if calls(n, "WithHint") {
				return literalAt(n.Args, 0)
			}
			if !calls(n, "At") {
				return ""
			}
		default:
			return ""
		}
	}
	return ""
}

// fields reads a struct: fields by their names, or by position the class somewhere and the hint behind the code.
func fields(n *ast.CompositeLit, code ast.Node) place {
	if at := slices.IndexFunc(n.Elts, func(e ast.Expr) bool { return e == code }); at >= 0 {
		return place{class: className(n.Elts), hint: literalAt(n.Elts[at+1:], 0)}
	}
	var p place
	for _, e := range n.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, _ := kv.Key.(*ast.Ident)
		text, _ := literal(kv.Value)
		switch {
		case key == nil:
		case strings.EqualFold(key.Name, "class"):
			p.class = className([]ast.Expr{kv.Value})
		case strings.EqualFold(key.Name, "text"):
			p.text = text
		case strings.EqualFold(key.Name, "hint"):
			p.hint = text
		}
	}
	return p
}

func calls(n *ast.CallExpr, name string) bool {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name == name
	case *ast.SelectorExpr:
		return f.Sel.Name == name
	}
	return false
}

// className is the error class among expressions: connector.Config, or Config within the contract itself.
func className(list []ast.Expr) string {
	classes := []string{"Other", "Retry", "Busy", "Full", "Fenced", "Unknown", "Lost", "Changed", "Config", "Row", "Missing", "Denied"}
	for _, e := range list {
		name := ""
		switch e := e.(type) {
		case *ast.SelectorExpr:
			name = e.Sel.Name
		case *ast.Ident:
			name = e.Name
		}
		if slices.Contains(classes, name) {
			return strings.ToLower(name)
		}
	}
	return ""
}

func literalAt(list []ast.Expr, i int) string {
	if i >= len(list) {
		return ""
	}
	text, _ := literal(list[i])
	return text
}

// literal is the value of a string literal, or of literals joined by +; what is no literal within is shown as an ellipsis.
func literal(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			text, err := strconv.Unquote(n.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		left, okLeft := literal(n.X)
		right, okRight := literal(n.Y)
		if n.Op != token.ADD || !okLeft && !okRight {
			return "", false
		}
		if !okLeft {
			left = "…"
		}
		if !okRight {
			right = "…"
		}
		return left + right, true
	}
	return "", false
}

// families are the ranges of the codes; the longest that fits is a code's.
func families() []struct{ first, title string } {
	return []struct{ first, title string }{
		{"TOW-0", "Usage and configuration"},
		{"TOW-1", "Plan and run"},
		{"TOW-2", "Control database"},
		{"TOW-26", "Accounts and sign-in"},
		{"TOW-28", "Sealed secrets"},
		{"TOW-9", "Server and API"},
		{"TOW-33", "Scheduling pool"},
		{"TOW-34", "Replay of dirty rows"},
		{"TOW-35", "Workers"},
		{"TOW-3", "SQLite"},
		{"TOW-4", "MySQL and MariaDB"},
		{"TOW-5", "Elasticsearch and OpenSearch"},
		{"TOW-7", "PostgreSQL"},
		{"TOW-8", "HBase"},
		{"TOW-6", "Job documents and connections files"},
	}
}

func familyOf(code string) (first string) {
	for _, f := range families() {
		if strings.HasPrefix(code, f.first) && len(f.first) > len(first) {
			first = f.first
		}
	}
	return first
}

// errorsPage lists all codes with the texts they come with and what to do.
func errorsPage(codes map[string][]place) string {
	var b strings.Builder
	b.WriteString("# Error codes\n\nWritten by `make generate` from the code; not edited by hand. `…` stands for what is filled in. The class decides what a run\ndoes about an error: see [the contract](../connectors.md#errors).\n")
	for _, family := range families() {
		open := false
		for _, c := range slices.Sorted(maps.Keys(codes)) {
			if familyOf(c) != family.first {
				continue
			}
			if !open {
				fmt.Fprintf(&b, "\n## %s\n\n| code | class | text | what to do |\n|---|---|---|---|\n", family.title)
				open = true
			}
			b.WriteString(row(c, codes[c]))
		}
	}
	return b.String()
}

func row(c string, places []place) string {
	var classes, texts, hints []string
	for _, p := range places {
		classes = appendNew(classes, p.class)
		texts = appendNew(texts, readable(p.text))
		hints = appendNew(hints, readable(p.hint))
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", c, strings.Join(classes, ", "), cell(strings.Join(texts, "<br>")), cell(strings.Join(hints, "<br>")))
}

func appendNew(list []string, text string) []string {
	if text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// readable replaces the verbs of a format by an ellipsis.
func readable(format string) string {
	verb := regexp.MustCompile(`%[-+# 0]*[0-9]*(\.[0-9]+)?[a-zA-Z]`)
	return strings.ReplaceAll(verb.ReplaceAllString(format, "…"), "%%", "%")
}
