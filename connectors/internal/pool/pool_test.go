package pool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towpath/towpath/connectors/internal/pool"
)

// session is one of a server that is only a counter.
type session struct {
	id     int
	use    string
	dead   bool
	asked  int
	closed bool
}

func (s *session) Alive(context.Context) bool {
	s.asked++
	return !s.dead
}

func (s *session) Close() { s.closed = true }

// server opens sessions and remembers them.
type server struct {
	*pool.Pool[*session]
	opened []*session
	down   error
}

func (s *server) take(ctx context.Context, use string) (*session, error) {
	return s.Take(ctx, func(x *session) bool { return x.use == use }, func(context.Context) (*session, error) {
		if s.down != nil {
			return nil, s.down
		}
		x := &session{id: len(s.opened) + 1, use: use}
		s.opened = append(s.opened, x)
		return x, nil
	})
}

func (s *server) must(t *testing.T, use string) *session {
	t.Helper()
	x, err := s.take(t.Context(), use)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// open is the sessions that are open, used or not.
func (s *server) open() (out []string) {
	for _, x := range s.opened {
		if !x.closed {
			out = append(out, fmt.Sprint(x.id, x.use))
		}
	}
	return out
}

func newServer(size int) *server { return &server{Pool: pool.New[*session](size)} }

func TestUsedAgain(t *testing.T) {
	s := newServer(3)
	a, b := s.must(t, "r"), s.must(t, "r")
	s.Give(a, true)
	s.Give(b, true)
	if x := s.must(t, "r"); x != b {
		t.Errorf("got session %d, want the one used last", x.id)
	}
	if x := s.must(t, "w"); x.use != "w" || x.id != 3 {
		t.Errorf("got session %d for %q, want another for the other use", x.id, x.use)
	}
	if x := s.must(t, "r"); x != a {
		t.Errorf("got session %d, want the one left", x.id)
	}
	if s.Size() != 3 || len(s.open()) != 3 {
		t.Errorf("%v are open of %d", s.open(), s.Size())
	}
}

// TestBound: unused sessions count too, so one of another use makes room.
func TestBound(t *testing.T) {
	s := newServer(2)
	a, b := s.must(t, "r"), s.must(t, "r")
	s.Give(a, true)
	w := s.must(t, "w")
	if !a.closed || b.closed {
		t.Errorf("open are %v, want 2r and 3w", s.open())
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no more")
	cancel(why)
	if _, err := s.take(ctx, "r"); err != why {
		t.Errorf("got %v, want the cause", err)
	}
	s.Give(w, false)
	if !w.closed {
		t.Error("a session that was not to be kept is open")
	}
	if x := s.must(t, "r"); x.id != 4 {
		t.Errorf("got session %d", x.id)
	}
}

func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(1)
		a := s.must(t, "r")
		got := make(chan *session)
		go func() { got <- s.must(t, "r") }()
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("a second session was given out")
		default:
		}
		s.Give(a, true)
		if b := <-got; b != a {
			t.Errorf("got session %d", b.id)
		}
	})
}

func TestTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(2)
		a := s.must(t, "r")
		s.Give(a, true)
		time.Sleep(4 * time.Second)
		if x := s.must(t, "r"); x != a || a.asked != 0 {
			t.Errorf("session %d was asked %d times after four seconds", x.id, a.asked)
		}
		s.Give(a, true)
		time.Sleep(6 * time.Second)
		if x := s.must(t, "r"); x != a || a.asked != 1 {
			t.Errorf("session %d was asked %d times after six seconds", x.id, a.asked)
		}
		a.dead = true
		s.Give(a, true)
		time.Sleep(6 * time.Second)
		if x := s.must(t, "r"); x == a || !a.closed {
			t.Errorf("got session %d, want another one than the dead", x.id)
		}
	})
}

// TestSlots: what goes wrong keeps no slot.
func TestSlots(t *testing.T) {
	s := newServer(1)
	s.down = errors.New("down")
	for range 2 {
		if _, err := s.take(t.Context(), "r"); err != s.down {
			t.Fatalf("got %v", err)
		}
	}
	s.down = nil
	a := s.must(t, "r")
	a.Close()
	if _, found := s.Swap(func(*session) bool { return true }); found {
		t.Error("an unused session was found where there is none")
	}
	s.Leave()
	b := s.must(t, "r")
	s.Give(b, true)
	if x := s.must(t, "r"); x != b {
		t.Errorf("got session %d", x.id)
	}
}

func TestSwap(t *testing.T) {
	s := newServer(2)
	a, b := s.must(t, "r"), s.must(t, "w")
	s.Give(b, true)
	a.Close()
	if _, found := s.Swap(func(x *session) bool { return x.use == "r" }); found {
		t.Error("a session that does not fit was found")
	}
	x, found := s.Swap(func(x *session) bool { return x.use == "w" })
	if !found || x != b {
		t.Fatalf("got %v", x)
	}
	s.Give(x, true)
	if s.must(t, "w") != b || s.must(t, "r").id != 3 {
		t.Errorf("open are %v", s.open())
	}
}

func TestClose(t *testing.T) {
	s := newServer(2)
	a, b := s.must(t, "r"), s.must(t, "r")
	s.Give(a, true)
	s.Close()
	if !a.closed || b.closed {
		t.Errorf("open are %v, want the one in use", s.open())
	}
	s.Give(b, true)
	if !b.closed {
		t.Error("a session given back to a closed pool stays open")
	}
	if _, err := s.take(t.Context(), "r"); err != pool.ErrClosed {
		t.Errorf("got %v", err)
	}
}
