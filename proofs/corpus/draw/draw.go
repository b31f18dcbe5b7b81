// Package draw makes tables of random columns and rows, copies them between real servers and compares what the stores' own clients
// show of both sides, each value in a normal form that is made without towpath's value layer. A copied table has one of three
// outcomes: its values are the same; they differ in what the plan named; or they are refused, by the plan or as dirty rows that are
// kept whole, for a reason that the values give. The same comparison judges tables of every type that a system has.
package draw

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/proofs/corpus"
)

// Draw is one table.
type Draw struct {
	corpus.Way
	Seed    uint64
	Columns []Column // beside the key id
	Rows    []Row
}

// Column is a column of it.
type Column struct {
	Name   string
	Type   string // as the source declares it
	Target string // as a target that is there before declares it; "": the run makes the target
	kind   *kind

	// parameters of the type, where it has them
	size, scale int
	labels      []string
	charset     string
	unsigned    bool
}

// Row is a row of it: the literals of its columns, in the source's language.
type Row []string

// kind is a family of types of one system.
type kind struct {
	name    string
	form    form
	declare func(r *rand.Rand, c *Column) // Type and parameters
	edges   func(c *Column) []string      // literals at the ends of the type, and those known to be altered in passing
	random  func(r *rand.Rand, c *Column) string
	elem    *shape // of a list
	off     bool   // not on all servers: only tables of every type ask for it
}

// Ways are all pairs of the systems.
func Ways() []corpus.Way {
	var all []corpus.Way
	for _, from := range []string{"mysql", "postgres", "sqlite"} {
		for _, to := range []string{"mysql", "postgres", "sqlite", "elasticsearch"} {
			all = append(all, corpus.Way{From: from, To: to})
		}
	}
	return all
}

// Kind is the name of the column's kind.
func (c *Column) Kind() string { return c.kind.name }

// kinds are those of a source.
func kinds(system string) []kind {
	return map[string]func() []kind{"mysql": mysqlKinds, "postgres": postgresKinds, "sqlite": sqliteKinds}[system]()
}

// Make makes the draw of a seed.
func Make(w corpus.Way, seed uint64) *Draw {
	r := rand.New(rand.NewPCG(seed, 0x746F7770617468))
	d := &Draw{Way: w, Seed: seed}
	all := kinds(w.From)
	there := w.To != "elasticsearch" && r.IntN(5) < 2
	for n := range 1 + r.IntN(5) {
		k := &all[r.IntN(len(all))]
		for k.off {
			k = &all[r.IntN(len(all))]
		}
		c := Column{Name: "c" + strconv.Itoa(n+1), kind: k}
		k.declare(r, &c)
		if there {
			c.Target = target(r, w.To, &c)
		}
		d.Columns = append(d.Columns, c)
	}
	for range 1 + r.IntN(8) {
		row := make(Row, len(d.Columns))
		for i := range d.Columns {
			row[i] = d.Columns[i].value(r)
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

// value draws a literal: NULL, an edge, or any.
func (c *Column) value(r *rand.Rand) string {
	switch n := r.IntN(20); {
	case n < 2:
		return "NULL"
	case n < 9:
		edges := c.kind.edges(c)
		return edges[r.IntN(len(edges))]
	}
	return c.kind.random(r, c)
}

// Every is a table with a column of every kind of the source, and of several parameters: a row for each edge of each column, all others
// NULL, so that each value is judged by itself; then rows that are full.
func Every(w corpus.Way, without func(name string) bool) *Draw {
	r := rand.New(rand.NewPCG(1, 1))
	d := &Draw{Way: w, Seed: 1}
	all := kinds(w.From)
	for i := range all {
		k := &all[i]
		if without != nil && without(k.name) {
			continue
		}
		c := Column{Name: fmt.Sprintf("c%d", len(d.Columns)+1), kind: k}
		k.declare(r, &c)
		d.Columns = append(d.Columns, c)
	}
	d.fill(r)
	return d
}

// Flat is Every without lists and geometries.
func Flat(w corpus.Way) *Draw {
	var without []string
	for _, k := range kinds(w.From) {
		if k.form == list || k.form == geometry {
			without = append(without, k.name)
		}
	}
	return Every(w, func(name string) bool { return slices.Contains(without, name) })
}

// fill gives a table a row for each edge of each column, and full ones.
func (d *Draw) fill(r *rand.Rand) {
	for i := range d.Columns {
		for _, edge := range d.Columns[i].kind.edges(&d.Columns[i]) {
			row := make(Row, len(d.Columns))
			for n := range row {
				row[n] = "NULL"
			}
			row[i] = edge
			d.Rows = append(d.Rows, row)
		}
	}
	for range 5 {
		row := make(Row, len(d.Columns))
		for n := range row {
			row[n] = d.Columns[n].kind.random(r, &d.Columns[n])
		}
		d.Rows = append(d.Rows, row)
	}
}

// Table is the name of its table at both sides.
func (d *Draw) Table() string { return fmt.Sprintf("d%x", d.Seed) }

// String tells what to do to see it again.
func (d *Draw) String() string {
	var columns []string
	for _, c := range d.Columns {
		text := c.Name + " " + c.Type
		if c.Target != "" {
			text += " into " + c.Target
		}
		columns = append(columns, text)
	}
	return fmt.Sprintf("%s, seed %d: %s", d.Way, d.Seed, strings.Join(columns, ", "))
}
