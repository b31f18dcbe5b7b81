package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
)

// WorkspaceHeader names the workspace of routes whose path names none.
const WorkspaceHeader = "Towpath-Workspace"

// cookie is the name of the session's cookie. The prefix makes browsers insist on TLS, on this very host and on the path /.
func (s *server) cookie() string {
	if s.Plain {
		return "towpath"
	}
	return "__Host-towpath"
}

// setSession gives the browser a session, or with "" takes it away.
func (s *server) setSession(session string) http.Cookie {
	c := http.Cookie{Name: s.cookie(), Value: session, Path: "/", HttpOnly: true, Secure: !s.Plain, SameSite: http.SameSiteLaxMode}
	if session == "" {
		c.MaxAge = -1
	}
	return c
}

// credential is what a request brings to say who it is of.
type credential struct {
	session, token string
}

func (s *server) credential(r *http.Request) credential {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return credential{token: strings.TrimSpace(token)}
	}
	if c, err := r.Cookie(s.cookie()); err == nil {
		return credential{session: c.Value}
	}
	return credential{}
}

// actor is who stands behind a credential, in a workspace.
func (s *server) actor(ctx context.Context, c credential, workspace string) (team.Actor, error) {
	switch {
	case c.token != "":
		return s.Auth.ByToken(ctx, c.token, workspace)
	case c.session != "":
		return s.Auth.BySession(ctx, c.session, workspace)
	}
	return team.Actor{}, connector.Errorf(connector.Denied, "TOW-262", "sign in first")
}

// of keeps values of a request in its context.
type of int

const (
	ofActor of = iota
	ofCredential
	ofRequest
	ofPeer
)

// admit lets a request through whose actor may do what its route does.
func (s *server) admit(r *http.Request, action team.Action) (*http.Request, error) {
	c := s.credential(r)
	ctx := context.WithValue(r.Context(), ofCredential, c)
	if action == Open {
		return r.WithContext(ctx), nil
	}
	workspace := r.PathValue("workspace")
	if workspace == "" {
		workspace = r.Header.Get(WorkspaceHeader)
	}
	a, err := s.actor(ctx, c, workspace)
	if err == nil {
		err = a.May(action)
	}
	if err != nil {
		return r, err
	}
	return r.WithContext(context.WithValue(ctx, ofActor, a)), nil
}

// actorOf is who asks; nobody where the route is open.
func actorOf(ctx context.Context) team.Actor {
	a, _ := ctx.Value(ofActor).(team.Actor)
	return a
}

func credentialOf(ctx context.Context) credential {
	c, _ := ctx.Value(ofCredential).(credential)
	return c
}

// peerOf is whom a request came from.
func peerOf(ctx context.Context) team.Peer {
	p, _ := ctx.Value(ofPeer).(team.Peer)
	return p
}

func requestOf(ctx context.Context) string {
	id, _ := ctx.Value(ofRequest).(string)
	return id
}
