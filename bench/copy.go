package main

import (
	"cmp"
	"context"
	"strings"
)

// cores is how many parts of a table we copy side by side: as many as the machine of the figures has cores.
const cores = 2

// measureMySQLPostgres has three peers: the clients that both systems come with, in a pipe; the same copy as it is usually written in Go;
// and pgloader.
func measureMySQLPostgres(ctx context.Context, b *bench) ([]Figure, error) {
	s, err := b.source(ctx, cmp.Or(b.rows, 3_000_000))
	if err != nil {
		return nil, err
	}
	p, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	want, err := cells(s.Run(ctx, printOf(s.dataset)))
	if err != nil {
		return nil, err
	}
	made, bare := postgresTarget{p, copied, true}, postgresTarget{p, copied, false}
	defer bare.clear(context.WithoutCancel(ctx))
	t := task{Kind: "copy", Source: s.URL.String(), Dataset: s.dataset, Target: p.URL.String(), Index: "public." + copied, Write: "replace", Ranges: cores}
	boxed := task{Kind: "boxed", Source: s.URL.String(), Dataset: s.dataset, Target: p.URL.String(), Index: copied}
	loader := pgloader{server: p, source: s, folder: b.folder}
	return b.against(ctx, filling(bare, want, s.beside(b.job("towpath", t))),
		rival{"mysql-postgres", filling(made, want, contender{`mariadb -B | psql \copy`, func(ctx context.Context) (Sample, error) {
			return timed(s.rows, s.reading(ctx),
				psql(ctx, p, `\copy `+copied+` FROM pstdin (NULL 'NULL')`))
		}})},
		rival{"mysql-postgres-boxed", filling(made, want, b.ours("database/sql, CopyFrom", boxed))},
		b.rival(ctx, "mysql-postgres-pgloader", "pgloader", "pgloader", func(command string) contender {
			return filling(loader, want, contender{"pgloader", func(ctx context.Context) (Sample, error) { return loader.once(ctx, command) }})
		}))
}

func measurePostgresMySQL(ctx context.Context, b *bench) ([]Figure, error) {
	rows := cmp.Or(b.rows, 1_000_000)
	p, table, err := b.postgresSource(ctx, rows)
	if err != nil {
		return nil, err
	}
	s, err := b.mysql(ctx)
	if err != nil {
		return nil, err
	}
	want, err := cells(p.Run(ctx, printOf(table)))
	if err != nil {
		return nil, err
	}
	name := database + "." + copied
	made, bare := mysqlTarget{s, name, true}, mysqlTarget{s, name, false}
	defer bare.remove(context.WithoutCancel(ctx))
	t := task{Kind: "copy", Source: p.URL.String(), Dataset: "public." + table, Target: s.URL.String(), Index: name, Ranges: cores}
	return b.against(ctx, filling(bare, want, b.job("towpath", t)),
		rival{"postgres-mysql", filling(made, want, contender{`psql \copy | mariadb LOAD DATA`, func(ctx context.Context) (Sample, error) {
			return timed(rows, psql(ctx, p, `\copy `+table+` TO pstdout`), made.load(ctx, "/dev/stdin"))
		}})})
}

func measureMySQLMySQL(ctx context.Context, b *bench) ([]Figure, error) {
	s, err := b.source(ctx, cmp.Or(b.rows, 1_000_000))
	if err != nil {
		return nil, err
	}
	want, err := cells(s.Run(ctx, printOf(s.dataset)))
	if err != nil {
		return nil, err
	}
	const other = database + "_copy" // a dump keeps the table's name
	_, table, _ := strings.Cut(s.dataset, ".")
	to := mysqlTarget{s.Server, other + "." + table, false}
	defer to.remove(context.WithoutCancel(ctx))
	t := task{Kind: "copy", Source: s.URL.String(), Dataset: s.dataset, Target: s.URL.String(), Index: to.table, Ranges: cores}
	return b.against(ctx, filling(to, want, b.job("towpath", t)),
		b.rival(ctx, "mysql-mysql", "mariadb-dump", "mariadb-client", func(dump string) contender {
			return filling(to, want, contender{"mariadb-dump | mariadb", func(ctx context.Context) (Sample, error) {
				return timed(s.rows, program(ctx, dump, s.Args(database, table), s.Env()), program(ctx, s.Client, s.Args(other), s.Env()))
			}})
		}))
}
