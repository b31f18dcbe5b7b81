package cli

import (
	"cmp"
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

// beginTeam is team for a short command.
func (s *session) beginTeam() (context.Context, *team.Team, func(), error) {
	ctx, cancel := background()
	t, done, err := s.team(ctx)
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, t, func() {
		done()
		cancel()
	}, nil
}

// actor is who calls a command on the control database itself: who may open that may do all, in the workspace that is named, "" for the main one.
func (s *session) actor(workspace string) team.Actor {
	return team.Actor{Account: who(), Workspace: cmp.Or(workspace, store.MainWorkspace), Admin: true, Via: "command"}
}
