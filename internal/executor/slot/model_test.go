package slot_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towpath/towpath/internal/executor/slot"
	"github.com/towpath/towpath/record"
)

// The worlds that TestModel plays through.
var (
	first = flag.Int("first", 0, "seed of the first world")
	seeds = flag.Int("seeds", 2000, "how many worlds there are")
)

// world is a model of servers on one control database: runs with shards, connections with limits, leases that end by the database's clock, processes
// that freeze and wake up. Their clocks jump.
type world struct {
	*rand.Rand
	real     time.Duration // what no clock shows
	database time.Duration // its clock
	lease    time.Duration
	runs     []*run
	limits   []int // of connections, 0: none
	servers  []*server
	jumps    bool
	fault    string
}

type server struct {
	table  *slot.Table
	places int
	clock  time.Duration // ahead of real
	frozen int           // rounds
	joined []*run
}

type run struct {
	name       string
	weight     int
	most       int // shards at work
	connection int
	shards     []*shard
	by         *server
	attempts   []*attempt
	waits      time.Duration // since when, by real; -1: it does not
	passed     int           // places that others got meanwhile
	has        int
}

type shard struct {
	left  int
	epoch int
	until time.Duration
	owner *attempt // nil: it waits
}

type attempt struct {
	shard  *shard
	epoch  int
	yields bool
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), lease: 10 * time.Second}
	w.jumps = w.IntN(2) == 0
	for range 1 + w.IntN(3) {
		w.limits = append(w.limits, w.IntN(4))
	}
	for range 1 + w.IntN(2) {
		places := 1 + w.IntN(4)
		w.servers = append(w.servers, &server{table: slot.NewTable(places), places: places})
	}
	for i := range 1 + w.IntN(8) {
		r := &run{name: fmt.Sprint("run", i), weight: slot.Weight(w.IntN(5) - 2), most: 1 + w.IntN(4), connection: w.IntN(len(w.limits)), waits: -1}
		units := []int{2, 5, 60}[w.IntN(3)]
		for range 1 + w.IntN(5) {
			r.shards = append(r.shards, &shard{left: 1 + w.IntN(units)})
		}
		w.take(w.servers[w.IntN(len(w.servers))], r)
		w.runs = append(w.runs, r)
	}
	return w
}

func (w *world) take(s *server, r *run) {
	r.by, r.has, r.waits = s, 0, -1
	s.table.Join(r.name, r.weight)
	s.joined = append(s.joined, r)
}

func (s *server) now(w *world) time.Duration { return w.real + s.clock }

func (r *run) left() (n int) {
	for _, sh := range r.shards {
		n += sh.left
	}
	return n
}

// atWork counts leases that live.
func (w *world) atWork(of func(*run) bool) (n int) {
	for _, r := range w.runs {
		for _, sh := range r.shards {
			if of(r) && sh.owner != nil && sh.until > w.database {
				n++
			}
		}
	}
	return n
}

// leaseOne is what the store does.
func (w *world) leaseOne(r *run) *attempt {
	limit := w.limits[r.connection]
	if w.atWork(func(o *run) bool { return o == r }) >= r.most || limit > 0 && w.atWork(func(o *run) bool { return o.connection == r.connection }) >= limit {
		return nil
	}
	var best *shard
	for _, sh := range r.shards {
		if sh.left > 0 && (sh.owner == nil || sh.until <= w.database) && (best == nil || sh.left > best.left) {
			best = sh
		}
	}
	if best == nil {
		return nil
	}
	best.epoch++
	best.owner, best.until = &attempt{shard: best, epoch: best.epoch}, w.database+w.lease
	return best.owner
}

func (w *world) got(s *server, names []string) {
	for _, name := range names {
		for _, r := range s.joined {
			if r.name == name {
				r.has++
				r.waits, r.passed = -1, 0
			} else if r.waits >= 0 {
				if r.passed++; r.passed > len(w.runs) {
					w.fault = r.name + " waits while others are served"
				}
			}
		}
	}
}

