package documents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/bench/data"
	"github.com/towpath/towpath/proofs/machine"
)

// Proof is one proof of so many rows.
type Proof struct {
	Root string // of the tree
	Dir  string // its own folder: program, state, servers
	Rows int64  // at least 2
	Seed uint64

	// Database of the shared MariaDB holds the table until the proof is done, and nothing else; indices begin with its name.
	Database string

	Log func(format string, args ...any)

	// Save is called with the figures after each server.
	Save func(*Figures) error
}

// Figures are what the proof found.
type Figures struct {
	Rows        int64    `json:"rows"`
	Columns     int      `json:"columns"`
	Differences int64    `json:"differences"` // on all servers
	Servers     []Figure `json:"servers"`
}

// Figure is what was found on one server.
type Figure struct {
	Server        string  `json:"server"`
	Version       string  `json:"version"`
	Seconds       float64 `json:"seconds"` // of the whole copy, planning and publishing included
	RowsPerSecond float64 `json:"rows_per_second"`
	CPUSeconds    float64 `json:"cpu_seconds"` // of towpath
	JudgeSeconds  float64 `json:"judge_seconds"`
	Written       int64   `json:"written"` // as the program counts
	Dirty         int64   `json:"dirty"`
	Verdict
}

// Run fills the table, then copies and judges on one server after the other, but for those that figures has from an earlier run
// with the same seed; it may be empty, and is what Run fills. An error after all servers says in what they fall short.
func (p *Proof) Run(ctx context.Context, figures *Figures) error {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return err
	}
	figures.Rows, figures.Columns = p.Rows, len(Columns(p.Rows))
	s, err := mariadb(ctx, machine.Machine{Root: p.Root})
	if err != nil {
		return err
	}
	if err := p.tidy(ctx, s); err != nil {
		return err
	}
	began := time.Now()
	table, err := Table(p.Rows).Fill(ctx, s, p.Database, p.Seed, p.Rows)
	if err != nil {
		return err
	}
	p.Log("table %s of %d rows is there, after %.0f s", table, p.Rows, time.Since(began).Seconds())
	program, err := Build(ctx, p.Root, p.Dir)
	if err != nil {
		return err
	}
	for _, name := range Servers() {
		if slices.ContainsFunc(figures.Servers, func(f Figure) bool { return f.Server == name }) {
			p.Log("%s: judged before", name)
			continue
		}
		figure, err := p.on(ctx, name, func(x Index) (Figure, error) { return p.judge(ctx, program, s, table, name, x) })
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		figures.Servers = append(figures.Servers, figure)
		if err := p.Save(figures); err != nil {
			return err
		}
	}
	return p.finish(ctx, s, figures)
}

// tidy drops tables of other seeds: a proof that was cut off for good leaves one.
func (p *Proof) tidy(ctx context.Context, s data.Server) error {
	names, err := s.Run(ctx, fmt.Sprintf("SELECT table_name FROM information_schema.tables WHERE table_schema = '%s' AND table_name <> '%s_%d_%d'",
		p.Database, Table(p.Rows).Name, p.Rows, p.Seed))
	for _, name := range strings.Fields(names) {
		if err == nil {
			_, err = s.Run(ctx, "DROP TABLE "+p.Database+".`"+name+"`")
		}
	}
	return err
}

// judge copies into one server and compares.
func (p *Proof) judge(ctx context.Context, program string, s data.Server, table, name string, x Index) (Figure, error) {
	dir, err := os.MkdirTemp(p.Dir, name+"-")
	if err != nil {
		return Figure{}, err
	}
	defer os.RemoveAll(dir)
	copied, err := Copy(ctx, program, dir, s, table, x)
	if err != nil {
		return Figure{}, err
	}
	speed := math.Round(float64(copied.Written) / copied.Seconds)
	p.Log("%s: %d rows written in %.0f s, %.0f rows/s, %.0f s of CPU", name, copied.Written, copied.Seconds, speed, copied.CPUSeconds)
	began := time.Now()
	v, err := Compare(ctx, s, table, Columns(p.Rows), x)
	if err != nil {
		return Figure{}, err
	}
	f := Figure{Seconds: round(copied.Seconds), RowsPerSecond: speed, CPUSeconds: round(copied.CPUSeconds), JudgeSeconds: round(time.Since(began).Seconds()),
		Written: copied.Written, Dirty: copied.Dirty, Verdict: *v}
	p.Log("%s: judged in %.0f s: %d rows, %d documents, %d differences", name, f.JudgeSeconds, v.Rows, v.Documents, v.Wrong())
	for _, difference := range v.Differences {
		p.Log("%s", difference)
	}
	return f, nil
}

// on gives a server and an index on it to do; the server goes down afterwards.
func (p *Proof) on(ctx context.Context, name string, do func(Index) (Figure, error)) (f Figure, err error) {
	address, stop, err := searchServer(ctx, machine.Machine{Root: p.Root}, name, filepath.Join(p.Dir, "servers"))
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	x := Index{URL: address, Name: p.Database + "_documents"}
	if err := x.Drop(ctx); err != nil {
		return f, err
	}
	version, err := x.version(ctx)
	if err != nil {
		return f, err
	}
	f, err = do(x)
	f.Server, f.Version = name, version
	if err != nil {
		return f, err
	}
	return f, x.Drop(ctx)
}

// version is what the server says of itself.
func (x Index) version(ctx context.Context) (string, error) {
	text, err := x.Do(ctx, "GET", "", "")
	var answer struct{ Version struct{ Number string } }
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer.Version.Number, err
}

// finish says whether all is well. The table stays only when there is something to look into.
func (p *Proof) finish(ctx context.Context, s data.Server, f *Figures) error {
	f.Differences = 0
	var wrong []string
	for _, s := range f.Servers {
		f.Differences += s.Wrong()
		if s.Wrong() > 0 || s.Rows != p.Rows || s.Documents != p.Rows || s.Written != p.Rows || s.Dirty != 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %d rows, %d documents, written %d, dirty %d, lost %d, extra %d, altered %d",
				s.Server, s.Rows, s.Documents, s.Written, s.Dirty, s.Lost, s.Extra, s.Altered))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("documents are not their rows: %s", strings.Join(wrong, "; "))
	}
	_, err := s.Run(ctx, "DROP DATABASE IF EXISTS "+p.Database)
	return err
}

func round(seconds float64) float64 { return math.Round(seconds*10) / 10 }
