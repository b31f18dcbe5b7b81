package postgres

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
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

// BenchmarkEncode encodes rows of twelve columns, about 240 bytes each, without a server.
func BenchmarkEncode(b *testing.B) {
	columns := []struct {
		oid uint32
		typ record.Type
	}{
		{oidInt8, record.Type{Kind: record.Int, Bits: 64}}, {oidInt4, record.Type{Kind: record.Int, Bits: 32}}, {oidInt4, record.Type{Kind: record.Int, Bits: 32}},
		{oidInt2, record.Type{Kind: record.Int, Bits: 16}}, {oidNumeric, record.Type{Kind: record.Decimal, Precision: 10, Scale: 2}},
		{oidFloat8, record.Type{Kind: record.Float, Bits: 64}}, {oidTimestamp, record.Type{Kind: record.Datetime}}, {oidTimestamp, record.Type{Kind: record.Datetime, Precision: 6}},
		{oidVarchar, record.Type{Kind: record.Text}}, {oidVarchar, record.Type{Kind: record.Text}}, {oidVarchar, record.Type{Kind: record.Text}}, {oidVarchar, record.Type{Kind: record.Text}},
	}
	e, schema := new(encoder), &record.Schema{}
	for i, c := range columns {
		column, direct := server{version: 150_000, encoding: "UTF8"}.newColumn(i, c.typ, &typeInfo{oid: c.oid, binary: true}, -1)
		if !direct {
			b.Fatalf("column %d has no binary form", i)
		}
		e.columns = append(e.columns, column)
		schema.Fields = append(schema.Fields, record.Field{Type: c.typ, Nullable: true})
	}
	batch, random := record.NewBatch(schema), rand.New(rand.NewPCG(1, 2))
	for ; batch.Len < record.MaxRows; batch.Len++ {
		for i, v := range batch.Cols {
			switch {
			case i == 7 && random.IntN(10) == 0 || i > 9 && random.IntN(20) == 0:
				v.AppendNull()
			case v.Form == record.FormInt64:
				v.AppendInt64(random.Int64N(20_000_000) - 10_000_000)
			case v.Form == record.FormFloat64:
				v.AppendFloat64(random.Float64())
			default:
				v.AppendString(strings.Repeat("etaoin shrdlu ", 9)[:[4]int{5, 30, 35 + random.IntN(25), 60 + random.IntN(36)}[i-8]])
			}
		}
	}
	e.attach(batch)
	var out []byte
	for b.Loop() {
		for from := 0; from < batch.Len; from += blockRows {
			out = e.appendRows(out[:0], from, from+blockRows, 0)
		}
	}
	b.ReportMetric(float64(b.N)*float64(batch.Len)/b.Elapsed().Seconds(), "rows/s")
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
