package connectortest_test

import (
	"context"
	"math"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/record"
)

func brokenFences() map[string]variant {
	return map[string]variant{
		"ignores the fence": {in: "write/fence", breaks: shardWriters(func(sw connector.ShardWriter) shardWriter {
			return shardWriter{ShardWriter: sw,
				write: func(ctx context.Context, g []*record.Batch) (connector.Outcome, error) {
					return unless(connector.Fenced)(sw.Write(ctx, g))
				},
				commit: func(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
					return unlessBytes(connector.Fenced)(sw.Commit(ctx, c))
				}}
		})},
		"lets an older stamp win": {in: "write/fence", way: connector.WayB, breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, take: func(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
				l.Stamp = 1
				return w.Take(ctx, s, l, last)
			}}
		})},
		"takes an older epoch": {in: "write/fence", breaks: everNewer()},
	}
}

func brokenOutcomes() map[string]variant {
	return map[string]variant{
		"hides a rejection": {in: "write/outcome", breaks: shardWriters(func(sw connector.ShardWriter) shardWriter {
			return shardWriter{ShardWriter: sw, write: func(ctx context.Context, g []*record.Batch) (connector.Outcome, error) {
				out, err := sw.Write(ctx, g)
				out.Rejected = nil
				return out, err
			}}
		})},
		"counts superseded rows as there": {in: "write/outcome", breaks: shardWriters(func(sw connector.ShardWriter) shardWriter {
			return shardWriter{ShardWriter: sw, write: func(ctx context.Context, g []*record.Batch) (connector.Outcome, error) {
				out, err := sw.Write(ctx, g)
				out.Superseded = nil
				return out, err
			}}
		})},
		"claims rows it did not write": {in: "write/replay", breaks: shardWriters(func(sw connector.ShardWriter) shardWriter {
			return shardWriter{ShardWriter: sw, write: func(ctx context.Context, g []*record.Batch) (connector.Outcome, error) {
				return sw.Write(ctx, g[:len(g)-1])
			}}
		})},
		"writes an altered value": {in: "write/types", breaks: shardWriters(func(sw connector.ShardWriter) shardWriter {
			return shardWriter{ShardWriter: sw, write: func(ctx context.Context, g []*record.Batch) (connector.Outcome, error) {
				return sw.Write(ctx, saturated(g))
			}}
		})},
		"changes the batches it borrows": {in: "write/borrow", breaks: shardWriters(func(sw connector.ShardWriter) shardWriter {
			return shardWriter{ShardWriter: sw, write: func(ctx context.Context, g []*record.Batch) (connector.Outcome, error) {
				out, err := sw.Write(ctx, g)
				g[0].Truncate(1)
				return out, err
			}}
		})},
		"sends the last of many groups only": {in: "write/long", breaks: shardWriters(lazy)},
		"keeps the batches it borrows":       {in: "write/borrow", breaks: shardWriters(lazy)},
	}
}

func brokenCheckpoints() map[string]variant {
	return map[string]variant{
		"commits in Write": {in: "write/uncommitted/append", breaks: hasty},
		"saves the position before the rows": {in: "write/uncommitted", breaks: shardWriters(func(sw connector.ShardWriter) shardWriter {
			var last connector.Checkpoint
			return shardWriter{ShardWriter: sw,
				write: func(ctx context.Context, g []*record.Batch) (connector.Outcome, error) {
					if last.Seq > 0 {
						last.Seq++
						if _, err := sw.Commit(ctx, last); err != nil {
							return connector.Outcome{}, err
						}
					}
					return sw.Write(ctx, g)
				},
				commit: func(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
					last = c
					return sw.Commit(ctx, c)
				}}
		})},
		"forgets a commit whose answer was lost": {in: "write/answer", breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, take: func(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
				sw, _, err := w.Take(ctx, s, l, last)
				return sw, last, err
			}}
		})},
		"loses Seq": {in: "write/replay", breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, take: func(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
				sw, c, err := w.Take(ctx, s, l, last)
				c.Seq = 0
				return sw, c, err
			}}
		})},
		"loses counts": {in: "write/replay", breaks: shardWriters(func(sw connector.ShardWriter) shardWriter {
			return shardWriter{ShardWriter: sw, commit: func(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
				c.Counts = connector.Counts{}
				return sw.Commit(ctx, c)
			}}
		})},
		"reports no checkpoints": {in: "write/remembered", breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, prepare: func(ctx context.Context, t *connector.Target, fresh bool, _ func(connector.Checkpoint) error) error {
				return w.Prepare(ctx, t, fresh, func(connector.Checkpoint) error { return nil })
			}}
		})},
	}
}

