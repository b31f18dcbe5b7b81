package api

import (
	"net/http"
	"slices"

	"github.com/towpath/towpath/internal/control/team"
)

// routes is the table of all that is answered.
func routes() []route {
	return slices.Concat(doors(), accountRoutes(), runRoutes(), connectionRoutes(), jobRoutes(), lookRoutes())
}

const get, put, post, patch, remove = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete

// What answers say beside 200.
const (
	made     = http.StatusCreated
	accepted = http.StatusAccepted
	nothing  = http.StatusNoContent
)

func doors() []route {
	return []route{
		{method: get, path: "/healthz", action: Open, summary: "The process lives", plain: (*server).healthy},
		{method: get, path: "/readyz", action: Open, summary: "The control database answers", plain: (*server).ready},
		{method: get, path: "/metrics", action: team.SeeServer, summary: "Prometheus metrics", plain: (*server).metrics},
		{method: get, path: "/api/v1/openapi.json", action: team.OwnAccount, summary: "This document", plain: (*server).describeAll},
		{method: get, path: "/api/v1/events", action: team.OwnAccount, summary: "WebSocket of live events", plain: (*server).events},
		{method: get, path: "/{$}", action: Open, summary: "A page with sign-in and live runs", plain: file("page.html")},
		{method: get, path: "/page.js", action: Open, summary: "Its script", plain: file("page.js")},
		{method: get, path: "/page.css", action: Open, summary: "Its style", plain: file("page.css")},

		{method: post, path: "/api/v1/session", action: Open, summary: "Sign in with a password", call: answer((*server).signIn)},
		{method: post, path: "/api/v1/session/link", action: Open, summary: "Sign in by a one-time link", call: answer((*server).redeemLink)},
		{method: get, path: "/api/v1/session", action: team.OwnAccount, summary: "Who is signed in", call: answer((*server).whoAmI)},
		{method: remove, path: "/api/v1/session", action: Open, summary: "Sign out", status: nothing, call: answer((*server).signOut)},
		{method: put, path: "/api/v1/session/password", action: team.OwnAccount, summary: "Change one's own password", call: answer((*server).setPassword)},
		{method: get, path: "/api/v1/sessions", action: team.OwnAccount, summary: "One's own sessions", call: answer((*server).sessions)},
		{method: remove, path: "/api/v1/sessions/{session}", action: team.OwnAccount, summary: "End one of one's own sessions", status: nothing, call: answer((*server).endSession)},
		{method: get, path: "/api/v1/workspaces", action: team.OwnAccount, summary: "The workspaces that one has a part in", call: answer((*server).memberships)},
		{method: post, path: "/api/v1/workspaces", action: team.ManageServer, summary: "Make a workspace", status: made, call: answer((*server).createWorkspace)},
	}
}

func accountRoutes() []route {
	return []route{
		{method: get, path: "/api/v1/accounts", action: team.ManageServer, summary: "All accounts", call: answer((*server).listAccounts)},
		{method: post, path: "/api/v1/accounts", action: team.ManageServer, summary: "Make an account", status: made, call: answer((*server).createAccount)},
		{method: patch, path: "/api/v1/accounts/{account}", action: team.ManageServer, summary: "Change an account", status: nothing, call: answer((*server).changeAccount)},
		{method: post, path: "/api/v1/accounts/{account}/link", action: team.ManageServer, summary: "Make a link that lets an account in once", status: made, call: answer((*server).createLink)},
		{method: get, path: "/api/v1/audit/all", action: team.ManageServer, summary: "Who did what in the whole installation, newest first", call: answer((*server).auditAll)},
		{method: get, path: "/api/v1/audit/verify", action: team.ManageServer, summary: "Check the chain of the record; its newest entry", call: answer((*server).verifyAudit)},
		{method: get, path: root + "/audit", action: team.SeeRecord, summary: "Who did what, newest first", call: answer((*server).audit)},
		{method: get, path: root + "/members", action: team.SeeMembers, summary: "Who has a part in the workspace", call: answer((*server).members)},
		{method: put, path: root + "/members/{account}", action: team.ChangeMembers, summary: "Give an account a role", status: nothing, call: answer((*server).setMember)},
		{method: get, path: root + "/tokens", action: team.OwnAccount, summary: "Tokens; of others for who may see members", call: answer((*server).tokens)},
		{method: post, path: root + "/tokens", action: team.OwnAccount, summary: "Make a token", status: made, call: answer((*server).createToken)},
		{method: remove, path: root + "/tokens/{token}", action: team.OwnAccount, summary: "Revoke a token", status: nothing, call: answer((*server).revokeToken)},
	}
}

