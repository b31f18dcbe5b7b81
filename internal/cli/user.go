package cli

import (
	"context"
	"fmt"

	"golang.org/x/term"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
)

// do makes a change and answers with data, or in words.
func (s *session) do(data any, words string, change func(ctx context.Context, b backend) error) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	if err := change(ctx, b); err != nil {
		return err
	}
	return s.answer(data, func() { s.printf("%s\n", words) })
}

// list answers with a list, for people as a table; what names the things of which there may be none.
func (s *session) list(data any, what string, head []string, rows [][]string) error {
	return s.answer(data, func() {
		if len(rows) == 0 {
			s.printf("no %s\n", what)
			return
		}
		s.table(head, rows)
	})
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

type userListCmd struct{}

type usersJSON struct {
	Accounts []client.Account `json:"accounts"`
	Members  []client.Member  `json:"members"`
}

// Run lists accounts.
func (c *userListCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	accounts, err := b.Accounts(ctx)
	if err != nil {
		return err
	}
	members, err := b.Members(ctx)
	if err != nil {
		return err
	}
	roles := map[string]string{}
	for _, m := range members.Items {
		roles[m.Account] = m.Role
	}
	var rows [][]string
	for _, a := range accounts.Items {
		rows = append(rows, []string{a.Account, roleText(a, roles[a.Account]), whenText(a.Created), whenText(a.PasswordSet), whenText(a.Disabled)})
	}
	return s.list(usersJSON{accounts.Items, members.Items}, "accounts", []string{"ACCOUNT", "ROLE", "CREATED", "PASSWORD SET", "DISABLED"}, rows)
}

func roleText(a client.Account, role string) string {
	switch {
	case a.Admin:
		return "administrator"
	case role == "":
		return "-"
	}
	return role
}

type userAddCmd struct {
	Name  string `arg:"" help:"The account's name."`
	Admin bool   `help:"Make it an administrator of the whole installation."`
	Role  string `help:"Its role in the workspace: viewer, operator, editor or admin." enum:",viewer,operator,editor,admin" default:"" placeholder:"ROLE"`
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
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	if password != "" { // before there is half an account
		if err := team.CheckPassword(password, c.Name); err != nil {
			return err
		}
	}
	if _, err := b.CreateAccount(ctx, client.AccountInput{Name: c.Name, Admin: c.Admin}); err != nil {
		return err
	}
	if c.Role != "" {
		if err := b.SetMember(ctx, c.Name, c.Role); err != nil {
			return err
		}
	}
	if password == "" {
		return s.link(ctx, b, c.Name)
	}
	if err := b.SetPassword(ctx, c.Name, password); err != nil {
		return err
	}
	return s.answer(ofAccount(c.Name), func() { s.printf("made account %s\n", c.Name) })
}

func ofAccount(name string) any { return map[string]string{"account": name} }

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
	return s.do(ofAccount(c.Name), "set the password of "+c.Name+"; its sessions have ended", func(ctx context.Context, b backend) error {
		return b.SetPassword(ctx, c.Name, password)
	})
}

type userLinkCmd struct {
	Name string `arg:"" help:"The account's name."`
}

// Run makes a link.
func (c *userLinkCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	return s.link(ctx, b, c.Name)
}

func (s *session) link(ctx context.Context, b backend, name string) error {
	l, err := b.CreateLink(ctx, name)
	if err != nil {
		return err
	}
	return s.answer(l, func() {
		s.printf("link of %s, good once until %s; open it behind the server's address:\n/#link=%s\n", name, whenText(l.Expires), l.Link)
	})
}

type userRoleCmd struct {
	Name string `arg:"" help:"The account's name."`
	Role string `arg:"" help:"viewer, operator, editor or admin; none takes it out." enum:"none,viewer,operator,editor,admin"`
}

// Run gives a role.
func (c *userRoleCmd) Run(s *session) error {
	workspace := s.workspace()
	return s.do(client.Member{Account: c.Name, Workspace: workspace, Role: c.Role}, fmt.Sprintf("role of %s in workspace %s: %s", c.Name, workspace, c.Role),
		func(ctx context.Context, b backend) error { return b.SetMember(ctx, c.Name, c.Role) })
}

type userAdminCmd struct {
	Name string `arg:"" help:"The account's name."`
	Off  bool   `help:"Make it one no more."`
}

// Run makes an administrator, or unmakes one.
func (c *userAdminCmd) Run(s *session) error {
	verb, on := "is", !c.Off
	if c.Off {
		verb = "is not"
	}
	return s.change(c.Name, client.AccountChange{Admin: &on}, fmt.Sprintf("%s %s an administrator of the installation", c.Name, verb))
}

func (s *session) change(name string, change client.AccountChange, words string) error {
	return s.do(ofAccount(name), words, func(ctx context.Context, b backend) error { return b.ChangeAccount(ctx, name, change) })
}

type userDisableCmd struct {
	Name string `arg:"" help:"The account's name."`
}

// Run disables an account.
func (c *userDisableCmd) Run(s *session) error {
	off := true
	return s.change(c.Name, client.AccountChange{Disabled: &off}, "disabled "+c.Name+"; its sessions have ended")
}

type userEnableCmd struct {
	Name string `arg:"" help:"The account's name."`
}

// Run enables an account.
func (c *userEnableCmd) Run(s *session) error {
	off := false
	return s.change(c.Name, client.AccountChange{Disabled: &off}, "enabled "+c.Name)
}
