package cli

import (
	"context"

	"github.com/towpath/towpath/client"
)

type tokenCmd struct {
	List   tokenListCmd   `cmd:"" help:"List the tokens of a workspace."`
	Create tokenCreateCmd `cmd:"" help:"Make a token, and print its text this once."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token at once."`
}

type tokenListCmd struct{}

// Run lists tokens.
func (c *tokenListCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	page, err := b.Tokens(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, k := range page.Items {
		rows = append(rows, []string{k.ID, k.Name, k.Account, k.Role, whenText(k.Created), whenText(k.Expires), whenText(k.Used), whenText(k.Revoked)})
	}
	return s.list(page.Items, "tokens", []string{"TOKEN", "NAME", "ACCOUNT", "ROLE", "CREATED", "EXPIRES", "USED", "REVOKED"}, rows)
}

type tokenCreateCmd struct {
	Name    string `arg:"" help:"What it is for."`
	Account string `help:"Whose it is." required:"" placeholder:"NAME"`
	Role    string `help:"What it may do at most: viewer, operator, editor or admin." enum:"viewer,operator,editor,admin" required:"" placeholder:"ROLE"`
	Days    int    `help:"How long it holds, at most 365 days." default:"90" placeholder:"N"`
}

// Run makes a token.
func (c *tokenCreateCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	if c.Days <= 0 { // 0 is what 90 are asked for by
		c.Days = -1
	}
	k, err := b.CreateToken(ctx, client.TokenInput{Name: c.Name, Account: c.Account, Role: c.Role, Days: c.Days})
	if err != nil {
		return err
	}
	return s.answer(k, func() {
		s.printf("%s\n", k.Token)
		s.note("token %s of %s holds until %s; its text is not shown again", k.ID, k.Account, whenText(k.Expires))
	})
}

type tokenRevokeCmd struct {
	ID string `arg:"" name:"token" help:"The token's id, which stands behind tw_pat_ in its text."`
}

// Run ends a token.
func (c *tokenRevokeCmd) Run(s *session) error {
	return s.do(map[string]string{"id": c.ID}, "revoked token "+c.ID, func(ctx context.Context, b backend) error { return b.RevokeToken(ctx, c.ID) })
}
