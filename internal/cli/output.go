package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
)

// envelope is the one form of JSON answers.
type envelope struct {
	OK      bool       `json:"ok"`
	Command string     `json:"command"`
	Data    any        `json:"data,omitempty"`
	Error   *errorJSON `json:"error,omitempty"`
}

// errorJSON is an error in an envelope.
type errorJSON struct {
	Code  string      `json:"code,omitempty"`
	Text  string      `json:"text"`
	Path  string      `json:"path,omitempty"`
	Hint  string      `json:"hint,omitempty"`
	Parts []errorJSON `json:"parts,omitempty"` // where there are several
}

// answer shows the result of a command: data as JSON, or for people what show writes.
func (s *session) answer(data any, show func()) error {
	if !s.flags.JSON {
		show()
		return nil
	}
	return s.print(envelope{OK: true, Command: s.command, Data: data})
}

func (s *session) print(e envelope) error {
	enc := json.NewEncoder(s.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(e)
}

// fail shows an error and returns the exit code it stands for.
func (s *session) fail(err error) int {
	if s.flags.JSON {
		if s.print(envelope{Command: s.command, Error: describe(err)}) != nil {
			return exitFailed
		}
		return exitOf(err)
	}
	for i, line := range errorLines(err) {
		if i == 0 {
			line = "towpath: " + line
		}
		for _, part := range wrap(line, "  ", textWidth(s.Err)) {
			fmt.Fprintln(s.Err, part)
		}
	}
	return exitOf(err)
}

func exitOf(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*engine.Refused](err); ok {
		return exitRefused
	}
	if connector.ClassOf(err) == connector.Config {
		return exitUsage
	}
	return exitFailed
}

// mostReasons is how many reasons of a plan that refuses are written one by one.
const mostReasons = 25

// errorLines writes an error for people: what happened, the hint below it, and the code behind it.
func errorLines(err error) []string {
	if invalid, ok := errors.AsType[*job.Invalid](err); ok {
		var lines []string
		for _, problem := range invalid.Unwrap() {
			lines = append(lines, errorLines(problem)...)
		}
		return lines
	}
	if refused, ok := errors.AsType[*engine.Refused](err); ok {
		lines := []string{"the plan refuses:"}
		for n, reason := range refused.Reasons {
			if more := len(refused.Reasons) - n; n == mostReasons && more > 1 {
				lines = append(lines, fmt.Sprintf("  and %s: --json lists all", plural(more, "reason")))
				break
			}
			part := errorLines(reason)
			lines = append(lines, "  - "+part[0])
			for _, more := range part[1:] {
				lines = append(lines, "  "+more)
			}
		}
		return lines
	}
	text := err.Error()
	e, ok := errors.AsType[*connector.Error](err)
	if !ok {
		return strings.Split(text, "\n")
	}
	if e.Code != "" {
		text += " [" + e.Code + "]"
	}
	lines := strings.Split(text, "\n")
	if e.Hint != "" {
		lines = append(lines, "  "+e.Hint)
	}
	return lines
}

func describe(err error) *errorJSON {
	out := &errorJSON{Text: err.Error()}
	var parts []error
	if invalid, ok := errors.AsType[*job.Invalid](err); ok {
		parts = invalid.Unwrap()
	}
	if refused, ok := errors.AsType[*engine.Refused](err); ok {
		out.Text, parts = "the plan refuses", refused.Reasons
	}
	for _, part := range parts {
		out.Parts = append(out.Parts, *describe(part))
	}
	if e, ok := errors.AsType[*connector.Error](err); ok && len(parts) == 0 {
		out.Code, out.Path, out.Hint = e.Code, e.Path, e.Hint
	}
	return out
}

func (s *session) printf(format string, args ...any) { fmt.Fprintf(s.Out, format, args...) }

// note tells people something beside the answer.
func (s *session) note(format string, args ...any) {
	if !s.flags.JSON {
		fmt.Fprintf(s.Err, format+"\n", args...)
	}
}
