package served

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/machine"
)

// Places are where scenes play.
type Places struct {
	MySQL, Postgres machine.Server
	Search          string // URL of a search server
	Dir             string // for files, within the site's
	Prefix          string // of what is made at the servers
	Rows            int
}

// Scenes are five, of real stores, for as many runs at once. drop removes what they made, also where there is an error.
func Scenes(ctx context.Context, p Places) (all []kill.Scene, drop func(context.Context) error, err error) {
	var made []interface {
		Drop(ctx context.Context) error
	}
	drop = func(ctx context.Context) (err error) {
		for _, scene := range made {
			err = errors.Join(err, scene.Drop(ctx))
		}
		return err
	}
	file, err := kill.NewFile(ctx, kill.Append, p.Dir, p.Rows, 1)
	if err != nil {
		return nil, drop, err
	}
	search, err := kill.NewSearch(ctx, kill.Upsert, kill.SearchConfig{MySQL: p.MySQL, Search: p.Search, Prefix: p.Prefix, Rows: p.Rows})
	if err != nil {
		return nil, drop, err
	}
	made = append(made, search)
	all = append(all, file, search)
	for _, name := range []string{"mysql-append", "postgres-append", "postgres-replace"} {
		scene, err := kill.NewTables(ctx, name, kill.TablesConfig{MySQL: p.MySQL, Postgres: p.Postgres, Dir: p.Dir, Prefix: p.Prefix, Rows: p.Rows})
		if err != nil {
			return nil, drop, err
		}
		made = append(made, scene)
		all = append(all, scene)
	}
	return all, drop, nil
}

// OnPostgres has the site keep its control database at a PostgreSQL, with a master key that its servers share.
func (s *Site) OnPostgres(server machine.Server) {
	password, _ := server.URL.User.Password()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	s.State = fmt.Sprintf("postgres://%s@%s%s", server.URL.User.Username(), server.URL.Host, server.URL.Path)
	s.Env = append(s.Env, "TOWPATH_STATE_PASSWORD="+password, "TOWPATH_MASTER_KEY="+base64.StdEncoding.EncodeToString(key))
}
