package mysql

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
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

// BenchmarkDecode decodes rows of twelve columns, about 240 bytes each, without a server.
func BenchmarkDecode(b *testing.B) {
	schema, d, packets := rowsToDecode()
	batch := record.NewBatch(schema)
	measured(b, func() int {
		for _, v := range batch.Cols {
			v.Reset(v.Form)
		}
		batch.Len = 0
		d.attach(batch)
		for _, p := range packets {
			if err := d.row(p); err != nil {
				b.Fatal(err)
			}
		}
		batch.CheckText()
		return len(packets)
	})
}

// rowsToDecode makes packets of rows and a decoder for them.
func rowsToDecode() (*record.Schema, *decoder, [][]byte) {
	number := record.Type{Kind: record.Int, Bits: 32}
	text := record.Type{Kind: record.Text, Length: 200}
	columns := []struct {
		typ record.Type
		def columnDef
	}{{record.Type{Kind: record.Int, Bits: 64}, columnDef{Type: wireLongLong}}, {number, columnDef{Type: wireLong}}, {number, columnDef{Type: wireLong}},
		{record.Type{Kind: record.Int, Bits: 16}, columnDef{Type: wireShort}}, {record.Type{Kind: record.Decimal, Precision: 10, Scale: 2}, columnDef{Type: wireDecimal}},
		{record.Type{Kind: record.Float, Bits: 64}, columnDef{Type: wireDouble}}, {record.Type{Kind: record.Datetime}, columnDef{Type: wireDatetime}},
		{record.Type{Kind: record.Datetime, Precision: 6}, columnDef{Type: wireDatetime, Decimals: 6}},
		{text, columnDef{Type: wireVarString}}, {text, columnDef{Type: wireVarString}}, {text, columnDef{Type: wireVarString}}, {text, columnDef{Type: wireVarString}}}
	schema := &record.Schema{}
	for _, c := range columns {
		schema.Fields = append(schema.Fields, record.Field{Type: c.typ, Nullable: true})
	}
	d := &decoder{maxCell: 1 << 20, bitmap: (len(columns) + 9) / 8}
	for i := range columns {
		c, _ := bind(&schema.Fields[i], columns[i].def)
		c.index = i
		d.columns = append(d.columns, c)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var packets [][]byte
	for id := range uint64(record.MaxRows) {
		p := make([]byte, 1+d.bitmap, 300)
		p = binary.LittleEndian.AppendUint64(p, id)
		p = binary.LittleEndian.AppendUint32(p, random.Uint32N(5_000_000))
		p = binary.LittleEndian.AppendUint32(p, random.Uint32N(200_000))
		p = binary.LittleEndian.AppendUint16(p, uint16(random.UintN(500)))
		price := fmt.Sprintf("%.2f", float64(random.IntN(99_999_999)-50_000_000)/100)
		p = append(append(p, byte(len(price))), price...)
		p = binary.LittleEndian.AppendUint64(p, math.Float64bits(random.NormFloat64()))
		for _, n := range []byte{7, 11} {
			p = binary.LittleEndian.AppendUint16(append(p, n), uint16(1971+random.UintN(66)))
			p = append(p, byte(1+random.UintN(12)), byte(1+random.UintN(28)), byte(random.UintN(24)), byte(random.UintN(60)), byte(random.UintN(60)))
			if n == 11 {
				p = binary.LittleEndian.AppendUint32(p, random.Uint32N(1_000_000))
			}
		}
		for _, n := range []uint{5, 30, 35 + random.UintN(25), 60 + random.UintN(36)} {
			p = append(append(p, byte(n)), strings.Repeat("etaoin shrdlu ", 9)[:n]...)
		}
		packets = append(packets, p)
	}
	return schema, d, packets
}
