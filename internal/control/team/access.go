package team

import (
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// Role is what an account may do in a workspace; each may do all that those before it may.
type Role int

// The roles.
const (
	Nobody   Role = iota // signed in, and of another workspace
	Viewer               // sees jobs, runs and connections without secrets
	Operator             // starts, pauses, resumes and stops runs, holds and releases connections
	Editor               // changes jobs and connections, sees sampled and dirty rows
	Admin                // changes members and tokens of the workspace, reads the record
)

var roleNames = [...]string{"none", "viewer", "operator", "editor", "admin"}

func (r Role) String() string { return roleNames[r] }

// ParseRole returns the role of a name. Another word is class Config, TOW-260.
func ParseRole(name string) (Role, error) {
	for r, known := range roleNames {
		if known == name && Role(r) != Nobody {
			return Role(r), nil
		}
	}
	return Nobody, connector.Errorf(connector.Config, "TOW-260", "no role %q", name).WithHint("Roles are viewer, operator, editor and admin.")
}

// Action is something that is allowed or not.
type Action string

// The actions. What is not listed is allowed to nobody.
const (
	SeeRuns           Action = "run.see"
	StartRuns         Action = "run.start"
	SteerRuns         Action = "run.steer" // pause, resume, stop, limits
	SeeRows           Action = "run.rows"  // dirty rows
	MendRows          Action = "run.mend"
	SeeJobs           Action = "job.see"
	ChangeJobs        Action = "job.change"
	SeeConnections    Action = "connection.see"
	ChangeConnections Action = "connection.change"
	LookInside        Action = "connection.look" // test, discover, sample
	HoldConnections   Action = "connection.hold"
	SeeRecord         Action = "audit.see"
	SeeMembers        Action = "member.see"
	ChangeMembers     Action = "member.change"
	OwnAccount        Action = "self" // one's own password, sessions and tokens
	SeeServer         Action = "server.see"
	ManageServer      Action = "server.manage" // accounts, workspaces, backup, retention
)

// least is the role that an action needs in the workspace; administrators of the installation are Admin in all of them, and alone may do
// what needs more than Admin.
var least = map[Action]Role{
	SeeRuns: Viewer, SeeJobs: Viewer, SeeConnections: Viewer, SeeServer: Viewer, OwnAccount: Nobody,
	StartRuns: Operator, SteerRuns: Operator, LookInside: Editor, SeeRows: Editor, MendRows: Editor, ChangeJobs: Editor, ChangeConnections: Editor,
	HoldConnections: Operator, SeeMembers: Admin, ChangeMembers: Admin, SeeRecord: Admin, ManageServer: Admin + 1,
}

// Actor is who asks: an account in one workspace. The zero Actor is nobody, who may do nothing.
type Actor struct {
	Account   string
	Workspace string
	Role      Role // in the workspace, or less where a token says so
	Admin     bool // of the installation
	Via       string
}

// Can reports whether the actor may do something in its workspace.
func (a Actor) Can(x Action) bool {
	need, known := least[x]
	return known && a.Account != "" && (a.Admin || a.Role >= need)
}

// May returns an error of class Denied, TOW-261, unless the actor may.
func (a Actor) May(x Action) error {
	switch {
	case a.Can(x):
		return nil
	case a.Account == "":
		return signInFirst()
	}
	e := connector.Errorf(connector.Denied, "TOW-261", "%s may not %s in workspace %s", a.Account, x, a.Workspace)
	if need := least[x]; need <= Admin {
		return e.WithHint("Needs the role %s.", need)
	}
	return e.WithHint("Needs an administrator of the installation.")
}

func signInFirst() error { return connector.Errorf(connector.Denied, "TOW-262", "sign in first") }

// Entry is what the record says of something that the actor does.
func (a Actor) Entry(x Action, object, detail string) store.Entry {
	return store.Entry{Workspace: a.Workspace, Who: a.Account, Via: a.Via, Action: string(x), Object: object, Detail: detail}
}
