package mysql

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// What one statement takes at most.
const (
	mostParameters = 65535   // a number of 16 bits in the protocol
	rowsInBulk     = 1024    // of parameters for a statement of one row
	rowsAtATime    = 256     // of a statement with a parameter for each cell; more make the server slower
	bytesAtATime   = 1 << 20 // what wide rows make of it
	packetReserve  = 1 << 10 // of a packet for what is around the values
	inFlight       = 2       // statements sent whose answers are not read: the server has the next one when it is done with one
)

// inserter writes groups of rows into one table: by one INSERT of one row that is executed for many, where the server knows how, else by
// INSERTs of many rows, prepared once for each number of rows.
type inserter struct {
	begin   string // INSERT INTO t (a, b) VALUES
	end     string // what ON DUPLICATE KEY UPDATE does
	upsert  bool
	stored  *record.Schema
	skipped []int
	encoder *encoder
	sizes   []int             // rows that statements have, falling by quarters, down to 1
	texts   map[int]string    // by rows
	careful bool              // a savepoint before each statement, and one statement at a time
	lasting bool              // the table has no transactions: what a statement wrote stays
	keys    map[string]string // columns of unique keys over one, by the key's name
}

// newInserter writes the columns of stored that are not skipped; end is what follows the rows.
func newInserter(table string, stored *record.Schema, skipped []int, end string, upsert bool) *inserter {
	n := &inserter{end: end, upsert: upsert, stored: stored, skipped: skipped, encoder: newEncoder(stored, skipped), texts: map[int]string{}}
	var names []string
	for i := range n.encoder.columns {
		names = append(names, quote(n.encoder.columns[i].field.Name))
	}
	n.begin = "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES "
	for size := 1; size <= rowsAtATime && size*len(names) <= mostParameters; size *= 4 {
		n.sizes = append(n.sizes, size)
	}
	slices.Reverse(n.sizes)
	return n
}

// text returns the statement for a number of rows.
func (n *inserter) text(rows int) string {
	if t, ok := n.texts[rows]; ok {
		return t
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(n.encoder.columns)), ",") + "),"
	t := n.begin + strings.TrimSuffix(strings.Repeat(row, rows), ",") + n.end
	n.texts[rows] = t
	return t
}

// size is how many of the rows that are left the next statement takes.
func (n *inserter) size(s *session, left int) int {
	if s.bulk {
		return min(left, rowsInBulk)
	}
	// Rows that are a table's first and perhaps last ones are worth a statement of their own, but not one in each group.
	if left < n.sizes[0] && !slices.ContainsFunc(s.ready, func(st *statement) bool { return strings.HasPrefix(st.text, n.begin) }) {
		return left
	}
	return n.fit(s, left)
}

// fit is the most rows that a statement which is prepared again and again takes of those that are left.
func (n *inserter) fit(s *session, left int) int {
	if s.bulk {
		return min(left, rowsInBulk)
	}
	for _, size := range n.sizes {
		if size <= left {
			return size
		}
	}
	return 1
}

// span is rows of a group.
type span struct{ from, to int }

// sent is a statement whose answer is not read yet.
type sent struct {
	span
	seq byte // the number that its answer's first packet has
}

// sending is the work on one group.
type sending struct {
	*inserter
	*session
	group   *sqltarget.Group
	flight  []sent
	refused []sqltarget.Refusal
}

// errWarned ends a group that the server stored with warnings while statements were in flight.
var errWarned = errors.New("the server warns")

// write inserts the group in the transaction that the session has open, and sets its savepoint. Row errors are found by smaller and
// smaller statements, of which the server undoes those that fail. What it stored with a warning is undone here, as it is not what
// was sent; that takes a savepoint for each statement, so the group begins again with them, and so do those that follow.
//
// Invariant 6: no silent change of a value.
func (n *inserter) write(s *session, group []*record.Batch) (out connector.Outcome, err error) {
	if err := s.exec("SAVEPOINT " + groupSavepoint); err != nil {
		return out, err
	}
	w := &sending{inserter: n, session: s, group: sqltarget.NewGroup(group)}
	err = w.all()
	if errors.Is(err, errWarned) {
		n.careful = true
		if err = w.again(); err == nil {
			err = w.all()
		}
	}
	if err != nil {
		// Answers that are not read leave a session of no use.
		s.Broken = s.Broken || len(w.flight) > 0
		return out, err
	}
	slices.SortStableFunc(w.refused, func(a, b sqltarget.Refusal) int { return cmp.Compare(a.Row, b.Row) })
	out.Rejected = w.group.Rejected(w.refused)
	return out, nil
}

