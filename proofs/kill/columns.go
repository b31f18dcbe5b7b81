package kill

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/proofs/machine"
)

// Columns is a scene of a table of a MySQL-like server and a table of HBase, into which rows go by key: below what a newer process has
// written, a write is not refused but never seen. One row in eighty does not fit the type that its column is cast to.
type Columns struct {
	from *orders
	to   *cells
}

// ColumnsConfig says where a Columns scene plays.
type ColumnsConfig struct {
	MySQL  machine.Server // its user may make databases
	HBase  machine.Server
	Prefix string // of the database and the table that are made
	Rows   int
}

// NewColumns makes the source.
func NewColumns(ctx context.Context, c ColumnsConfig) (*Columns, error) {
	from, err := newOrders(ctx, inSQL(mariadb{c.MySQL}, c.Prefix+"_from"), c.Rows)
	return &Columns{from: from, to: &cells{server: c.HBase, table: c.Prefix + "_copies"}}, err
}

// Drop removes the source and the table.
func (s *Columns) Drop(ctx context.Context) error {
	return errors.Join(s.from.remove(ctx), s.to.remove(ctx))
}

// Name says where rows go.
func (s *Columns) Name() string { return "hbase-upsert" }

// Wants is the same for every run.
func (s *Columns) Wants() Wants {
	return Wants{Read: int64(s.from.count), Dirty: s.from.dirty, Shards: 4, Commits: 100, Freeze: crashpoint.Writing, Change: s.from.change, Settled: s.settle,
		// the table takes what a woken process writes; that it has lost the shard it learns when it saves its position
		Refusal: regexp.MustCompile(`(?s)(checkpoint|commit|save).*(newer|lease|fenced)|fenced`),
		Points: []crashpoint.Point{crashpoint.Planned, crashpoint.Making, crashpoint.Leased, crashpoint.Reading, crashpoint.Writing, crashpoint.Written,
			crashpoint.Committing, crashpoint.Committed, crashpoint.Ended, crashpoint.Swapping, crashpoint.Published}}
}

// Reset removes the table of the run before.
func (s *Columns) Reset(ctx context.Context, dir string) error {
	s.from.begin()
	if err := s.to.remove(ctx); err != nil {
		return err
	}
	return writeJob(dir, fmt.Sprintf("%s, target: %s, write: upsert, columns: [id, customer, {from: cents, type: int32}, note, revision]", s.from.stream(), s.to.table),
		s.from.connection(), s.to.connection(), manyShards, "")
}

func (s *Columns) settle(ctx context.Context, _ string) error {
	return s.from.settle(func(row func(id string, row []byte)) error { return s.to.rows(ctx, row) })
}

// Judge reads the source through the mariadb command and the table through HBase's Java client.
func (s *Columns) Judge(ctx context.Context, _ string) (Verdict, error) {
	j, _, err := s.from.judge(ctx)
	if err != nil {
		return Verdict{}, err
	}
	q := j.Begin()
	err = s.to.rows(ctx, q.Saw)
	return q.End(), err
}

// Leftovers: a run leaves nothing but its table.
func (s *Columns) Leftovers(context.Context, string) ([]string, error) { return nil, nil }
