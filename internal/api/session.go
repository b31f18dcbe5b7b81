package api

import (
	"context"
	"net/http"

	"github.com/towpath/towpath/client"
)

// signedIn answers with the cookie of a session.
type signedIn struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      client.Session
}

func (s *server) whoAmI(ctx context.Context, _ *struct{}) (*body[client.Session], error) {
	a := actorOf(ctx)
	return &body[client.Session]{client.Session{Account: a.Account, Workspace: a.Workspace, Role: a.Role.String(), Admin: a.Admin}}, nil
}

type signedOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *server) signOut(ctx context.Context, _ *struct{}) (*signedOut, error) {
	if session := credentialOf(ctx).session; session != "" {
		if err := s.Auth.SignOut(ctx, session); err != nil {
			return nil, err
		}
	}
	return &signedOut{s.setSession("")}, nil
}
