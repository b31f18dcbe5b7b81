package event

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrSlow ends a Subscriber that left more messages waiting than its queue holds; ErrClosed one that was closed.
var (
	ErrSlow   = errors.New("too many messages wait: the subscriber is too slow")
	ErrClosed = errors.New("the subscriber is closed")
)

// Subscriber gets the messages of the topics it subscribes to, those of each in order.
type Subscriber struct {
	hub   *Hub
	ready chan struct{} // holds one signal when there is something to take
	over  chan struct{} // closed at the end

	mu     sync.Mutex // after the hub's
	replay []Message  // comes first; bounded by what topics keep
	queue  []Message
	ended  error
}

// Subscriber makes a subscriber without topics. It must be closed.
func (h *Hub) Subscriber() *Subscriber {
	return &Subscriber{hub: h, ready: make(chan struct{}, 1), over: make(chan struct{})}
}

// Subscribe adds a topic. Messages behind number after come first, as far as they are kept; 0: all that are kept; below 0: none. What comes has numbers above
// from. gap says that some behind after are kept no more: what they told has to be looked up. A topic that is subscribed to already is left as it is.
func (s *Subscriber) Subscribe(name string, after int64) (from int64, gap bool) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := h.topic(name)
	if t.members[s] || s.ended != nil {
		return t.seq, false
	}
	t.members[s] = true
	if after < 0 {
		return t.seq, false
	}
	if from = after; after < t.first || after > t.seq { // it is of an earlier life of the topic
		from, gap = max(t.first, t.lost), after > 0
	}
	for _, m := range t.kept {
		if m.Seq > from {
			s.replay = append(s.replay, m)
		}
	}
	s.signal()
	return from, gap || after > 0 && after < t.lost
}

// Unsubscribe takes a topic away, with its messages that wait.
func (s *Subscriber) Unsubscribe(name string) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.hub.topics[name]; t != nil {
		delete(t.members, s)
	}
	of := func(m Message) bool { return m.Topic == name }
	s.replay, s.queue = slices.DeleteFunc(s.replay, of), slices.DeleteFunc(s.queue, of)
}

// Next returns the next message, when there is one. It ends with ErrSlow, ErrClosed or the cause of ctx's end.
func (s *Subscriber) Next(ctx context.Context) (Message, error) {
	for {
		if m, ok, err := s.take(); ok || err != nil {
			return m, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return Message{}, context.Cause(ctx)
		}
	}
}

func (s *Subscriber) take() (m Message, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := &s.replay
	if len(*from) == 0 {
		from = &s.queue
	}
	switch {
	case s.ended != nil:
		return m, false, s.ended
	case len(*from) == 0:
		return m, false, nil
	}
	m, *from = (*from)[0], (*from)[1:]
	return m, true, nil
}

// Ended is closed when the subscriber ends, also while nobody waits in Next.
func (s *Subscriber) Ended() <-chan struct{} { return s.over }

// Close ends the subscriber; a Next that waits returns.
func (s *Subscriber) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(ErrClosed)
}

// push puts a message into the queue. A full one loses its oldest message that a later one replaces; without such a message the subscriber ends.
func (s *Subscriber) push(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = put(s.queue, m)
	if len(s.queue) > s.hub.o.Queue {
		spare := slices.IndexFunc(s.queue, func(m Message) bool { return m.Key != "" })
		if spare < 0 {
			s.end(ErrSlow)
			return
		}
		s.queue = slices.Delete(s.queue, spare, spare+1)
	}
	s.signal()
}

// end takes the subscriber out of its topics; both locks are held.
func (s *Subscriber) end(why error) {
	if s.ended != nil {
		return
	}
	s.ended, s.queue, s.replay = why, nil, nil
	close(s.over)
	for _, t := range s.hub.topics {
		delete(t.members, s)
	}
	s.signal()
}

func (s *Subscriber) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}
