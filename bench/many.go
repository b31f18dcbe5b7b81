package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/towpath/towpath/bench/data"
)

// Many small tables: what a copy costs that is nearly all planning, making tables and ending streams.
const (
	manyTables   = 10_000
	manyRows     = 100
	manyDatabase = database + "_many"
)

// measureTables copies a database of small tables in one run.
func measureTables(ctx context.Context, b *bench) ([]Figure, error) {
	s, err := b.source(ctx, 100_000)
	if err != nil {
		return nil, err
	}
	p, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(b.log, "  making %d tables of %d rows, where they are not there yet\n", manyTables, manyRows)
	if err := makeMany(ctx, s); err != nil {
		return nil, err
	}
	to := manyTarget{p}
	defer to.drop(context.WithoutCancel(ctx))
	t := task{Kind: "copy", Source: s.URL.String(), Dataset: manyDatabase + ".*", Target: p.In(manyDatabase).URL.String(), Index: "public.${table}"}
	samples, err := b.interleave(ctx, filling(to, fmt.Sprintf("%d|%d", manyTables, manyRows*manyTables), b.job("towpath", t)))
	if err != nil {
		return nil, err
	}
	f := figureOf("tables", samples[0], "", nil)
	f.Value, f.Unit = median(samples[0], func(s Sample) float64 { return s.Seconds }), "s"
	return []Figure{f}, nil
}

// makeMany makes the tables of the rows of another one; a database that is not complete is made again.
func makeMany(ctx context.Context, s *source) error {
	name := func(n int) string { return fmt.Sprintf("%s.t%05d", manyDatabase, n) }
	found, err := s.Run(ctx, fmt.Sprintf("SELECT COUNT(*), (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '%s') FROM %s", manyDatabase, name(manyTables)))
	if err == nil && found == fmt.Sprintf("%d\t%d", manyRows, manyTables) {
		return nil
	}
	if _, err := s.Run(ctx, fmt.Sprintf("DROP DATABASE IF EXISTS %s; CREATE DATABASE %s CHARACTER SET utf8mb4", manyDatabase, manyDatabase)); err != nil {
		return err
	}
	const atATime = 100
	for n := 1; n <= manyTables; n += atATime {
		var text strings.Builder
		for i := n; i < n+atATime; i++ {
			first := (i - 1) * manyRows % int(s.rows)
			fmt.Fprintf(&text, "CREATE TABLE %s LIKE %s; INSERT INTO %s SELECT * FROM %s WHERE id > %d AND id <= %d; ", name(i), s.dataset, name(i), s.dataset, first, first+manyRows)
		}
		if _, err := s.Run(ctx, text.String()); err != nil {
			return err
		}
	}
	return nil
}

// manyTarget is the database that the tables are copied to.
type manyTarget struct{ data.Postgres }

func (m manyTarget) drop(ctx context.Context) error {
	_, err := m.Run(ctx, "DROP DATABASE IF EXISTS "+manyDatabase+" WITH (FORCE)")
	return err
}

func (m manyTarget) clear(ctx context.Context) error {
	if err := m.drop(ctx); err != nil {
		return err
	}
	return m.MakeDatabase(ctx, manyDatabase)
}

// print counts tables and rows, without the one that remembers the run; each table has a query of its own, which the server is asked to write.
func (m manyTarget) print(ctx context.Context) (string, error) {
	return m.In(manyDatabase).Run(ctx, "SELECT COUNT(*), SUM((xpath('/row/c/text()', query_to_xml('SELECT COUNT(*) AS c FROM ' || quote_ident(table_name), false, true, '')))[1]::text::int) "+
		"FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'towpath_checkpoint'")
}
