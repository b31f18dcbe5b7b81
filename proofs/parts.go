package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/towpath/towpath/proofs/kill"
)

// parts are all proofs.
func parts() []part {
	return []part{
		{"kill-sqlite", "1,000 kills with resume, SQLite to SQLite, into a table without a key; 300 with a swap, 150 from a source without a key", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, files, []goal{{kill.Append, 1000}, {kill.Replace, 300}, {kill.Keyless, 150}}, (*bout).kill)
		}},
		{"zombie-sqlite", "60 frozen processes that wake up after another took over, SQLite to SQLite", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, files, []goal{{kill.Append, 30}, {kill.Replace, 30}}, (*bout).freeze)
		}},
		{"kill-search", "300 kills with resume, MariaDB to Elasticsearch: by key into an index, and swapped in", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, search, []goal{{kill.Upsert, 150}, {kill.Swap, 150}}, (*bout).kill)
		}},
		{"zombie-search", "60 frozen processes that wake up after another took over, MariaDB to Elasticsearch", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, search, []goal{{kill.Upsert, 30}, {kill.Swap, 30}}, (*bout).freeze)
		}},
		{"documents", "3,000,000 rows of 20 columns from MariaDB into Elasticsearch 7, 8 and OpenSearch, every document compared with its row", proveDocuments},
	}
}

// leastShare of the kills must hit each point.
const leastShare = 0.02

// goal is how many kills, or trials that count, a scene is to bear.
type goal struct {
	scene string
	count int
}

// fights are the figures of a part that kills or freezes.
type fights struct {
	All    kill.Tally             `json:"all"`
	Scenes map[string]*kill.Tally `json:"scenes"`
}

// stage makes the scenes that goals name.
type stage func(ctx context.Context, w *work, name string) (kill.Scene, error)

// bout is one scene's share of a part.
type bout struct {
	*kill.Harness
	scene kill.Scene
	count int
	so    *kill.Tally
	save  func() error
}

func (b *bout) kill(ctx context.Context) error {
	return b.Until(ctx, b.scene, b.count, b.so, false, b.save)
}

// mostTrials are made for one that counts.
const mostTrials = 20

func (b *bout) freeze(ctx context.Context) error {
	return b.Trials(ctx, b.scene, b.count, mostTrials*b.count, b.so, false, b.save)
}

// killing takes each goal's scene through fight, and adds up.
func killing(ctx context.Context, w *work, make stage, goals []goal, fight func(*bout, context.Context) error) (figures any, err error) {
	f := &fights{Scenes: map[string]*kill.Tally{}}
	if w.state.Figures != nil {
		if err := json.Unmarshal(w.state.Figures, f); err != nil {
			return nil, err
		}
	}
	program, err := kill.Build(ctx, w.root, w.dir)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var scenes []kill.Scene
	defer func() {
		for _, scene := range scenes {
			if s, ok := scene.(*kill.Search); ok {
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
		b := &bout{scene: scene, count: g.count, so: so, save: func() error {
			if time.Since(said) > 30*time.Second {
				said = time.Now()
				w.log("%s: %d runs, %d kills, %d trials of which %d count", scene.Name(), so.Runs, so.Kills, so.Trials, so.Tried)
			}
			return w.save(f, time.Since(began))
		}}
		b.Harness = &kill.Harness{Program: program, Dir: filepath.Join(w.dir, "runs"), Rand: rand.New(rand.NewPCG(w.seed, uint64(so.Runs))), Log: w.log}
		if err := fight(b, ctx); err != nil {
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

// search makes scenes of a table and an index, on the shared test servers.
func search(ctx context.Context, w *work, name string) (kill.Scene, error) {
	c, err := kill.TestServers(ctx, w.root, "elasticsearch8")
	if err != nil {
		return nil, err
	}
	c.Rows, c.Prefix = fileRows, "towpath_"+strings.ReplaceAll(w.name, "-", "_")
	return kill.NewSearch(ctx, name, c)
}
