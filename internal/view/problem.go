package view

import (
	"encoding/json"
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
		out.Class, parts = connector.Config.String(), invalid.Unwrap()
	}
	if refused, ok := errors.AsType[*engine.Refused](err); ok {
		out.Class, out.Detail, parts = client.Refused, "the plan refuses", refused.Reasons
	}
	if r, ok := errors.AsType[refusal](err); ok {
		out.Plan, _ = json.Marshal(r.plan) // it was made to be written so
	}
	for _, part := range parts {
		out.Parts = append(out.Parts, *Problem(part, status))
	}
	if e, ok := errors.AsType[*connector.Error](err); ok && len(parts) == 0 {
		out.Code, out.Class, out.Path, out.Hint = e.Code, e.Class.String(), e.Path, e.Hint
	}
	return out
}

// refusal is why a plan refuses, with the plan.
type refusal struct {
	error
	plan any
}

// Unwrap returns why.
func (r refusal) Unwrap() error { return r.error }

// Refusal puts the plan to the error that says why it refuses; other errors stay as they are.
func Refusal(plan any, err error) error {
	if _, refused := errors.AsType[*engine.Refused](err); !refused {
		return err
	}
	return refusal{err, plan}
}
