package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// benchTable opens the table that TOWPATH_BENCH_MYSQL names (database.table).
func benchTable(b *testing.B) (connector.Client, connector.Reader, *record.Schema, string) {
	b.Helper()
	dataset := os.Getenv("TOWPATH_BENCH_MYSQL")
	if dataset == "" {
		b.Fatal("TOWPATH_BENCH_MYSQL names no table")
	}
	srv := servers.Need(b, "mariadb")
	port, _ := strconv.Atoi(srv.Port())
	options, _ := json.Marshal(map[string]any{"host": srv.Host(), "port": port, "user": srv.User(), "password": srv.Password()})
	c, err := Connector().Open(b.Context(), connector.Connection{Options: options})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	r, err := Connector().Read(b.Context(), c, connector.Source{Dataset: dataset})
	if err != nil {
		b.Fatal(err)
	}
	schema, _, _ := r.Schema(b.Context())
	return c, r, schema, dataset
}

// measured runs a benchmark and reports what a row costs.
func measured(b *testing.B, f func() (rows int)) {
	b.Helper()
	var rows int
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuSeconds()
	for b.Loop() {
		rows += f()
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric((cpuSeconds()-cpu)/float64(rows)*1e6, "cpu-s/Mrow")
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(rows), "allocs/row")
}

// BenchmarkRead reads the table that TOWPATH_BENCH_MYSQL names to nothing, once an operation.
func BenchmarkRead(b *testing.B) {
	_, r, schema, _ := benchTable(b)
	pool := record.NewPool(0)
	measured(b, func() (rows int) {
		shards, err := r.Split(b.Context(), connector.Shard{}, nil, connector.Hint{Shards: 1})
		if err != nil {
			b.Fatal(err)
		}
		for chunk, err := range r.Read(b.Context(), connector.Query{Shard: shards[0], Schema: schema, Batches: pool}) {
			if err != nil {
				b.Fatal(err)
			}
			rows += chunk.Batch.Len
			chunk.Batch.Release()
		}
		return rows
	})
}

// BenchmarkWrite writes up to 400,000 rows of the table that TOWPATH_BENCH_MYSQL names, held in memory, into a table like it, once an
// operation, in groups of four batches, as one shard and as two.
func BenchmarkWrite(b *testing.B) {
	const mostRows = 400_000
	c, r, schema, dataset := benchTable(b)
	var batches []*record.Batch
	rows := 0
	for chunk, err := range r.Read(b.Context(), connector.Query{Schema: schema, Batches: record.NewPool(4 << 30)}) {
		if err != nil {
			b.Fatal(err)
		}
		batches = append(batches, chunk.Batch)
		if rows += chunk.Batch.Len; rows >= mostRows {
			break
		}
	}
	for shards := 1; shards <= 2; shards++ {
		b.Run(fmt.Sprint(shards), func(b *testing.B) {
			n := 0
			measured(b, func() int {
				n++
				sink := connector.Sink{Dataset: dataset + "_written", Mode: connector.Replace, Run: fmt.Sprintf("bench%dx%d", shards, n)}
				w, err := Connector().Write(b.Context(), c, sink)
				if err != nil {
					b.Fatal(err)
				}
				defer w.Close()
				if err := writeAll(b, w, schema, batches, shards); err != nil {
					b.Fatal(err)
				}
				return rows
			})
		})
	}
}

// writeAll writes batches as the rows of some shards.
func writeAll(b *testing.B, w connector.Writer, schema *record.Schema, batches []*record.Batch, shards int) error {
	t, err := w.Plan(b.Context(), schema)
	if err == nil {
		err = w.Prepare(b.Context(), t, true, func(connector.Checkpoint) error { return nil })
	}
	if err != nil {
		return err
	}
	defer func() { _ = w.Finish(b.Context(), connector.Drop) }()
	var g errgroup.Group
	for i := range shards {
		part := batches[len(batches)*i/shards : len(batches)*(i+1)/shards]
		g.Go(func() error { return writeShard(b.Context(), w, fmt.Sprint("s", i), part) })
	}
	return g.Wait()
}

func writeShard(ctx context.Context, w connector.Writer, id string, batches []*record.Batch) error {
	s, _, err := w.Take(ctx, connector.Shard{ID: id}, connector.Lease{Epoch: 1}, connector.Checkpoint{})
	if err != nil {
		return err
	}
	defer s.Close()
	for seq := int64(1); len(batches) > 0; seq++ {
		group := batches[:min(4, len(batches))]
		batches = batches[len(group):]
		if out, err := s.Write(ctx, group); err != nil || len(out.Rejected) > 0 {
			return fmt.Errorf("%v, %d rejected", err, len(out.Rejected))
		}
		if _, err := s.Commit(ctx, connector.Checkpoint{Shard: id, Seq: seq}); err != nil {
			return err
		}
	}
	return nil
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
