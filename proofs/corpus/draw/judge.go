package draw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/proofs/corpus/rig"
)

// Outcome is what became of a draw.
type Outcome struct {
	*Draw
	Refused string         // by the plan, with this code
	Exact   int            // rows that are there with all values
	Losses  int            // values that differ as the plan says
	Dirty   int            // rows that were kept
	Codes   map[string]int // of those
	Same    []int          // values that are there as they were, by column, NULLs aside
	Faults  []string       // what must not be

	through string // the system between both sides; "": there is none
}

func (o *Outcome) fault(format string, args ...any) {
	o.Faults = append(o.Faults, fmt.Sprintf(format, args...))
}

// judge compares both sides of a draw that was copied.
func (o *Outcome) judge(from, to side, plan func() *engine.StreamPlan, dirty []rig.DirtyRow, total connector.Counts) {
	o.Codes, o.Same = map[string]int{}, make([]int, len(o.Columns))
	if from.trouble != "" || to.trouble != "" {
		o.fault("a side cannot be shown: %s %s", from.trouble, to.trouble)
		return
	}
	if total.Read != int64(len(o.Rows)) || !total.Balanced() || total.Dirty != int64(len(dirty)) {
		o.fault("%d rows are there, counted are %+v, kept %d", len(o.Rows), total, len(dirty))
	}
	kept := map[string]rig.DirtyRow{}
	for _, d := range dirty {
		if _, twice := kept[d.ID]; twice {
			o.fault("%s is kept twice", d)
		}
		kept[d.ID] = d
		o.Codes[d.Code]++
	}
	for _, id := range to.doubled {
		o.fault("row %s is there more than once", id)
	}
	for n := range o.Rows {
		id := strconv.Itoa(n + 1)
		here, there := from.rows[id], to.rows[id]
		d, isDirty := kept[id]
		delete(kept, id)
		switch {
		case here == nil:
			o.fault("row %s is not in the source", id)
		case isDirty && there != nil:
			o.fault("%s is at the target as well", d)
		case isDirty:
			o.Dirty++
			o.dirty(here, d, to)
		case there == nil:
			o.fault("row %s is lost: neither at the target nor kept", id)
		default:
			o.row(id, here, there, from, to, plan)
		}
	}
	for id := range to.rows {
		if n, err := strconv.Atoi(id); err != nil || n < 1 || n > len(o.Rows) {
			o.fault("the target holds a row %q that the source has not", id)
		}
	}
	for _, d := range kept {
		o.fault("%s is no row of the source", d)
	}
}

// kept compares a value of a row that was kept. What no vector holds stands there as a mark with its raw form, which is not compared.
func (o *Outcome) kept(c *Column, here cell, d rig.DirtyRow, member json.RawMessage) {
	var value string
	if json.Unmarshal(member, &value) != nil {
		return // a mark
	}
	s := shape{form: text, elem: c.kind.elem}
	switch c.kind.form {
	case octets:
		s = shape{form: octets, hex: true}
	case geometry:
		s = shape{form: geometry, wkb: true}
	}
	want, err := normal(c.kind.form, here.shape, here.value)
	if err != nil {
		return // it is none of its type: the mark is elsewhere
	}
	if got, err := normal(c.kind.form, s, value); err != nil || got != want {
		o.fault("%s is kept with another value of column %s: in the source it is %.300q (%v)", d, c.Name, here.value, err)
	}
}

// row compares the values of a row that is at the target.
func (o *Outcome) row(id string, here, there []cell, from, to side, plan func() *engine.StreamPlan) {
	exact := true
	for i := range o.Columns {
		c := &o.Columns[i]
		same, why := compare(c, here[i], there[i])
		switch {
		case same:
			if !here[i].null {
				o.Same[i]++
			}
		case softened(c, here[i], there[i], plan()):
			o.Losses++
			exact = false
		default:
			exact = false
			o.fault("row %s, column %s: %.300q (%s) has become %.300q (%s)%s", id, c.Name, here[i].value, from.stored[i], there[i].value, to.stored[i], why)
		}
	}
	if exact {
		o.Exact++
	}
}

