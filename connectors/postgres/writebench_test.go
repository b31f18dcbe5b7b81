package postgres

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// benchRows are the rows that each operation of BenchmarkWrite writes.
const benchRows = 500_000

// benchTable is a table of 12 columns of the usual types, about 245 bytes a row.
const benchTable = `CREATE TABLE source AS SELECT i::int8 AS id, (random() * 5000000)::int4 AS customer, (random() * 200000)::int4 AS product, (random() * 500)::int2 AS quantity,
	(random() * 100000)::numeric(10,2) AS price, random() * 1000000 AS total, timestamp(0) '2020-01-01' + i * interval '1 second' AS ordered,
	CASE WHEN i % 10 > 0 THEN timestamp '2020-01-01' + i * interval '1.000001 second' END AS changed, (ARRAY['open','paid','sent','returned'])[i % 4 + 1]::varchar(10) AS status,
	('name' || i || '@example.org')::varchar(60) AS email, repeat('street ', 5 + i % 4)::varchar(100) AS address, repeat('some words ', 5 + i % 4)::varchar(200) AS note
FROM generate_series(1, 500000) i`

// BenchmarkWrite writes rows into a table with a primary key, on a server with its default durability, and in turn lets psql copy the same
// rows from a ready binary file.
func BenchmarkWrite(b *testing.B) {
	srv := servers.Private(b, "postgres")
	file := filepath.Join(b.TempDir(), "rows")
	psql := func(text string) {
		c := exec.Command(srv.Client, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", srv.URL, "-c", text)
		c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v: %s", text, err, out)
		}
	}
	psql(benchTable)
	psql("CREATE TABLE target (LIKE source); ALTER TABLE target ADD PRIMARY KEY (id)")
	psql(`\copy source TO '` + file + `' (FORMAT binary)`)
	u, _ := url.Parse(srv.URL)
	password, _ := u.User.Password()
	options, _ := json.Marshal(map[string]any{"port": atoi(srv.Port()), "user": u.User.Username(), "password": password, "database": srv.Database()})
	c, err := Connector().Open(b.Context(), connector.Connection{Options: options})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	schema, batches := readAll(b, c, "source")
	var ours, theirs []float64
	var cpu float64
	var before, after runtime.MemStats
	var allocs uint64
	for b.Loop() {
		psql("TRUNCATE target; CHECKPOINT")
		start := time.Now()
		psql(`\copy target FROM '` + file + `' (FORMAT binary)`)
		theirs = append(theirs, time.Since(start).Seconds())
		psql("TRUNCATE target; CHECKPOINT")
		runtime.ReadMemStats(&before)
		spent := cpuSeconds()
		start = time.Now()
		writeAll(b, c, schema, batches)
		ours = append(ours, time.Since(start).Seconds())
		cpu += cpuSeconds() - spent
		runtime.ReadMemStats(&after)
		allocs += after.Mallocs - before.Mallocs
	}
	rows := float64(benchRows * len(ours))
	b.ReportMetric(median(theirs)/median(ours), "times-psql")
	b.ReportMetric(cpu/rows*1e6, "cpu-s/Mrow")
	b.ReportMetric(float64(allocs)/rows, "allocs/row")
	b.ReportMetric(benchRows/median(ours), "rows/s")
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// readAll holds a table in memory, in batches of its target's types.
func readAll(b *testing.B, c connector.Client, dataset string) (*record.Schema, []*record.Batch) {
	b.Helper()
	r, err := Connector().Read(b.Context(), c, connector.Source{Dataset: dataset})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	schema, _, _ := r.Schema(b.Context())
	shards, err := r.Split(b.Context(), connector.Shard{}, nil, connector.Hint{Shards: 1})
	if err != nil {
		b.Fatal(err)
	}
	var all []*record.Batch
	for chunk, err := range r.Read(b.Context(), connector.Query{Shard: shards[0], Schema: schema, Batches: record.NewPool(1 << 40)}) {
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, chunk.Batch)
	}
	return schema, all
}

// writeAll writes the batches in groups of four, each with its commit.
func writeAll(b *testing.B, c connector.Client, schema *record.Schema, batches []*record.Batch) {
	b.Helper()
	w, err := Connector().Write(b.Context(), c, connector.Sink{Dataset: "target", Mode: connector.Insert, Run: newRun()})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	t, err := w.Plan(b.Context(), schema)
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Prepare(b.Context(), t, true, func(connector.Checkpoint) error { return nil }); err != nil {
		b.Fatal(err)
	}
	sw, _, err := w.Take(b.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: 1}, connector.Checkpoint{})
	if err != nil {
		b.Fatal(err)
	}
	defer sw.Close()
	for seq := int64(1); len(batches) > 0; seq++ {
		n := min(4, len(batches))
		out, err := sw.Write(context.Background(), batches[:n])
		if err != nil || len(out.Rejected) > 0 {
			b.Fatal(err, out)
		}
		if _, err := sw.Commit(context.Background(), connector.Checkpoint{Shard: "s", Seq: seq}); err != nil {
			b.Fatal(err)
		}
		batches = batches[n:]
	}
}
