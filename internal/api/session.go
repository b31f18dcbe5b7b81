package api

import (
	"context"
	"net/http"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
)

// signedIn answers with the cookie of a session.
type signedIn struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      client.Session
}

func (s *server) signIn(ctx context.Context, in *body[client.SignIn]) (*signedIn, error) {
	session, _, err := s.Auth.SignIn(ctx, in.Body.Name, in.Body.Password, peerOf(ctx))
	if err != nil {
		return nil, err
	}
	return s.signed(ctx, session)
}

func (s *server) redeemLink(ctx context.Context, in *body[client.LinkSignIn]) (*signedIn, error) {
	session, _, err := s.Auth.RedeemLink(ctx, in.Body.Link, in.Body.Password, peerOf(ctx))
	if err != nil {
		return nil, err
	}
	return s.signed(ctx, session)
}

// signed hands a session that has begun to the browser.
func (s *server) signed(ctx context.Context, session string) (*signedIn, error) {
	a, err := s.Auth.BySession(ctx, session, "")
	if err != nil {
		return nil, err
	}
	return &signedIn{s.setSession(session), who(a)}, nil
}

func who(a team.Actor) client.Session {
	return client.Session{Account: a.Account, Workspace: a.Workspace, Role: a.Role.String(), Admin: a.Admin}
}

// setPassword gives the account another password, which ends its sessions: this one begins anew.
func (s *server) setPassword(ctx context.Context, in *body[client.PasswordChange]) (*signedIn, error) {
	a := actorOf(ctx)
	if err := s.Team.SetPassword(ctx, a, a.Account, in.Body.Present, in.Body.Password, peerOf(ctx)); err != nil {
		return nil, err
	}
	session, _, err := s.Auth.SignIn(ctx, a.Account, in.Body.Password, peerOf(ctx))
	if err != nil {
		return nil, err
	}
	return s.signed(ctx, session)
}

func (s *server) whoAmI(ctx context.Context, _ *struct{}) (*body[client.Session], error) {
	return &body[client.Session]{who(actorOf(ctx))}, nil
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
