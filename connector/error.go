package connector

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Class decides what the engine does about an error.
type Class int

// The classes. The zero class is an error of no known kind: the shard fails.
const (
	Other   Class = iota
	Retry         // transient: again, with back-off, from the last position
	Busy          // the system asks for less: slower, then again
	Full          // no room (disk, quota, read-only block): the run pauses
	Fenced        // a newer owner exists: this attempt ends
	Unknown       // the answer to a commit was lost: Take again, compare Seq
	Lost          // cursor or snapshot gone
	Changed       // schema, file or identity is another than planned
	Config        // the job or a connection is wrong
	Row           // one row's fault, in a place where it cannot be told which
	Missing       // no such dataset or column
	Denied        // no right
)

var classNames = [...]string{"other", "retry", "busy", "full", "fenced", "unknown", "lost", "changed", "config", "row", "missing", "denied"}

// String returns the class's name, as logs and plans show it.
func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return "class(" + strconv.Itoa(int(c)) + ")"
	}
	return classNames[c]
}

// Error is an error that a person or the engine can act on.
type Error struct {
	Class Class
	Code  string        // stable, TOW-nnn; docs/reference/errors.md
	Text  string        // what was being done and what was wrong: lower case, no full stop
	Path  string        // where in the job or connection; "" when elsewhere
	Hint  string        // what to do; a sentence
	After time.Duration // Busy: not before
	Err   error

	inText bool // Err's text is part of Text
}

// Error returns the text and, behind a colon, the cause.
func (e *Error) Error() string {
	text := e.Text
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Err == nil || e.inText {
		return text
	}
	if text == "" {
		return e.Err.Error()
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a class; what the format's %w stand for become its causes, already part of the text.
func Errorf(class Class, code, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	e := &Error{Class: class, Code: code, Text: wrapped.Error(), Err: errors.Unwrap(wrapped), inText: true}
	if _, several := wrapped.(interface{ Unwrap() []error }); several {
		e.Err = wrapped
	}
	return e
}

// ClassOf returns the class of the outermost Error in err's chain; Other when there is none.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Other
}

// WithHint sets the hint and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// At sets the path and returns e.
func (e *Error) At(path string) *Error {
	e.Path = path
	return e
}
