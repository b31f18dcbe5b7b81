package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
)

// dialect is how statements are spelled.
func dialect() sqltable.Dialect {
	return sqltable.Dialect{RowComparison: true, Placeholder: func(n int) string { return "$" + strconv.Itoa(n) }, True: "true"}
}

// borders answers sqltable's questions about the table.
type borders struct {
	*reader
	until time.Time // later, what is not cut stays whole
}

// bare is the table without the job's condition: borders need only be near, and a condition can make each question a scan.
func (b *borders) bare() sqltable.Select {
	sel := b.sel
	sel.Where = ""
	return sel
}

// ask runs a statement with a small result in text.
func (b *borders) ask(ctx context.Context, doing string, st sqltable.Statement) (rows [][]cell, err error) {
	params, err := b.params(st)
	if err != nil {
		return nil, err
	}
	err = b.client.with(ctx, func(s *session) error {
		rows, err = s.query(st.SQL, params...)
		return classifyRead(err, doing+" "+b.name)
	})
	return rows, err
}

// Rows implements sqltable.Source.
func (b *borders) Rows(ctx context.Context, r sqltable.Range, upTo int64) (int64, error) {
	count := func() (int64, error) {
		rows, err := b.ask(ctx, "count rows of", b.bare().CountUpTo(r, upTo))
		if err != nil || len(rows) != 1 {
			return 0, err
		}
		return rows[0][0].int64(), nil
	}
	return sqltable.CountOrEstimate(upTo, count, func() (int64, error) { return b.estimate(ctx, r) })
}

// estimate asks the server's planner, which knows the values that the statement is run with.
func (b *borders) estimate(ctx context.Context, r sqltable.Range) (int64, error) {
	sel := b.bare()
	sel.Columns = "1"
	st := sel.Page(r, 0)
	st.SQL = "EXPLAIN (FORMAT JSON) " + st.SQL
	rows, err := b.ask(ctx, "estimate rows of", st)
	if err != nil || len(rows) != 1 {
		return 0, err
	}
	var plans []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal([]byte(rows[0][0].text), &plans); err != nil || len(plans) != 1 {
		return 0, classify(fmt.Errorf("%w: a plan that is none", errMalformed), "estimate rows of "+b.name)
	}
	return int64(min(plans[0].Plan.Rows, 1<<62)), nil
}

// End implements sqltable.Source.
func (b *borders) End(ctx context.Context, r sqltable.Range, greatest bool) (connector.Part, error) {
	order := slices.Clone(b.sel.Key)
	if greatest {
		reverse(&order[0])
	}
	keys, err := b.keys(ctx, r, order.OrderBy()+" LIMIT 1")
	if err != nil || len(keys) == 0 {
		return connector.Part{}, err
	}
	return keys[0][0], nil
}

// reverse turns the order of a column round, NULLs included, so that the index gives it as well.
func reverse(c *sqltable.Column) {
	c.Descending = !c.Descending
	switch c.Nulls {
	case "NULLS FIRST":
		c.Nulls = "NULLS LAST"
	case "NULLS LAST":
		c.Nulls = "NULLS FIRST"
	}
}

// KeyAt implements sqltable.Source.
func (b *borders) KeyAt(ctx context.Context, r sqltable.Range, n int64) ([]connector.Part, error) {
	ctx, cancel, late := b.inTime(ctx)
	defer cancel()
	if late() {
		return nil, nil
	}
	keys, err := b.keys(ctx, r, fmt.Sprintf("%s LIMIT 1 OFFSET %d", b.sel.Key.OrderBy(), n))
	if late() || len(keys) == 0 {
		return nil, lateIsNone(late, err)
	}
	return keys[0], err
}

// inTime ends with the time that planning may take; late tells that this, not the caller, is the reason.
func (b *borders) inTime(ctx context.Context) (inner context.Context, cancel context.CancelFunc, late func() bool) {
	inner, cancel = context.WithDeadline(ctx, b.until)
	return inner, cancel, func() bool { return ctx.Err() == nil && !time.Now().Before(b.until) }
}

func lateIsNone(late func() bool, err error) error {
	if late() {
		return nil
	}
	return err
}

// keyList is the select list of the key's columns.
func (b *borders) keyList() string {
	var items []string
	for i := range b.key {
		items = append(items, quote(b.key[i].Name))
	}
	return strings.Join(items, ", ")
}

// keys reads the keys of rows of the range; tail is what stands behind ORDER BY.
func (b *borders) keys(ctx context.Context, r sqltable.Range, tail string) ([][]connector.Part, error) {
	sel := b.bare()
	sel.Columns = b.keyList()
	st := sel.Page(r, 0)
	st.SQL = strings.TrimSuffix(st.SQL, " ORDER BY "+sel.Key.OrderBy()) + " ORDER BY " + tail
	return b.readKeys(ctx, st)
}

// readKeys runs a statement whose columns are the key's.
func (b *borders) readKeys(ctx context.Context, st sqltable.Statement) (keys [][]connector.Part, err error) {
	params, err := b.params(st)
	if err != nil {
		return nil, err
	}
	formats := make([]uint16, len(b.key))
	for i := range b.key {
		formats[i] = keyFormat(b.key[i].info)
	}
	err = b.client.with(ctx, func(s *session) error {
		_, err := s.execute(st.SQL, params, formats)
		for err == nil {
			var body []byte
			if body, err = s.row(); body == nil {
				break
			}
			var key []connector.Part
			var faulty error
			err = eachCell(body, func(raw []byte, null bool) {
				if len(key) < len(b.key) && faulty == nil {
					var part connector.Part
					part, faulty = b.keyPart(&b.key[len(key)], raw, !null)
					key = append(key, part)
				}
			})
			if err == nil && faulty != nil {
				s.Broken, err = true, faulty // its answer is not read to the end
			}
			keys = append(keys, key)
		}
		return classifyRead(err, "find borders of "+b.name)
	})
	return keys, err
}

// blockBytes is the size of the server's blocks, of which TABLESAMPLE SYSTEM takes whole ones.
const blockBytes = 8192

// sample is sqltable.Sizing.Sample: the keys of rows of some blocks, of which the server returns every so manieth.
func (b *borders) sample(ctx context.Context, r sqltable.Range, rows, n int64) ([][]connector.Part, error) {
	ctx, cancel, late := b.inTime(ctx)
	defer cancel()
	if late() {
		return nil, nil
	}
	// Neighbours in a block are often neighbours of the key too and then count as one: so many rows of the range as n blocks have.
	each := min(max(blockBytes/max(b.table.rowBytes, 40), 1), 100)
	percent := min(100*float64(n)*float64(each)/float64(max(rows, 1)), 100)
	sel := b.bare()
	sel.From += " TABLESAMPLE SYSTEM (" + strconv.FormatFloat(percent, 'f', 6, 64) + ")"
	sel.Columns = b.keyList() + ", row_number() OVER (ORDER BY " + sel.Key.OrderBy() + ") AS towpath_row"
	st := sel.Page(r, 0)
	st.SQL = "SELECT " + b.keyList() + " FROM (" + strings.TrimSuffix(st.SQL, " ORDER BY "+sel.Key.OrderBy()) + ") towpath_sample WHERE towpath_row % " +
		strconv.FormatInt(each, 10) + " = 0 ORDER BY towpath_row"
	keys, err := b.readKeys(ctx, st)
	if late() {
		return nil, nil
	}
	return keys, err
}
