package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/towpath/towpath/bench/data"
)

// pgloader is the copy of a MySQL table that pgloader makes, with its own settings but for what makes it the same copy, and for the rows that
// it reads ahead: with its 100,000 the memory that Debian's build may take does not last for a million rows of 245 bytes. It makes the
// table in a schema named as the source's database, and the primary key when all rows are there.
type pgloader struct {
	server data.Postgres
	source *source
	folder string
}

func (l pgloader) clear(ctx context.Context) error {
	_, err := l.server.Run(ctx, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS "+database+" CASCADE; CREATE SCHEMA "+database)
	if err == nil {
		_, err = l.server.Run(ctx, "CHECKPOINT")
	}
	return err
}

func (l pgloader) print(ctx context.Context) (string, error) {
	got, err := cells(l.server.Run(ctx, printOf(l.source.dataset)))
	if err == nil {
		_, err = l.server.Run(ctx, "SET client_min_messages = warning; DROP SCHEMA "+database+" CASCADE")
	}
	return got, err
}

// once runs it. It ends well also when it has left rows out; what it has copied is counted by filling.
func (l pgloader) once(ctx context.Context, command string) (Sample, error) {
	from := *l.source.URL
	from.Path = "/" + database
	to := *l.server.URL
	to.Scheme = "postgresql"
	_, table, _ := strings.Cut(l.source.dataset, ".")
	text := fmt.Sprintf("LOAD DATABASE FROM %s INTO %s\n"+
		"WITH create tables, create indexes, no foreign keys, reset no sequences, prefetch rows = 10000\n"+
		"CAST type datetime to timestamp\n"+
		"INCLUDING ONLY TABLE NAMES MATCHING '%s';\n", from.String(), to.String(), table)
	path := filepath.Join(l.folder, "copy.load")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return Sample{}, err
	}
	return timed(l.source.rows, program(ctx, command, []string{"--root-dir", filepath.Join(l.folder, "pgloader"), path}, "PGSSLMODE=disable"))
}
