// Package team is the application for many people: who may do what, connections and jobs that they share, runs that wait for the pool and go on by
// themselves when a process dies. It knows no transport; one run is steered by package control.
package team

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// Sealer keeps secrets so that who has the control database alone cannot read them. place is where a secret belongs: one that was moved to another does not open.
type Sealer interface {
	Seal(plain []byte, place string) ([]byte, error)
	Open(sealed []byte, place string) ([]byte, error)
}

// Team is the application. Its methods may be called by many goroutines.
type Team struct {
	Store      *store.Store
	Connectors connector.Set
	Keys       Sealer
	Scrub      *secret.Scrubber // takes secrets that were opened out of texts that are kept or shown
	Base       control.Service  // what runs are steered by, without who and which connections
	Log        *slog.Logger
	Wake       func() // told that there may be something for the pool; nil: it looks by itself

	doors doors
}

// wake tells the pool, where there is one.
func (t *Team) wake() {
	if t.Wake != nil {
		t.Wake()
	}
}

// Service is the application for runs and looks in one environment of a workspace, on behalf of who.
func (t *Team) Service(workspace, environment, who string) *control.Service {
	s := t.Base
	s.Store, s.Connectors, s.Log, s.Clean, s.Who = t.Store, t.Connectors, t.Log, t.Scrub.Clean, who
	s.Connections = func(ctx context.Context, alias string) (job.Connection, error) {
		c, err := t.Store.Connection(ctx, store.ConnectionKey{Workspace: workspace, Environment: environment, Alias: alias})
		return job.Connection{Connector: c.Connector, Options: c.Options}, err
	}
	s.Secrets = func(ctx context.Context, alias string, options json.RawMessage) (json.RawMessage, error) {
		if alias == "" {
			return nil, inlineRefused("connection")
		}
		return t.unseal(ctx, store.ConnectionKey{Workspace: workspace, Environment: environment, Alias: alias}, options)
	}
	s.Password = func(string) (string, error) { return "", nil }
	return &s
}

func inlineRefused(path string) error {
	return connector.Errorf(connector.Config, "TOW-180", "jobs of a server name a connection by its alias").At(path).
		WithHint("Store the connection, and name its alias.")
}
