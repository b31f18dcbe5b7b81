package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

// conflicts are codes of class Config that speak of a state and not of what was sent.
func conflicts() []string {
	return []string{"TOW-133", "TOW-145", "TOW-184", "TOW-186", "TOW-188", "TOW-211", "TOW-218", "TOW-231", "TOW-234", "TOW-236", "TOW-240", "TOW-242", "TOW-330"}
}

// staleVersion is the code of a version that is not the newest any more.
const staleVersion = "TOW-232"

// within reports whether a code is one of a range of numbers.
func within(code string, from, to string) bool {
	return code >= "TOW-"+from && code <= "TOW-"+to
}

// statusOf is the HTTP status of an error. A class of our own parts speaks of the request, the same class of a connector of a system behind it.
func statusOf(err error) int {
	e, ok := errors.AsType[*connector.Error](err)
	if _, stale := errors.AsType[*store.StateError](err); stale {
		return http.StatusConflict
	}
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return http.StatusGatewayTimeout
		}
		return http.StatusInternalServerError
	}
	ours := within(e.Code, "170", "299") || within(e.Code, "330", "369") || within(e.Code, "900", "999")
	switch e.Class {
	case connector.Denied:
		if e.Code == "TOW-262" || e.Code == "TOW-263" {
			return http.StatusUnauthorized
		} else if ours {
			return http.StatusForbidden
		}
		return http.StatusUnprocessableEntity
	case connector.Missing:
		return http.StatusNotFound
	case connector.Config, connector.Row:
		if e.Code == staleVersion {
			return http.StatusPreconditionFailed
		} else if slices.Contains(conflicts(), e.Code) {
			return http.StatusConflict
		}
		return http.StatusUnprocessableEntity
	case connector.Changed, connector.Fenced:
		return http.StatusConflict
	case connector.Busy, connector.Retry, connector.Full:
		if within(e.Code, "260", "299") { // too many attempts to sign in
			return http.StatusTooManyRequests
		} else if ours {
			return http.StatusServiceUnavailable
		}
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}

// answered is a problem with the time after which the request may be sent again.
type answered struct {
	*client.Problem
	after time.Duration
}

// GetHeaders returns the headers of the problem's answer.
func (a answered) GetHeaders() http.Header {
	h := http.Header{}
	if a.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(max(a.after.Round(time.Second), time.Second)/time.Second)))
	}
	if a.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="towpath"`)
	}
	return h
}

// problem is what is said of an error. What is not the caller's to know is logged under the request's ID.
func (s *server) problem(ctx context.Context, err error) error {
	request := requestOf(ctx)
	p := view.Problem(err, statusOf(err))
	if p.Class == client.Refused { // whatever its first reason is
		p.Status, p.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
	}
	p.Detail = s.clean(p.Detail)
	for i := range p.Parts {
		p.Parts[i].Detail = s.clean(p.Parts[i].Detail)
	}
	if p.Status == http.StatusInternalServerError {
		s.Log.Error("request failed", "request", request, "error", err)
		p = &client.Problem{Title: p.Title, Status: p.Status, Code: p.Code, Detail: "something went wrong inside the server",
			Hint: "The server's log says more under the ID of the request."}
	}
	p.Request = request
	a := answered{Problem: p}
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		a.after = time.Second
		if e, ok := errors.AsType[*connector.Error](err); ok {
			a.after = max(a.after, e.After)
		}
	}
	return a
}

// clean takes known secrets out of a text.
func (s *server) clean(text string) string {
	if s.Team.Scrub == nil {
		return text
	}
	return s.Team.Scrub.Clean(text)
}

// refuse answers a request with a problem where no route does.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	a, ok := err.(answered)
	if !ok {
		errors.As(s.problem(r.Context(), err), &a)
	}
	for name, values := range a.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", client.ProblemType)
	w.WriteHeader(a.Status)
	json.NewEncoder(w).Encode(a.Problem)
}

// noRoute is the answer to what the table does not have.
func noRoute(r *http.Request) error {
	return connector.Errorf(connector.Missing, "TOW-900", "%s %s is no route of this server", r.Method, r.URL.Path).WithHint("docs/reference/openapi.json lists them.")
}

// wellFormed turns what huma finds wrong with a request into a problem.
func wellFormed(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &client.Problem{Title: http.StatusText(m.Status), Status: m.Status, Code: "TOW-901", Detail: m.Detail, Request: requestOf(ctx.Context())}
	for _, e := range m.Errors {
		p.Parts = append(p.Parts, client.Problem{Title: p.Title, Status: m.Status, Code: p.Code, Detail: e.Message, Path: e.Location})
	}
	if len(p.Parts) == 1 {
		p.Detail, p.Path, p.Parts = p.Parts[0].Detail, p.Parts[0].Path, nil
	}
	return p, nil
}
