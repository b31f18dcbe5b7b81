package connectortest_test

import (
	"context"
	"iter"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/record"
)

// queries changes what each Read is asked for.
func queries(f func(q *connector.Query)) func(*connectortest.Suite, *memory.Store) {
	return readers(func(r connector.Reader) reader {
		return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
			f(&q)
			return r.Read(ctx, q)
		}}
	})
}

func brokenSnapshots() map[string]variant {
	return map[string]variant{
		"reads beside its snapshot": {in: "read/snapshot", breaks: queries(func(q *connector.Query) { q.Snapshot = nil })},
		"goes on beside a snapshot that has ended": {in: "read/snapshot", breaks: readers(func(r connector.Reader) reader {
			return reader{Reader: r, read: func(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
				return func(yield func(connector.Chunk, error) bool) {
					for c, err := range r.Read(ctx, q) {
						if connector.ClassOf(err) == connector.Lost {
							q.Snapshot = nil
							r.Read(ctx, q)(yield)
							return
						}
						if !yield(c, err) {
							return
						}
					}
				}
			}}
		})},
		"sees rows at another instant after a position": {in: "read/snapshot", breaks: queries(func(q *connector.Query) {
			if q.From != nil {
				q.Snapshot = nil
			}
		})},
		"has a token that is none": {in: "read/snapshot", breaks: func(s *connectortest.Suite, _ *memory.Store) {
			s.Connector.Snapshot = func(context.Context, connector.Client, []string, int) (connector.Snapshot, error) {
				return nameless{}, nil
			}
		}},
	}
}

type nameless struct{ connector.Snapshot }

func (nameless) Token() ([]byte, bool) { return nil, true }

func (nameless) Close() error { return nil }

func brokenStructures() map[string]variant {
	return map[string]variant{
		"makes no indexes and says nothing":  {in: "write/structure", breaks: sinks(func(s *connector.Sink) { s.Create.Indexes = false })},
		"makes no defaults and says nothing": {in: "write/structure", breaks: sinks(func(s *connector.Sink) { s.Create.Defaults = false })},
		"makes no comments and says nothing": {in: "write/structure", breaks: sinks(func(s *connector.Sink) { s.Create.Comments = false })},
		"makes what nobody asked for":        {in: "write/structure", breaks: sinks(func(s *connector.Sink) { s.Create = connector.Structure{Indexes: true, References: true} })},
		"links nothing and says nothing": {in: "write/structure", breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, finish: func(ctx context.Context, p connector.Phase) error {
				if p == connector.Link {
					return nil
				}
				return w.Finish(ctx, p)
			}}
		})},
		"links before the others are there": {in: "write/structure", breaks: writers(func(w connector.Writer) writer {
			return writer{Writer: w, finish: func(ctx context.Context, p connector.Phase) error {
				if err := w.Finish(ctx, p); err != nil || p != connector.Publish {
					return err
				}
				return w.Finish(ctx, connector.Link)
			}}
		})},
		"does not say that keys are folded": {in: "write/folded", breaks: func(s *connectortest.Suite, _ *memory.Store) {
			healthy := s.Connector.Write
			s.Connector.Write = func(ctx context.Context, c connector.Client, to connector.Sink) (connector.Writer, error) {
				w, err := healthy(ctx, c, to)
				return silent{w}, err
			}
		}},
	}
}

// sinks changes what each writer is asked for, and takes the notes out of its plan.
func sinks(f func(s *connector.Sink)) func(*connectortest.Suite, *memory.Store) {
	return func(s *connectortest.Suite, _ *memory.Store) {
		healthy := s.Connector.Write
		s.Connector.Write = func(ctx context.Context, c connector.Client, to connector.Sink) (connector.Writer, error) {
			f(&to)
			return healthy(ctx, c, to)
		}
	}
}

// silent plans without saying which keys are folded.
type silent struct{ connector.Writer }

func (w silent) Plan(ctx context.Context, want *record.Schema) (*connector.Target, error) {
	t, err := w.Writer.Plan(ctx, want)
	if t != nil {
		t.Folded = nil
	}
	return t, err
}
