package corpus

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	cells "github.com/towpath/towpath/connector/connectortest/corpus"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// rig is the application in this process, with a control database of its own.
type rig struct{ store *store.Store }

func (r *Runner) open(ctx context.Context) error {
	opened, err := store.Open(ctx, filepath.Join(r.Dir, r.Prefix+"_"+strings.ToLower(rand.Text()[:6])+".control.db"), store.Options{})
	r.rig = &rig{opened}
	return err
}

func (r *rig) close() { _ = r.store.Close() } // what it holds is of no use any more

// service is the application with connectors that may come between.
func (l *line) service(set connector.Set) *control.Service {
	return &control.Service{Store: l.rig.store, Connectors: set, Owner: control.ThisProcess(), Who: "corpus", Log: slog.New(slog.DiscardHandler), Lease: 10 * time.Second,
		Connections: func(string) (job.Connection, error) { return job.Connection{}, errors.New("no aliases here") },
		Secrets:     func(_ string, raw json.RawMessage) (json.RawMessage, error) { return raw, nil },
		Password: func(side string) (string, error) {
			if side == "source" {
				return l.from.Password, nil
			}
			return l.to.Password, nil
		},
		Clean: func(text string) string { return text }}
}

// mode is the mode of a cell's job.
func mode(c *cells.Cell) string {
	if strings.Contains(c.Stream, "columns:") || strings.Contains(c.Stream, "where:") || strings.Contains(c.Stream, "query:") {
		return "batch"
	}
	return "full"
}

// widest is how many streams are at work at once where they wait for each other.
const widest = 8

// job writes the job that takes cells through a lane. addr, when not empty, is where the target is reached.
func (l *line) job(lane Lane, of []*cells.Cell, addr string) (*job.Job, error) {
	settings := map[Lane]string{Copy: "parallel: 4", Resume: fmt.Sprintf("parallel: %d, group_rows: 1", widest), Single: "parallel: 4", Retry: "parallel: 1"}[lane]
	if more := of[0].Settings; more != "" {
		settings += ", " + more
	}
	var b strings.Builder
	fmt.Fprintf(&b, "name: corpus\nmode: %s\nsource: %s\ntarget: %s\nsettings: {%s}\nstreams:\n", mode(of[0]), l.from.Endpoint(""), l.to.Endpoint(addr), settings)
	for _, c := range of {
		var keys []string
		if c.Stream != "" {
			keys = append(keys, strings.NewReplacer("{source}", inside(l.from.Dataset(c.TableName())), "{t}", inside(l.from.Texts.Name(c.TableName()))).Replace(c.Stream))
		}
		if !strings.Contains(c.Stream, "target:") {
			keys = append(keys, "target: "+quoted(l.to.Dataset(c.TableName())))
		}
		if !strings.Contains(c.Stream, "query:") {
			keys = append(keys, "source: "+quoted(l.from.Dataset(c.TableName())))
		}
		if !strings.Contains(c.Stream, "write:") {
			keys = append(keys, "write: "+write(c, lane))
		}
		b.WriteString("  - {" + strings.Join(keys, ", ") + "}\n")
	}
	j, err := job.Parse([]byte(b.String()), "job.yaml")
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, b.String())
	}
	return j, nil
}

// write is how a lane writes: each lane in another way, as rows reach their target by other statements then.
func write(c *cells.Cell, lane Lane) string {
	switch {
	case lane == Retry:
		return "upsert"
	case lane == Copy && len(c.Target) == 0 && c.TargetScript == "":
		return "replace"
	}
	return "insert"
}

// inside writes a text as it stands within quotation marks.
func inside(text string) string {
	q := quoted(text)
	return q[1 : len(q)-1]
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil { // a string is always JSON
		panic(err)
	}
	return string(b)
}

// ended is a run that rests.
type ended struct {
	run   store.Run
	err   error
	plan  *engine.Plan                // nil: it has not been asked for
	total map[string]connector.Counts // by stream
	dirty map[string][]dirtyRow       // by stream
}

// dirtyRow is a row that was kept.
type dirtyRow struct {
	id, code, reason string
	row              json.RawMessage
}

// look reads what a run says of itself.
func look(ctx context.Context, s *control.Service, run store.Run, err error) (*ended, error) {
	e := &ended{run: run, err: err, total: map[string]connector.Counts{}, dirty: map[string][]dirtyRow{}}
	if run.Key == "" {
		return e, nil
	}
	_, progress, _, err := s.Status(ctx, run.Key)
	if err != nil {
		return nil, err
	}
	for _, p := range progress.Streams {
		e.total[p.ID] = p.Counts
	}
	for d, err := range s.Dirty(ctx, run.Key, "", 0) {
		if err != nil {
			return nil, err
		}
		var row map[string]json.RawMessage
		if err := json.Unmarshal(d.Row, &row); err != nil {
			return nil, fmt.Errorf("read dirty row %s: %w", d.Row, err)
		}
		stream, _, _ := strings.Cut(d.Cursor.Shard, "-")
		e.dirty[stream] = append(e.dirty[stream], dirtyRow{strings.Trim(string(row["id"]), `"`), string(d.Code), d.Reason, d.Row})
	}
	return e, nil
}

// said is what a person is told of how a run ended.
func (e *ended) said() string {
	text := fmt.Sprintf("run is %s %s %s", e.run.State, e.run.Code, e.run.Reason)
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

// codes are the codes of what a run was refused or ended with.
func (e *ended) codes() []string {
	var codes []string
	if e.run.Code != "" {
		codes = append(codes, e.run.Code)
	}
	var collect func(err error)
	collect = func(err error) {
		if found, ok := err.(*connector.Error); ok && found.Code != "" {
			codes = append(codes, found.Code)
		}
		switch x := err.(type) {
		case interface{ Unwrap() []error }:
			for _, part := range x.Unwrap() {
				collect(part)
			}
		case interface{ Unwrap() error }:
			collect(x.Unwrap())
		}
	}
	if e.err != nil {
		collect(e.err)
	}
	return codes
}

// connectors is the set that is linked.
func connectors() connector.Set { return all.Connectors() }
