// Command bench measures towpath against the tools that people would use instead, in one interleaved run on one machine, and
// prints what came out: a table, or one JSON object a line with -json. docs/bench.md describes the measures.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
)

// measure is one part of the benchmark; it may print several figures.
type measure struct {
	name  string
	about string
	run   func(ctx context.Context, b *bench) ([]Figure, error)
}

// measures lists them in the order in which they run.
func measures() []measure {
	return []measure{
		{"engine", "generated rows through the whole pipe to nothing, on one core", measureEngine},
		{"ndjson", "bulk bodies against encoding/json of maps", measureBodies},
		{"sqlite", "a SQLite table read, and copied into another file", measureSQLite},
		{"pause", "from the wish to the end of reading and to the state paused, while the target takes half a second a group", measurePause},
		{"memory", "peak memory of a copy of 10,000,000 rows", measureMemory},
		{"mysql-read", "a MySQL table read to nothing by 1 and 2 ranges, against the mariadb client", measureRead},
		{"postgres-read", "a PostgreSQL table read to nothing by 1 and 2 ranges, against psql's binary \\copy", measureReadPostgres},
		{"hbase-read", "an HBase table of one region read to nothing, against a scan of its Java client; all per cell", measureReadHBase},
		{"mysql-write", "rows into a MySQL table by 1 and 2 connections, against the mariadb client's LOAD DATA of a ready file", measureWriteMySQL},
		{"postgres-write", "rows into a new PostgreSQL table by 1 and 2 connections, and into one that is there, against psql's binary \\copy of a ready file", measureWritePostgres},
		{"mysql-postgres", "a MySQL table into PostgreSQL, against the two clients in a pipe, pgloader and a plain program in Go", measureMySQLPostgres},
		{"postgres-mysql", "a PostgreSQL table into MySQL, against the two clients in a pipe", measurePostgresMySQL},
		{"mysql-mysql", "a MySQL table into another, against mariadb-dump and the client in a pipe", measureMySQLMySQL},
		{"tables", "10,000 MySQL tables of 100 rows into PostgreSQL in one run", measureTables},
		{"checkpoint", "share of CPU for row hashes, accounting and checkpoints of a MySQL table copied to nothing", measureCheckpoint},
		{"mysql-search", "a MySQL table into Elasticsearch, against curl posting the same documents", measureSearch},
	}
}

// bench is one call of the program.
type bench struct {
	runs   int
	rows   int64 // 0: each measure's own
	folder string
	log    io.Writer

	profiles string // folder for CPU profiles of our processes; "": none are made
	profiled int    // how many were
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == childFlag {
		os.Exit(childMain(ctx, os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, log io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	only := flags.String("run", "", "measures to run, separated by commas; empty: all")
	asJSON := flags.Bool("json", false, "print one JSON object a measure")
	list := flags.Bool("list", false, "list the measures and end")
	b := &bench{log: log}
	flags.IntVar(&b.runs, "runs", 3, "runs of each side; the median counts")
	flags.Int64Var(&b.rows, "rows", 0, "rows to copy or read; 0: as each measure has it")
	flags.StringVar(&b.profiles, "profiles", "", "folder to write a CPU profile of each of our processes to")
	if flags.Parse(args) != nil || flags.NArg() > 0 || b.runs < 1 {
		return 2
	}
	if *list {
		for _, m := range measures() {
			fmt.Fprintf(out, "%-14s %s\n", m.name, m.about)
		}
		return 0
	}
	chosen, err := choose(*only)
	if err != nil {
		fmt.Fprintln(log, "bench:", err)
		return 2
	}
	if b.folder, err = os.MkdirTemp("", "towpath-bench-"); err != nil {
		fmt.Fprintln(log, "bench:", err)
		return 1
	}
	defer os.RemoveAll(b.folder)
	return b.all(ctx, chosen, printer(out, *asJSON))
}

func (b *bench) all(ctx context.Context, chosen []measure, show func(Figure)) int {
	code := 0
	for _, m := range chosen {
		fmt.Fprintf(b.log, "%s: %s\n", m.name, m.about)
		figures, err := m.run(ctx, b)
		for _, f := range figures {
			f.Runs = b.runs
			show(f)
		}
		if err != nil {
			fmt.Fprintf(b.log, "bench: measure %s: %v\n", m.name, err)
			code = 1
		}
	}
	return code
}

func choose(names string) ([]measure, error) {
	all := measures()
	if names == "" {
		return all, nil
	}
	var chosen []measure
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(m measure) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no measure %q; -list shows them", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// printer returns what shows a figure: a line of JSON, or of a table.
func printer(out io.Writer, asJSON bool) func(Figure) {
	if asJSON {
		encoder := json.NewEncoder(out)
		return func(f Figure) { _ = encoder.Encode(f) }
	}
	heading := false
	return func(f Figure) {
		if !heading {
			heading = true
			fmt.Fprintln(out, tableHeading())
		}
		fmt.Fprintln(out, f.line())
	}
}
