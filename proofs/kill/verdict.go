package kill

import (
	"crypto/sha256"
	"maps"
)

// Verdict counts the rows that are not as they should be.
type Verdict struct {
	Lost    int `json:"lost"`    // expected rows of which the target holds none
	Doubled int `json:"doubled"` // copies of expected rows beyond the first
	Altered int `json:"altered"` // expected rows whose copies are not all equal to them
	Extra   int `json:"extra"`   // rows that were not expected at all
}

// Add adds o.
func (v *Verdict) Add(o Verdict) {
	v.Lost += o.Lost
	v.Doubled += o.Doubled
	v.Altered += o.Altered
	v.Extra += o.Extra
}

type digest [16]byte

func digestOf(row []byte) digest {
	sum := sha256.Sum256(row)
	return digest(sum[:16])
}

// Judge knows the rows that a target must hold, by an id that is unique in the data, whether or not a key says so.
type Judge struct{ want map[string][]digest }

// Expect adds a row that the target must hold. The same id again is another form that the row may have: a source that was
// changed during a run gives one or the other.
func (j *Judge) Expect(id string, row []byte) {
	if j.want == nil {
		j.want = map[string][]digest{}
	}
	j.want[id] = append(j.want[id], digestOf(row))
}

// Join expects also what o does, of other ids.
func (j *Judge) Join(o *Judge) {
	if j.want == nil {
		j.want = map[string][]digest{}
	}
	maps.Copy(j.want, o.want)
}

// Len returns how many rows are expected.
func (j *Judge) Len() int { return len(j.want) }

// Inquiry is one comparison with a target.
type Inquiry struct {
	judge   *Judge
	seen    map[string]int
	altered map[string]bool
	extra   int
}

// Begin begins a comparison.
func (j *Judge) Begin() *Inquiry {
	return &Inquiry{judge: j, seen: make(map[string]int, len(j.want)), altered: map[string]bool{}}
}

// Saw takes a row that the target holds.
func (q *Inquiry) Saw(id string, row []byte) {
	forms, expected := q.judge.want[id]
	if !expected {
		q.extra++
		return
	}
	q.seen[id]++
	is := digestOf(row)
	for _, form := range forms {
		if form == is {
			return
		}
	}
	q.altered[id] = true
}

// End returns the verdict.
func (q *Inquiry) End() Verdict {
	v := Verdict{Altered: len(q.altered), Extra: q.extra}
	for id := range q.judge.want {
		switch n := q.seen[id]; {
		case n == 0:
			v.Lost++
		default:
			v.Doubled += n - 1
		}
	}
	return v
}
