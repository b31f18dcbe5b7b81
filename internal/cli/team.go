package cli

import (
	"context"
	"path/filepath"

	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/store"
)

// team opens what a team shares in the control database, with the key that its secrets are sealed by.
func (s *session) team(ctx context.Context) (*team.Team, func(), error) {
	svc, done, err := s.service(ctx)
	if err != nil {
		return nil, nil, err
	}
	file := "" // who shares the database shares the key
	if !store.OnServer(s.flags.State) {
		folder, err := s.stateFolder()
		if err != nil {
			done()
			return nil, nil, err
		}
		file = filepath.Join(folder, secret.KeyFile)
	}
	keys, err := secret.LoadKeys(file, nil)
	if err != nil {
		done()
		return nil, nil, err
	}
	return &team.Team{Store: svc.Store, Connectors: s.set, Keys: keys, Scrub: &s.scrub, Base: *svc, Log: svc.Log}, done, nil
}

// asKeeper is asOwner with the key that secrets are sealed by.
func (s *session) asKeeper(workspace string, do func(ctx context.Context, t *team.Team, a team.Actor) error) error {
	ctx, cancel := background()
	defer cancel()
	t, done, err := s.team(ctx)
	if err != nil {
		return err
	}
	defer done()
	return do(ctx, t, owner(workspace))
}

// owner is who has the control database at hand, and so may do everything there.
func owner(workspace string) team.Actor {
	return team.Actor{Account: who(), Workspace: workspace, Role: team.Admin, Admin: true, Via: team.ViaCommand}
}
