// Package archtest holds the rules of docs/architecture.md as tests, each with its reason. It reads source files and knows
// nothing of what they do.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// module is the import path of the tree's root.
const module = "github.com/towpath/towpath"

// File is one Go file of the tree.
type File struct {
	Path   string // slash-separated, from the root
	Folder string // its folder, "." for the root
	Test   bool   // a _test.go file
	Text   string
	AST    *ast.File
	set    *token.FileSet
}

// Tree is what the rules look at.
type Tree struct {
	Root  string
	Files []*File           // Go files, by path
	Other map[string]string // paths to texts of what else rules read: documents, go.mod
}

// Finding is one place that breaks a rule.
type Finding struct {
	Path string
	Line int // 0: the file or folder as a whole
	Text string
}

func (f Finding) String() string {
	if f.Line == 0 {
		return f.Path + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Text)
}

// Load reads the tree under a folder. Hidden folders, testdata and vendored code are left out.
func Load(root string) (*Tree, error) {
	t := &Tree{Root: root, Other: map[string]string{}}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && ignored(d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return t.add(filepath.ToSlash(relative))
	})
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", root, err)
	}
	return t, nil
}

func ignored(folder string) bool {
	return strings.HasPrefix(folder, ".") || slices.Contains([]string{"testdata", "vendor", "bin", "tmp", "node_modules"}, folder)
}

func (t *Tree) add(name string) error {
	extension := path.Ext(name)
	if extension != ".go" && extension != ".md" && extension != ".mod" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(t.Root, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	if extension != ".go" {
		t.Other[name] = string(text)
		return nil
	}
	set := token.NewFileSet()
	// object resolution tells a package's variable from a local one of the same name
	tree, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		return err
	}
	t.Files = append(t.Files, &File{
		Path: name, Folder: path.Dir(name), Test: strings.HasSuffix(name, "_test.go"), Text: string(text), AST: tree, set: set,
	})
	return nil
}

// line is where a node begins.
func (f *File) line(n ast.Node) int { return f.set.Position(n.Pos()).Line }

// span is the number of lines of a node.
func (f *File) span(n ast.Node) int {
	return f.set.Position(n.End()).Line - f.set.Position(n.Pos()).Line + 1
}

func (f *File) find(n ast.Node, format string, args ...any) Finding {
	return Finding{Path: f.Path, Line: f.line(n), Text: fmt.Sprintf(format, args...)}
}

// imports yields the import specs with their paths.
func (f *File) imports(yield func(*ast.ImportSpec, string)) {
	for _, spec := range f.AST.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			yield(spec, name)
		}
	}
}

// own is the path of an import within the module, "" for the root; ok tells whether it is one.
func own(importPath string) (folder string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// under tells whether a folder is one of the given ones or lies below it.
func under(folder string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return folder == root || strings.HasPrefix(folder, root+"/")
	})
}

// each runs a check of single files over the tree.
func each(check func(*File) []Finding) func(*Tree) []Finding {
	return func(t *Tree) []Finding {
		var found []Finding
		for _, f := range t.Files {
			found = append(found, check(f)...)
		}
		return found
	}
}

// sources is each without tests.
func sources(check func(*File) []Finding) func(*Tree) []Finding {
	return each(func(f *File) []Finding {
		if f.Test {
			return nil
		}
		return check(f)
	})
}
