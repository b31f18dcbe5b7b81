package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/bench/data"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// database holds the generated tables; they stay for the next call.
const database = "towpath_bench"

// server finds a test server and starts it where it does not run; what it prints are its variables.
func (b *bench) server(ctx context.Context, name string) (map[string]string, error) {
	vars := map[string]string{}
	for _, command := range []string{"up", "env"} {
		c := exec.CommandContext(ctx, "bash", "tools/testservers/servers.sh", command, name)
		c.Stderr = b.log
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("start the test server %s: %w", name, err)
		}
		for line := range strings.Lines(string(out)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				vars[key] = value
			}
		}
	}
	return vars, nil
}

// mysql finds the MySQL test server.
func (b *bench) mysql(ctx context.Context) (data.Server, error) {
	vars, err := b.server(ctx, "mariadb")
	if err != nil {
		return data.Server{}, err
	}
	address, err := url.Parse(vars["TOWPATH_TEST_MYSQL"])
	return data.Server{Client: cmp.Or(vars["TOWPATH_TEST_MYSQL_CLIENT"], "mariadb"), URL: address}, err
}

// source is a generated table on a MySQL or MariaDB server.
type source struct {
	data.Server
	dataset string
	rows    int64
}

func (b *bench) source(ctx context.Context, rows int64) (*source, error) {
	server, err := b.mysql(ctx)
	if err != nil {
		return nil, err
	}
	s := &source{Server: server, rows: rows}
	fmt.Fprintf(b.log, "  filling %s with %d rows, where they are not there yet\n", database, rows)
	s.dataset, err = data.Narrow().Fill(ctx, s.Server, database, 1, rows)
	return s, err
}

// client reads the table to nothing by the system's own client, row by row and without a heading.
func (s *source) client() contender {
	return contender{"mariadb -q -N -B", func(ctx context.Context) (Sample, error) { return timed(s.rows, s.reading(ctx)) }}
}

// reading is the command that does it.
func (s *source) reading(ctx context.Context) *exec.Cmd {
	return program(ctx, s.Client, s.Args("-q", "-N", "-B", "-e", "SELECT * FROM "+s.dataset), s.Env())
}

func measureRead(ctx context.Context, b *bench) ([]Figure, error) {
	s, err := b.source(ctx, cmp.Or(b.rows, 3_000_000))
	if err != nil {
		return nil, err
	}
	peer := s.client()
	if _, err := peer.once(ctx); err != nil { // warms the server's cache as well
		return nil, err
	}
	one := task{Kind: "read", Source: s.URL.String(), Dataset: s.dataset, Ranges: 1}
	two := one
	two.Ranges = 2
	samples, err := b.interleave(ctx, s.beside(b.ours("towpath, 1 range", one)), peer, s.beside(b.ours("towpath, 2 ranges", two)))
	if err != nil {
		return nil, err
	}
	return []Figure{figureOf("mysql-read", samples[0], peer.name, samples[1]), figureOf("mysql-read-2", samples[2], peer.name, samples[1])}, nil
}

// measureCheckpoint compares a reader alone with the same reader under the engine: what is more is row hashes, accounting and
// checkpoints in a control database.
func measureCheckpoint(ctx context.Context, b *bench) ([]Figure, error) {
	s, err := b.source(ctx, cmp.Or(b.rows, 3_000_000))
	if err != nil {
		return nil, err
	}
	t := task{Kind: "to-null", Source: s.URL.String(), Dataset: s.dataset, Ranges: 1}
	alone := t
	alone.Kind = "read"
	samples, err := b.interleave(ctx, b.job("whole copy", t), b.ours("reader alone", alone))
	if err != nil {
		return nil, err
	}
	f := figureOf("checkpoint", samples[0], "", nil)
	reader := median(samples[1], func(s Sample) float64 { return over(s.CPU, float64(s.Rows)/1e6) })
	f.Value, f.Unit = 100*over(f.CPU-reader, f.CPU), "% of CPU"
	return []Figure{f}, nil
}

// readTask reads a dataset to nothing through its connector's reader alone, by ranges side by side.
func readTask(ctx context.Context, t task) (Sample, error) {
	open := openFile
	if strings.Contains(t.Source, "://") {
		open = openServer
	}
	c, client, err := open(ctx, t.Source)
	if err != nil {
		return Sample{}, err
	}
	defer client.Close()
	r, err := c.Read(ctx, client, connector.Source{Dataset: t.Dataset})
	if err != nil {
		return Sample{}, err
	}
	defer r.Close()
	schema, _, err := r.Schema(ctx)
	if err != nil {
		return Sample{}, err
	}
	shards, err := r.Split(ctx, connector.Shard{}, nil, connector.Hint{Shards: t.Ranges})
	if err != nil {
		return Sample{}, err
	}
	return sampled(func() (int64, error) { return readShards(ctx, r, schema, shards) })
}

func readShards(ctx context.Context, r connector.Reader, schema *record.Schema, shards []connector.Shard) (int64, error) {
	var mu sync.Mutex
	var total int64
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range shards {
		group.Go(func() error {
			var rows int64
			for chunk, err := range r.Read(ctx, connector.Query{Shard: s, Schema: schema, Batches: record.NewPool(record.MinBudget)}) {
				if err != nil {
					return err
				}
				if chunk.Batch != nil {
					rows += int64(chunk.Batch.Len)
					chunk.Batch.Release()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total += rows
			return nil
		})
	}
	err := group.Wait()
	return total, err
}

// copyToNull copies a dataset to nothing by a job.
func copyToNull(ctx context.Context, t task) (Sample, error) {
	s, done, err := openService(ctx, t.State, null{}.connector())
	if err != nil {
		return Sample{}, err
	}
	defer done()
	source, err := endOf(t.Source)
	if err != nil {
		return Sample{}, err
	}
	j, err := jobText(source, map[string]any{"connector": "null"}, map[string]any{"source": t.Dataset, "target": "rows", "write": "upsert"},
		map[string]any{"shards": t.Ranges, "parallel": t.Ranges})
	if err != nil {
		return Sample{}, err
	}
	return sampled(func() (int64, error) { return runJob(ctx, s, j) })
}
