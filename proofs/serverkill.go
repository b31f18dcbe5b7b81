package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/towpath/towpath/proofs/machine"
	"github.com/towpath/towpath/proofs/served"
)

// serverKills are the figures of kills of servers.
type serverKills struct {
	All   served.Figures             `json:"all"`
	Cases map[string]*served.Figures `json:"cases"`
}

// serverKillsAtOnce are borne by one installation; then there is a fresh one.
const serverKillsAtOnce = 50

// proveServerKill kills servers while five runs go on, pause and resume.
func proveServerKill(ctx context.Context, w *work) (figures any, err error) {
	f := &serverKills{Cases: map[string]*served.Figures{}}
	if err := w.resume(f); err != nil {
		return nil, err
	}
	program, err := served.Build(ctx, w.root, w.dir)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for _, c := range []struct {
		name            string
		kills, servers  int
		shared, outages bool
	}{
		{"one server, SQLite", 200, 1, false, false},
		{"two servers in turn, PostgreSQL", 200, 2, true, false},
		{"two servers in turn, PostgreSQL that is killed too", 100, 2, true, true},
	} {
		so := f.Cases[c.name]
		if so == nil {
			so = &served.Figures{}
			f.Cases[c.name] = so
		}
		for so.Kills < c.kills {
			site := &served.Site{Program: program, Dir: filepath.Join(w.dir, "site"), Log: w.log}
			got, err := w.serverKills(ctx, site, min(serverKillsAtOnce, c.kills-so.Kills), c.servers, c.shared, c.outages)
			if err != nil {
				return nil, err
			}
			so.Add(got)
			w.log("%s: %+v", c.name, *so)
			if !got.Good() {
				break // what it left is evidence
			}
			if err := errors.Join(os.RemoveAll(site.Dir), w.save(f, time.Since(began))); err != nil {
				return nil, err
			}
		}
		f.All.Add(*so)
	}
	if !f.All.Good() {
		err = fmt.Errorf("%+v, other faults %d", f.All.Verdict, len(f.All.Faults))
	}
	return f, err
}

// serverKills is one installation's part.
func (w *work) serverKills(ctx context.Context, site *served.Site, kills, servers int, shared, outages bool) (f served.Figures, err error) {
	if err := os.RemoveAll(site.Dir); err != nil {
		return f, err
	}
	k := &served.Killing{Site: site, Seed: w.seed + uint64(time.Now().UnixNano())}
	if shared {
		var database *machine.Instance
		if database, err = w.servers().Private(ctx, "postgres", filepath.Join(w.dir, "servers")); err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, database.Wipe(context.WithoutCancel(ctx))) }()
		site.OnPostgres(database.Server)
		if outages {
			k.Database = func(ctx context.Context) error { return errors.Join(database.Kill(ctx), database.Start(ctx)) }
		}
	}
	if err := site.Open(ctx, servers); err != nil {
		return f, err
	}
	mysql, postgres, err := w.shared(ctx, "mariadb", "postgres")
	if err != nil {
		return f, err
	}
	search, err := w.servers().Shared(ctx, "elasticsearch8")
	if err != nil {
		return f, err
	}
	var drop func(context.Context) error
	k.Scenes, drop, err = served.Scenes(ctx, served.Places{MySQL: mysql, Postgres: postgres, Search: search.URL.String(), Dir: filepath.Join(site.Files(), "sources"),
		Prefix: w.prefix(), Rows: fileRows})
	defer func() { err = errors.Join(err, drop(context.WithoutCancel(ctx))) }()
	if err != nil {
		return f, err
	}
	return k.Run(ctx, kills)
}
