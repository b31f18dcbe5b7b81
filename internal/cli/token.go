package cli

import (
	"context"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/view"
)

type tokenCmd struct {
	List   tokenListCmd   `cmd:"" help:"List the tokens of a workspace."`
	Create tokenCreateCmd `cmd:"" help:"Make a token, and print its text this once."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token at once."`
}

type tokenListCmd struct {
	Workspace string `help:"The workspace." default:"main" placeholder:"NAME"`
}

// Run lists tokens.
func (c *tokenListCmd) Run(s *session) error {
	return s.asOwner(c.Workspace, func(ctx context.Context, t *team.Team, a team.Actor) error {
		tokens, err := t.Tokens(ctx, a)
		if err != nil {
			return err
		}
		list, rows := make([]client.Token, len(tokens)), make([][]string, len(tokens))
		for i, k := range tokens {
			list[i] = view.Token(k)
			rows[i] = []string{k.ID, k.Name, k.Account, k.Role, when(k.Created), when(k.Expires), when(k.Used), when(k.Revoked)}
		}
		return s.answer(list, func() {
			if len(rows) == 0 {
				s.printf("no tokens\n")
				return
			}
			s.table([]string{"TOKEN", "NAME", "ACCOUNT", "ROLE", "CREATED", "EXPIRES", "USED", "REVOKED"}, rows)
		})
	})
}

type tokenCreateCmd struct {
	Name      string `arg:"" help:"What it is for."`
	Account   string `help:"Whose it is." required:"" placeholder:"NAME"`
	Role      string `help:"What it may do at most: viewer, operator, editor or admin." enum:"viewer,operator,editor,admin" required:"" placeholder:"ROLE"`
	Workspace string `help:"The workspace where it holds." default:"main" placeholder:"NAME"`
	Days      int    `help:"How long it holds, at most 365 days." default:"90" placeholder:"N"`
}

// Run makes a token.
func (c *tokenCreateCmd) Run(s *session) error {
	role, err := team.ParseRole(c.Role)
	if err != nil {
		return err
	}
	// So many days that they overflow, or none, are refused as what they are not.
	lasts := time.Duration(min(max(c.Days, 0), 10_000)) * 24 * time.Hour
	if c.Days <= 0 {
		lasts = -1
	}
	return s.asOwner(c.Workspace, func(ctx context.Context, t *team.Team, a team.Actor) error {
		text, k, err := t.CreateToken(ctx, a, team.TokenWish{Name: c.Name, Account: c.Account, Role: role, Lasts: lasts})
		if err != nil {
			return err
		}
		data := view.Token(k)
		data.Token = text
		return s.answer(data, func() {
			s.printf("%s\n", text)
			s.note("token %s of %s holds until %s; its text is not shown again", k.ID, k.Account, when(k.Expires))
		})
	})
}

type tokenRevokeCmd struct {
	ID        string `arg:"" name:"token" help:"The token's id, which stands behind tw_pat_ in its text."`
	Workspace string `help:"The workspace." default:"main" placeholder:"NAME"`
}

// Run ends a token.
func (c *tokenRevokeCmd) Run(s *session) error {
	return s.asOwner(c.Workspace, func(ctx context.Context, t *team.Team, a team.Actor) error {
		if err := t.RevokeToken(ctx, a, c.ID); err != nil {
			return err
		}
		return s.answer(map[string]string{"id": c.ID}, func() { s.printf("revoked token %s\n", c.ID) })
	})
}
