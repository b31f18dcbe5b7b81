package control

import (
	"context"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
)

// Compared is what a look at both sides of a stream found.
type Compared struct {
	Stream string
	Method string // count, or statistics where that took too long or is not to be had
	About  bool   // a figure is an estimate
	Source int64  // rows that the stream would read; -1: not known
	Target int64  // rows of the target dataset; -1: not known
	Note   string // why something is not known, or that the target's rows are not those of the run alone
}

// The ways in which Compare finds out.
const (
	byCount      = "count"
	byStatistics = "statistics"
)

// countTime is how long a count may take before statistics must do.
const countTime = 20 * time.Second

// Compare counts both sides of streams of a run, by their IDs, and tells found of each.
func (s *Service) Compare(ctx context.Context, key string, ids []string, found func(Compared) error) error {
	plan, _, err := s.load(ctx, key)
	if err != nil {
		return err
	}
	e, err := s.openAll(ctx, plan.Job)
	if err != nil {
		return err
	}
	defer e.close()
	for _, id := range ids {
		st, err := s.loadStream(ctx, key, id)
		if err != nil {
			return err
		}
		if err := found(e.compare(ctx, st)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (e *ends) compare(ctx context.Context, st *engine.StreamPlan) Compared {
	c := Compared{Stream: st.ID, Method: byCount, Source: -1, Target: -1}
	from := e.sources[st.Connection]
	count := func(end engine.End, dataset, where string) (int64, bool) {
		if end.Count == nil || dataset == "" {
			return -1, false
		}
		ctx, cancel := context.WithTimeout(ctx, countTime)
		defer cancel()
		n, err := end.Count(ctx, end.Client, dataset, where)
		if err != nil {
			c.Note = err.Error()
			return -1, false
		}
		return n, true
	}
	others := ""
	if t := st.Target; t.Mode != connector.Replace && t.Exists && t.Rows != 0 {
		others = "the target held rows before the run"
	}
	var counted bool
	if c.Target, counted = count(e.target, st.Sink.Dataset, ""); !counted {
		return c
	}
	if c.Source, counted = count(from, st.Source.Dataset, st.Source.Where); counted {
		c.Note = others
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	n, err := estimate(ctx, from, st)
	if err != nil {
		c.Note = err.Error()
		return c
	}
	c.Source, c.Method, c.About, c.Note = n, byStatistics, true, others
	return c
}

// estimate is how many rows a stream would read, as the source's own statistics say.
func estimate(ctx context.Context, from engine.End, st *engine.StreamPlan) (rows int64, err error) {
	reader, err := from.Read(ctx, from.Client, st.Source)
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	if _, _, err := reader.Schema(ctx); err != nil {
		return 0, err
	}
	shards, err := reader.Split(ctx, connector.Shard{}, nil, connector.Hint{Shards: 1})
	for _, sh := range shards {
		rows += sh.Rows
	}
	return rows, err
}
