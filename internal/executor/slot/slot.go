package slot

import (
	"sync"
	"time"

	"github.com/towpath/towpath/record"
)

// Slots are the places of a process. They are safe for concurrent use.
type Slots struct {
	memory int64 // of each place
	began  time.Time

	mu    sync.Mutex // guards what follows
	table *Table
	seats map[string]*Seat
	pools []*record.Pool // of places that are not used
}

// New returns so many places; 0: shards are for other processes. memory is what rows under way may take over all of them, in bytes; each place has at
// least record.MinBudget.
func New(places int, memory int64) *Slots {
	return &Slots{memory: memory / int64(max(places, 1)), began: time.Now(), table: NewTable(places), seats: map[string]*Seat{}}
}

// Seat is a run's part in the places. With a nil Seat a run has all the places that it wants.
type Seat struct {
	*Slots
	run          string
	ready, yield chan struct{}
}

// Join makes the seat of a run, which has none yet.
func (s *Slots) Join(run string, weight int) *Seat {
	st := &Seat{s, run, make(chan struct{}, 1), make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.Join(run, weight)
	s.seats[run] = st
	return st
}

// Close ends the seat; its shards are at work no more.
func (st *Seat) Close() {
	if st == nil {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	got := st.table.Leave(st.run, st.now())
	delete(st.seats, st.run)
	st.told(got)
}

// Want says how many shards of the run could be at work at once, at least as many as are, and returns how many may be. Who gets none now is told by Ready.
func (st *Seat) Want(places int) int {
	if st == nil {
		return places
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	now := st.now()
	has, got := st.table.Want(st.run, places, now)
	st.told(got)
	if run := st.table.Yield(now); run != "" {
		signal(st.seats[run].yield)
	}
	return has
}

// Free gives the place of a shard back that is at work no more.
func (st *Seat) Free() {
	if st == nil {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	select {
	case <-st.yield: // it is given back
	default:
	}
	st.told(st.table.Free(st.run, st.now()))
}

// Keep says that none of the run's shards can yield at present.
func (st *Seat) Keep() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.table.Keep(st.run, st.now())
}

// Ready receives when the run has got a place. Yield receives when one of its shards is to end with its group: another run has none.
func (st *Seat) Ready() <-chan struct{} {
	if st == nil {
		return nil
	}
	return st.ready
}

// Yield is told of at Ready.
func (st *Seat) Yield() <-chan struct{} {
	if st == nil {
		return nil
	}
	return st.yield
}

// Pool returns the memory of a place; Return gives it back.
func (st *Seat) Pool() *record.Pool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if n := len(st.pools) - 1; n >= 0 {
		p := st.pools[n]
		st.pools = st.pools[:n]
		return p.LimitRows(record.MaxRows)
	}
	return record.NewPool(st.memory)
}

// Return gives back what Pool gave, of which no batch is in use.
func (st *Seat) Return(p *record.Pool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.pools = append(st.pools, p)
}

func (s *Slots) now() time.Duration { return time.Since(s.began) }

// told wakes runs that have got a place. The caller holds s.mu.
func (s *Slots) told(got []string) {
	for _, run := range got {
		signal(s.seats[run].ready)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
