// Package team is the application for many people: who may do what, connections and jobs that they share, runs that wait for the pool and go on by
// themselves when a process dies. It knows no transport; one run is steered by package control.
package team

import (
	"log/slog"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// Team is the application. Its methods may be called by many goroutines.
type Team struct {
	Store      *store.Store
	Connectors connector.Set
	Base       control.Service // copied for each run, with the callbacks of its workspace
	Log        *slog.Logger
}
