package client

// Session is who is signed in, and where.
type Session struct {
	Account   string `json:"account" doc:"Name of the account."`
	Workspace string `json:"workspace" doc:"Workspace that was asked for, or the account's first."`
	Role      string `json:"role" doc:"Role of the account there." enum:"none,viewer,operator,editor,admin"`
	Admin     bool   `json:"admin" doc:"The account administers the whole installation."`
}
