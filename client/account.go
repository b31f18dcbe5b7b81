package client

// Session is who is signed in, and where.
type Session struct {
	Account   string `json:"account" doc:"Name of the account."`
	Workspace string `json:"workspace" doc:"Workspace that was asked for, or the account's first."`
	Role      string `json:"role" doc:"Role of the account there." enum:"none,viewer,operator,editor,admin"`
	Admin     bool   `json:"admin" doc:"The account administers the whole installation."`
}

// Account is somebody, or something, that may come in.
type Account struct {
	Account     string `json:"account" doc:"Its name."`
	Admin       bool   `json:"admin" doc:"It administers the whole installation."`
	HasPassword bool   `json:"has_password" doc:"It can sign in by a password."`
	Created     string `json:"created"`
	PasswordSet string `json:"password_set,omitempty" doc:"When its password was set."`
	Disabled    string `json:"disabled,omitempty" doc:"Since when it is let in no more."`
}

// Member is an account's part in a workspace.
type Member struct {
	Account   string `json:"account"`
	Workspace string `json:"workspace"`
	Role      string `json:"role" enum:"none,viewer,operator,editor,admin"`
	Since     string `json:"since,omitempty"`
}

// Link lets somebody in once.
type Link struct {
	Account string `json:"account" doc:"As whom."`
	Link    string `json:"link" doc:"Its text, which is told this once: the page of the server takes it as /#link=TEXT."`
	Expires string `json:"expires"`
}

// Token lets a program in.
type Token struct {
	ID        string `json:"id" doc:"The part of its text that names it."`
	Name      string `json:"name" doc:"What it is for."`
	Account   string `json:"account"`
	Workspace string `json:"workspace"`
	Role      string `json:"role" enum:"viewer,operator,editor,admin" doc:"At most; its account's present role bounds it."`
	Created   string `json:"created"`
	Expires   string `json:"expires"`
	Used      string `json:"used,omitempty" doc:"When it was used last, to the minute."`
	Revoked   string `json:"revoked,omitempty"`
	Token     string `json:"token,omitempty" doc:"Its text, which is told once, when it is made."`
}

// Entry is what the record has of something that was done.
type Entry struct {
	Number    int64  `json:"number" doc:"Without gaps, from 1."`
	At        string `json:"at"`
	Workspace string `json:"workspace,omitempty" doc:"Left out: the whole installation."`
	Who       string `json:"who,omitempty" doc:"Account; left out: nobody that is known."`
	Via       string `json:"via" doc:"How: session, token and its id, link, command, or server."`
	Action    string `json:"action"`
	Object    string `json:"object,omitempty"`
	Detail    string `json:"detail,omitempty"`
	Hash      string `json:"hash" doc:"SHA-256 over the hash of the entry before and this entry."`
}
