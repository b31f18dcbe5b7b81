package cli

import (
	"context"
	"fmt"

	"golang.org/x/term"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

// asOwner calls do on the control database on behalf of its owner.
func (s *session) asOwner(workspace string, do func(ctx context.Context, t *team.Team, a team.Actor) error) error {
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	return do(ctx, &team.Team{Store: svc.Store, Connectors: s.set, Log: svc.Log}, owner(workspace)) // accounts need no master key
}

type userCmd struct {
	List     userListCmd     `cmd:"" help:"List accounts, with their roles in a workspace."`
	Add      userAddCmd      `cmd:"" help:"Make an account."`
	Password userPasswordCmd `cmd:"" help:"Set the password of an account; its sessions end."`
	Link     userLinkCmd     `cmd:"" help:"Make a link that lets somebody in once, within an hour, to set a password."`
	Role     userRoleCmd     `cmd:"" help:"Give an account a role in a workspace, or take it out."`
	Admin    userAdminCmd    `cmd:"" help:"Make an account an administrator of the installation, or no more."`
	Disable  userDisableCmd  `cmd:"" help:"Let an account in no more; its sessions end, its tokens do not hold."`
	Enable   userEnableCmd   `cmd:"" help:"Let an account in again."`
}

type userListCmd struct {
	Workspace string `help:"The workspace." default:"main" placeholder:"NAME"`
}

type usersJSON struct {
	Accounts []client.Account `json:"accounts"`
	Members  []client.Member  `json:"members"`
}

// Run lists accounts.
func (c *userListCmd) Run(s *session) error {
	return s.asOwner(c.Workspace, func(ctx context.Context, t *team.Team, a team.Actor) error {
		accounts, err := t.Accounts(ctx, a)
		if err != nil {
			return err
		}
		members, err := t.Members(ctx, a)
		if err != nil {
			return err
		}
		data := usersJSON{make([]client.Account, len(accounts)), make([]client.Member, len(members))}
		roles := map[string]string{}
		for i, m := range members {
			data.Members[i], roles[m.Account] = view.Member(m), m.Role
		}
		rows := make([][]string, len(accounts))
		for i, x := range accounts {
			data.Accounts[i] = view.Account(x)
			rows[i] = []string{x.Name, roleText(x, roles[x.Name]), when(x.Created), when(x.PasswordSet), when(x.Disabled)}
		}
		return s.answer(data, func() {
			if len(rows) == 0 {
				s.printf("no accounts\n")
				return
			}
			s.table([]string{"ACCOUNT", "ROLE", "CREATED", "PASSWORD SET", "DISABLED"}, rows)
		})
	})
}

func roleText(a store.Account, role string) string {
	switch {
	case a.Admin:
		return "administrator"
	case role == "":
		return "-"
	}
	return role
}

type userAddCmd struct {
	Name      string `arg:"" help:"The account's name."`
	Admin     bool   `help:"Make it an administrator of the whole installation."`
	Role      string `help:"Its role in the workspace: viewer, operator, editor or admin." enum:",viewer,operator,editor,admin" default:"" placeholder:"ROLE"`
	Workspace string `help:"The workspace." default:"main" placeholder:"NAME"`
}

// Help is the long help of user add.
func (c *userAddCmd) Help() string { return newPasswordHelp + "\nWithout one the answer has a link." }

const newPasswordHelp = `The password comes from TOWPATH_NEW_PASSWORD, from the file that TOWPATH_NEW_PASSWORD_FILE names, or is asked for without echo.`

// Run makes an account, with a password or a link.
func (c *userAddCmd) Run(s *session) error {
	password, err := s.newPassword(c.Name, "empty for a link")
	if err != nil {
		return err
	}
	return s.asOwner(c.Workspace, func(ctx context.Context, t *team.Team, a team.Actor) error {
		if password != "" { // before there is half an account
			if err := team.CheckPassword(password, c.Name); err != nil {
				return err
			}
		}
		if _, err := t.CreateAccount(ctx, a, c.Name, c.Admin); err != nil {
			return err
		}
		if c.Role != "" {
			role, err := team.ParseRole(c.Role)
			if err != nil {
				return err
			}
			if err := t.SetMember(ctx, a, c.Name, role); err != nil {
				return err
			}
		}
		if password == "" {
			return s.link(ctx, t, a, c.Name)
		}
		if err := t.SetPassword(ctx, a, c.Name, "", password, team.Peer{}); err != nil {
			return err
		}
		return s.changed(c.Name, "made account %s", c.Name)
	})
}

// changed answers for a change of an account.
func (s *session) changed(name, format string, args ...any) error {
	return s.answer(map[string]string{"account": name}, func() { s.printf(format+"\n", args...) })
}

// newPassword finds a password to set: in the environment, in a file that it names, else by asking twice without echo. "": there is none.
func (s *session) newPassword(name, empty string) (string, error) {
	if value, found, err := given("new"); found || err != nil {
		return value, err
	}
	if s.In == nil || s.flags.JSON || !term.IsTerminal(int(s.In.Fd())) {
		return "", nil
	}
	ask := func(what string) (string, error) {
		fmt.Fprint(s.Err, what)
		typed, err := term.ReadPassword(int(s.In.Fd()))
		fmt.Fprintln(s.Err)
		return string(typed), err
	}
	first, err := ask(fmt.Sprintf("New password of %s (%s): ", name, empty))
	if err != nil || first == "" {
		return "", err
	}
	second, err := ask("Once more: ")
	if err == nil && first != second {
		err = usage(connector.Errorf(connector.Config, "TOW-269", "the passwords differ").WithHint("Try again."))
	}
	return first, err
}

type userPasswordCmd struct {
	Name string `arg:"" help:"The account's name."`
}

// Help is the long help of user password.
func (c *userPasswordCmd) Help() string { return newPasswordHelp }

// Run sets a password.
func (c *userPasswordCmd) Run(s *session) error {
	password, err := s.newPassword(c.Name, "empty to leave it")
	if err != nil {
		return err
	}
	if password == "" {
		return usage(connector.Errorf(connector.Config, "TOW-269", "no password was given").WithHint("Give it in TOWPATH_NEW_PASSWORD, or in a terminal. towpath user link %s lets its owner choose.", c.Name))
	}
	return s.asOwner("", func(ctx context.Context, t *team.Team, a team.Actor) error {
		if err := t.SetPassword(ctx, a, c.Name, "", password, team.Peer{}); err != nil {
			return err
		}
		return s.changed(c.Name, "set the password of %s; its sessions have ended", c.Name)
	})
}

type userLinkCmd struct {
	Name string `arg:"" help:"The account's name."`
}

// Run makes a link.
func (c *userLinkCmd) Run(s *session) error {
	return s.asOwner("", func(ctx context.Context, t *team.Team, a team.Actor) error { return s.link(ctx, t, a, c.Name) })
}

func (s *session) link(ctx context.Context, t *team.Team, a team.Actor, name string) error {
	link, expires, err := t.CreateLink(ctx, a, name)
	if err != nil {
		return err
	}
	return s.answer(client.Link{Account: name, Link: link, Expires: view.Time(expires)}, func() {
		s.printf("link of %s, good once until %s; open it behind the server's address:\n/#link=%s\n", name, when(expires), link)
	})
}

type userRoleCmd struct {
	Name      string `arg:"" help:"The account's name."`
	Role      string `arg:"" help:"viewer, operator, editor or admin; none takes it out." enum:"none,viewer,operator,editor,admin"`
	Workspace string `help:"The workspace." default:"main" placeholder:"NAME"`
}

// Run gives a role.
func (c *userRoleCmd) Run(s *session) error {
	role := team.Nobody
	if c.Role != role.String() {
		var err error
		if role, err = team.ParseRole(c.Role); err != nil {
			return err
		}
	}
	return s.asOwner(c.Workspace, func(ctx context.Context, t *team.Team, a team.Actor) error {
		if err := t.SetMember(ctx, a, c.Name, role); err != nil {
			return err
		}
		return s.answer(client.Member{Account: c.Name, Workspace: c.Workspace, Role: c.Role}, func() {
			s.printf("role of %s in workspace %s: %s\n", c.Name, c.Workspace, c.Role)
		})
	})
}

type userAdminCmd struct {
	Name string `arg:"" help:"The account's name."`
	Off  bool   `help:"Make it one no more."`
}

// Run makes an administrator, or unmakes one.
func (c *userAdminCmd) Run(s *session) error {
	return s.asOwner("", func(ctx context.Context, t *team.Team, a team.Actor) error {
		if err := t.SetAdmin(ctx, a, c.Name, !c.Off); err != nil {
			return err
		}
		verb := "is"
		if c.Off {
			verb = "is not"
		}
		return s.changed(c.Name, "%s %s an administrator of the installation", c.Name, verb)
	})
}

type userDisableCmd struct {
	Name string `arg:"" help:"The account's name."`
}

// Run disables an account.
func (c *userDisableCmd) Run(s *session) error {
	return s.asOwner("", func(ctx context.Context, t *team.Team, a team.Actor) error {
		if err := t.DisableAccount(ctx, a, c.Name); err != nil {
			return err
		}
		return s.changed(c.Name, "disabled %s; its sessions have ended", c.Name)
	})
}

type userEnableCmd struct {
	Name string `arg:"" help:"The account's name."`
}

// Run enables an account.
func (c *userEnableCmd) Run(s *session) error {
	return s.asOwner("", func(ctx context.Context, t *team.Team, a team.Actor) error {
		if err := t.EnableAccount(ctx, a, c.Name); err != nil {
			return err
		}
		return s.changed(c.Name, "enabled %s", c.Name)
	})
}
