package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
)

// Headers of answers of the API and of the page.
const (
	strictPolicy = "default-src 'none'; frame-ancestors 'none'"
	pagePolicy   = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

// around puts what all requests go through before the routes.
func (s *server) around(mux http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, connector.Errorf(connector.Denied, "TOW-902", "another site's page sent the request").WithHint("Use the page of this server, or a token."))
	}))
	inner := origin.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()[:12]
		h := w.Header()
		for name, value := range map[string]string{
			"X-Request-Id": id, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": strictPolicy, "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			h.Set(name, value)
		}
		if !s.Plain {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		ctx := context.WithValue(r.Context(), ofRequest, id)
		r = r.WithContext(context.WithValue(ctx, ofPeer, team.Peer{Address: r.RemoteAddr, Agent: r.UserAgent()}))
		r.Body = http.MaxBytesReader(w, r.Body, mostBody+1) // huma refuses what is beyond mostBody in words
		seen := &watched{ResponseWriter: w}
		began := time.Now()
		defer func() {
			if p := recover(); p != nil {
				s.Log.Error("handler panicked", "request", id, "cause", s.clean(fmt.Sprint(p)), "stack", string(debug.Stack()))
				if seen.status == 0 {
					s.refuse(seen, r, fmt.Errorf("handler panicked"))
				}
			}
			s.meters.answered(r, seen.status, time.Since(began))
		}()
		inner.ServeHTTP(seen, r)
	})
}

// watched knows the status of an answer.
type watched struct {
	http.ResponseWriter
	status int
}

// WriteHeader sends the status.
func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the answer.
func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController, by which WebSockets take over their connections.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// routeOf is the pattern that answered a request, for metrics: paths would be without number.
func routeOf(r *http.Request) string {
	_, path, _ := strings.Cut(r.Pattern, " ")
	return path
}
