// Package api serves the application over HTTP: REST described by OpenAPI 3.1, problems after RFC 9457, live events over WebSocket, one plain page.
// What may be called, and by whom, stands in one table of routes. It decides nothing: package team does.
package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/event"
	"github.com/towpath/towpath/internal/store"
)

// Authenticator lets people in, and knows who presents a session or a token. The workspace "" is the account's first.
type Authenticator interface {
	BySession(ctx context.Context, session, workspace string) (team.Actor, error)
	ByToken(ctx context.Context, token, workspace string) (team.Actor, error)
	SignIn(ctx context.Context, name, password string, from team.Peer) (session string, a store.Account, err error)
	RedeemLink(ctx context.Context, link, password string, from team.Peer) (session string, a store.Account, err error)
	SignOut(ctx context.Context, session string) error
}

// Options are what the API stands on.
type Options struct {
	Team     *team.Team
	Auth     Authenticator // Team itself; tests have their own
	Events   *event.Hub
	Version  string               // of the program
	Plain    bool                 // it is reached over plain HTTP, which is for loopback only: cookies and headers do without TLS
	Registry *prometheus.Registry // metrics beside those of the API; nil: there are none
	Log      *slog.Logger

	recheck time.Duration // how often an open WebSocket has to be allowed again; 0: 30 s
}

// server answers requests.
type server struct {
	Options
	meters  *meters
	sockets chan struct{} // holds a place for each WebSocket
	openapi []byte
}

// Limits of what a request may take.
const (
	mostBody    = 1 << 20
	mostSockets = 2000
	answerTime  = time.Minute
)

// New makes the handler of all routes.
func New(o Options) http.Handler {
	h, _ := build(o)
	return h
}

// build is New, with what was registered for tests to see.
func build(o Options) (http.Handler, *recorder) {
	s := &server{Options: o, sockets: make(chan struct{}, mostSockets)}
	s.recheck = cmp.Or(s.recheck, 30*time.Second)
	if s.Registry == nil {
		s.Registry = prometheus.NewRegistry()
	}
	s.meters = newMeters(s.Registry)
	mux := &recorder{ServeMux: http.NewServeMux()}
	docs := s.register(mux)
	s.openapi = written(docs)
	return s.around(mux), mux
}

// Server is an HTTP server of a handler with the time limits that keep slow clients from holding on to it.
func Server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 2 * answerTime, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10}
}

// recorder is a mux that remembers what was registered.
type recorder struct {
	*http.ServeMux
	patterns []string
}

// HandleFunc registers a handler.
func (m *recorder) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.HandleFunc(pattern, h)
}

// register puts all routes of the table into a mux and returns what describes them.
func (s *server) register(mux *recorder) huma.API {
	docs := describe(mux, s.Version)
	for _, r := range routes() {
		r.add(s, mux, docs)
	}
	mux.ServeMux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, noRoute(r))
	})
	return docs
}
