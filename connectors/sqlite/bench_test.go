package sqlite_test

import (
	"fmt"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

const benchRows = 100_000

func benchSchema(b *testing.B) *record.Schema {
	return schemaOf(b, "id int64 key", "a int64", "f float64", "name text", "note text", "at datetime(6)")
}

func benchBatches(s *record.Schema, n int) []*record.Batch {
	var list []*record.Batch
	for i := 0; i < n; {
		batch := record.NewBatch(s)
		for ; i < n && batch.Len < record.MaxRows; i++ {
			batch.Cols[0].AppendInt64(int64(i))
			batch.Cols[1].AppendInt64(int64(i) * 7919)
			batch.Cols[2].AppendFloat64(float64(i) / 3)
			batch.Cols[3].AppendString(fmt.Sprintf("customer %d", i))
			batch.Cols[4].AppendString("a note of some forty bytes, as they go..")
			batch.Cols[5].AppendInt64(1_700_000_000_000_000 + int64(i)*1_000_001)
			batch.Len++
		}
		list = append(list, batch)
	}
	return list
}

func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f := newFile(b)
		j := startJob(b, f.open(b), connector.Sink{Dataset: "x", Mode: connector.Insert, Run: "r"}, benchSchema(b))
		s, _ := j.take(b, 1)
		list := benchBatches(j.target.Stored, benchRows)
		for seq := 0; len(list) > 0; seq++ {
			n := min(4, len(list))
			write(b, s, int64(seq+1), list[:n]...)
			list = list[n:]
		}
		s.Close()
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRead(b *testing.B) {
	f := newFile(b)
	c := f.open(b)
	j := startJob(b, c, connector.Sink{Dataset: "x", Mode: connector.Insert, Run: "r"}, benchSchema(b))
	s, _ := j.take(b, 1)
	write(b, s, 1, benchBatches(j.target.Stored, benchRows)...)
	r, schema := reading(benchTB{b}, c, connector.Source{Dataset: "x"})
	pool := record.NewPool(0)
	b.ReportAllocs()
	for b.Loop() {
		rows := 0
		for chunk, err := range r.Read(b.Context(), connector.Query{Schema: schema, Batches: pool}) {
			if err != nil {
				b.Fatal(err)
			}
			rows += chunk.Batch.Len
			chunk.Batch.Release()
		}
		if rows != benchRows {
			b.Fatalf("got %d rows", rows)
		}
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

// benchTB lets benchmarks use the helpers of the tests.
type benchTB struct{ *testing.B }

// Run is not used by benchmarks; it runs f in place.
func (b benchTB) Run(_ string, f func(connectortest.TB)) bool {
	f(b)
	return !b.Failed()
}
