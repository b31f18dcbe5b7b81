package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/machine"
)

// collapses are the figures of kills of servers.
type collapses struct {
	All     kill.Outages         `json:"all"`
	Servers map[string]*collapse `json:"servers"`
}

// collapse is that of one server.
type collapse struct {
	Kills int                      `json:"kills"`
	Roles map[string]*kill.Outages `json:"roles"` // by what the runs used it for
}

// fall is how many kills a server is to bear in a role.
type fall struct {
	server, role string
	source       bool
	scene        string
	kills        int
}

// falls come to 20 kills of each server.
func falls() []fall {
	return []fall{
		{"mariadb", "target, append (A)", false, "mysql-append", 5},
		{"mariadb", "target, upsert (B)", false, "mysql-upsert", 5},
		{"mariadb", "source and target, replace (C)", false, "mysql-replace", 6},
		{"mariadb", "source", true, "postgres-append", 4},
		{"postgres", "target, append (A)", false, "postgres-append", 5},
		{"postgres", "source and target, upsert (A)", false, "postgres-upsert", 5},
		{"postgres", "target, replace (C)", false, "postgres-replace", 6},
		{"postgres", "source", true, "mysql-append", 4},
	}
}

// killServers kills servers of its own while rows move from or to them. Every other run bears no outage, and is resumed after each.
func killServers(ctx context.Context, w *work) (figures any, err error) {
	f := &collapses{Servers: map[string]*collapse{}}
	if err := w.resume(f); err != nil {
		return nil, err
	}
	program, err := kill.Build(ctx, w.root, w.dir)
	if err != nil {
		return nil, err
	}
	up := map[string]*machine.Instance{}
	defer func() {
		for _, i := range up {
			err = errors.Join(err, i.Wipe(context.WithoutCancel(ctx)))
		}
	}()
	for _, name := range []string{"mariadb", "postgres"} {
		if up[name], err = w.servers().Private(ctx, name, filepath.Join(w.dir, "servers")); err != nil {
			return nil, err
		}
	}
	began, runs := time.Now(), 0
	config := kill.TablesConfig{MySQL: up["mariadb"].Server, Postgres: up["postgres"].Server, Dir: filepath.Join(w.dir, "sources"), Prefix: w.prefix(),
		Rows: fileRows, Settings: func() string {
			runs++
			return kill.Paced(runs%2 == 0)
		}}
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, err
	}
	for _, fall := range falls() {
		h := &kill.Harness{Program: program, Dir: filepath.Join(w.dir, "runs"), Rand: rand.New(rand.NewPCG(w.seed, uint64(runs))), Log: w.log}
		so := f.of(fall)
		if so.Kills >= fall.kills {
			continue
		}
		scene, err := kill.NewTables(ctx, fall.scene, config)
		if err != nil {
			return nil, err
		}
		server := up[fall.server]
		v := kill.Victim{Address: server.URL.Host, Source: fall.source, Kill: server.Kill, Start: server.Start}
		err = h.Outages(ctx, scene, v, fall.kills, so, false, func() error {
			w.log("%s as %s: %d runs, %d kills at %v, %d pauses", fall.server, fall.role, so.Runs, so.Kills, so.Points, so.Paused)
			return w.save(f, time.Since(began))
		})
		if err := errors.Join(err, scene.Drop(context.WithoutCancel(ctx))); err != nil {
			return nil, err
		}
	}
	return f, f.sum()
}

// of is what a fall came to so far.
func (f *collapses) of(x fall) *kill.Outages {
	server := f.Servers[x.server]
	if server == nil {
		server = &collapse{Roles: map[string]*kill.Outages{}}
		f.Servers[x.server] = server
	}
	if server.Roles[x.role] == nil {
		server.Roles[x.role] = &kill.Outages{}
	}
	return server.Roles[x.role]
}

// sum adds up, and says in what the figures fall short.
func (f *collapses) sum() error {
	f.All = kill.Outages{}
	for _, server := range f.Servers {
		server.Kills = 0
	}
	var short []error
	for _, x := range falls() {
		so := f.of(x)
		f.Servers[x.server].Kills += so.Kills
		f.All.Add(*so)
		if !x.source && !so.Published() {
			short = append(short, fmt.Errorf("%s as %s was not killed while a table was published", x.server, x.role))
		}
	}
	if !f.All.Good() {
		short = append(short, fmt.Errorf("lost %d, doubled %d, altered %d, extra %d, other faults %d", f.All.Lost, f.All.Doubled, f.All.Altered, f.All.Extra, len(f.All.Faults)))
	}
	if f.All.Paused == 0 || f.All.Paused >= f.All.Kills {
		short = append(short, fmt.Errorf("%d pauses after %d kills, wanted are runs that pause and runs that go on", f.All.Paused, f.All.Kills))
	}
	return errors.Join(short...)
}
