package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/internal/event"
)

func state(topic string, n int) event.Message {
	return event.Message{Topic: topic, Kind: "state", Data: json.RawMessage(strconv.Itoa(n))}
}

func progress(topic, key string, n int) event.Message {
	return event.Message{Topic: topic, Kind: "progress", Key: key, Data: json.RawMessage(strconv.Itoa(n))}
}

// waiting takes all messages that wait.
func waiting(t *testing.T, s *event.Subscriber) (got []string, last int64) {
	t.Helper()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for {
		m, err := s.Next(gone)
		if errors.Is(err, context.Canceled) {
			return got, last
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Seq <= last {
			t.Errorf("number %d comes behind %d", m.Seq, last)
		}
		last = m.Seq
		got = append(got, m.Kind+" "+string(m.Data))
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	h := event.New(event.Options{Kept: 4})
	first := h.Subscriber()
	defer first.Close()
	if _, gap := first.Subscribe("a", 0); gap {
		t.Error("a topic without messages has a gap")
	}
	h.Publish(state("a", 1))
	h.Publish(progress("a", "p", 10))
	h.Publish(state("b", 7))
	_, seen := waiting(t, first)
	for n := 2; n < 4; n++ {
		h.Publish(progress("a", "p", 10*n))
		h.Publish(state("a", n))
	}
	for name, c := range map[string]struct {
		after int64
		more  int // states published before
		want  []string
		gap   bool
	}{
		"all that is kept":     {0, 0, []string{"state 1", "state 2", "progress 30", "state 3"}, false},
		"behind what was seen": {seen, 0, []string{"state 2", "progress 30", "state 3"}, false},
		"from here on":         {-1, 0, nil, false},
		"of an earlier life":   {5, 0, []string{"state 1", "state 2", "progress 30", "state 3"}, true},
		"of another clock":     {seen * 2, 0, []string{"state 1", "state 2", "progress 30", "state 3"}, true},
	} {
		s := h.Subscriber()
		if _, gap := s.Subscribe("a", c.after); gap != c.gap {
			t.Errorf("%s: gap %v", name, gap)
		}
		got, _ := waiting(t, s)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		s.Close()
	}
	for n := 4; n < 7; n++ {
		h.Publish(state("a", n))
	}
	late := h.Subscriber()
	defer late.Close()
	if _, gap := late.Subscribe("a", seen); !gap {
		t.Error("a state that is kept no more is no gap")
	}
	if got, _ := waiting(t, late); len(got) != 4 {
		t.Errorf("got %v", got)
	}
}

// TestFrom: who comes again with the number that it was told at first misses nothing, also when it had heard nothing by then.
func TestFrom(t *testing.T) {
	t.Parallel()
	for _, after := range []int64{0, -1, 5, time.Now().UnixMicro() * 2} {
		for _, before := range []int{0, 3, 9} {
			h := event.New(event.Options{Kept: 5})
			for n := range before {
				h.Publish(state("a", n))
			}
			first, again := h.Subscriber(), h.Subscriber()
			from, _ := first.Subscribe("a", after)
			h.Publish(state("a", before))
			h.Publish(state("a", before+1))
			got, _ := waiting(t, first)
			want := []string{fmt.Sprint("state ", before), fmt.Sprint("state ", before+1)}
			if d := cmp.Diff(want, got[max(0, len(got)-2):]); d != "" {
				t.Errorf("%d after %d: %s", before, after, d)
			}
			_, gap := again.Subscribe("a", from)
			if more, _ := waiting(t, again); gap != (len(more) < len(got)) || !gap && !cmp.Equal(got, more) {
				t.Errorf("%d after %d: got %v, then from %d %v, gap %v", before, after, got, from, more, gap)
			}
			first.Close()
			again.Close()
		}
	}
}

func TestNewestWins(t *testing.T) {
	t.Parallel()
	h := event.New(event.Options{Queue: 3})
	s := h.Subscriber()
	defer s.Close()
	s.Subscribe("a", 0)
	s.Subscribe("b", 0)
	for n := range 1000 {
		h.Publish(progress("a", "p", n))
	}
	h.Publish(progress("b", "p", 5))
	h.Publish(state("b", 1))
	h.Publish(state("b", 2)) // the queue is full: the progress of a goes
	got, _ := waiting(t, s)
	if d := cmp.Diff([]string{"progress 5", "state 1", "state 2"}, got); d != "" {
		t.Error(d)
	}
	for n := range 4 {
		h.Publish(state("b", n))
	}
	<-s.Ended()
	if _, err := s.Next(t.Context()); !errors.Is(err, event.ErrSlow) {
		t.Errorf("got %v", err)
	}
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	h := event.New(event.Options{})
	s := h.Subscriber()
	s.Subscribe("a", 0)
	s.Subscribe("b", 0)
	h.Publish(state("a", 1))
	h.Publish(state("b", 2))
	s.Unsubscribe("a")
	h.Publish(state("a", 3))
	got, _ := waiting(t, s)
	if d := cmp.Diff([]string{"state 2"}, got); d != "" {
		t.Error(d)
	}
	s.Close()
	if _, err := s.Next(t.Context()); !errors.Is(err, event.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := event.New(event.Options{Topics: 2})
		watched := h.Subscriber()
		defer watched.Close()
		watched.Subscribe("watched", 0)
		for _, topic := range []string{"watched", "old", "young"} { // old makes room for young
			h.Publish(state(topic, 1))
			time.Sleep(time.Hour)
		}
		replayed := func(topic string) int {
			s := h.Subscriber()
			defer s.Close()
			s.Subscribe(topic, 0)
			got, _ := waiting(t, s)
			return len(got)
		}
		if n := replayed("young"); n != 1 {
			t.Errorf("young: got %d messages", n)
		}
		h.Forget(time.Now())
		for topic, want := range map[string]int{"watched": 1, "old": 0, "young": 0} {
			if n := replayed(topic); n != want {
				t.Errorf("%s: got %d messages, want %d", topic, n, want)
			}
		}
	})
}

// TestManySubscribers: 500 of them, of which 50 take nothing. The others see every state in order, and the stalled ones are dropped.
func TestManySubscribers(t *testing.T) {
	t.Parallel()
	const runs, states, all, stalled = 5, 30, 500, 50
	h := event.New(event.Options{Queue: 64})
	subscribers := make([]*event.Subscriber, all)
	for i := range subscribers {
		subscribers[i] = h.Subscriber()
		defer subscribers[i].Close()
		subscribers[i].Subscribe("runs", 0)
	}
	var readers, writers sync.WaitGroup
	turn := make(chan struct{}, 1) // a message more may be published: those who keep up keep up
	seen := make([]chan int64, all)
	for i, s := range subscribers[stalled:] {
		seen[i] = make(chan int64, 2*runs*states)
		readers.Go(func() {
			var next [runs]int
			for done := 0; done < runs*states; {
				m, err := s.Next(t.Context())
				if err != nil {
					t.Errorf("subscriber %d: %v", i, err)
					return
				}
				if m.Kind != "state" {
					continue
				}
				var run, n int
				fmt.Sscanf(string(m.Data), `"%d.%d"`, &run, &n)
				if n != next[run] {
					t.Errorf("subscriber %d: run %d: got state %d, want %d", i, run, n, next[run])
					return
				}
				next[run]++
				done++
				seen[i] <- m.Seq
			}
		})
	}
	turn <- struct{}{}
	for run := range runs {
		writers.Go(func() {
			for n := range states {
				<-turn
				h.Publish(progress("runs", strconv.Itoa(run), n))
				h.Publish(event.Message{Topic: "runs", Kind: "state", Data: json.RawMessage(fmt.Sprintf(`"%d.%d"`, run, n))})
				for i := range all - stalled { // each has it
					<-seen[i]
				}
				turn <- struct{}{}
			}
		})
	}
	writers.Wait()
	readers.Wait()
	for i, s := range subscribers[:stalled] {
		if _, err := s.Next(t.Context()); !errors.Is(err, event.ErrSlow) {
			t.Errorf("stalled subscriber %d: got %v", i, err)
		}
	}
}
