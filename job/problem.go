package job

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// Problem is one mistake in a document.
type Problem struct {
	Line, Column int    // from 1; 0 when the document has no such place
	Path         string // streams[0].columns[2].type; "" for the document itself
	Code         string // stable, TOW-6nn
	Text         string
	Hint         string // what to do, a sentence; may be empty
}

// String writes line, column, path and text, not the hint.
func (p Problem) String() string {
	text := p.Text
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Line > 0 {
		text = fmt.Sprintf("%d:%d: %s", p.Line, p.Column, text)
	}
	return text
}

// Invalid is the error of a document with mistakes: all of them, in the order of the document. Each is a *connector.Error of
// class Config for errors.As.
type Invalid struct {
	Name     string // the document's name, such as its file
	Problems []Problem
}

// Error writes one line a problem, each with the document's name, line and column, and its hint below it.
func (e *Invalid) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Name + ":")
		if p.Line == 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.String())
		if p.Hint != "" {
			b.WriteString("\n    " + p.Hint)
		}
	}
	return b.String()
}

// Unwrap returns each problem as a *connector.Error.
func (e *Invalid) Unwrap() []error {
	list := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		where := e.Name
		if p.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d", e.Name, p.Line, p.Column)
		}
		if p.Path != "" {
			where += ": " + p.Path
		}
		list[i] = &connector.Error{Class: connector.Config, Code: p.Code, Text: p.Text, Path: where, Hint: p.Hint}
	}
	return list
}

// place is where something stands in a document, both from 1.
type place struct{ line, column int }

// problems collects mistakes.
type problems struct {
	name string
	list []Problem
}

func (p *problems) add(at place, path, code, hint, format string, args ...any) {
	p.list = append(p.list, Problem{at.line, at.column, path, code, fmt.Sprintf(format, args...), hint})
}

// err returns the collected mistakes in the order of the document, nil when there are none.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Invalid{p.name, p.list}
}
