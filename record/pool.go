package record

import (
	"context"
	"slices"
	"sync"
)

// Pool recycles batches within a budget of bytes. It is safe for concurrent use.
//
// Invariant 9: a pipe holds no more memory than its pool's budget, whatever the size of the table.
type Pool struct {
	budget int64
	rows   int // of a batch at most

	mu      sync.Mutex
	used    int64
	free    []*Batch
	vectors [FormBytes + 1][]*Vector // by form, so that each keeps only the storage it needs
	waiting []chan struct{}
	starved chan struct{} // holds one value while Get waits
}

// nominal is what a batch is charged before its real size is known.
const nominal = MaxBytes

// MinBudget is the least budget of a pool: with less, a reader and a writer that holds a group would wait for each other.
const MinBudget = 8 * nominal

// NewPool returns a pool whose batches in use are charged against budget bytes; at least MinBudget.
func NewPool(budget int64) *Pool {
	return &Pool{budget: max(budget, MinBudget), rows: MaxRows, starved: make(chan struct{}, 1)}
}

// Starved yields a value while a Get waits: who collects batches should then go on with what there is.
func (p *Pool) Starved() <-chan struct{} { return p.starved }

// LimitRows makes batches full at n rows already, from 1 to MaxRows; before the first Get. It returns p.
func (p *Pool) LimitRows(n int) *Pool {
	p.rows = min(max(n, 1), MaxRows)
	return p
}

// Get returns an empty batch for the schema; it waits while the budget is spent, until ctx ends.
func (p *Pool) Get(ctx context.Context, s *Schema) (*Batch, error) {
	for {
		p.mu.Lock()
		if p.used+nominal <= p.budget || p.used == 0 {
			b := p.take(s, nil)
			p.mu.Unlock()
			return b, nil
		}
		wake := make(chan struct{})
		p.waiting = append(p.waiting, wake)
		p.mu.Unlock()
		select {
		case p.starved <- struct{}{}:
		default:
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		select {
		case <-p.starved:
		default:
		}
	}
}

// Derive returns a batch for what a transform makes of another batch. Column i is lent[i], a vector that the other batch
// goes on owning, or an empty vector of its own where lent[i] is nil. The other batch must be released later than this one.
// Derive never waits: who holds a batch may always finish it; what is wholly lent is charged nothing.
func (p *Pool) Derive(s *Schema, lent []*Vector) *Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take(s, lent)
}

// Settle charges the batch with the memory that its own vectors really take, once it is filled.
func (b *Batch) Settle() {
	if b.pool == nil {
		return
	}
	var charge int64
	for i, v := range b.Cols {
		if !b.lent[i] {
			charge += v.memory()
		}
	}
	b.pool.mu.Lock()
	b.pool.used += charge - b.charged
	b.charged = charge
	b.pool.mu.Unlock()
}

// Budget returns the bytes that the pool was made with.
func (p *Pool) Budget() int64 { return p.budget }

// Used returns the bytes that the batches in use are charged with.
func (p *Pool) Used() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}

func (p *Pool) take(s *Schema, lent []*Vector) *Batch {
	var b *Batch
	if n := len(p.free); n > 0 {
		b, p.free = p.free[n-1], p.free[:n-1]
	} else {
		b = &Batch{pool: p}
	}
	b.Schema, b.Len, b.Size, b.Marks, b.Refs = s, 0, 0, b.Marks[:0], nil
	b.most = p.rows
	b.charged = 0
	for i := range s.Fields {
		if lent != nil && lent[i] != nil {
			b.Cols, b.lent = append(b.Cols, lent[i]), append(b.lent, true)
			continue
		}
		b.charged = nominal
		b.Cols, b.lent = append(b.Cols, p.takeVector(s.Fields[i].Type.Form())), append(b.lent, false)
	}
	p.used += b.charged
	return b
}

// takeVector returns an empty vector; the caller holds the lock.
func (p *Pool) takeVector(form Form) *Vector {
	var v *Vector
	if free := p.vectors[form]; len(free) > 0 {
		v, p.vectors[form] = free[len(free)-1], free[:len(free)-1]
	} else {
		v = new(Vector)
	}
	v.Reset(form)
	return v
}

// ownVector returns an empty vector for a column that the batch makes its own, and charges it.
func (p *Pool) ownVector(b *Batch, form Form) *Vector {
	p.mu.Lock()
	defer p.mu.Unlock()
	charge := max(b.charged, nominal)
	p.used += charge - b.charged
	b.charged = charge
	return p.takeVector(form)
}

// kept reports whether a vector's storage goes back to the pool: not when it is far more than its cells took, so that one huge cell
// does not stay for good.
func kept(v *Vector) bool { return v.memory() <= max(256<<10, 2*v.size()) }

func (p *Pool) put(b *Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used -= b.charged
	b.charged = 0
	// Last column first, so that the next batch of the schema finds for each column the storage that it has grown to.
	for i, v := range slices.Backward(b.Cols) {
		if !b.lent[i] && kept(v) {
			p.vectors[v.Form] = append(p.vectors[v.Form], v)
		}
		b.Cols[i] = nil
	}
	b.Cols, b.lent, b.Schema = b.Cols[:0], b.lent[:0], nil
	clear(b.Marks)
	p.free = append(p.free, b)
	if len(p.waiting) > 0 {
		for _, wake := range p.waiting {
			close(wake)
		}
		p.waiting = p.waiting[:0]
	}
}

// NewBatch returns an empty batch without a pool; Release does nothing on it.
func NewBatch(s *Schema) *Batch {
	b := &Batch{Schema: s, most: MaxRows}
	for i := range s.Fields {
		b.Cols = append(b.Cols, NewVector(s.Fields[i].Type.Form()))
	}
	return b
}
