package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
)

// Open is the action of routes that are answered before anybody has signed in.
const Open team.Action = "open"

// route is a row of the table: what is answered, to whom, how.
type route struct {
	method, path string
	action       team.Action
	summary      string
	status       int // of success; 0: 200
	// One of these answers: call is described by OpenAPI, plain is not.
	call  func(s *server, docs huma.API, op huma.Operation)
	plain func(s *server) http.HandlerFunc
}

// root is the path of all workspace's things.
const root = "/api/v1/workspaces/{workspace}"

// answer makes the call of a route from a function that answers it.
func answer[I, O any](fn func(s *server, ctx context.Context, in *I) (*O, error)) func(*server, huma.API, huma.Operation) {
	return func(s *server, docs huma.API, op huma.Operation) {
		huma.Register(docs, op, func(ctx context.Context, in *I) (*O, error) {
			ctx, cancel := context.WithTimeout(ctx, answerTime)
			defer cancel()
			out, err := fn(s, ctx, in)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return out, nil
		})
	}
}

// add registers a route. One without an action would be open to all by mistake.
func (r route) add(s *server, mux *recorder, docs huma.API) {
	if r.action == "" {
		panic("route " + r.path + " has no action")
	}
	if r.plain != nil {
		handler := r.plain(s)
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, q *http.Request) {
			q, err := s.admit(q, r.action)
			if err != nil {
				s.refuse(w, q, err)
				return
			}
			handler(w, q)
		})
		return
	}
	op := huma.Operation{Method: r.method, Path: r.path, Summary: r.summary, OperationID: r.id(), Tags: []string{r.tag()}, DefaultStatus: r.status,
		MaxBodyBytes: mostBody, Responses: map[string]*huma.Response{"default": problemResponse(docs)}}
	op.Description = "Needs " + string(r.action) + "."
	op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	if r.action == Open {
		op.Description, op.Security = "Answered to everybody.", []map[string][]string{}
	}
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		q, w := humago.Unwrap(ctx)
		q, err := s.admit(q, r.action)
		if err != nil {
			s.refuse(w, q, err)
			return
		}
		next(huma.WithContext(ctx, q.Context()))
	}}
	r.call(s, docs, op)
}

// id names the operation of a route: get-runs-run-limits.
func (r route) id() string {
	words := []string{strings.ToLower(r.method)}
	for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(r.path, root), "/api/v1"), "/") {
		if word := strings.Trim(part, "{}"); word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, "-")
}

// tag is what a route is about.
func (r route) tag() string {
	first, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.path, root+"/"), "/api/v1/"), "/")
	return first
}

// List is what lists take.
type List struct {
	Limit int    `query:"limit" doc:"How many at most." minimum:"1" maximum:"500" default:"100"`
	After string `query:"after" doc:"What next of the part before said." maxLength:"500"`
}

// IfMatch is what changes of versioned things take.
type IfMatch struct {
	Version string `header:"If-Match" doc:"ETag of what is changed; left out for something new." pattern:"^\"[0-9]+\"$"`
}

// version is the version that the ETag names; 0 for none.
func (m IfMatch) version() int64 {
	v, _ := strconv.ParseInt(strings.Trim(m.Version, `"`), 10, 64)
	return v
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// noVersion refuses a change that says not what it changes.
func noVersion() error {
	return connector.Errorf(connector.Config, "TOW-909", "the change does not say which version it changes").At("If-Match").WithHint("Send the ETag that was read.")
}