func brokenRuns() map[string]variant {
	return map[string]variant{
		"does not look for the marker": {in: "write/marker", breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, prepare: func(ctx context.Context, t *connector.Target, _ bool, f func(connector.Checkpoint) error) error {
				return w.Prepare(ctx, t, true, f)
			}}
		})},
		"leaves a dropped run's objects": {in: "write/drop", breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, finish: func(ctx context.Context, p connector.Phase) error {
				if p == connector.Drop {
					return nil
				}
				return w.Finish(ctx, p)
			}}
		})},
		"publishes when sealing": {in: "write/replace", breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, finish: func(ctx context.Context, p connector.Phase) error {
				if p == connector.Seal {
					p = connector.Publish
				}
				return w.Finish(ctx, p)
			}}
		})},
		"cannot publish twice": {in: "write/finish", breaks: writers(func(w connector.Writer) writer {
			published := false
			return writer{Writer: w, finish: func(ctx context.Context, p connector.Phase) error {
				if p == connector.Publish && published {
					return connector.Errorf(connector.Missing, "", "publish: staging is gone")
				}
				published = published || p == connector.Publish
				return w.Finish(ctx, p)
			}}
		})},
		"plans by doing": {in: "write/plan", breaks: func(s *connectortest.Suite, store *memory.Store) {
			healthy := s.Connector.Write
			s.Connector.Write = func(ctx context.Context, c connector.Client, to connector.Sink) (connector.Writer, error) {
				store.Make(to.Dataset, &record.Schema{})
				return healthy(ctx, c, to)
			}
		}},
	}
}

// unless hides errors of a class.
func unless(class connector.Class) func(connector.Outcome, error) (connector.Outcome, error) {
	return func(out connector.Outcome, err error) (connector.Outcome, error) {
		if connector.ClassOf(err) == class {
			err = nil
		}
		return out, err
	}
}

func unlessBytes(class connector.Class) func([]byte, error) ([]byte, error) {
	return func(state []byte, err error) ([]byte, error) {
		if connector.ClassOf(err) == class {
			err = nil
		}
		return state, err
	}
}

// everNewer takes with an epoch above all others.
func everNewer() func(*connectortest.Suite, *memory.Store) {
	return writers(func(w connector.Writer) writer {
		return writer{Writer: w, take: func(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
			for {
				sw, c, err := w.Take(ctx, s, l, last)
				if connector.ClassOf(err) != connector.Fenced {
					return sw, c, err
				}
				l.Epoch++
			}
		}}
	})
}

// lazy sends the batches of a group when it is committed.
func lazy(sw connector.ShardWriter) shardWriter {
	var held []*record.Batch
	return shardWriter{ShardWriter: sw,
		write: func(_ context.Context, g []*record.Batch) (connector.Outcome, error) {
			held = g
			return connector.Outcome{}, nil
		},
		commit: func(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
			if _, err := sw.Write(ctx, held); err != nil {
				return nil, err
			}
			return sw.Commit(ctx, c)
		}}
}

// hasty makes appended rows durable in Write, as a client that commits by itself does.
func hasty(s *connectortest.Suite, store *memory.Store) {
	healthy := s.Connector.Write
	s.Connector.Write = func(ctx context.Context, c connector.Client, to connector.Sink) (connector.Writer, error) {
		w, err := healthy(ctx, c, to)
		if err != nil || to.Mode != connector.Append {
			return w, err
		}
		return writer{Writer: w, take: func(ctx context.Context, sh connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
			sw, cp, err := w.Take(ctx, sh, l, last)
			return shardWriter{ShardWriter: sw, write: func(_ context.Context, g []*record.Batch) (connector.Outcome, error) {
				for _, b := range g {
					store.Put(to.Dataset, connectortest.Rows(b)...)
				}
				return connector.Outcome{}, nil
			}}, cp, err
		}}, nil
	}
}

// saturated is a copy of a group in which the largest numbers have become others.
func saturated(group []*record.Batch) []*record.Batch {
	var out []*record.Batch
	for _, b := range group {
		c := record.NewBatch(b.Schema)
		for _, row := range connectortest.Rows(b) {
			connectortest.Append(c, row)
		}
		for _, v := range c.Cols {
			for i, x := range v.Int64 {
				if x == math.MaxInt64 {
					v.Int64[i] = x - 1
				}
			}
		}
		out = append(out, c)
	}
	return out
}
