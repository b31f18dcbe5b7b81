package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"github.com/towpath/towpath/bench/data"
)

// postgres finds the PostgreSQL test server, and makes the benchmark's database in it where it is missing.
func (b *bench) postgres(ctx context.Context) (data.Postgres, error) {
	vars, err := b.server(ctx, "postgres")
	if err != nil {
		return data.Postgres{}, err
	}
	address, err := url.Parse(vars["TOWPATH_TEST_POSTGRES"])
	if err != nil {
		return data.Postgres{}, err
	}
	p := data.Postgres{Client: cmp.Or(vars["TOWPATH_TEST_POSTGRES_CLIENT"], "psql"), URL: address}
	return p.In(database), p.MakeDatabase(ctx, database)
}

// postgresSource is a generated table on the PostgreSQL server.
func (b *bench) postgresSource(ctx context.Context, rows int64) (data.Postgres, string, error) {
	p, err := b.postgres(ctx)
	if err != nil {
		return p, "", err
	}
	fmt.Fprintf(b.log, "  filling %s with %d rows, where they are not there yet\n", database, rows)
	table, err := data.Narrow().FillPostgres(ctx, p, 1, rows)
	return p, table, err
}

func measureReadPostgres(ctx context.Context, b *bench) ([]Figure, error) {
	rows := cmp.Or(b.rows, 3_000_000)
	p, table, err := b.postgresSource(ctx, rows)
	if err != nil {
		return nil, err
	}
	peer := contender{`psql \copy binary`, func(ctx context.Context) (Sample, error) {
		return timed(rows, psql(ctx, p, `\copy (SELECT * FROM `+table+`) TO '/dev/null' (FORMAT binary)`))
	}}
	if _, err := peer.once(ctx); err != nil { // warms the server's cache as well
		return nil, err
	}
	t := task{Kind: "read", Source: p.URL.String(), Dataset: "public." + table}
	one, two := t, t
	one.Ranges, two.Ranges = 1, 2
	samples, err := b.interleave(ctx, b.ours("towpath, 1 range", one), peer, b.ours("towpath, 2 ranges", two))
	if err != nil {
		return nil, err
	}
	return []Figure{figureOf("postgres-read", samples[0], peer.name, samples[1]), figureOf("postgres-read-2", samples[2], peer.name, samples[1])}, nil
}
