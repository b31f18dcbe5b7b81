package connectortest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/record"
)

// variant is a healthy connector with one thing broken.
type variant struct {
	in     string        // the subtest that has to fail; others may fail too
	way    connector.Way // "": A
	breaks func(s *connectortest.Suite, store *memory.Store)
}

// reader, writer and shardWriter replace a method of a healthy one by a func where that is not nil.
type reader struct {
	connector.Reader
	split func(context.Context, connector.Shard, connector.Position, connector.Hint) ([]connector.Shard, error)
	read  func(context.Context, connector.Query) iter.Seq2[connector.Chunk, error]
}

func (r reader) Split(ctx context.Context, of connector.Shard, after connector.Position, h connector.Hint) ([]connector.Shard, error) {
	if r.split != nil {
		return r.split(ctx, of, after, h)
	}
	return r.Reader.Split(ctx, of, after, h)
}

func (r reader) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	if r.read != nil {
		return r.read(ctx, q)
	}
	return r.Reader.Read(ctx, q)
}

type writer struct {
	connector.Writer
	prepare func(context.Context, *connector.Target, bool, func(connector.Checkpoint) error) error
	take    func(context.Context, connector.Shard, connector.Lease, connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error)
	finish  func(context.Context, connector.Phase) error
}

func (w writer) Prepare(ctx context.Context, t *connector.Target, fresh bool, f func(connector.Checkpoint) error) error {
	if w.prepare != nil {
		return w.prepare(ctx, t, fresh, f)
	}
	return w.Writer.Prepare(ctx, t, fresh, f)
}

func (w writer) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	if w.take != nil {
		return w.take(ctx, s, l, last)
	}
	return w.Writer.Take(ctx, s, l, last)
}

func (w writer) Finish(ctx context.Context, p connector.Phase) error {
	if w.finish != nil {
		return w.finish(ctx, p)
	}
	return w.Writer.Finish(ctx, p)
}

type shardWriter struct {
	connector.ShardWriter
	write  func(context.Context, []*record.Batch) (connector.Outcome, error)
	commit func(context.Context, connector.Checkpoint) ([]byte, error)
}

func (w shardWriter) Write(ctx context.Context, g []*record.Batch) (connector.Outcome, error) {
	if w.write != nil {
		return w.write(ctx, g)
	}
	return w.ShardWriter.Write(ctx, g)
}

func (w shardWriter) Commit(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
	if w.commit != nil {
		return w.commit(ctx, c)
	}
	return w.ShardWriter.Commit(ctx, c)
}

// readers breaks each reader.
func readers(f func(connector.Reader) reader) func(*connectortest.Suite, *memory.Store) {
	return func(s *connectortest.Suite, _ *memory.Store) {
		healthy := s.Connector.Read
		s.Connector.Read = func(ctx context.Context, c connector.Client, from connector.Source) (connector.Reader, error) {
			r, err := healthy(ctx, c, from)
			if err != nil {
				return nil, err
			}
			return f(r), nil
		}
	}
}

// chunks breaks each chunk on its way out; n counts from 0 in each Read.
func chunks(f func(q connector.Query, n int, c *connector.Chunk)) func(*connectortest.Suite, *memory.Store) {
	return readers(func(r connector.Reader) reader {
		return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
			return func(yield func(connector.Chunk, error) bool) {
				n := 0
				for c, err := range r.Read(ctx, q) {
					if c.Batch != nil {
						f(q, n, &c)
					}
					n++
					if !yield(c, err) {
						return
					}
				}
			}
		}}
	})
}

// writers breaks each writer.
func writers(f func(connector.Writer) writer) func(*connectortest.Suite, *memory.Store) {
	return func(s *connectortest.Suite, _ *memory.Store) {
		healthy := s.Connector.Write
		s.Connector.Write = func(ctx context.Context, c connector.Client, to connector.Sink) (connector.Writer, error) {
			w, err := healthy(ctx, c, to)
			if err != nil {
				return nil, err
			}
			return f(w), nil
		}
	}
}

// shardWriters breaks each shard writer.
func shardWriters(f func(connector.ShardWriter) shardWriter) func(*connectortest.Suite, *memory.Store) {
	return writers(func(w connector.Writer) writer {
		return writer{Writer: w, take: func(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
			sw, c, err := w.Take(ctx, s, l, last)
			if err != nil {
				return nil, c, err
			}
			return f(sw), c, nil
		}}
	})
}

