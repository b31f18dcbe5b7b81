package control_test

import (
	"context"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// slowly lets each group take a while.
func slowly(c connector.Connector, d time.Duration) connector.Connector {
	write := c.Write
	c.Write = func(ctx context.Context, client connector.Client, s connector.Sink) (connector.Writer, error) {
		w, err := write(ctx, client, s)
		return &slowWriter{w, d}, err
	}
	return c
}

type slowWriter struct {
	connector.Writer
	d time.Duration
}

func (w *slowWriter) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	sw, at, err := w.Writer.Take(ctx, s, l, last)
	return &slowShard{sw, w.d}, at, err
}

type slowShard struct {
	connector.ShardWriter
	d time.Duration
}

func (w *slowShard) Write(ctx context.Context, group []*record.Batch) (connector.Outcome, error) {
	select {
	case <-time.After(w.d):
		return w.ShardWriter.Write(ctx, group)
	case <-ctx.Done():
		return connector.Outcome{}, context.Cause(ctx)
	}
}

// TestLargeShardIsDivided has one shard and four workers: its far part goes to those that have none, again and again, and every row is copied once.
func TestLargeShardIsDivided(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]connector.Way{"way A": connector.WayA, "way B": connector.WayB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, fromStore := memory.New(memory.Options{Name: "from"})
			to, toStore := memory.New(memory.Options{Name: "to", Way: way})
			const rows = 20_000
			fromStore.Make("people", people(), peopleRows(1, rows)...)
			r := &rig{t: t, source: fromStore, target: toStore, path: t.TempDir() + "/towpath.db"}
			r.Service = r.service(connector.NewSet(from, slowly(to, 20*time.Millisecond)))
			run, err := r.run(r.job("{group_rows: 50, shards: 1, parallel: 4}"), nil)
			if err != nil || run.State != store.Succeeded {
				t.Fatalf("run is %s: %v", run.State, err)
			}
			r.same()
			if c := r.counts(run.Key); c.Read != rows || c.Written != rows || !c.Balanced() {
				t.Errorf("counts are %+v", c)
			}
			shards, divided := 0, 0
			var read int64
			for row, err := range r.Store.Shards(context.Background(), run.Key, "1") {
				if err != nil {
					t.Fatal(err)
				}
				shards++
				divided += row.Shard.Rev
				read += row.Checkpoint.Read
			}
			if shards < 4 || divided != shards-1 || read != rows {
				t.Errorf("%d shards after %d divisions, %d rows in their checkpoints", shards, divided, read)
			}
			// Invariant 7: little is read again, a group and the read-ahead of each division.
			if calls := r.source.Calls(memory.Read); calls > rows/50+divided*40 {
				t.Errorf("%d chunks were read of %d rows", calls, rows)
			}
		})
	}
}
