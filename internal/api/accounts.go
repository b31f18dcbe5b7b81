package api

import (
	"context"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

// OfAccount names an account in a path.
type OfAccount struct {
	Account string `path:"account" doc:"Name of the account." maxLength:"100"`
}

func (s *server) listAccounts(ctx context.Context, _ *struct{}) (*body[client.Page[client.Account]], error) {
	list, err := s.Team.Accounts(ctx, actorOf(ctx))
	return all(list, view.Account, err)
}

func (s *server) createAccount(ctx context.Context, in *body[client.AccountInput]) (*body[client.Account], error) {
	a, err := s.Team.CreateAccount(ctx, actorOf(ctx), in.Body.Name, in.Body.Admin)
	return &body[client.Account]{view.Account(a)}, err
}

type accountInput struct {
	OfAccount
	Body client.AccountChange
}

func (s *server) changeAccount(ctx context.Context, in *accountInput) (*struct{}, error) {
	a := actorOf(ctx)
	if in.Body.Admin != nil {
		if err := s.Team.SetAdmin(ctx, a, in.Account, *in.Body.Admin); err != nil {
			return nil, err
		}
	}
	if in.Body.Disabled == nil {
		return nil, nil
	}
	if *in.Body.Disabled {
		return nil, s.Team.DisableAccount(ctx, a, in.Account)
	}
	return nil, s.Team.EnableAccount(ctx, a, in.Account)
}

func (s *server) createLink(ctx context.Context, in *OfAccount) (*body[client.Link], error) {
	link, expires, err := s.Team.CreateLink(ctx, actorOf(ctx), in.Account)
	return &body[client.Link]{client.Link{Account: in.Account, Link: link, Expires: view.Time(expires)}}, err
}

func (s *server) sessions(ctx context.Context, _ *struct{}) (*body[client.Page[client.OpenSession]], error) {
	list, err := s.Team.Sessions(ctx, actorOf(ctx), actorOf(ctx).Account)
	return all(list, view.OpenSession, err)
}

type sessionInput struct {
	ID string `path:"session" doc:"ID of the session." maxLength:"100"`
}

func (s *server) endSession(ctx context.Context, in *sessionInput) (*struct{}, error) {
	return nil, s.Team.EndSession(ctx, actorOf(ctx), actorOf(ctx).Account, in.ID)
}

func (s *server) memberships(ctx context.Context, _ *struct{}) (*body[client.Page[client.Member]], error) {
	list, err := s.Team.Memberships(ctx, actorOf(ctx))
	return all(list, view.Member, err)
}

func (s *server) members(ctx context.Context, _ *InWorkspace) (*body[client.Page[client.Member]], error) {
	list, err := s.Team.Members(ctx, actorOf(ctx))
	return all(list, view.Member, err)
}

type memberInput struct {
	InWorkspace
	OfAccount
	Body client.RoleChange
}

func (s *server) setMember(ctx context.Context, in *memberInput) (*struct{}, error) {
	role := team.Nobody
	if in.Body.Role != team.Nobody.String() {
		var err error
		if role, err = team.ParseRole(in.Body.Role); err != nil {
			return nil, err
		}
	}
	return nil, s.Team.SetMember(ctx, actorOf(ctx), in.Account, role)
}

func (s *server) tokens(ctx context.Context, _ *InWorkspace) (*body[client.Page[client.Token]], error) {
	list, err := s.Team.Tokens(ctx, actorOf(ctx))
	return all(list, view.Token, err)
}

type createTokenInput struct {
	InWorkspace
	Body client.TokenInput
}

func (s *server) createToken(ctx context.Context, in *createTokenInput) (*body[client.Token], error) {
	role, err := team.ParseRole(in.Body.Role)
	if err != nil {
		return nil, err
	}
	text, k, err := s.Team.CreateToken(ctx, actorOf(ctx), team.TokenWish{Name: in.Body.Name, Account: in.Body.Account, Role: role, Lasts: time.Duration(in.Body.Days) * 24 * time.Hour})
	out := view.Token(k)
	out.Token = text
	return &body[client.Token]{out}, err
}

type tokenInput struct {
	InWorkspace
	ID string `path:"token" doc:"ID of the token." maxLength:"100"`
}

func (s *server) revokeToken(ctx context.Context, in *tokenInput) (*struct{}, error) {
	return nil, s.Team.RevokeToken(ctx, actorOf(ctx), in.ID)
}

type auditInput struct {
	InWorkspace
	List
	Who string `query:"who" doc:"Only what this account did." maxLength:"100"`
}

func (s *server) audit(ctx context.Context, in *auditInput) (*body[client.Page[client.Entry]], error) {
	return s.record(ctx, actorOf(ctx).Workspace, in.Who, in.List)
}

type auditAllInput struct {
	List
	Who string `query:"who" doc:"Only what this account did." maxLength:"100"`
}

func (s *server) auditAll(ctx context.Context, in *auditAllInput) (*body[client.Page[client.Entry]], error) {
	return s.record(ctx, "", in.Who, in.List)
}

// record is a part of the record, of a workspace or with "" of the whole installation.
func (s *server) record(ctx context.Context, workspace, who string, l List) (*body[client.Page[client.Entry]], error) {
	before, err := number(l.After)
	if err != nil {
		return nil, err
	}
	list, err := s.Team.Record(ctx, actorOf(ctx), store.AuditFilter{Workspace: workspace, Who: who, Before: before, Limit: l.Limit + 1})
	if err != nil {
		return nil, err
	}
	return part(view.List(list, view.Entry), l.Limit, func(e client.Entry) string { return text(e.Number) }), nil
}

func (s *server) verifyAudit(ctx context.Context, _ *struct{}) (*body[client.Entry], error) {
	newest, err := s.Team.VerifyRecord(ctx, actorOf(ctx))
	return &body[client.Entry]{view.Entry(newest)}, err
}