// round lets one run of a server do what its loop does: see how attempts got on, then staff.
func (w *world) round(s *server, r *run) {
	kept := r.attempts[:0]
	for _, a := range r.attempts {
		sh := a.shard
		own := sh.owner == a
		switch {
		case own: // Invariant 3: what a former owner does has no effect
			if sh.until = w.database + w.lease; w.IntN(3) > 0 {
				sh.left--
			}
		case sh.epoch == a.epoch:
			w.fault = r.name + " lost a lease that nobody took"
		}
		if own && sh.left > 0 && !a.yields {
			kept = append(kept, a)
			continue
		}
		if own {
			sh.owner = nil
		}
		w.got(s, s.table.Free(r.name, s.now(w)))
		r.has--
	}
	r.attempts = kept
	for r.left() > 0 && len(r.attempts) < r.most {
		has, got := s.table.Want(r.name, r.most, s.now(w))
		w.got(s, got)
		if has != r.has && r.has <= r.most {
			w.fault = fmt.Sprintf("%s has %d places and was told of %d", r.name, has, r.has)
		}
		r.has = has
		if r.has == 0 && r.waits < 0 {
			r.waits, r.passed = w.real, 0
		}
		if r.has <= len(r.attempts) {
			break
		}
		a := w.leaseOne(r)
		if a == nil {
			break
		}
		r.attempts = append(r.attempts, a)
	}
	if r.has > len(r.attempts) || r.left() == 0 {
		has, got := s.table.Want(r.name, len(r.attempts), s.now(w))
		r.has, r.waits = has, -1
		w.got(s, got)
	}
}

func (w *world) yield(s *server) {
	name := s.table.Yield(s.now(w))
	for _, r := range s.joined {
		if r.name != name {
			continue
		}
		if w.IntN(10) == 0 || len(r.attempts) == 0 {
			s.table.Keep(name, s.now(w))
			return
		}
		r.attempts[w.IntN(len(r.attempts))].yields = true
	}
}

// dies loses a process with all that it had in mind. Its leases live on until they end.
func (w *world) dies(s *server) {
	s.table, s.frozen = slot.NewTable(s.places), 0
	orphans := s.joined
	s.joined = nil
	for _, r := range orphans {
		r.attempts = nil
		w.take(w.servers[w.IntN(len(w.servers))], r)
	}
}

// longest is how long a run may wait for its turn: as often as there are others, for one who has been left in peace for as long as the heaviest may.
func (w *world) longest() time.Duration {
	return time.Duration(len(w.runs)+1) * (8*slot.Rest + 2*time.Second)
}

// play goes on until all is done; it returns what was wrong.
func (w *world) play() string {
	for range 200_000 {
		step := time.Duration(w.IntN(400)) * time.Millisecond
		w.real += step
		w.database += step
		if w.jumps && w.IntN(200) == 0 {
			w.database += time.Duration(w.IntN(30)) * time.Second
		}
		left := 0
		for _, s := range w.servers {
			if w.jumps && w.IntN(100) == 0 {
				s.clock += time.Duration(w.IntN(40)-20) * time.Minute
			}
			if s.frozen > 0 {
				s.frozen--
				continue
			}
			if w.jumps && w.IntN(1000) == 0 {
				s.frozen = w.IntN(100)
			}
			if w.IntN(2000) == 0 {
				w.dies(s)
			}
			for _, i := range w.Perm(len(s.joined)) {
				w.round(s, s.joined[i])
			}
			w.yield(s)
			taken := 0
			for _, r := range s.joined {
				if taken += r.has; len(r.attempts) > r.has {
					return fmt.Sprintf("%s has %d shards at work on %d places", r.name, len(r.attempts), r.has)
				}
				if r.waits >= 0 && w.real-r.waits > w.longest() && !w.jumps && len(w.servers) == 1 && w.unlimited() {
					return fmt.Sprintf("%s has waited for %s", r.name, w.real-r.waits)
				}
			}
			if taken > s.places {
				return fmt.Sprintf("%d places are taken of %d", taken, s.places)
			}
		}
		for _, r := range w.runs {
			left += r.left()
			if w.jumps { // a lease that was over is renewed when nobody took it: then there is one more
				continue
			}
			if n := w.atWork(func(o *run) bool { return o == r }); n > r.most {
				return fmt.Sprintf("%s has %d shards at work, the limit is %d", r.name, n, r.most)
			}
		}
		for i, limit := range w.limits {
			if n := w.atWork(func(o *run) bool { return o.connection == i }); limit > 0 && n > limit && !w.jumps {
				return fmt.Sprintf("connection %d has %d shards at work, the limit is %d", i, n, limit)
			}
		}
		if w.fault != "" || left == 0 {
			return w.fault
		}
	}
	return "it does not come to an end"
}

