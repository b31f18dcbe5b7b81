package main

import (
	"context"

	"github.com/towpath/towpath/proofs/kill"
)

// parts are all proofs.
func parts() []part {
	return append([]part{
		{"kill-sqlite", "1,000 kills with resume, SQLite to SQLite, into a table without a key; 300 with a swap, 150 from a source without a key", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, files, goal{kill.Append, 1000, 0}, goal{kill.Replace, 300, 0}, goal{kill.Keyless, 150, 0})
		}},
		{"zombie-sqlite", "60 frozen processes that wake up after another took over, SQLite to SQLite", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, files, goal{kill.Append, 0, 30}, goal{kill.Replace, 0, 30})
		}},
		{"kill-search", "300 kills with resume, MariaDB to Elasticsearch: by key into an index, and swapped in", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, search, goal{kill.Upsert, 150, 0}, goal{kill.Swap, 150, 0})
		}},
		{"zombie-search", "60 frozen processes that wake up after another took over, MariaDB to Elasticsearch", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, search, goal{kill.Upsert, 0, 30}, goal{kill.Swap, 0, 30})
		}},
		{"kill-hbase", "300 kills with resume and 30 frozen processes that wake up, HBase to Elasticsearch: by key into an index, and swapped in", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, hbase, goal{kill.Upsert, 150, 15}, goal{kill.Swap, 150, 15})
		}},
		{"kill-hbase-write", "300 kills with resume and 30 frozen processes that wake up, MariaDB to HBase", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, columns, goal{"upsert", 300, 30})
		}},
		{"kill-servers", "20 kills each of MariaDB and PostgreSQL themselves while rows move: as source, and as target of append, upsert and replace", killServers},
		{"kill-divide", "300 kills with resume and 18 frozen owners that wake up, while shards are divided again and again: into a table without a key (A), by key (B), staged and swapped in (C)", func(ctx context.Context, w *work) (any, error) {
			return killing(ctx, w, divided, goal{"mysql-append", 100, 6}, goal{"mysql-upsert", 100, 6}, goal{"postgres-replace", 100, 6})
		}},
		{"kill-workers", "20 jobs of a server that does no work of its own: 100 kills of its two workers, 20 of the server, on one PostgreSQL", killWorkers},
		{"documents", "3,000,000 rows of 20 columns from MariaDB into Elasticsearch 7, 8 and OpenSearch, every document compared with its row", proveDocuments},
		{"cells", "2,000,000 sparse rows of three families and one of 200,000 cells from HBase into Elasticsearch, every document taken back to its row's cells", proveCells},
		{"corpus", "every cell of the corpus of values through every lane, process and servers in three pairs of time zones, PostgreSQL 15 and 17", proveCorpus},
		{"properties", "20,000 random tables, all pairs of MariaDB, PostgreSQL, SQLite and Elasticsearch in turn: exact, with a loss that the plan names, or refused", proveProperties},
		{"server-kill", "500 kills of servers while 5 runs go on, pause and resume: 200 of one server, 300 of two on one PostgreSQL, which is killed 33 times itself", proveServerKill},
		{"server-load", "200 small runs and 20 large ones at once on 4 places, while 500 listen of whom 50 read nothing: none starves, no limit is passed, every change is seen", proveServerLoad},
		{"scheduler", "1,000,000 random worlds of runs, limits, servers that freeze and clocks that jump: places, limits and leases hold, nobody starves, all is done", proveScheduler},
	}, tablesParts()...)
}
