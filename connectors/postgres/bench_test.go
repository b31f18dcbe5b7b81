package postgres

import (
	"encoding/json"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// BenchmarkRead reads the table that TOWPATH_BENCH_POSTGRES names (schema.table) to nothing, once an operation.
func BenchmarkRead(b *testing.B) {
	dataset := os.Getenv("TOWPATH_BENCH_POSTGRES")
	if dataset == "" {
		b.Fatal("TOWPATH_BENCH_POSTGRES names no table")
	}
	srv := servers.Need(b, "postgres")
	port, _ := strconv.Atoi(srv.Port())
	options, _ := json.Marshal(map[string]any{"host": srv.Host(), "port": port, "user": srv.User(), "password": srv.Password(), "database": srv.Database()})
	c, err := Connector().Open(b.Context(), connector.Connection{Options: options})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r, err := Connector().Read(b.Context(), c, connector.Source{Dataset: dataset})
	if err != nil {
		b.Fatal(err)
	}
	schema, _, _ := r.Schema(b.Context())
	pool := record.NewPool(0)
	var rows int
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuSeconds()
	for b.Loop() {
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
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric((cpuSeconds()-cpu)/float64(rows)*1e6, "cpu-s/Mrow")
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(rows), "allocs/row")
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
