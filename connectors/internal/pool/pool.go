// Package pool keeps the sessions of a client: a bounded number of them, opened when needed and used again. It knows nothing of
// servers: what a session is for, how one is opened and whether it may be used again, its caller says.
package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrClosed is the error of taking a session out of a pool that is closed.
var ErrClosed = errors.New("the pool is closed")

// Session is what a pool keeps. The pool uses one only while nobody else has it.
type Session interface {
	// Alive asks the server for a sign of life.
	Alive(ctx context.Context) bool
	// Close closes the connection at once.
	Close()
}

// Pool is a bounded number of sessions of which all or some are in use. It is safe for concurrent use.
type Pool[S Session] struct {
	// Trust is how long an unused session counts as alive without asking. It is set before the pool is used.
	Trust time.Duration

	slots chan struct{} // one for each session that may be in use

	mu     sync.Mutex
	idle   []unused[S] // the one used last at the end; with those in use never more than there are slots
	closed bool
}

type unused[S Session] struct {
	session S
	since   time.Time
}

// New returns a pool of at most size sessions, which trusts unused ones for five seconds.
func New[S Session](size int) *Pool[S] {
	return &Pool[S]{Trust: 5 * time.Second, slots: make(chan struct{}, size)}
}

// Size returns how many sessions there may be.
func (p *Pool[S]) Size() int { return cap(p.slots) }

// Take returns a session that fits: the unused one that was used last, or one that open opens, for which the oldest unused one is
// closed where it would be one too many. It waits while as many as may be are in use; when ctx ends, its error is the cause of that.
// Each session taken is given back by Give, or its slot by Leave.
func (p *Pool[S]) Take(ctx context.Context, fits func(S) bool, open func(context.Context) (S, error)) (S, error) {
	var none S
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	for {
		u, found, err := p.unused(fits)
		if err != nil {
			p.Leave()
			return none, err
		}
		if !found {
			break
		}
		if time.Since(u.since) < p.Trust || u.session.Alive(ctx) {
			return u.session, nil
		}
		u.session.Close()
	}
	s, err := open(ctx)
	if err != nil {
		p.Leave()
		return none, err
	}
	return s, nil
}

// unused takes a session that fits out of the unused ones. When there is none, it makes room for the one that is opened instead.
func (p *Pool[S]) unused(fits func(S) bool) (u unused[S], found bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return u, false, ErrClosed
	}
	for i := len(p.idle) - 1; i >= 0; i-- {
		if u = p.idle[i]; fits(u.session) {
			p.idle = slices.Delete(p.idle, i, i+1)
			return u, true, nil
		}
	}
	if len(p.idle) > 0 && len(p.idle)+len(p.slots) > cap(p.slots) {
		p.idle[0].session.Close()
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	return u, false, nil
}

// Give takes a session back; one that is not to be kept is closed, as all are once the pool is.
func (p *Pool[S]) Give(s S, keep bool) {
	p.mu.Lock()
	if keep = keep && !p.closed; keep {
		p.idle = append(p.idle, unused[S]{s, time.Now()})
	}
	p.mu.Unlock()
	if !keep {
		s.Close()
	}
	p.Leave()
}

// Leave gives up the slot of a session that was taken and has been closed by its user.
func (p *Pool[S]) Leave() { <-p.slots }

// Swap returns an unused session that fits, in whatever state it is, for the slot of a session that its user has closed; false:
// there is none, and the slot stays the caller's.
func (p *Pool[S]) Swap(fits func(S) bool) (s S, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.idle, func(u unused[S]) bool { return fits(u.session) })
	if i < 0 {
		return s, false
	}
	s = p.idle[i].session
	p.idle = slices.Delete(p.idle, i, i+1)
	return s, true
}

// Close closes the sessions that are not in use; those in use close when they are given back.
func (p *Pool[S]) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, u := range idle {
		u.session.Close()
	}
}
