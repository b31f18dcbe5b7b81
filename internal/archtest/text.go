package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// Ceilings of STYLE: beyond them a file or function is split by subject.
const (
	maxFileLines     = 800
	maxFunctionLines = 80
)

func sizes(f *File) []Finding {
	var found []Finding
	if lines := strings.Count(f.Text, "\n"); lines > maxFileLines {
		found = append(found, Finding{f.Path, 0, plural(lines, maxFileLines)})
	}
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && f.span(fn) > maxFunctionLines {
			found = append(found, f.find(fn, "%s: %s", fn.Name.Name, plural(f.span(fn), maxFunctionLines)))
		}
	}
	return found
}

func initFunctions(f *File) []Finding {
	var found []Finding
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, f.find(fn, "func init: nothing happens by being imported"))
		}
	}
	return found
}

// packageVariables finds variables of a package that change: assigned, counted or filled in a function, or made to change (locks, pools).
func packageVariables(t *Tree) []Finding {
	byFolder := map[string][]*File{}
	for _, f := range t.Files {
		if !f.Test {
			byFolder[f.Folder] = append(byFolder[f.Folder], f)
		}
	}
	var found []Finding
	for _, files := range byFolder {
		names := map[string]bool{}
		for _, f := range files {
			for spec := range f.variables {
				for _, name := range spec.Names {
					names[name.Name] = name.Name != "_"
				}
				if kind := changing(spec); kind != "" {
					found = append(found, f.find(spec, "package variable of type %s: pass it in", kind))
				}
			}
		}
		for _, f := range files {
			found = append(found, f.assignments(names)...)
		}
	}
	return found
}

// variables yields the specs of package variables.
func (f *File) variables(yield func(*ast.ValueSpec) bool) {
	for _, d := range f.AST.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, spec := range g.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && !yield(v) {
					return
				}
			}
		}
	}
}

// changing is the type of a variable that only makes sense when it changes, else "".
func changing(spec *ast.ValueSpec) string {
	kinds := []ast.Expr{spec.Type}
	for _, value := range spec.Values {
		if u, ok := value.(*ast.UnaryExpr); ok {
			value = u.X
		}
		if c, ok := value.(*ast.CompositeLit); ok {
			kinds = append(kinds, c.Type)
		}
	}
	for _, kind := range kinds {
		s, ok := kind.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		if x, ok := s.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

// assignments finds statements in functions that change one of the package's variables.
func (f *File) assignments(names map[string]bool) []Finding {
	var found []Finding
	target := func(e ast.Expr) {
		for {
			index, ok := e.(*ast.IndexExpr)
			if !ok {
				break
			}
			e = index.X
		}
		id, ok := e.(*ast.Ident)
		if !ok || !names[id.Name] {
			return
		}
		// an identifier without an object is declared in another file; a local one has an object that is no package variable
		if id.Obj != nil && !f.atTop(id.Obj) {
			return
		}
		found = append(found, f.find(id, "changes package variable %s: pass values in", id.Name))
	}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, left := range n.Lhs {
					target(left)
				}
			}
		case *ast.IncDecStmt:
			target(n.X)
		}
		return true
	})
	return found
}

func (f *File) atTop(object *ast.Object) bool {
	return f.AST.Scope.Lookup(object.Name) == object
}

// packageComments checks that each package is introduced once.
func packageComments(t *Tree) []Finding {
	count, folders := map[string]int{}, []string{}
	for _, f := range t.Files {
		if f.Test {
			continue
		}
		if _, seen := count[f.Folder]; !seen {
			folders = append(folders, f.Folder)
			count[f.Folder] = 0
		}
		if f.AST.Doc != nil && strings.TrimSpace(f.AST.Doc.Text()) != "" {
			count[f.Folder]++
		}
	}
	var found []Finding
	for _, folder := range folders {
		switch n := count[folder]; {
		case n == 0:
			found = append(found, Finding{Path: folder, Text: "has no package comment"})
		case n > 1:
			found = append(found, Finding{Path: folder, Text: "has more than one package comment"})
		}
	}
	return found
}

func packageNames(f *File) []Finding {
	banned := []string{"util", "utils", "common", "helper", "helpers", "base", "types", "models", "misc", "shared"}
	if name := f.AST.Name.Name; slices.Contains(banned, strings.TrimSuffix(name, "_test")) {
		return []Finding{f.find(f.AST.Name, "package %s: name it for what it provides", name)}
	}
	return nil
}

// exportedNames checks that what others may call says what a caller must know.
func exportedNames(f *File) []Finding {
	if f.AST.Name.Name == "main" || under(f.Folder, "bench", "proofs", "tools") {
		return nil
	}
	var found []Finding
	for _, d := range f.AST.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !plain(d) {
				found = append(found, f.find(d, "exported %s has no comment", d.Name.Name))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil && ts.Comment == nil {
					found = append(found, f.find(ts, "exported %s has no comment", ts.Name.Name))
				}
			}
		}
	}
	return found
}

// plain: methods whose meaning is fixed by the language's own interfaces.
func plain(d *ast.FuncDecl) bool {
	known := []string{"String", "Error", "Unwrap", "Is", "Close", "Len", "Less", "Swap", "MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "LogValue", "Format", "GoString"}
	return d.Recv != nil && slices.Contains(known, d.Name.Name)
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	kind := d.Recv.List[0].Type
	for {
		switch k := kind.(type) {
		case *ast.StarExpr:
			kind = k.X
		case *ast.IndexExpr:
			kind = k.X
		case *ast.IndexListExpr:
			kind = k.X
		case *ast.Ident:
			return k.IsExported()
		default:
			return true
		}
	}
}

func comments(f *File) []Finding {
	plans := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b|\b[Ff]or now\b|\b([Ii]ssue|[Tt]icket|PR) #?[0-9]+\b`)
	var found []Finding
	for _, group := range f.AST.Comments {
		for _, c := range group.List {
			if m := plans.FindString(c.Text); m != "" && !under(f.Folder, "internal/archtest") {
				found = append(found, f.find(c, "comment says %q: code is described as it is", m))
			}
		}
	}
	return found
}

// testHabits: tests wait for signals, and what cannot run is said in one place.
func testHabits(f *File) []Finding {
	var found []Finding
	bubble := false // in a bubble of synctest the clock is a fake one, and a sleep costs nothing and waits for the others
	f.imports(func(_ *ast.ImportSpec, name string) { bubble = bubble || name == "testing/synctest" })
	ast.Inspect(f.AST, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch {
		case f.Test && !bubble && x.Name == "time" && s.Sel.Name == "Sleep":
			found = append(found, f.find(s, "time.Sleep in a test: wait for a signal"))
		case (x.Name == "t" || x.Name == "tb" || x.Name == "b") && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, s.Sel.Name) &&
			!under(f.Folder, "tools/testservers/servers"):
			found = append(found, f.find(s, "%s.%s: only tools/testservers/servers decides that a test cannot run", x.Name, s.Sel.Name))
		}
		return true
	})
	return found
}
