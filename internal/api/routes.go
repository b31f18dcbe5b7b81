package api

import (
	"net/http"

	"github.com/towpath/towpath/internal/control/team"
)

// routes is the table of all that is answered.
func routes() []route {
	const get, put, post, remove = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	return []route{
		{method: get, path: "/healthz", action: Open, summary: "The process lives", plain: (*server).healthy},
		{method: get, path: "/readyz", action: Open, summary: "The control database answers", plain: (*server).ready},
		{method: get, path: "/metrics", action: team.SeeServer, summary: "Prometheus metrics", plain: (*server).metrics},
		{method: get, path: "/api/v1/openapi.json", action: team.OwnAccount, summary: "This document", plain: (*server).describeAll},
		{method: get, path: "/api/v1/events", action: team.OwnAccount, summary: "WebSocket of live events", plain: (*server).events},
		{method: get, path: "/{$}", action: Open, summary: "A page with sign-in and live runs", plain: file("page.html")},
		{method: get, path: "/page.js", action: Open, summary: "Its script", plain: file("page.js")},
		{method: get, path: "/page.css", action: Open, summary: "Its style", plain: file("page.css")},

		{method: get, path: "/api/v1/session", action: team.OwnAccount, summary: "Who is signed in", call: answer((*server).whoAmI)},
		{method: remove, path: "/api/v1/session", action: Open, summary: "Sign out", status: http.StatusNoContent, call: answer((*server).signOut)},

		{method: get, path: root + "/live", action: team.SeeRuns, summary: "All runs that do not rest, with their totals", call: answer((*server).live)},
		{method: get, path: root + "/runs", action: team.SeeRuns, summary: "Runs, newest first", call: answer((*server).listRuns)},
		{method: get, path: root + "/runs/{run}", action: team.SeeRuns, summary: "A run with its streams and history", call: answer((*server).showRun)},
		{method: get, path: root + "/runs/{run}/events", action: team.SeeRuns, summary: "Changes of a run's state", call: answer((*server).runEvents)},
		{method: get, path: root + "/runs/{run}/dirty", action: team.SeeRows, summary: "Dirty rows of a run", call: answer((*server).dirtyRows)},
		{method: get, path: root + "/runs/{run}/limits", action: team.SeeRuns, summary: "Limits of a run", call: answer((*server).limits)},
		{method: put, path: root + "/runs/{run}/limits", action: team.SteerRuns, summary: "Change limits of a run, also while it runs", call: answer((*server).setLimits)},
		{method: post, path: root + "/runs/{run}/pause", action: team.SteerRuns, summary: "Pause a run", status: http.StatusAccepted, call: answer((*server).pause)},
		{method: post, path: root + "/runs/{run}/resume", action: team.SteerRuns, summary: "Let a run go on", status: http.StatusAccepted, call: answer((*server).resume)},
		{method: post, path: root + "/runs/{run}/stop", action: team.SteerRuns, summary: "End a run for good", status: http.StatusAccepted, call: answer((*server).stop)},
	}
}
