// Package memory is a small real connector that keeps its datasets in a Store, in memory, for tests of what uses connectors.
// It writes by way A (checkpoints beside the rows), B (keyed, under the lease's stamp) and C, holds to foreign keys, reads in snapshots,
// and fails when told to.
package memory

import (
	"context"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

// Options say what the system is like.
type Options struct {
	Name   string           // of the connector; "": memory
	Way    connector.Way    // WayA or WayB; "": WayA. Replace is way C with this inside
	Replay connector.Replay // of shards with a key; NULL keys and datasets without a key always replay None
	// Reject is asked for each row written; a code refuses the row. nil: none is refused.
	Reject func(dataset string, row connectortest.Row) record.Code
	// Ragged is asked for each row read; a code makes it a record that did not become a row. nil: all are rows.
	Ragged func(dataset string, row connectortest.Row) record.Code
}

// ConnectionOptions are the options of a connection.
type ConnectionOptions struct {
	Label    string `json:"label" doc:"A name without effect."`
	Password string `json:"password" doc:"A secret without effect." secret:"true"`
}

// ReadOptions are the options of a source.
type ReadOptions struct {
	ChunkRows int `json:"chunk_rows" doc:"Rows of a chunk at most; 0 fills batches." minimum:"0"`
}

// WriteOptions are the options of a target.
type WriteOptions struct {
	GroupRows int `json:"group_rows" doc:"Rows of a group at most; 0 leaves it to the engine." minimum:"0"`
}

// New returns a connector and the store that all its clients work on.
func New(o Options) (connector.Connector, *Store) {
	if o.Name == "" {
		o.Name = "memory"
	}
	if o.Way == "" {
		o.Way = connector.WayA
	}
	s := &Store{options: o, tables: map[string]*table{}, runs: map[runKey]*run{}, snapshots: map[string]map[string]*table{}, calls: map[Op]int{}}
	connection, reading, writing := connector.Describe(ConnectionOptions{}), connector.Describe(ReadOptions{}), connector.Describe(WriteOptions{})
	return connector.Connector{
		Name: o.Name, Title: "Memory", Docs: "Datasets in memory, for tests.",
		Connection: connection, Reading: reading, Writing: writing,
		Open: func(ctx context.Context, c connector.Connection) (connector.Client, error) {
			if _, err := connector.DecodeOptions[ConnectionOptions](connection, c.Options, "connections."+c.Name); err != nil {
				return nil, err
			}
			if _, err := s.enter(ctx, Open); err != nil {
				return nil, err
			}
			return client{s}, nil
		},
		Read: func(ctx context.Context, _ connector.Client, from connector.Source) (connector.Reader, error) {
			return s.openReader(ctx, reading, from)
		},
		Write: func(ctx context.Context, _ connector.Client, to connector.Sink) (connector.Writer, error) {
			return s.openWriter(ctx, writing, to)
		},
		Snapshot: func(ctx context.Context, _ connector.Client, datasets []string, _ int) (connector.Snapshot, error) {
			return s.takeSnapshot(ctx, datasets)
		},
		Count: func(ctx context.Context, _ connector.Client, dataset, where string) (int64, error) {
			return s.count(ctx, dataset, where)
		},
		Clean: func(ctx context.Context, _ connector.Client, runs []string, remove bool) ([]connector.Leftover, error) {
			return s.clean(ctx, runs, remove)
		},
	}, s
}

type client struct{ s *Store }

func (c client) Identity(context.Context) (string, error) { return "store " + c.s.options.Name, nil }

func (c client) Datasets(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if _, err := c.s.enter(ctx, Datasets); err != nil {
			yield("", err)
			return
		}
		for _, name := range c.s.Names() {
			if ok, err := path.Match(strings.ReplaceAll(pattern, ".", "/"), strings.ReplaceAll(name, ".", "/")); err == nil && ok && !yield(name, nil) {
				return
			}
		}
	}
}

func (c client) Close() error { return nil }

func (s *Store) count(ctx context.Context, dataset, where string) (int64, error) {
	if where != "" {
		return 0, connector.Errorf(connector.Config, "", "count %s: memory has no predicates", dataset)
	}
	after, err := s.enter(ctx, Count)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(dataset)
	if err != nil {
		return 0, err
	}
	return int64(len(t.rows)), after
}

func (s *Store) clean(ctx context.Context, runs []string, remove bool) ([]connector.Leftover, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []connector.Leftover
	for key, r := range s.runs {
		removed := remove && slices.Contains(runs, key.run)
		what := []string{"run marker of " + key.dataset}
		if len(r.shards) > 0 {
			what = append(what, "checkpoints of "+key.dataset)
		}
		if _, ok := s.tables[key.staging()]; ok {
			what = append(what, "staging dataset "+key.staging())
		}
		for _, w := range what {
			left = append(left, connector.Leftover{Run: key.run, What: w, Removed: removed})
		}
		if removed {
			delete(s.tables, key.staging())
			delete(s.runs, key)
		}
	}
	return left, nil
}
