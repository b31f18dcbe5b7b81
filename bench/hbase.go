package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/towpath/towpath/tools/testservers/hbaseclient"
)

// generatedCells is how many cells the Java client's generated rows have, each.
const generatedCells = 6

// javaHBase is HBase's own client, as the test servers have it.
type javaHBase struct{ client, address string }

// answers runs commands, fields between tabs, and returns the fields of the lines that they print.
func (j javaHBase) answers(ctx context.Context, commands ...string) (lines [][]string, err error) {
	err = hbaseclient.Run(ctx, j.client, j.address, strings.Join(commands, "\n")+"\n", func(text string) error {
		lines = append(lines, strings.Split(text, "\t"))
		return nil
	})
	return lines, err
}

// measureReadHBase reads a table of one region, all columns in the encodings that a sample shows, against a scan of the Java client that
// looks at each cell's length. Its second scan counts: by then its code is compiled.
func measureReadHBase(ctx context.Context, b *bench) ([]Figure, error) {
	vars, err := b.server(ctx, "hbase")
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(vars["TOWPATH_TEST_HBASE"])
	if err != nil {
		return nil, err
	}
	java := javaHBase{vars["TOWPATH_TEST_HBASE_CLIENT"], address.Host}
	rows := cmp.Or(b.rows, 500_000)
	table := fmt.Sprintf("%s_read_%d", database, rows)
	read := "read\t" + table + "\t2000"
	if found, err := java.answers(ctx, read); err != nil || found[0][0] != fmt.Sprint(rows) {
		fmt.Fprintf(b.log, "  filling %s\n", table)
		if _, err := java.answers(ctx, "drop\t"+table, "create\t"+table+"\tf", fmt.Sprintf("generate\t%s\t%d", table, rows)); err != nil {
			return nil, err
		}
	}
	ours := b.ours("towpath, 1 range", task{Kind: "read", Source: address.String(), Dataset: table, Ranges: 1})
	cells := contender{ours.name, func(ctx context.Context) (Sample, error) {
		s, err := ours.once(ctx)
		if err == nil && s.Rows != rows {
			err = fmt.Errorf("%d rows read, want %d", s.Rows, rows)
		}
		s.Rows *= generatedCells
		return s, err
	}}
	peer := contender{"Java client, Scan", func(ctx context.Context) (Sample, error) {
		found, err := java.answers(ctx, read, read)
		if err != nil {
			return Sample{}, err
		}
		took, err := time.ParseDuration(found[1][3] + "ms")
		return Sample{Rows: rows * generatedCells, Seconds: took.Seconds()}, err
	}}
	samples, err := b.interleave(ctx, cells, peer)
	if err != nil {
		return nil, err
	}
	f := figureOf("hbase-read", samples[0], peer.name, samples[1])
	f.Unit = "cells/s"
	return []Figure{f}, nil
}
