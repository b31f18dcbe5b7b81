package record

import (
	"fmt"
	"slices"
	"strings"
)

// Policies are what a job wants done with marks, by code. A code without a policy is Dirty.
type Policies map[Code]string

// Dirty is the policy of diverting the row.
const Dirty = "dirty"

// keep is the policy of handing a mark to a target that can hold it.
const keep = "keep"

// recode is the beginning of a policy that names a charset.
const recode = "recode:"

// policiesOf returns the policies that a job may name for a code.
func policiesOf(code Code) []string {
	switch code {
	case Range:
		return []string{Dirty, "null", "clamp"}
	case Scale:
		return []string{Dirty, "round", "truncate"}
	case NonFinite, InfTime:
		return []string{Dirty, "null", keep}
	case ZeroDate:
		return []string{Dirty, "null", "epoch", keep}
	case TZGap:
		return []string{Dirty, "shift"}
	case TZAmbig:
		return []string{Dirty, "earlier", "later"}
	case UTF8:
		return []string{Dirty, recode + "<charset>", "replace", "hex"}
	case NUL:
		return []string{Dirty, "strip", "replace"}
	case Trunc:
		return []string{Dirty, "truncate"}
	case WrongType:
		return []string{Dirty, "null", "text"}
	case EmptyNull:
		return []string{Dirty, "blank"}
	case Shape:
		return []string{Dirty, "json"}
	case KeyNull, KeyFold, TooBig, Constraint, Rejected:
		return []string{Dirty}
	}
	return nil
}

// ValidPolicy says whether a job may name the policy for the code, and if not, which ones it may.
func ValidPolicy(code Code, policy string) error {
	known := policiesOf(code)
	if known == nil {
		return fmt.Errorf("unknown code %q", code)
	}
	if charset, ok := strings.CutPrefix(policy, recode); ok && code == UTF8 {
		if _, err := charsetOf(charset); err != nil {
			return fmt.Errorf("policy %q: %w", policy, err)
		}
		return nil
	}
	if !slices.Contains(known, policy) {
		return fmt.Errorf("policy %q is none of %s: %s", policy, code, strings.Join(known, ", "))
	}
	return nil
}

// Resolve applies policies, one a column (nil: all dirty), to the marks of a batch: values take their cells, and the marks
// that no policy settles are returned, in the order of b.Marks; their rows are dirty. Marks whose code is among the Keeps of
// their field stay in b.Marks unless a policy says otherwise; a zero date stays only when its policy is keep.
//
// Invariant 6: a value that does not fit is changed only by a policy that the job names.
func Resolve(b *Batch, policies []Policies) []Mark {
	if len(b.Marks) == 0 {
		return nil
	}
	var dirty []Mark
	var r resolver
	kept := 0
	for _, m := range b.Marks {
		policy := ""
		if m.Col < len(policies) {
			policy = policies[m.Col][m.Code]
		}
		stays := slices.Contains(b.Schema.Fields[m.Col].Keeps, m.Code) && (policy == keep || policy == "" && m.Code != ZeroDate)
		switch {
		case stays:
			b.Marks[kept] = m
			kept++
		case policy == "null":
		case policy == "" || policy == Dirty || policy == keep || !r.settle(b, &m, policies[m.Col]):
			dirty = append(dirty, m)
		}
	}
	clear(b.Marks[kept:])
	b.Marks = b.Marks[:kept]
	r.apply(b)
	return dirty
}

// resolver collects the values that policies give, by column.
type resolver struct {
	columns map[int]*patch
	zones   zones
}

// patch is the new cells of a column: cell i of values for row rows[i].
type patch struct {
	rows   []int
	values *Vector
}

// settle makes the value that the column's policies give for a mark; false, when the type does not hold it either.
func (r *resolver) settle(b *Batch, m *Mark, policies Policies) bool {
	p := r.columns[m.Col]
	if p == nil {
		if r.columns == nil {
			r.columns = map[int]*patch{}
		}
		p = &patch{values: NewVector(b.Cols[m.Col].Form)}
		r.columns[m.Col] = p
	}
	if !r.value(p.values, &b.Schema.Fields[m.Col].Type, m, policies) {
		return false
	}
	p.rows = append(p.rows, m.Row)
	return true
}

// apply puts the new cells into their columns, each of which is rebuilt at most once.
func (r *resolver) apply(b *Batch) {
	for col, p := range r.columns {
		if len(p.rows) == 0 {
			continue
		}
		b.own(col)
		p.sort()
		b.Cols[col].patch(p)
	}
}

// sort puts the cells in the order of their rows.
func (p *patch) sort() {
	if slices.IsSorted(p.rows) {
		return
	}
	order := make([]int, len(p.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return p.rows[a] - p.rows[b] })
	rows, values := make([]int, len(order)), NewVector(p.values.Form)
	for i, from := range order {
		rows[i] = p.rows[from]
		values.AppendCell(p.values, from)
	}
	p.rows, p.values = rows, values
}

// patch replaces NULL cells; one for which the patch has NULL stays.
func (v *Vector) patch(p *patch) {
	if v.Form == FormBytes {
		v.patchBytes(p)
	}
	for i, row := range p.rows {
		if p.values.Null(i) {
			continue
		}
		if v.Null(row) {
			v.Valid[row>>3] |= 1 << (row & 7)
			v.Nulls--
		}
		switch v.Form {
		case FormBool:
			copyBitFrom(v.Bits, row, p.values.Bits, i)
		case FormInt64:
			v.Int64[row] = p.values.Int64[i]
		case FormUint64:
			v.Uint64[row] = p.values.Uint64[i]
		case FormFloat64:
			v.Float64[row] = p.values.Float64[i]
		case FormInt128:
			v.Int128[row] = p.values.Int128[i]
		case FormFixed16:
			v.Fixed16[row] = p.values.Fixed16[i]
		}
	}
}

func copyBitFrom(dst []byte, to int, src []byte, from int) {
	bit := src[from>>3] >> (from & 7) & 1
	dst[to>>3] = dst[to>>3]&^(1<<(to&7)) | bit<<(to&7)
}

// patchBytes makes room for the new cells from the end on, so that no cell is moved twice.
func (v *Vector) patchBytes(p *patch) {
	old := len(v.Data)
	v.Data = slices.Grow(v.Data, len(p.values.Data))[:old+len(p.values.Data)]
	shift, end := int32(len(p.values.Data)), v.Len
	for i := len(p.rows) - 1; i >= 0; i-- {
		row := p.rows[i]
		cell := p.values.Bytes(i)
		copy(v.Data[v.Offsets[row+1]+shift:], v.Data[v.Offsets[row+1]:v.Offsets[end]])
		for j := end; j > row; j-- {
			v.Offsets[j] += shift
		}
		shift -= int32(len(cell))
		copy(v.Data[v.Offsets[row]+shift:], cell)
		end = row
	}
}

// own gives the batch a column of its own where it is lent, so that the batch which owns it stays as it was read.
func (b *Batch) own(col int) {
	if col >= len(b.lent) || !b.lent[col] {
		return
	}
	lent := b.Cols[col]
	v := b.pool.ownVector(b, lent.Form)
	castCopy(nil, &castOutput{dst: v}, lent)
	b.Cols[col], b.lent[col] = v, false
}
