package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// patient runs f without a limit for the server's answer: what it does takes as long as the table is large. The connection is kept alive
// and found dead by the system below, and the context still ends it.
func (s *session) patient(f func() error) error {
	timeout := s.SetTimeout(0)
	_ = s.Net.SetDeadline(time.Time{})
	if s.Stopped() { // a stop whose deadline this took away
		s.Stop()
	}
	err := f()
	s.SetTimeout(timeout)
	return err
}

// published tells whether the run has published already; then there is nothing left to seal.
func (w *writer) published(ctx context.Context, s *session) (bool, error) {
	if !w.target.Remembers() {
		return false, nil
	}
	state, err := w.memory.Marker(ctx, conn{s})
	if err == nil && state == sqltarget.Absent {
		err = w.memory.Restored()
	}
	return state == sqltarget.Published, err
}

// seal makes keys and indexes and moves sequences on, each in a transaction of its own, so that one that is done stays done.
func (w *writer) seal(ctx context.Context) error {
	return w.client.withSession(ctx, writes, func(s *session) error {
		if done, err := w.published(ctx, s); err != nil || done {
			return err
		}
		if err := w.sealPrimary(ctx, s); err != nil {
			return err
		}
		if w.layout.Staged != nil {
			if err := w.sealStaged(ctx, s); err != nil {
				return err
			}
		}
		for _, x := range w.layout.Indexes {
			if err := w.sealPlanned(ctx, s, x); err != nil {
				return err
			}
		}
		for _, name := range w.layout.Numbered {
			if err := s.within(w.lockWait(), func() error { return s.moveSequence(tableName{w.layout.Schema, w.layout.Table}, name) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// sealPrimary makes the primary key of a staging table that was made without, unless it has one.
func (w *writer) sealPrimary(ctx context.Context, s *session) error {
	if w.layout.Primary == "" {
		return nil
	}
	if there, err := s.hasPrimary(w.staging); err != nil || there {
		return err
	}
	// By this name another process of the run ends the session of one that was killed, which the server works on for.
	err := w.build(ctx, s, ownedBy(w.sink.Run, "", 0)+"; "+w.layout.Primary)
	if e, refused := errors.AsType[*serverError](err); refused && e.Code == "42P16" { // it has one: of another process of the run
		if there, err := s.hasPrimary(w.staging); err != nil || there {
			return err
		}
	}
	err = constraintError(err, "make the primary key")
	if e, ok := errors.AsType[*connector.Error](err); ok && e.Code == "TOW-761" {
		return e.WithHint("The source does not keep its key unique: look at it there (CHECK TABLE, REINDEX). Written with insert, rows whose key is there already are dirty.")
	}
	return err
}

// hasPrimary tells whether the table has a primary key.
func (s *session) hasPrimary(n tableName) (bool, error) {
	rows, err := s.query("SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "+
		"WHERE n.nspname = $1::name AND c.relname = $2::name AND i.indisprimary", textParam(n.schema), textParam(n.table))
	return len(rows) > 0, err
}

// sealPlanned makes an index under the first of its names that is free, unless the table has it under one of them.
func (w *writer) sealPlanned(ctx context.Context, s *session, x plannedIndex) error {
	for _, name := range x.Names {
		there, err := s.hasIndex(tableName{w.layout.Schema, w.layout.Table}, name)
		if err != nil || there {
			return err
		}
	}
	var err error
	for _, name := range x.Names {
		err = w.sealIndex(ctx, s, object{name, x.statement(name)})
		if e, refused := errors.AsType[*serverError](err); !refused || e.Code != "42P07" { // duplicate table
			return err
		}
	}
	return err
}

// sealIndex makes an index, unless the table has it.
func (w *writer) sealIndex(ctx context.Context, s *session, x object) error {
	there, err := s.hasIndex(tableName{w.layout.Schema, w.layout.Table}, x.Name)
	if err != nil || there {
		return err
	}
	return constraintError(w.build(ctx, s, x.SQL), "make index "+x.Name)
}

// build makes what takes as long as the table is large, in a transaction of its own.
func (w *writer) build(ctx context.Context, s *session, text string) error {
	return w.uncontended(ctx, func() error {
		return s.patient(func() error { return s.within(w.lockWait(), func() error { return s.exec(text) }) })
	})
}

// hasIndex tells whether the table has the index, beside that of its primary key.
func (s *session) hasIndex(n tableName, index string) (bool, error) {
	rows, err := s.query("SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "+
		"WHERE n.nspname = $1::name AND c.relname = $2::name AND x.relname = $3::name AND NOT i.indisprimary", textParam(n.schema), textParam(n.table), textParam(index))
	return len(rows) > 0, err
}

// constraintError is the error of an index or a foreign key that the rows which were copied do not allow.
func constraintError(err error, doing string) error {
	e, refused := errors.AsType[*serverError](err)
	switch {
	case !refused:
		return err
	case e.Code == "23505" || e.Code == "23503":
		text := e.Message
		if e.Detail != "" {
			text += ": " + e.Detail
		}
		return connector.Errorf(connector.Config, "TOW-761", "%s: %s (%s)", doing, text, e.Code).
			WithHint("The rows are there, and contradict it: rows of this or the other table may be dirty, filtered, or changed while they were read. Mend them and resume, or leave it out (create).")
	case e.Code == "54000":
		return connector.Errorf(connector.Config, "TOW-761", "%s: %w", doing, e).WithHint("A value is too large for an index. Leave the index out (create), and make one over a hash.")
	}
	return err
}

// moveSequence moves the sequence of a column on to the value farthest in its direction, and never back.
func (s *session) moveSequence(n tableName, column string) error {
	rows, err := s.query("SELECT pg_get_serial_sequence($1, $2)", textParam(n.quoted()), textParam(column))
	if err != nil || len(rows) != 1 || rows[0][0].null {
		return err // a column without one any more has nothing to move
	}
	return s.moveSequenceOf(rows[0][0].text, n, column)
}

// moveSequenceOf is moveSequence for one that is named as it stands in statements.
func (s *session) moveSequenceOf(sequence string, n tableName, column string) error {
	rows, err := s.query("SELECT c.oid, pg_has_role(c.relowner, 'USAGE'), q.seqincrement > 0, q.seqmin, q.seqmax, q.seqcache "+
		"FROM pg_class c JOIN pg_sequence q ON q.seqrelid = c.oid WHERE c.oid = $1::regclass", textParam(sequence))
	if err != nil || len(rows) != 1 {
		return err
	}
	r := rows[0]
	if r[1].bool() {
		// A lock against nextval of others, which would else come between a look at the sequence and its move.
		if err := s.exec("ALTER SEQUENCE " + sequence + " CACHE " + r[5].text); err != nil {
			return err
		}
	}
	farthest, beyond := "least(max(%[1]s)::numeric, %[3]s)", ">"
	if !r[2].bool() {
		farthest, beyond = "greatest(min(%[1]s)::numeric, %[2]s)", "<"
	}
	farthest = fmt.Sprintf(farthest, quote(column), r[3].text, r[4].text)
	_, err = s.query(fmt.Sprintf("SELECT setval(%d::regclass, m::int8) FROM (SELECT %s AS m FROM %s) t, %s q WHERE m %s q.last_value OR m = q.last_value AND NOT q.is_called",
		r[0].oid(), farthest, n.quoted(), sequence, beyond))
	return err
}

// link makes the foreign keys and lets the server look at the rows that are there.
func (w *writer) link(ctx context.Context) error {
	return w.client.withSession(ctx, writes, func(s *session) error {
		for _, x := range w.layout.References {
			if err := w.linkOne(ctx, s, x); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) linkOne(ctx context.Context, s *session, x object) error {
	rows, err := s.query("SELECT k.convalidated FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "+
		"WHERE n.nspname = $1::name AND c.relname = $2::name AND k.conname = $3::name AND k.contype = 'f'", textParam(w.name.schema), textParam(w.name.table), textParam(x.Name))
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		err := w.uncontended(ctx, func() error { return s.within(w.lockWait(), func() error { return s.exec(x.SQL) }) })
		if err != nil {
			return constraintError(err, "make foreign key "+x.Name)
		}
	} else if rows[0][0].bool() {
		return nil
	}
	// A second transaction, whose lock lets others read and write while the rows are looked at.
	err = s.patient(func() error {
		return s.within(w.lockWait(), func() error {
			return s.exec("ALTER TABLE " + w.name.quoted() + " VALIDATE CONSTRAINT " + quote(x.Name))
		})
	})
	return constraintError(err, "check foreign key "+x.Name)
}
