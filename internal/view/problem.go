package view

import (
	"errors"
	"net/http"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
)

// Problem is an error with its HTTP status, and its parts where it has several.
func Problem(err error, status int) *client.Problem {
	out := &client.Problem{Title: http.StatusText(status), Status: status, Detail: err.Error()}
	var parts []error
	if invalid, ok := errors.AsType[*job.Invalid](err); ok {
		parts = invalid.Unwrap()
	}
	if refused, ok := errors.AsType[*engine.Refused](err); ok {
		out.Detail, parts = "the plan refuses", refused.Reasons
	}
	for _, part := range parts {
		out.Parts = append(out.Parts, *Problem(part, status))
	}
	if e, ok := errors.AsType[*connector.Error](err); ok && len(parts) == 0 {
		out.Code, out.Path, out.Hint = e.Code, e.Path, e.Hint
	}
	return out
}