// compare reports whether two cells are one value.
func compare(c *Column, here, there cell) (same bool, why string) {
	if here.null || there.null {
		return here.null == there.null, ""
	}
	want := c.kind.form
	if (want == text || want == padded) && there.form != text && there.form != padded && there.form != octets {
		want = there.form // a text that has become something is what the text says
	}
	if want == padded && there.form == text {
		want = text
	}
	a, err := normal(want, here.shape, here.value)
	if err != nil {
		return false, ": " + err.Error()
	}
	b, err := normal(want, there.shape, there.value)
	if err != nil {
		return false, ": " + err.Error()
	}
	return a == b || want == number && (there.form == float64s || there.real) && a == exactly(there.value), ""
}

// exactly is the number that a float is, of which fewer digits are shown than it has; "": it is none.
func exactly(shown string) string {
	f, err := strconv.ParseFloat(shown, 64)
	if r := new(big.Rat).SetFloat64(f); err == nil && r != nil {
		return r.RatString()
	}
	return ""
}

// softened reports whether the plan names what two cells differ in.
func softened(c *Column, here, there cell, plan *engine.StreamPlan) bool {
	if plan != nil && c.kind.form == document && here.value == "null" && there.null {
		return slices.ContainsFunc(plan.Target.Notes, func(n string) bool { return strings.Contains(n, "the JSON value null and SQL NULL are both null") })
	}
	for _, loss := range lossesOf(c, plan) {
		switch {
		case strings.Contains(loss, "−0") && zero(here.value) && zero(there.value):
			return true
		case strings.Contains(loss, "blanks at the end") && strings.TrimRight(here.value, " ") == strings.TrimRight(there.value, " "):
			return true
		case c.kind.form == document && sameDocument(here.value, there.value):
			return true
		}
	}
	return false
}

// lossesOf are what the plan says of a column.
func lossesOf(c *Column, plan *engine.StreamPlan) []string {
	var list []string
	if plan == nil {
		return nil
	}
	for _, l := range plan.Target.Losses {
		if l.Column == c.Name {
			list = append(list, l.What)
		}
	}
	for _, p := range plan.Columns {
		if p.To == c.Name && p.Loss != "" {
			list = append(list, p.Loss)
		}
	}
	return list
}

func zero(shown string) bool {
	f, err := strconv.ParseFloat(shown, 64)
	return err == nil && f == 0
}

// sameDocument reports whether two documents are one but for the order and repetition of names, blanks, and the form of numbers.
func sameDocument(a, b string) bool {
	read := func(s string) (any, error) {
		d := json.NewDecoder(bytes.NewReader([]byte(s)))
		d.UseNumber()
		var v any
		err := d.Decode(&v)
		return plainNumbers(v), err
	}
	x, errX := read(a)
	y, errY := read(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return r.RatString()
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}

// dirty looks at a row that was kept: whole, and for a reason that one of its values gives.
func (o *Outcome) dirty(here []cell, d rig.DirtyRow, to side) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(d.Row, &members); err != nil || len(members) != len(o.Columns)+1 {
		o.fault("%s is not whole", d)
		return
	}
	reasons := []string{}
	for i := range o.Columns {
		c := &o.Columns[i]
		_, found := members[c.Name]
		if !found {
			o.fault("%s lacks column %s", d, c.Name)
		}
		if isNull := string(members[c.Name]) == "null"; isNull != here[i].null {
			o.fault("%s has column %s as NULL: %t, in the source it is: %t", d, c.Name, isNull, here[i].null)
		} else if !isNull {
			o.kept(c, here[i], d, members[c.Name])
		}
		if (d.Column == "" || d.Column == c.Name) && !here[i].null {
			reasons = append(reasons, reasonsOf(o.To, c, here[i], to.stored[i])...)
			if o.through != "" {
				reasons = append(reasons, reasonsOf(o.through, c, here[i], "")...)
			}
		}
	}
	if !slices.Contains(reasons, d.Code) && !slices.Contains(reasons, anyCode) {
		o.fault("%s: no value gives a reason for that, only for %q", d, reasons)
	}
}