// The savepoints: what a group and what a careful statement can be taken back to.
const (
	groupSavepoint     = "towpath_group"
	statementSavepoint = "towpath_statement"
)

// again takes the group back.
func (w *sending) again() error {
	for len(w.flight) > 0 {
		if _, err := w.result(w.pop()); err != nil && !errors.Is(err, errWarned) {
			return err
		}
	}
	w.refused = nil
	return w.exec("ROLLBACK TO SAVEPOINT " + groupSavepoint)
}

// pop takes the statement that was sent first out of flight.
func (w *sending) pop() sent {
	f := w.flight[0]
	w.flight = w.flight[:copy(w.flight, w.flight[1:])]
	return f
}

// all writes the rows of the group that are not refused before they are sent.
func (w *sending) all() error {
	before := w.group.Nulls(w.stored, w.skipped)
	if places := w.unplaced(w.group); len(places) > 0 {
		before = append(before, places...)
		slices.SortStableFunc(before, func(a, b sqltarget.Refusal) int { return cmp.Compare(a.Row, b.Row) })
		before = slices.CompactFunc(before, func(a, b sqltarget.Refusal) bool { return a.Row == b.Row })
	}
	w.refused = append(w.refused, before...)
	from := 0
	for _, r := range before {
		if err := w.span(span{from, r.Row}); err != nil {
			return err
		}
		from = r.Row + 1
	}
	if err := w.span(span{from, w.group.Len()}); err != nil {
		return err
	}
	return w.land(0)
}

// span sends neighbouring rows.
func (w *sending) span(rows span) error {
	if w.careful {
		return w.settle(rows)
	}
	for rows.from < rows.to {
		n, err := w.send(rows, w.size(w.session, rows.to-rows.from))
		if err != nil {
			return err
		}
		rows.from += n
		if err := w.land(inFlight - 1); err != nil {
			return err
		}
	}
	return nil
}

// send sends a statement with the first rows of a span, at most most of them, and returns how many. A row that no packet holds is
// refused.
func (w *sending) send(rows span, most int) (int, error) {
	parts := w.group.Parts(rows.from, rows.from+most)
	w.encoder.measure(parts, w.bulk)
	largest := w.packet - packetReserve
	n, bytes := w.encoder.fitting(min(bytesAtATime, largest))
	if n == 1 && bytes > largest {
		w.refused = append(w.refused, sqltarget.Refusal{Row: rows.from, Code: record.TooBig,
			Reason: fmt.Sprintf("the row takes %d bytes, the server's max_allowed_packet is %d", bytes, w.packet)})
		return 1, nil
	}
	if n < most {
		n = w.fit(w.session, n)
	}
	st, fresh, err := w.statement(n)
	if err != nil {
		return 0, err
	}
	if fresh || n < most {
		parts = w.group.Parts(rows.from, rows.from+n)
		w.encoder.measure(parts, w.bulk)
	}
	if w.bulk {
		w.command(comStmtBulkExecute)
		w.out = binary.LittleEndian.AppendUint32(w.out, st.id)
		w.out = w.encoder.appendBulk(w.out, parts)
	} else {
		w.command(comStmtExecute)
		w.out = binary.LittleEndian.AppendUint32(w.out, st.id)
		w.out = append(w.out, 0, 1, 0, 0, 0) // no cursor, one execution
		w.out = w.encoder.append(w.out, parts, st.typed != w.encoder)
		st.typed = w.encoder
	}
	if err := w.session.send(); err != nil {
		return 0, err
	}
	w.flight = append(w.flight, sent{span{rows.from, rows.from + n}, w.seq})
	return n, nil
}

// statement returns the statement for a number of rows. A fresh one is prepared with nothing in flight, as the answer to that would come
// behind others; other rows may have been sent for it.
func (w *sending) statement(rows int) (st *statement, fresh bool, err error) {
	if w.bulk {
		rows = 1
	}
	text := w.text(rows)
	if st := w.known(text); st != nil {
		return st, false, nil
	}
	if err := w.land(0); err != nil {
		return nil, true, err
	}
	st, err = w.prepareReady(text)
	return st, true, err
}

