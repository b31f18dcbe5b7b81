package kill

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// orders are the rows of the scenes that have a store of records as their source: a table of which one row in eighty is refused.
type orders struct {
	keeper
	count int
	dirty map[string]bool // ids of the rows that have more cents than there are

	mu      sync.Mutex
	changed bool   // a target may hold rows as they were or as they are
	settled *Judge // what the target was seen to hold
}

// keeper is a store as its own client sees it, and the table of orders in it.
type keeper interface {
	// fill makes the table with so many orders, in a place of its own.
	fill(ctx context.Context, count int) error
	// touch raises every order's revision by one.
	touch(ctx context.Context) error
	// rows gives all orders in the form that all stores share.
	rows(ctx context.Context, row func(id string, row []byte)) error
	// remove removes the place.
	remove(ctx context.Context) error
	// connection is how the program reaches the store, as connections.yaml has it.
	connection() string
	// stream is the table as the source of a job's stream.
	stream() string
}

// newOrders makes the table.
func newOrders(ctx context.Context, k keeper, count int) (*orders, error) {
	o := &orders{keeper: k, count: count, dirty: map[string]bool{}}
	for id := 1; id <= count; id++ {
		if refused(id) {
			o.dirty[strconv.Itoa(id)] = true
		}
	}
	return o, k.fill(ctx, count)
}

// sqlOrders are orders in a SQL store.
type sqlOrders struct {
	database
	place, table string
}

func inSQL(d database, place string) sqlOrders {
	return sqlOrders{d, place, of(d.says().table, place, "orders")}
}

func (k sqlOrders) fill(ctx context.Context, count int) error {
	_, err := k.run(ctx, of(k.says().reset, k.place, "")+"; "+makeOrders(k.table, true)+"; "+insertOrders(k.table, 1, count, 1))
	return err
}

func (k sqlOrders) touch(ctx context.Context) error {
	_, err := k.run(ctx, "UPDATE "+k.table+" SET revision = revision + 1")
	return err
}

func (k sqlOrders) rows(ctx context.Context, row func(id string, row []byte)) error {
	return each(ctx, k.database, of(k.says().orders, "", k.table), row)
}

func (k sqlOrders) remove(ctx context.Context) error {
	_, err := k.run(ctx, of(k.says().remove, k.place, ""))
	return err
}

func (k sqlOrders) stream() string { return "source: " + k.table }

// mostCents are what a target takes.
const mostCents = 1_000_000_000

// makeOrders is the statement that makes a table of orders; a target's refuses rows.
func makeOrders(table string, keyed bool, more ...string) string {
	key := ""
	if keyed {
		key = " PRIMARY KEY"
	}
	columns := append([]string{"id BIGINT NOT NULL" + key, "customer VARCHAR(40) NOT NULL", "cents BIGINT NOT NULL", "note TEXT", "revision INT NOT NULL"}, more...)
	return "CREATE TABLE " + table + " (" + strings.Join(columns, ", ") + ")"
}

// refused tells which rows a target does not take. They lie together: where there are none, only the target keeps a process that woke up
// from committing, for it has nothing to tell the control database before.
func refused(id int) bool { return id/100%8 == 1 && id%10 == 7 }

// order is one order as it is made; without a note it has none.
type order struct {
	id, cents      int
	customer, note string
}

func orderOf(id int) order {
	x := max(id, -id)
	o := order{id: id, cents: x * 31 % 100003, customer: fmt.Sprintf("customer %d", x*7919%5003)}
	if refused(id) {
		o.cents = 5 * mostCents
	}
	if x%3 > 0 {
		o.note = fmt.Sprintf("order %d: \"with care\",\nnummer %d €", x, x*17%1009)
	}
	return o
}

// insertOrders is the statement that puts count orders into a table, with ids from first on by step.
func insertOrders(table string, first, count, step int) string {
	var b strings.Builder
	for n := range count {
		if n%1000 == 0 {
			if n > 0 {
				b.WriteString("; ")
			}
			b.WriteString("INSERT INTO " + table + " VALUES ")
		} else {
			b.WriteString(", ")
		}
		o := orderOf(first + n*step)
		note := "NULL"
		if o.note != "" {
			note = "'" + o.note + "'"
		}
		fmt.Fprintf(&b, "(%d, '%s', %d, %s, 0)", o.id, o.customer, o.cents, note)
	}
	return b.String()
}

// each gives the rows that a SELECT of orders prints.
func each(ctx context.Context, d database, query string, row func(id string, row []byte)) error {
	out, err := d.run(ctx, query)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(out) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		id, _, _ := bytes.Cut(line, []byte("\t"))
		row(string(id), line)
	}
	return nil
}

// begin makes ready for another run.
func (o *orders) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed, o.settled = false, nil
}

// change makes every row newer than what a frozen process holds.
func (o *orders) change(ctx context.Context) error {
	o.mu.Lock()
	o.changed = true
	o.mu.Unlock()
	return o.touch(ctx)
}

// settle notes what the target holds: from here on nothing of it may change.
func (o *orders) settle(rows func(row func(id string, row []byte)) error) error {
	j := new(Judge)
	if err := rows(j.Expect); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settled = j
	return nil
}

// judge knows what a target has to hold of the table.
func (o *orders) judge(ctx context.Context) (j *Judge, settled bool, err error) {
	o.mu.Lock()
	changed := o.changed
	j = o.settled
	o.mu.Unlock()
	if j != nil {
		return j, true, nil
	}
	j = new(Judge)
	var wrong error
	err = o.rows(ctx, func(id string, row []byte) {
		if o.dirty[id] {
			return
		}
		j.Expect(id, row)
		if !changed {
			return
		}
		at := bytes.LastIndexByte(row, '\t')
		revision, err := strconv.Atoi(string(row[at+1:]))
		if err != nil {
			wrong = fmt.Errorf("read the table: revision %q", row[at+1:])
		}
		j.Expect(id, strconv.AppendInt(row[:at+1:at+1], int64(revision-1), 10))
	})
	if err == nil {
		err = wrong
	}
	return j, false, err
}