func (w *world) unlimited() bool {
	return !slices.ContainsFunc(w.limits, func(n int) bool { return n > 0 })
}

// TestModel plays through many small worlds: never more at work than there are places, no limit passed, no lease held twice, nobody starves, all is done.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := *first; seed < *first+*seeds; seed++ {
		if fault := newWorld(uint64(seed)).play(); fault != "" {
			t.Fatalf("seed %d: %s", seed, fault)
		}
	}
}

// TestShares: what runs get while all of them have enough to do.
func TestShares(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		places int
		runs   map[string][2]int // priority, what it wants
		want   map[string]int
	}{
		"alike":                    {6, map[string][2]int{"a": {0, 9}, "b": {0, 9}, "c": {0, 9}}, map[string]int{"a": 2, "b": 2, "c": 2}},
		"one needs little":         {6, map[string][2]int{"a": {0, 1}, "b": {0, 9}, "c": {0, 2}}, map[string]int{"a": 1, "b": 3, "c": 2}},
		"one is more urgent":       {6, map[string][2]int{"a": {1, 9}, "b": {0, 9}}, map[string]int{"a": 4, "b": 2}},
		"the least urgent has one": {8, map[string][2]int{"a": {3, 9}, "b": {-3, 9}}, map[string]int{"a": 7, "b": 1}},
		"no places":                {0, map[string][2]int{"a": {0, 9}}, map[string]int{"a": 0}},
	} {
		table := slot.NewTable(c.places)
		for run, r := range c.runs {
			table.Join(run, slot.Weight(r[0]))
		}
		table.Join("before", slot.Base) // has all of them until they wait
		table.Want("before", c.places, 0)
		for _, run := range slices.Sorted(maps.Keys(c.runs)) {
			table.Want(run, c.runs[run][1], 0)
		}
		table.Leave("before", 0)
		got := map[string]int{}
		for run, r := range c.runs {
			got[run], _ = table.Want(run, r[1], 0)
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestSeats plays with goroutines in fake time: three runs that never end and three that come later, on two places. Each gets its turn, and gives way only
// every few seconds.
func TestSeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const places = 2
		slots := slot.New(places, 0)
		turns := make([]int, 6)
		atWork := make(chan int, places) // its buffer is the limit
		stop := make(chan struct{})
		var ends []chan struct{}
		for i := range turns {
			ended := make(chan struct{})
			ends = append(ends, ended)
			go func() {
				defer close(ended)
				<-time.After(time.Duration(i) * time.Second)
				seat := slots.Join(fmt.Sprint(i), slot.Base)
				defer seat.Close()
				tick := time.NewTicker(250 * time.Millisecond)
				defer tick.Stop()
				pool, working := (*record.Pool)(nil), 0
				end := func() {
					for ; working > 0; working-- {
						<-atWork
						seat.Return(pool)
						seat.Free()
					}
				}
				for {
					for seat.Want(places) > working {
						select {
						case atWork <- i:
						default:
							t.Error("more is at work than there are places")
						}
						pool = seat.Pool()
						working++
						turns[i]++
					}
					select {
					case <-seat.Ready():
					case <-seat.Yield():
						if working > 0 {
							working--
							<-atWork
							seat.Return(pool)
							seat.Free()
						}
					case <-tick.C:
					case <-stop:
						end()
						return
					}
				}
			}()
		}
		<-time.After(time.Minute)
		close(stop)
		for _, ended := range ends {
			<-ended
		}
		total := 0
		for i, n := range turns {
			if total += n; n < 3 {
				t.Errorf("run %d had %d turns in a minute: %v", i, n, turns)
			}
		}
		// Two places, each given on every few seconds, and what is given at the beginning.
		if most := places*int(time.Minute/slot.Rest) + 2*len(turns); total > most {
			t.Errorf("%d turns in a minute, want at most %d: %v", total, most, turns)
		}
	})
}
