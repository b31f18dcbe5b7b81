package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/machine"
)

// leastShare of the kills must hit each point.
const leastShare = 0.02

// goal is how many kills, and how many trials that count, a scene is to bear.
type goal struct {
	scene         string
	kills, trials int
}

// fights are the figures of a part that kills or freezes.
type fights struct {
	All    kill.Tally             `json:"all"`
	Scenes map[string]*kill.Tally `json:"scenes"`
}

// stage makes the scenes that goals name.
type stage func(ctx context.Context, w *work, name string) (kill.Scene, error)

// mostTrials are made for one that counts.
const mostTrials = 20

// killing takes each goal's scene through its kills and trials, and adds up.
func killing(ctx context.Context, w *work, make stage, goals ...goal) (figures any, err error) {
	f := &fights{Scenes: map[string]*kill.Tally{}}
	if err := w.resume(f); err != nil {
		return nil, err
	}
	program, err := kill.Build(ctx, w.root, w.dir)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var scenes []kill.Scene
	defer func() {
		for _, scene := range scenes {
			if s, ok := scene.(interface {
				Drop(ctx context.Context) error
			}); ok {
				err = errors.Join(err, s.Drop(context.WithoutCancel(ctx)))
			}
		}
	}()
	for _, g := range goals {
		scene, err := make(ctx, w, g.scene)
		if err != nil {
			return nil, err
		}
		scenes = append(scenes, scene)
		so := f.Scenes[g.scene]
		if so == nil {
			so = &kill.Tally{}
			f.Scenes[g.scene] = so
		}
		said := time.Now()
		save := func() error {
			if time.Since(said) > 30*time.Second {
				said = time.Now()
				w.log("%s: %d runs, %d kills, %d trials of which %d count", scene.Name(), so.Runs, so.Kills, so.Trials, so.Tried)
			}
			return w.save(f, time.Since(began))
		}
		h := &kill.Harness{Program: program, Dir: filepath.Join(w.dir, "runs"), Rand: rand.New(rand.NewPCG(w.seed, uint64(so.Runs))), Log: w.log}
		if err := h.Until(ctx, scene, g.kills, so, false, save); err != nil {
			return nil, err
		}
		if err := h.Trials(ctx, scene, g.trials, mostTrials*g.trials, so, false, save); err != nil {
			return nil, err
		}
	}
	for _, so := range f.Scenes {
		f.All.Add(*so)
	}
	return f, f.verdict(scenes)
}

// verdict says in what the figures fall short.
func (f *fights) verdict(scenes []kill.Scene) error {
	var short []error
	if !f.All.Good() {
		short = append(short, fmt.Errorf("lost %d, doubled %d, altered %d, extra %d, other faults %d", f.All.Lost, f.All.Doubled, f.All.Altered, f.All.Extra, len(f.All.Faults)))
	}
	if f.All.Kills > 0 {
		if missed := f.All.Missed(kill.PointsOf(scenes...), leastShare); len(missed) > 0 {
			short = append(short, fmt.Errorf("points hit by less than %g %% of the kills: %s", 100*leastShare, strings.Join(missed, ", ")))
		}
	}
	return errors.Join(short...)
}

// Rows of a source; each run commits more than 100 times.
const fileRows = 12_000

// files makes scenes of SQLite files.
func files(ctx context.Context, w *work, name string) (kill.Scene, error) {
	dir := filepath.Join(w.dir, "sources")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return kill.NewFile(ctx, name, dir, fileRows, 1)
}

// servers are this machine's.
func (w *work) servers() machine.Machine { return machine.Machine{Root: w.root} }

// shared are two of the servers that all use.
func (w *work) shared(ctx context.Context, source, target string) (from, to machine.Server, err error) {
	if from, err = w.servers().Shared(ctx, source); err == nil {
		to, err = w.servers().Shared(ctx, target)
	}
	return from, to, err
}

// prefix begins the names of what a part makes at servers.
func (w *work) prefix() string { return "towpath_" + strings.ReplaceAll(w.name, "-", "_") }

// search makes scenes of a table and an index, on the shared test servers.
func search(ctx context.Context, w *work, name string) (kill.Scene, error) {
	source, target, err := w.shared(ctx, "mariadb", "elasticsearch8")
	if err != nil {
		return nil, err
	}
	return kill.NewSearch(ctx, name, kill.SearchConfig{MySQL: source, Search: target.URL.String(), Prefix: w.prefix(), Rows: fileRows})
}

// hbase makes scenes of a table of HBase and an index, on the shared test servers.
func hbase(ctx context.Context, w *work, name string) (kill.Scene, error) {
	source, target, err := w.shared(ctx, "hbase", "elasticsearch8")
	if err != nil {
		return nil, err
	}
	return kill.NewSearch(ctx, name, kill.SearchConfig{HBase: source, Search: target.URL.String(), Prefix: w.prefix(), Rows: fileRows})
}

// columns makes the scene of a table and a table of HBase, on the shared test servers.
func columns(ctx context.Context, w *work, _ string) (kill.Scene, error) {
	source, target, err := w.shared(ctx, "mariadb", "hbase")
	if err != nil {
		return nil, err
	}
	return kill.NewColumns(ctx, kill.ColumnsConfig{MySQL: source, HBase: target, Prefix: w.prefix(), Rows: fileRows})
}

// tablesParts are a part for each scene of tables.
func tablesParts() []part {
	var list []part
	for _, c := range kill.TablesScenes() {
		list = append(list, part{"kill-" + c.Name, "1,000 kills with resume and 60 frozen processes that wake up, " + c.Title, func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, tables, goal{c.Name, 1000, 60})
		}})
	}
	return list
}

// tables makes scenes of two SQL stores, on the shared test servers.
func tables(ctx context.Context, w *work, name string) (kill.Scene, error) {
	return tablesBy(ctx, w, name, kill.TablesConfig{})
}

// divided makes those of which shards are divided.
func divided(ctx context.Context, w *work, name string) (kill.Scene, error) {
	return tablesBy(ctx, w, name, kill.TablesConfig{Divided: true})
}

func tablesBy(ctx context.Context, w *work, name string, c kill.TablesConfig) (kill.Scene, error) {
	mysql, postgres, err := w.shared(ctx, "mariadb", "postgres")
	if err != nil {
		return nil, err
	}
	c.MySQL, c.Postgres, c.Dir, c.Prefix, c.Rows = mysql, postgres, filepath.Join(w.dir, "sources"), w.prefix(), fileRows
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	return kill.NewTables(ctx, name, c)
}
