package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/towpath/towpath/bench/data"
)

// writeTask copies rows that lie in memory to a server by a job.
func writeTask(ctx context.Context, t task) (Sample, error) {
	rows, err := keepRows(ctx, t.Source, t.Dataset, t.Rows)
	if err != nil {
		return Sample{}, err
	}
	c := rows.connector()
	t.Dataset = "rows"
	return copyFrom(ctx, t, map[string]any{"connector": c.Name}, c)
}

// counted is a target that is judged by its number of rows and their ids, as rows from memory repeat everything else.
type counted struct {
	target
	run   func(ctx context.Context, statement string) (string, error)
	table string
}

func (c counted) print(ctx context.Context) (string, error) {
	return cells(c.run(ctx, "SELECT COUNT(*), COUNT(DISTINCT id), MIN(id), MAX(id) FROM "+c.table))
}

// idsFrom is what counted finds of so many rows, whose ids begin with first.
func idsFrom(first, rows int64) string {
	return fmt.Sprintf("%d|%d|%d|%d", rows, rows, first, first+rows-1)
}

// measureWriteMySQL writes rows into a table with a primary key, by one and by two connections, against the client loading a file.
func measureWriteMySQL(ctx context.Context, b *bench) ([]Figure, error) {
	s, err := b.source(ctx, cmp.Or(b.rows, 1_000_000))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(b.folder, "rows.tsv")
	if err := writeFile(path, s.rows); err != nil {
		return nil, err
	}
	defer os.Remove(path)
	to := mysqlTarget{s.Server, database + "." + copied, true}
	defer to.remove(context.WithoutCancel(ctx))
	judged := counted{to, s.Run, to.table}
	t := task{Kind: "write", Source: s.URL.String(), Dataset: s.dataset, Rows: s.rows, Target: s.URL.String(), Index: to.table}
	one, two := t, t
	one.Ranges, two.Ranges = 1, 2
	peer := filling(judged, idsFrom(1, s.rows), contender{"mariadb LOAD DATA", func(ctx context.Context) (Sample, error) {
		return timed(s.rows, to.load(ctx, path))
	}})
	samples, err := b.interleave(ctx, filling(judged, idsFrom(0, s.rows), b.job("towpath, 1 connection", one)), peer,
		filling(judged, idsFrom(0, s.rows), b.job("towpath, 2 connections", two)))
	if err != nil {
		return nil, err
	}
	return []Figure{figureOf("mysql-write", samples[0], peer.name, samples[1]), figureOf("mysql-write-2", samples[2], peer.name, samples[1])}, nil
}

// writeFile writes generated rows as LOAD DATA reads them.
func writeFile(path string, rows int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := data.Narrow().Write(f, 1, 1, rows); err != nil {
		return err
	}
	return f.Close()
}

// measureWritePostgres writes rows into a new table by replace, by one and by two connections, and by insert and one connection into a table that
// is there with its primary key, against psql loading a binary file into such a table.
func measureWritePostgres(ctx context.Context, b *bench) ([]Figure, error) {
	rows := cmp.Or(b.rows, 3_000_000)
	p, table, err := b.postgresSource(ctx, rows)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(b.folder, "rows.binary")
	if _, err := timed(rows, psql(ctx, p, `\copy (SELECT * FROM `+table+` ORDER BY id) TO '`+path+`' (FORMAT binary)`)); err != nil {
		return nil, err
	}
	defer os.Remove(path)
	bare := postgresTarget{p, copied, false}
	defer bare.clear(context.WithoutCancel(ctx))
	made, judged := counted{postgresTarget{p, copied, true}, bare.keyed, copied}, counted{bare, bare.keyed, copied}
	t := task{Kind: "write", Source: p.URL.String(), Dataset: "public." + table, Rows: rows, Target: p.URL.String(), Index: "public." + copied}
	one, two, there := t, t, t
	one.Ranges, two.Ranges, there.Ranges = 1, 2, 1
	one.Write, two.Write = "replace", "replace"
	peer := filling(made, idsFrom(1, rows), contender{`psql \copy binary`, func(ctx context.Context) (Sample, error) {
		return timed(rows, psql(ctx, p, `\copy `+copied+` FROM '`+path+`' (FORMAT binary)`))
	}})
	samples, err := b.interleave(ctx, filling(judged, idsFrom(0, rows), b.job("towpath, 1 connection", one)), peer,
		filling(judged, idsFrom(0, rows), b.job("towpath, 2 connections", two)),
		filling(made, idsFrom(0, rows), b.job("towpath, table is there", there)))
	if err != nil {
		return nil, err
	}
	return []Figure{figureOf("postgres-write", samples[0], peer.name, samples[1]), figureOf("postgres-write-2", samples[2], peer.name, samples[1]),
		figureOf("postgres-write-there", samples[3], peer.name, samples[1])}, nil
}