func broken() map[string]variant {
	all := brokenSplits()
	for _, some := range []map[string]variant{brokenReaders(), brokenOpenings(), brokenFences(), brokenOutcomes(), brokenCheckpoints(), brokenRuns(),
		brokenSnapshots(), brokenStructures()} {
		maps.Copy(all, some)
	}
	return all
}

func brokenSplits() map[string]variant {
	return map[string]variant{
		"drops a row at a border": {in: "read/split", breaks: chunks(func(q connector.Query, n int, c *connector.Chunk) {
			if q.From == nil && n == 0 && c.Batch.Len > 1 && q.Shard.ID != "shard-0" {
				c.Batch.Truncate(c.Batch.Len - 1)
			}
		})},
		"overlaps at a border": {in: "read/split", breaks: readers(func(r connector.Reader) reader {
			return reader{Reader: r, split: func(ctx context.Context, of connector.Shard, after connector.Position, h connector.Hint) ([]connector.Shard, error) {
				shards, err := r.Split(ctx, of, after, h)
				if len(shards) > 1 {
					shards[len(shards)-1] = shards[len(shards)-2]
				}
				return shards, err
			}}
		})},
		"loses NULL keys": {in: "read/split/nullable", breaks: readers(func(r connector.Reader) reader {
			return reader{Reader: r, split: func(ctx context.Context, of connector.Shard, after connector.Position, h connector.Hint) ([]connector.Shard, error) {
				shards, err := r.Split(ctx, of, after, h)
				if len(shards) > 1 && shards[0].Replay == connector.None {
					shards = shards[1:]
				}
				return shards, err
			}}
		})},
		"forgets where the far part begins": {in: "read/far", breaks: readers(func(r connector.Reader) reader {
			return reader{Reader: r, split: func(ctx context.Context, of connector.Shard, _ connector.Position, h connector.Hint) ([]connector.Shard, error) {
				return r.Split(ctx, of, nil, h)
			}}
		})},
	}
}

func brokenReaders() map[string]variant {
	return map[string]variant{
		"replays from the wrong position": {in: "read/resume", breaks: lateAfter()},
		"replays in another order": {in: "read/resume", breaks: chunks(func(q connector.Query, n int, c *connector.Chunk) {
			if v := c.Batch.Cols[0]; q.From != nil && v.Form == record.FormInt64 {
				slices.Reverse(v.Int64)
			}
		})},
		"alters a value": {in: "read/types", breaks: chunks(func(_ connector.Query, _ int, c *connector.Chunk) {
			for _, v := range c.Batch.Cols {
				if v.Form == record.FormBytes {
					copy(v.Data, bytes.ReplaceAll(v.Data, []byte("'"), []byte("`")))
				}
			}
		})},
		"touches a batch it gave away":        {in: "read/batches", breaks: touches()},
		"touches a position it gave away":     {in: "read/batches", breaks: reusesPosition()},
		"reads with one state for all shards": {in: "read/parallel", breaks: sharesState()},
		"keeps its range to itself":           {in: "read/resume", breaks: keepsRanges()},
		"goes on when yield says no":          {in: "read/stop", breaks: deaf()},
		"ignores that the context ended": {in: "read/cancel", breaks: readers(func(r connector.Reader) reader {
			return reader{Reader: r, read: func(_ context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
				q.Batches = record.NewPool(1 << 40).LimitRows(17)
				return r.Read(context.Background(), q)
			}}
		})},
		"keeps a batch": {in: "read/split", breaks: readers(func(r connector.Reader) reader {
			return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
				_, _ = q.Batches.Get(ctx, q.Schema)
				return r.Read(ctx, q)
			}}
		})},
		"takes any position": {in: "read/errors", breaks: readers(func(r connector.Reader) reader {
			return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
				if _, err := q.From.Parts("memory.key"); err != nil {
					q.From = nil
				}
				return r.Read(ctx, q)
			}}
		})},
	}
}

