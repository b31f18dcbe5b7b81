package local_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/executor/local"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// givenUp are streams that are held while their shards are being leased.
type givenUp struct {
	t     *testing.T
	store *store.Store
	lease store.RunLease
	asked int
}

func (g *givenUp) Begin(stream string) local.Opening {
	g.asked++
	if err := g.store.FailStream(context.Background(), g.lease.Run, g.lease.Epoch, stream, store.Failure{Text: "no right"}); err != nil {
		g.t.Error(err)
	}
	return nil
}

func (g *givenUp) End(stream string, _ bool) {
	g.t.Errorf("a shard of %s ended that was never at work", stream)
}

func (g *givenUp) Divided(string, int) {}

func (g *givenUp) Fail(context.Context, string, error) error { return nil }

func (g *givenUp) Ready() <-chan struct{} { return nil }

// TestStreamIsGivenUpWhileItsShardIsLeased: the lease is given back, and the others go on.
func TestStreamIsGivenUpWhileItsShardIsLeased(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "towpath.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	lease, err := s.CreateRun(ctx, store.NewRun{Key: "k1", Owner: store.Owner{ID: "p"}, TTL: time.Minute, Limits: store.Limits{Parallel: 4}})
	if err != nil {
		t.Fatal(err)
	}
	shards := []connector.Shard{{ID: "1-00001", Stream: "1"}, {ID: "2-00001", Stream: "2"}}
	if err := s.SavePlan(ctx, "k1", lease.Epoch, store.Plan{Format: 1}, []store.Stream{{ID: "1", Dataset: "a"}, {ID: "2", Dataset: "b"}}, slices.Values(shards)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Transition(ctx, "k1", store.Planning, store.Running, store.Change{}); err != nil {
		t.Fatal(err)
	}
	for _, sh := range shards {
		if _, err := s.ReadyStream(ctx, "k1", lease.Epoch, sh.Stream, store.Remembered{}); err != nil {
			t.Fatal(err)
		}
	}
	streams := &givenUp{t: t, store: s, lease: lease}
	e := &local.Executor{Store: s, Log: slog.New(slog.DiscardHandler), Worker: "p", TTL: time.Minute, Clean: func(text string) string { return text }}
	halt, err := e.Run(ctx, local.Work{Run: "k1", Epoch: lease.Epoch, Streams: streams, Flow: engine.NewFlow(job.Dirty{}, func(error) {}), Outage: time.Minute}, local.NewBrake())
	if halt != nil || err != nil || streams.asked != 2 {
		t.Errorf("ended with %v, %v after %d streams", halt, err, streams.asked)
	}
	for _, sh := range shards {
		if row, err := s.Shard(ctx, "k1", sh.ID); err != nil || row.State != store.ShardPending || row.Epoch != 1 {
			t.Errorf("shard is %+v, %v", row, err)
		}
	}
}
