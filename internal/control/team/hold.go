package team

import (
	"context"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// Hold keeps runs off a connection, for maintenance of its machine: those that use it are paused, and what starts waits. It returns the keys of the runs that
// are paused for it.
func (t *Team) Hold(ctx context.Context, a Actor, environment, alias, why string) ([]string, error) {
	if err := a.May(HoldConnections); err != nil {
		return nil, err
	}
	if why == "" {
		return nil, connector.Errorf(connector.Config, "TOW-189", "hold connection %s: no reason is given", alias).At("why")
	}
	k := a.key(environment, alias)
	return t.Store.SetHold(ctx, k, store.Hold{By: a.Account, Why: t.Scrub.Clean(why)}, a.Entry(HoldConnections, alias, "held in environment "+k.Environment+": "+t.Scrub.Clean(why)))
}

// Release ends a hold. The runs that it paused, and no others, go on; it returns their keys.
func (t *Team) Release(ctx context.Context, a Actor, environment, alias string) ([]string, error) {
	if err := a.May(HoldConnections); err != nil {
		return nil, err
	}
	defer t.wake()
	k := a.key(environment, alias)
	return t.Store.SetHold(ctx, k, store.Hold{}, a.Entry(HoldConnections, alias, "released in environment "+k.Environment))
}
