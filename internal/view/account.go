package view

import (
	"encoding/hex"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/store"
)

// Account is an account without its password.
func Account(a store.Account) client.Account {
	return client.Account{Account: a.Name, Admin: a.Admin, HasPassword: a.HasPassword, Created: Time(a.Created), PasswordSet: Time(a.PasswordSet), Disabled: Time(a.Disabled)}
}

// Member is an account's part in a workspace.
func Member(m store.Member) client.Member {
	return client.Member{Account: m.Account, Workspace: m.Workspace, Role: m.Role, Since: Time(m.Since)}
}

// Token is a token without its text.
func Token(k store.Token) client.Token {
	return client.Token{ID: k.ID, Name: k.Name, Account: k.Account, Workspace: k.Workspace, Role: k.Role, Created: Time(k.Created), Expires: Time(k.Expires),
		Used: Time(k.Used), Revoked: Time(k.Revoked)}
}

// Entry is an entry of the record.
func Entry(e store.AuditEntry) client.Entry {
	return client.Entry{Number: e.Number, At: Time(e.At), Workspace: e.Workspace, Who: e.Who, Via: e.Via, Action: e.Action, Object: e.Object, Detail: e.Detail,
		Hash: hex.EncodeToString(e.Hash)}
}
