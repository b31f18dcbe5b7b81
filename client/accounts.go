package client

import (
	"context"
	"net/http"
)

// SignIn is a name with its password.
type SignIn struct {
	Name     string `json:"name" doc:"Name of the account." maxLength:"200"`
	Password string `json:"password" doc:"Its password." maxLength:"1000"`
}

// LinkSignIn is a one-time link, with the password that the account is to have.
type LinkSignIn struct {
	Link     string `json:"link" doc:"What stands in the link behind link=." maxLength:"200"`
	Password string `json:"password,omitempty" doc:"Password that the account is to have; left out, it keeps its own." maxLength:"1000"`
}

// PasswordChange is a new password for one's own account.
type PasswordChange struct {
	Present  string `json:"present" doc:"The present password." maxLength:"1000"`
	Password string `json:"password" doc:"The one that is to hold." maxLength:"1000"`
}

// AccountInput makes an account.
type AccountInput struct {
	Name  string `json:"name" doc:"Name of the account: small letters, digits and . _ @ + -." maxLength:"64"`
	Admin bool   `json:"admin,omitempty" doc:"It administers the whole installation."`
}

// AccountChange changes an account; what is left out stays.
type AccountChange struct {
	Admin    *bool `json:"admin,omitempty" doc:"It administers the whole installation."`
	Disabled *bool `json:"disabled,omitempty" doc:"It lets nobody in."`
}

// OpenSession is a session of an account.
type OpenSession struct {
	ID      string `json:"id" doc:"ID by which it can be ended."`
	Address string `json:"address" doc:"Address where it was begun."`
	Agent   string `json:"agent" doc:"Program with which it was begun."`
	Created string `json:"created" doc:"When it was begun."`
	Used    string `json:"used" doc:"When it was used last, to the minute."`
	Expires string `json:"expires" doc:"When it ends at the latest."`
}

// RoleChange gives an account a role in a workspace.
type RoleChange struct {
	Role string `json:"role" doc:"none takes the account out." enum:"none,viewer,operator,editor,admin"`
}

// TokenInput makes a token.
type TokenInput struct {
	Name    string `json:"name" doc:"What it is for." maxLength:"64"`
	Account string `json:"account,omitempty" doc:"Whose it is; one's own where left out."`
	Role    string `json:"role" doc:"What it may do." enum:"viewer,operator,editor,admin"`
	Days    int    `json:"days,omitempty" doc:"How long it holds; 90 where left out." minimum:"1" maximum:"365"`
}

// WhoAmI returns who the client is.
func (c *Client) WhoAmI(ctx context.Context) (s Session, err error) {
	return s, c.send(ctx, call{method: http.MethodGet, path: join("session")}, &s)
}

// Accounts lists all accounts.
func (c *Client) Accounts(ctx context.Context) (page Page[Account], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: join("accounts")}, &page)
}

// CreateAccount makes an account without a password.
func (c *Client) CreateAccount(ctx context.Context, in AccountInput) (a Account, err error) {
	return a, c.send(ctx, call{method: http.MethodPost, path: join("accounts"), body: in}, &a)
}

// ChangeAccount changes an account.
func (c *Client) ChangeAccount(ctx context.Context, name string, change AccountChange) error {
	return c.send(ctx, call{method: http.MethodPatch, path: join("accounts", name), body: change}, nil)
}

// CreateLink makes a link that lets an account in once.
func (c *Client) CreateLink(ctx context.Context, name string) (l Link, err error) {
	return l, c.send(ctx, call{method: http.MethodPost, path: join("accounts", name, "link")}, &l)
}

// Members lists who has a part in the workspace.
func (c *Client) Members(ctx context.Context) (page Page[Member], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("members")}, &page)
}

// SetMember gives an account a role in the workspace; none takes it out.
func (c *Client) SetMember(ctx context.Context, account, role string) error {
	return c.send(ctx, call{method: http.MethodPut, path: c.in("members", account), body: RoleChange{Role: role}}, nil)
}

// Tokens lists the tokens of the workspace that one may see.
func (c *Client) Tokens(ctx context.Context) (page Page[Token], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("tokens")}, &page)
}

// CreateToken makes a token. A token may not.
func (c *Client) CreateToken(ctx context.Context, in TokenInput) (k Token, err error) {
	return k, c.send(ctx, call{method: http.MethodPost, path: c.in("tokens"), body: in}, &k)
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.send(ctx, call{method: http.MethodDelete, path: c.in("tokens", id)}, nil)
}

// Audit lists the record of the workspace, newest first.
func (c *Client) Audit(ctx context.Context, who string, p Part) (page Page[Entry], err error) {
	q := p.query()
	set(q, "who", who)
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("audit"), query: q}, &page)
}

// Workspace is what connections, jobs and runs of people who work together lie in.
type Workspace struct {
	Name string `json:"name" doc:"Its name." maxLength:"100"`
}

// CreateWorkspace makes a workspace, in which nobody has a part yet but administrators of the installation.
func (c *Client) CreateWorkspace(ctx context.Context, name string) error {
	return c.send(ctx, call{method: http.MethodPost, path: join("workspaces"), body: Workspace{Name: name}}, nil)
}

// VerifyAudit checks the whole record, and returns its newest entry.
func (c *Client) VerifyAudit(ctx context.Context) (newest Entry, err error) {
	return newest, c.send(ctx, call{method: http.MethodGet, path: join("audit", "verify")}, &newest)
}
