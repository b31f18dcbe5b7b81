// Package control is the application without a transport: plans, runs with their state machine, wishes, what is left behind.
// It opens connections, steers runs under the run lease and keeps the control database. It knows no connector by name.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// Service is the application.
type Service struct {
	Store      *store.Store
	Database   store.Options // how OpenStore opens the control database
	Connectors connector.Set
	// Connections finds a stored connection by its alias.
	Connections func(ctx context.Context, alias string) (job.Connection, error)
	// Secrets resolves the references (${env:NAME}, ${file:path}) in the options of a stored connection or, with the alias "", of an
	// inline one. What comes back goes to a connector and nowhere else.
	Secrets func(ctx context.Context, alias string, options json.RawMessage) (json.RawMessage, error)
	// Password gives the secret that is missing or hidden in an inline connection of the side "source" or "target"; "" when there is none.
	Password func(side string) (string, error)
	// Clean takes known secrets out of a text that is kept or shown.
	Clean func(text string) string
	// Guard says which addresses connections may lead to (connector.Connection.Guard); nil: any.
	Guard func(address netip.AddrPort) error
	// Roots are the folders in which connections may name files of this machine; nil: any file, empty: none.
	Roots []string
	Owner store.Owner // this process
	Who   string      // the person, for history
	Log   *slog.Logger
	Lease time.Duration // how long a run or shard lease lasts when its holder is not heard of

	taking Taking // of the run that this copy of the service steers; zero: a person steers it
}

// Observer is told how a run goes on; its methods must not block.
type Observer interface {
	// State is told each change of the run's state.
	State(e store.Event)
	// Progress is told about four times a second, and once at the end.
	Progress(p Progress)
}

// Progress is how far a run is.
type Progress struct {
	Run     string
	State   store.State
	Total   StreamProgress            // of all streams together
	States  map[store.StreamState]int // how many streams stand where
	Streams []StreamProgress          // all of them; of more than FewStreams that an Observer is told of, those at work and some that failed
	// While the run is planned, how many streams of how many are; the other figures are not known then.
	Planned, ToPlan int
}

// FewStreams is how many streams an Observer is told of one by one.
const FewStreams = 32

// StreamProgress is how far a stream is.
type StreamProgress struct {
	ID         string
	Source     string
	Connection string
	Target     string
	State      store.StreamState
	Error      string
	Code       string
	Guarantee  job.Guarantee
	Rows       int64
	Bytes      int64
	Counts     connector.Counts
	Shards     int
	Done       int
	Active     int
}

// transitions is the state machine of a run.
var transitions = map[store.State][]store.State{
	store.Planning:  {store.Running, store.Failed, store.Stopped},
	store.Running:   {store.Pausing, store.Stopping, store.Verifying, store.Failed},
	store.Verifying: {store.Finishing, store.Pausing, store.Stopping, store.Failed},
	store.Finishing: {store.Succeeded, store.Pausing, store.Failed},
	store.Pausing:   {store.Paused, store.Stopping, store.Failed},
	store.Paused:    {store.Running, store.Stopped, store.Stopping},
	store.Failed:    {store.Running, store.Stopped, store.Stopping},
	store.Stopping:  {store.Stopped},
}

// move changes a run's state as the state machine allows, written first, then told.
func (s *Service) move(ctx context.Context, key string, from, to store.State, c store.Change, obs Observer) error {
	legal := false
	for _, next := range transitions[from] {
		legal = legal || next == to
	}
	if !legal {
		return connector.Errorf(connector.Config, "TOW-133", "run %s is %s and cannot become %s", key, from, to)
	}
	if c.Who == "" {
		c.Who = s.Who
	}
	c.Why = s.Clean(c.Why)
	event, err := s.Store.Transition(ctx, key, from, to, c)
	if err != nil {
		return err
	}
	s.Log.Info("run moved", "run", key, "from", from, "to", to, "why", c.Why)
	if obs != nil {
		obs.State(event)
	}
	return nil
}

// codeOf returns the stable code of the outermost error that has one.
func codeOf(err error) string {
	switch e := err.(type) {
	case nil:
		return ""
	case *connector.Error:
		if e.Code != "" {
			return e.Code
		}
		return codeOf(e.Err)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if code := codeOf(part); code != "" {
				return code
			}
		}
		return ""
	default:
		return codeOf(errors.Unwrap(err))
	}
}
