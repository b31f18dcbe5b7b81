package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/record"
)

// Statements that define something are transactions of their own here. Each step below is looked up before it is done, so that an
// attempt which was cut off between two of them is ended by the next.

// tagMark stands before the run's key in the comment of what a run makes.
const tagMark = "towpath:"

// oldMark ends the name that a table has which was replaced. It stands behind the run's key, where no name of a staging table has
// anything: a run may replace tables called a and old_a.
const oldMark = "_old"

// staging and old are the names that take part in a swap of a table. They carry the run's key, so that a late second swap finds nothing to
// rename.
func (n tableName) staging(run string) tableName {
	return tableName{n.database, sqltarget.Staging(n.table, run, longestName)}
}

func (n tableName) old(run string) tableName {
	return tableName{n.database, sqltarget.Staging(n.table, run, longestName-len(oldMark)) + oldMark}
}

// seal makes the indexes that the plan has and the table lacks.
func (w *writer) seal(ctx context.Context, s *session) error {
	if state, err := w.state(ctx, s); err != nil || state == sqltarget.Published || len(w.layout.Indexes) == 0 {
		return err
	}
	table := w.layout.Table
	if _, there, err := s.commentOf(table); err != nil || !there {
		return err // swapped in by an attempt before
	}
	have, err := s.names("SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", table)
	if err != nil {
		return err
	}
	var parts []string
	for _, x := range w.layout.Indexes {
		if !slices.ContainsFunc(have, func(name string) bool { return strings.EqualFold(name, x.Name) }) {
			parts = append(parts, x.SQL)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return defineError(s.build("ALTER TABLE "+table.quoted()+" "+strings.Join(parts, ", ")), "make the indexes of "+table.String())
}

// state is that of the run's marker; of a target that keeps none, that it is open.
func (w *writer) state(ctx context.Context, s *session) (sqltarget.State, error) {
	if !w.target.Remembers() {
		return sqltarget.Open, nil
	}
	state, err := w.marker(ctx, s)
	if err == nil && state == sqltarget.Absent {
		err = w.memory.Restored()
	}
	return state, err
}

// publish swaps the staging table in and ends what the run keeps at the target. The marker turns to published once the old table is
// gone: from then on nothing is swapped any more.
func (w *writer) publish(ctx context.Context, s *session) error {
	state, err := w.state(ctx, s)
	if err != nil {
		return err
	}
	defer w.at(crashpoint.Elsewhere)
	if state != sqltarget.Published {
		if w.sink.Mode == connector.Replace {
			if err := w.swapIn(s); err != nil {
				return err
			}
			w.at(crashpoint.Cleared)
		}
		if w.target.Remembers() {
			collapse := func() error { return s.transaction(func() error { return w.memory.Collapse(ctx, conn{s}) }) }
			if err := s.alone(ctx, lockName(w.sink.Run, w.name.String(), ""), collapse); err != nil {
				return err
			}
			w.at(crashpoint.Marked)
		}
	}
	return w.handOver(s)
}

// at says where the making or publishing of the table stands.
func (w *writer) at(p crashpoint.Point) { crashpoint.At(w.name.String(), p) }

// transaction runs f in a transaction.
func (s *session) transaction(f func() error) error {
	if err := s.exec("BEGIN"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		return s.exec("COMMIT")
	}
	if !s.Broken {
		_ = s.exec("ROLLBACK") // the error at hand says more
	}
	return err
}

// swap is the statement that gives the staging table the target's place; found is the target's definition, "" when there is none. https://dev.mysql.com/doc/refman/8.4/en/rename-table.html
func (w *writer) swap(found string) string {
	rename := w.staging().quoted() + " TO " + w.name.quoted()
	if found != "" {
		rename = w.name.quoted() + " TO " + w.old().quoted() + ", " + rename
	}
	return "RENAME TABLE " + rename
}

// swapIn does what of the swap is not done yet. The staging table tells: while it is there, it is not swapped in; when it is not, the
// target carries the run's tag.
func (w *writer) swapIn(s *session) error {
	_, staged, err := s.commentOf(w.staging())
	if err != nil {
		return err
	}
	_, moved, err := s.commentOf(w.old())
	if err != nil {
		return err
	}
	comment, there, err := s.commentOf(w.name)
	if err != nil {
		return err
	}
	swap := w.swap(w.layout.Found)
	switch {
	case !staged && there && comment == w.tag():
		swap = ""
	case !staged:
		return sqltarget.Gone(w.staging().String())
	case moved && !there:
		// A server without atomic RENAME of two tables failed between them.
		swap = "RENAME TABLE " + w.staging().quoted() + " TO " + w.name.quoted()
	default:
		if _, err := w.unchanged(s, w.target.Stored); err != nil {
			return err
		}
	}
	if swap != "" {
		if err := s.build(swap); err != nil {
			return err
		}
	}
	w.at(crashpoint.Swapped)
	return s.dropOld(w.name, w.sink.Run)
}

// dropOld drops the table that was replaced. Foreign keys of tables that the account does not see went with it when it was renamed, and
// the server refuses to drop it then: it takes its place again, and they with it.
func (s *session) dropOld(n tableName, run string) error {
	err := s.build("DROP TABLE IF EXISTS " + n.old(run).quoted())
	e, refused := errors.AsType[*serverError](err)
	if !refused || e.Number != 1451 && e.Number != 1217 && e.Number != 3730 {
		return err
	}
	back := "RENAME TABLE " + n.quoted() + " TO " + n.staging(run).quoted() + ", " + n.old(run).quoted() + " TO " + n.quoted()
	if err := s.build(back); err != nil {
		return err
	}
	return connector.Errorf(connector.Config, "TOW-443", "replace table %s: foreign keys of tables that the account does not see refer to it: %w", n, err).
		WithHint("Write with upsert, or drop them first and make them again afterwards.")
}

// handOver takes the run's tag off the table.
func (w *writer) handOver(s *session) error {
	comment, there, err := s.commentOf(w.name)
	if err != nil || !there || comment != w.tag() {
		return err
	}
	return s.recomment(w.name, w.layout.Comment)
}

// link makes the foreign keys that the plan has and the table lacks.
func (w *writer) link(_ context.Context, s *session) error {
	if len(w.layout.References) == 0 {
		return nil
	}
	have, err := s.references(w.name)
	if err != nil {
		return err
	}
	for _, f := range w.layout.References {
		parent, err := parseName(f.Dataset, w.name.database)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(have, func(h record.Reference) bool { return sameReference(h, f, parent) }) {
			continue
		}
		sql, _ := foreignKey(f, cut(f.Name, longestName), parent)
		err = s.build("ALTER TABLE " + w.name.quoted() + " " + sql)
		if nameTaken(err) {
			sql, _ = foreignKey(f, ownName(w.name.table, f.Name), parent)
			err = s.build("ALTER TABLE " + w.name.quoted() + " " + sql)
		}
		if err != nil {
			return defineError(err, fmt.Sprintf("make foreign key %s of %s", f.Name, w.name))
		}
	}
	return nil
}

// nameTaken tells whether another table has a foreign key of the name: they are one space in a database, and not all are seen.
func nameTaken(err error) bool {
	e, ok := errors.AsType[*serverError](err)
	return ok && (e.Number == 1826 || e.Number == 1005 && strings.Contains(e.Message, "errno: 121"))
}

// ownName is a name for a foreign key that no other table has.
func ownName(table, name string) string {
	sum := xxh3.HashString(name)
	return cut(table, longestName-17) + "_" + fmt.Sprintf("%016x", sum)
}

// sameReference tells whether a foreign key that is there is the one that is wanted, under whatever name.
func sameReference(have, want record.Reference, parent tableName) bool {
	dataset, err := parseName(have.Dataset, "")
	return err == nil && strings.EqualFold(dataset.database, parent.database) && strings.EqualFold(dataset.table, parent.table) &&
		slices.EqualFunc(have.Columns, want.Columns, strings.EqualFold) && slices.EqualFunc(have.Foreign, want.Foreign, strings.EqualFold)
}

// drop removes the staging table and all that the server knows of the run and dataset; what was published stays, and so do rows that
// were written to the target itself.
func (w *writer) drop(ctx context.Context, s *session) error {
	if w.sink.Mode == connector.Replace {
		if err := w.unstage(s); err != nil {
			return err
		}
	}
	if err := w.handOver(s); err != nil {
		return err
	}
	state, err := w.marker(ctx, s)
	if err != nil || state == sqltarget.Absent {
		return err
	}
	if err := w.memory.Forget(ctx, conn{s}); err != nil {
		return err
	}
	return s.dropIfEmpty(ctx, &w.memory)
}

// unstage removes the tables of a swap. A target that was moved away, and nothing took its place, comes back; where somebody made another
// one there, its rows stay where they are.
func (w *writer) unstage(s *session) error {
	comment, there, err := s.commentOf(w.name)
	if err != nil {
		return err
	}
	_, moved, err := s.commentOf(w.old())
	switch {
	case err != nil:
		return err
	case moved && !there:
		err = s.build("RENAME TABLE " + w.old().quoted() + " TO " + w.name.quoted())
	case moved && comment == w.tag():
		if err = s.dropOld(w.name, w.sink.Run); connector.ClassOf(err) == connector.Config {
			err = nil // it is back in its place
		}
	}
	if err != nil {
		return err
	}
	err = s.build("DROP TABLE IF EXISTS " + w.staging().quoted())
	if err == nil && moved && there && comment != w.tag() {
		err = connector.Errorf(connector.Changed, "TOW-167", "table %s was made anew while it was replaced: the rows that it had are in %s", w.name, w.old())
	}
	return err
}

// dropIfEmpty removes the table of checkpoints once no run needs it. Where tables cannot be locked, for want of rights or on a cluster,
// it stays: without the lock a run could begin between the look and the drop.
func (s *session) dropIfEmpty(ctx context.Context, m *sqltarget.Memory) error {
	if empty, err := m.Empty(ctx, conn{s}); err != nil || !empty {
		return ifThere(err)
	}
	err := s.exec("LOCK TABLES " + m.Table + " WRITE")
	if _, refused := errors.AsType[*serverError](err); refused {
		return nil
	}
	if err != nil {
		return err
	}
	empty, err := m.Empty(ctx, conn{s})
	if err == nil && empty {
		err = s.build("DROP TABLE " + m.Table)
	}
	if unlock := s.exec("UNLOCK TABLES"); err == nil {
		err = unlock
	}
	return err
}

// ifThere is an error, unless it says that the table has gone already.
func ifThere(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

// defineError is the error of a statement that defines something: where the server refuses the definition, the job is to be changed.
func defineError(err error, doing string) error {
	e, ok := errors.AsType[*serverError](err)
	if !ok {
		return classify(err, doing)
	}
	switch e.Number {
	case 1062:
		return connector.Errorf(connector.Config, "TOW-455", "%s: rows share a key that is unique: %w", doing, err).
			WithHint("Rows that differ for the source can be equal here. Leave indexes out of create:, or repair the rows.")
	case 1452:
		return connector.Errorf(connector.Config, "TOW-454", "%s: rows refer to rows that are not there: %w", doing, err).
			WithHint("Rows of the other table may be dirty or filtered. Leave foreign_keys out of create:, or repair the rows.")
	case 1118, 1071, 1170, 1005, 1215, 1072, 1075, 1067, 1069, 1061, 1831, 1146, 1824, 3780, 1822, 1821, 3750, 1101, 1163, 1239, 1280, 1291, 1439, 1478:
		return connector.Errorf(connector.Config, "TOW-447", "%s: %w", doing, err).
			WithHint("Make the table by hand as it is wanted, or leave out what the text names.")
	}
	return classify(err, doing)
}