func brokenOpenings() map[string]variant {
	return map[string]variant{
		"mistakes the columns asked for": {in: "read/schema", breaks: func(s *connectortest.Suite, _ *memory.Store) {
			healthy := s.Connector.Read
			s.Connector.Read = func(ctx context.Context, c connector.Client, from connector.Source) (connector.Reader, error) {
				from.Columns = nil
				return healthy(ctx, c, from)
			}
		}},
		"takes an unknown option": {in: "options", breaks: func(s *connectortest.Suite, _ *memory.Store) {
			healthy := s.Connector.Open
			s.Connector.Open = func(ctx context.Context, c connector.Connection) (connector.Client, error) {
				c.Options = json.RawMessage("{}")
				return healthy(ctx, c)
			}
		}},
		"has another identity each time": {in: "client", breaks: func(s *connectortest.Suite, _ *memory.Store) {
			healthy, n := s.Connector.Open, 0
			s.Connector.Open = func(ctx context.Context, c connector.Connection) (connector.Client, error) {
				inner, err := healthy(ctx, c)
				n++
				return stranger{inner, n}, err
			}
		}},
	}
}

type stranger struct {
	connector.Client
	n int
}

func (s stranger) Identity(context.Context) (string, error) { return string(rune('a' + s.n)), nil }

// lateAfter gives each chunk the position of the chunk behind it: saved early, it skips rows.
func lateAfter() func(*connectortest.Suite, *memory.Store) {
	return readers(func(r connector.Reader) reader {
		return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
			return func(yield func(connector.Chunk, error) bool) {
				var held *connector.Chunk
				for c, err := range r.Read(ctx, q) {
					if err != nil {
						yield(c, err)
						return
					}
					if held != nil {
						held.After = c.After
						if !yield(*held, nil) {
							c.Batch.Release()
							return
						}
					}
					held = &c
				}
				if held != nil {
					yield(*held, nil)
				}
			}
		}}
	})
}

// touches writes into the first batch of a whole dataset when the second has been read.
func touches() func(*connectortest.Suite, *memory.Store) {
	var first *record.Batch
	return chunks(func(q connector.Query, n int, c *connector.Chunk) {
		switch {
		case q.Shard.Rows < 200: // shards that are read side by side
		case n == 0:
			first = c.Batch
		case first != nil && first.Len > 0 && len(first.Cols[0].Int64) > 0:
			first.Cols[0].Int64[0] = 4711
		}
	})
}

// reusesPosition encodes each position into the same memory.
func reusesPosition() func(*connectortest.Suite, *memory.Store) {
	return readers(func(r connector.Reader) reader {
		return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
			return func(yield func(connector.Chunk, error) bool) {
				room := make([]byte, 0, 1024)
				for c, err := range r.Read(ctx, q) {
					if c.After != nil {
						c.After = append(room[:0], c.After...)
					}
					if !yield(c, err) {
						return
					}
				}
			}
		}}
	})
}

// sharesState reads each shard from where the reader was last sent to.
func sharesState() func(*connectortest.Suite, *memory.Store) {
	return readers(func(r connector.Reader) reader {
		var mu sync.Mutex
		var last []byte
		busy := 0
		return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
			return func(yield func(connector.Chunk, error) bool) {
				mu.Lock()
				if busy++; busy > 1 {
					q.Shard.Range = last
				}
				last = q.Shard.Range
				mu.Unlock()
				r.Read(ctx, q)(yield)
				mu.Lock()
				busy--
				mu.Unlock()
			}
		}}
	})
}

// keepsRanges hands out names of ranges that only the same reader knows.
func keepsRanges() func(*connectortest.Suite, *memory.Store) {
	return readers(func(r connector.Reader) reader {
		kept := map[string][]byte{}
		return reader{Reader: r,
			split: func(ctx context.Context, of connector.Shard, after connector.Position, h connector.Hint) ([]connector.Shard, error) {
				of.Range = kept[string(of.Range)]
				shards, err := r.Split(ctx, of, after, h)
				for i := range shards {
					name := strconv.Itoa(len(kept))
					kept[name], shards[i].Range = shards[i].Range, []byte(name)
				}
				return shards, err
			},
			read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
				q.Shard.Range = kept[string(q.Shard.Range)]
				return r.Read(ctx, q)
			}}
	})
}

// deaf calls yield again after it returned false.
func deaf() func(*connectortest.Suite, *memory.Store) {
	return readers(func(r connector.Reader) reader {
		return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
			return func(yield func(connector.Chunk, error) bool) {
				for c, err := range r.Read(ctx, q) {
					yield(c, err)
				}
			}
		}}
	})
}