func runRoutes() []route {
	return []route{
		{method: get, path: root + "/live", action: team.SeeRuns, summary: "All runs that do not rest, with their totals", call: answer((*server).live)},
		{method: get, path: root + "/runs", action: team.SeeRuns, summary: "Runs, newest first", call: answer((*server).listRuns)},
		{method: get, path: root + "/runs/{run}", action: team.SeeRuns, summary: "A run with its streams and history", call: answer((*server).showRun)},
		{method: get, path: root + "/runs/{run}/events", action: team.SeeRuns, summary: "Changes of a run's state", call: answer((*server).runEvents)},
		{method: get, path: root + "/runs/{run}/dirty", action: team.SeeRows, summary: "Dirty rows of a run", call: answer((*server).dirtyRows)},
		{method: post, path: root + "/runs/{run}/mend", action: team.MendRows, summary: "Give dirty rows other values", call: answer((*server).mend)},
		{method: post, path: root + "/runs/{run}/replay", action: team.MendRows, summary: "Write dirty rows again, by a run of their own", status: accepted, call: answer((*server).replay)},
		{method: get, path: root + "/runs/{run}/limits", action: team.SeeRuns, summary: "Limits of a run", call: answer((*server).limits)},
		{method: put, path: root + "/runs/{run}/limits", action: team.SteerRuns, summary: "Change limits of a run, also while it runs", call: answer((*server).setLimits)},
		{method: post, path: root + "/runs/{run}/pause", action: team.SteerRuns, summary: "Pause a run", status: accepted, call: answer((*server).pause)},
		{method: post, path: root + "/runs/{run}/resume", action: team.SteerRuns, summary: "Let a run go on", status: accepted, call: answer((*server).resume)},
		{method: post, path: root + "/runs/{run}/stop", action: team.SteerRuns, summary: "End a run for good", status: accepted, call: answer((*server).stop)},
		{method: get, path: root + "/sync", action: team.SeeRuns, summary: "Which data is in sync, and since when", call: answer((*server).syncStatus)},
	}
}

func connectionRoutes() []route {
	const one = root + "/connections/{alias}"
	return []route{
		{method: get, path: root + "/connections", action: team.SeeConnections, summary: "Connections", call: answer((*server).listConnections)},
		{method: get, path: one, action: team.SeeConnections, summary: "A connection", call: answer((*server).showConnection)},
		{method: put, path: one, action: team.ChangeConnections, summary: "Make or replace a connection", call: answer((*server).putConnection)},
		{method: remove, path: one, action: team.ChangeConnections, summary: "Remove a connection that nothing uses", status: nothing, call: answer((*server).removeConnection)},
		{method: get, path: one + "/used", action: team.SeeConnections, summary: "What uses a connection", call: answer((*server).whereUsed)},
		{method: post, path: one + "/test", action: team.LookInside, summary: "Ask the server of a connection who it is", call: answer((*server).testConnection)},
		{method: get, path: one + "/datasets", action: team.LookInside, summary: "Datasets of a connection", call: answer((*server).datasets)},
		{method: get, path: one + "/sample", action: team.LookInside, summary: "Schema and rows of a dataset", call: answer((*server).sample)},
		{method: get, path: one + "/grants", action: team.SeeConnections, summary: "What gives a connection's account the rights that it needs", call: answer((*server).grants)},
		{method: post, path: one + "/hold", action: team.HoldConnections, summary: "Keep runs off a connection", call: answer((*server).hold)},
		{method: post, path: one + "/release", action: team.HoldConnections, summary: "Let runs use a connection again", call: answer((*server).release)},
		{method: post, path: one + "/sync", action: team.StartRuns, summary: "Look whether what was copied is in sync", call: answer((*server).checkSync)},
	}
}

func jobRoutes() []route {
	const one = root + "/jobs/{job}"
	return []route{
		{method: get, path: root + "/jobs", action: team.SeeJobs, summary: "Jobs by name", call: answer((*server).listJobs)},
		{method: post, path: root + "/jobs", action: team.ChangeJobs, summary: "Store a job", status: made, call: answer((*server).createJob)},
		{method: get, path: one, action: team.SeeJobs, summary: "A job", call: answer((*server).showJob)},
		{method: put, path: one, action: team.ChangeJobs, summary: "Add a version to a job", call: answer((*server).changeJob)},
		{method: remove, path: one, action: team.ChangeJobs, summary: "Remove a job; its runs stay", status: nothing, call: answer((*server).removeJob)},
		{method: get, path: one + "/versions", action: team.SeeJobs, summary: "Versions of a job, newest first", call: answer((*server).jobVersions)},
		{method: post, path: one + "/runs", action: team.StartRuns, summary: "Start a job", status: accepted, call: answer((*server).startJob)},
		{method: post, path: root + "/full", action: team.StartRuns, summary: "A full synchronisation in one call", status: accepted, call: answer((*server).startFull)},
		{method: post, path: root + "/batch", action: team.StartRuns, summary: "A job document in one call", status: accepted, call: answer((*server).startBatch)},
		{method: post, path: root + "/plan", action: team.StartRuns, summary: "Plan a job document; nothing is changed", call: answer((*server).plan)},
	}
}
