package postgres

import (
	"errors"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// Each range of rows is written under a savepoint, so that a refused one leaves the rest of the transaction as it was.
const (
	saveRows   = "SAVEPOINT towpath_rows"
	keepRows   = "RELEASE SAVEPOINT towpath_rows"
	undoRows   = "ROLLBACK TO SAVEPOINT towpath_rows; RELEASE SAVEPOINT towpath_rows"
	saveGroup  = "SAVEPOINT towpath_group"
	keepGroup  = "RELEASE SAVEPOINT towpath_group"
	undoGroup  = "ROLLBACK TO SAVEPOINT towpath_group"
	twiceState = "21000"
)

// errRefused is a range of which the server refused a row; errTwice one that has a key twice.
var (
	errRefused = errors.New("a row is refused")
	errTwice   = errors.New("a key stands twice in the group")
)

// write sends a group and finds the rows that are refused.
func (sw *shardWriter) write(group []*record.Batch) (connector.Outcome, error) {
	l := sw.load
	g := sqltarget.NewGroup(group)
	refused := mergeRefusals(g.Nulls(l.stored, l.skipped), sw.encoder.refuse(g, l.stored))
	refused, err := g.Send(refused, func(from, to int) (*sqltarget.Refusal, error) { return sw.copyRange(g, from, to) })
	if err != nil {
		return connector.Outcome{}, err
	}
	var superseded []int
	if l.temporary != "" && sw.open {
		if refused, superseded, err = sw.move(g, refused); err != nil {
			return connector.Outcome{}, err
		}
		sw.filled = true
	}
	out := connector.Outcome{Rejected: g.Rejected(refused)}
	for _, row := range superseded {
		out.Superseded = append(out.Superseded, g.Ref(row))
	}
	return out, nil
}

// copyRange copies rows from from to to, all or none. It begins the transaction where none is open. The savepoint is in the request of the rows:
// where the server did not begin a transaction, it refuses both.
func (sw *shardWriter) copyRange(g *sqltarget.Group, from, to int) (*sqltarget.Refusal, error) {
	steps := sw.beginSteps()
	text := saveRows + "; " + sw.load.copyStatement()
	rows := step{request: request{text: text, copy: &copyRows{encoder: sw.encoder, parts: g.Parts(from, to), first: from}}}
	steps = append(steps, rows, statement(keepRows))
	r, replies, err := sw.tryRange(steps, from, sw.load.relation())
	if r == nil && err == nil {
		err = sw.counted(replies[len(replies)-2].affected, to-from)
	}
	return r, err
}

// tryRange runs steps whose last but one writes rows from from on, between a savepoint and its release.
func (sw *shardWriter) tryRange(steps []step, from int, relation string) (r *sqltarget.Refusal, replies []reply, err error) {
	constraint := ""
	steps[len(steps)-2].refused = func(e *serverError) error {
		if r = refusal(e, from, relation, func(name string) string { return sw.load.columnOf(relation, name) }); r == nil {
			return e
		}
		constraint = e.Constraint
		return errRefused
	}
	replies, err = sw.session.run(steps...)
	if err != nil && !errors.Is(err, errRefused) {
		return nil, replies, err
	}
	if sw.open, sw.filled = true, false; err != nil {
		err = sw.session.exec(undoRows)
	}
	if err == nil && r != nil && r.Column == "" && constraint != "" {
		r.Column, err = sw.constrained(constraint)
	}
	return r, replies, err
}

// constrained finds the column of a constraint or unique index that is over one.
func (sw *shardWriter) constrained(name string) (string, error) {
	if sw.constraints == nil {
		var err error
		if sw.constraints, err = sw.session.constraints(sw.load.oid); err != nil {
			return "", err
		}
	}
	return sw.constraints[name], nil
}

// counted refuses a table that has taken other rows than were sent: a trigger drops them, or puts others beside them.
//
// Invariant 4: balance.
func (sw *shardWriter) counted(got int64, want int) error {
	if got == int64(want) {
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-759", "%d rows were sent to %s, and it says that it has taken %d", want, sw.load.table, got).
		WithHint("A trigger of the table drops rows or puts others in their place. Disable it for the run.")
}

// move brings the rows that were copied into the temporary table into the table, the refused ones left out.
func (sw *shardWriter) move(g *sqltarget.Group, refused []sqltarget.Refusal) (all []sqltarget.Refusal, superseded []int, err error) {
	l := sw.load
	if l.proof(0, 0) != "" {
		if refused, err = sw.prove(g, refused); err != nil {
			return nil, nil, err
		}
	}
	if !l.upsert {
		all, err = g.Send(refused, sw.insertRange)
		return all, nil, err
	}
	if err := sw.session.exec(saveGroup); err != nil {
		return nil, nil, err
	}
	all, err = g.Send(refused, sw.insertRange)
	twice := errors.Is(err, errTwice)
	if err == nil && len(all) > 0 {
		twice, err = sw.keyTwice(g, all)
	}
	if twice {
		if err := sw.session.exec(undoGroup); err != nil {
			return nil, nil, err
		}
		all, superseded, err = sw.moveLast(g, refused)
	}
	if err != nil {
		return nil, nil, err
	}
	return all, superseded, sw.session.exec(keepGroup)
}

// prove refuses rows whose text the server would write otherwise.
func (sw *shardWriter) prove(g *sqltarget.Group, refused []sqltarget.Refusal) ([]sqltarget.Refusal, error) {
	var changed []sqltarget.Refusal
	found, err := g.Send(refused, func(from, to int) (*sqltarget.Refusal, error) {
		r, replies, err := sw.tryRange([]step{statement(saveRows), statement(sw.load.proof(from, to)), statement(keepRows)}, from, "")
		if err != nil || r != nil {
			return r, err
		}
		for _, row := range replies[1].rows {
			c := &sw.load.columns[row[1].int64()]
			changed = append(changed, sqltarget.Refusal{Row: int(row[0].int64()), Code: record.Shape, Column: c.Name,
				Reason: "the server writes the value otherwise once it is " + c.Native})
		}
		return nil, nil
	})
	return mergeRefusals(found, changed), err
}

// insertRange moves rows from from to to, all or none.
func (sw *shardWriter) insertRange(from, to int) (*sqltarget.Refusal, error) {
	steps := []step{statement(saveRows), statement(sw.load.insertStatement(from, to)), statement(keepRows)}
	r, replies, err := sw.tryRange(steps, from, sw.load.table.table)
	if e, ok := errors.AsType[*serverError](err); ok && sw.load.upsert && e.Code == twiceState {
		return nil, errTwice
	}
	if r == nil && err == nil {
		err = sw.counted(replies[1].affected, to-from)
	}
	return r, err
}

// moveLast is move for a group that has a key more than once: the last row of each key counts, the others are superseded. When that one
// is refused, the one before it counts.
func (sw *shardWriter) moveLast(g *sqltarget.Group, refused []sqltarget.Refusal) (all []sqltarget.Refusal, superseded []int, err error) {
	if err := sw.leaveOut(refused); err != nil {
		return nil, nil, err
	}
	replies, err := sw.session.run(statement(sw.load.supersede()))
	if err != nil {
		return nil, nil, err
	}
	earlier := map[int][]int{} // by the last row of the key
	placeholders := slices.Clone(refused)
	for _, row := range replies[0].rows {
		n, last := int(row[0].int64()), int(row[1].int64())
		earlier[last] = append(earlier[last], n)
		placeholders = append(placeholders, sqltarget.Refusal{Row: n})
	}
	found, err := g.Send(mergeRefusals(placeholders), sw.insertRange)
	if err != nil {
		return nil, nil, err
	}
	out := slices.Clone(refused)
	for _, r := range found {
		if r.Code == "" || slices.ContainsFunc(refused, func(known sqltarget.Refusal) bool { return known.Row == r.Row }) {
			continue
		}
		more, err := sw.takeEarlier(g, earlier, r.Row)
		if err != nil {
			return nil, nil, err
		}
		out = append(append(out, r), more...)
	}
	for _, rows := range earlier {
		superseded = append(superseded, rows...)
	}
	slices.Sort(superseded)
	return mergeRefusals(out), superseded, nil
}

// keyTwice tells whether rows that went by different statements, as a refused one stood between them, have a key in common: the server,
// which looks at one statement, takes the later for another upsert.
func (sw *shardWriter) keyTwice(g *sqltarget.Group, refused []sqltarget.Refusal) (bool, error) {
	if g.Len()-len(refused) < 2 {
		return false, nil
	}
	replies, err := sw.session.run(statement(sw.load.twice(rowNumbers(refused))))
	return err == nil && len(replies[0].rows) > 0, err
}

func rowNumbers(refused []sqltarget.Refusal) []int {
	rows := make([]int, len(refused))
	for i, r := range refused {
		rows[i] = r.Row
	}
	return rows
}

// leaveOut takes refused rows out of the temporary table, so that they replace no other.
func (sw *shardWriter) leaveOut(refused []sqltarget.Refusal) error {
	if len(refused) == 0 {
		return nil
	}
	_, err := sw.session.run(statement("DELETE FROM " + sw.load.temporaryName() + " WHERE n = ANY (" + int8s(rowNumbers(refused)) + ")"))
	return err
}

// takeEarlier writes the last row of a key that is not refused, after last was; what is left in earlier is superseded by it.
func (sw *shardWriter) takeEarlier(g *sqltarget.Group, earlier map[int][]int, last int) (refused []sqltarget.Refusal, err error) {
	rows := earlier[last]
	slices.Sort(rows)
	for len(rows) > 0 {
		n := rows[len(rows)-1]
		rows = rows[:len(rows)-1]
		r, err := sw.copyRange(g, n, n+1)
		if err == nil && r == nil {
			r, err = sw.insertRange(n, n+1)
		}
		if err != nil {
			return nil, err
		}
		if r == nil {
			break
		}
		r.Row = n
		refused = append(refused, *r)
	}
	earlier[last] = rows
	return refused, nil
}