// land reads answers until at most left are outstanding.
func (w *sending) land(left int) error {
	for len(w.flight) > left {
		f := w.pop()
		refusal, err := w.result(f)
		if err != nil {
			return err
		}
		if refusal != nil {
			return w.repair(f.span, refusal)
		}
	}
	return nil
}

// repair writes the rows of a refused statement in smaller ones, once what was sent behind it is answered. Where later rows replace
// earlier ones, that is written again behind them, in its order.
func (w *sending) repair(rows span, refusal *sqltarget.Refusal) error {
	type answer struct {
		span
		refusal *sqltarget.Refusal
	}
	answers := []answer{{rows, refusal}}
	for len(w.flight) > 0 {
		f := w.pop()
		r, err := w.result(f)
		if err != nil {
			return err
		}
		answers = append(answers, answer{f.span, r})
	}
	for _, a := range answers {
		var err error
		switch {
		case a.refusal != nil:
			err = w.divide(a.span, a.refusal)
		case w.upsert:
			err = w.settle(a.span)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settle writes rows by statements one after the other.
func (w *sending) settle(rows span) error {
	for rows.from < rows.to {
		if w.careful {
			if err := w.exec("SAVEPOINT " + statementSavepoint); err != nil {
				return err
			}
		}
		n, err := w.send(rows, w.fit(w.session, rows.to-rows.from))
		if err != nil {
			return err
		}
		if len(w.flight) > 0 {
			f := w.pop()
			refusal, err := w.result(f)
			if err == nil && refusal != nil {
				err = w.divide(f.span, refusal)
			}
			if err != nil {
				return err
			}
		}
		rows.from += n
	}
	return nil
}

// divide writes the rows of a refused statement: around the row that the server named, else in quarters, down to the rows that
// it refuses alone.
func (w *sending) divide(rows span, refusal *sqltarget.Refusal) error {
	count := rows.to - rows.from
	if count == 1 {
		refusal.Row = rows.from
		w.refused = append(w.refused, *refusal)
		return nil
	}
	cuts := []int{rows.from, refusal.Row, refusal.Row + 1, rows.to}
	if refusal.Row < rows.from || refusal.Row >= rows.to {
		quarter := (count + 3) / 4
		cuts = []int{rows.from, rows.from + quarter, min(rows.from+2*quarter, rows.to), min(rows.from+3*quarter, rows.to), rows.to}
	}
	for i := 1; i < len(cuts); i++ {
		if err := w.settle(span{cuts[i-1], cuts[i]}); err != nil {
			return err
		}
	}
	return nil
}

// result reads the answer to a statement.
func (w *sending) result(f sent) (*sqltarget.Refusal, error) {
	w.seq = f.seq
	d, err := w.done()
	if e, ok := errors.AsType[*serverError](err); ok {
		if r := w.refusalOf(e); r != nil {
			if r.Row >= 0 {
				r.Row += f.from
			}
			return r, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if d.warnings == 0 {
		if rows := f.to - f.from; !w.upsert && d.affected != uint64(rows) {
			return nil, connector.Errorf(connector.Other, "TOW-441", "insert %d rows: the server wrote %d", rows, d.affected)
		}
		return nil, nil
	}
	return w.warned(f)
}

// warned looks at the warnings of the last statement; with others in flight, their own may have taken their place.
func (w *sending) warned(f sent) (*sqltarget.Refusal, error) {
	if !w.careful {
		return nil, errWarned
	}
	rows, err := w.query("SHOW WARNINGS")
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if slices.Contains(harmless, r[1].text) {
			continue
		}
		refusal := w.refusalOfWarning(r)
		if w.lasting {
			return nil, connector.Errorf(connector.Row, "TOW-444", "insert rows: the server stored one otherwise than it was sent, and cannot take it back: %s", refusal.Reason)
		}
		if err := w.exec("ROLLBACK TO SAVEPOINT " + statementSavepoint); err != nil {
			return nil, err
		}
		if refusal.Row >= 0 {
			refusal.Row += f.from
		}
		return refusal, nil
	}
	return nil, nil
}
