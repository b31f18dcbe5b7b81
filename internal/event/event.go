// Package event hands messages of topics to many subscribers: numbered, kept for a while for those who come back, never waiting for one who is
// slow. It knows nothing of what the messages are about.
package event

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Message is one message of a topic.
type Message struct {
	Topic string
	// Seq grows within a topic, also over restarts of the process. It jumps where a message took the place of an older one, and after a restart.
	Seq  int64
	Kind string
	// Key names what the message is the newest word on: older ones of the same key are left out. "": it is never left out.
	Key  string
	Data json.RawMessage
}

// Options bound a Hub; what is 0 has a default.
type Options struct {
	Kept   int // messages of a topic that are kept for replay; 512
	Queue  int // messages that wait for a subscriber; 1024
	Topics int // that are kept though nobody subscribes; 4096
}

// Hub holds topics. Its methods may be called by many goroutines and wait for no subscriber.
type Hub struct {
	o Options

	mu     sync.Mutex
	topics map[string]*topic
}

// topic is what is known of one.
type topic struct {
	first   int64 // number before the first
	seq     int64 // of the newest
	lost    int64 // of the newest that had to be kept and is not any more; 0: none
	kept    []Message
	members map[*Subscriber]bool
	used    time.Time
}

// New makes a Hub.
func New(o Options) *Hub {
	for _, bound := range []struct {
		value     *int
		otherwise int
	}{{&o.Kept, 512}, {&o.Queue, 1024}, {&o.Topics, 4096}} {
		if *bound.value == 0 {
			*bound.value = bound.otherwise
		}
	}
	return &Hub{o: o, topics: map[string]*topic{}}
}

// Publish gives a message the next number of its topic, keeps it and puts it into the queue of each subscriber. Data must not change any more.
func (h *Hub) Publish(m Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topic(m.Topic)
	t.seq++
	t.used = time.Now()
	m.Seq = t.seq
	t.kept = put(t.kept, m)
	if len(t.kept) > h.o.Kept {
		if t.kept[0].Key == "" {
			t.lost = t.kept[0].Seq
		}
		t.kept = slices.Delete(t.kept, 0, 1)
	}
	for s := range t.members {
		s.push(m)
	}
}

// topic finds or makes a topic. Numbers begin at the time in microseconds, so that those of an earlier process, or of a topic that was forgotten, are
// below them; they stay exact in a float64.
func (h *Hub) topic(name string) *topic {
	t := h.topics[name]
	if t != nil {
		return t
	}
	if len(h.topics) >= h.o.Topics {
		h.dropOldest()
	}
	now := time.Now()
	t = &topic{first: now.UnixMicro(), seq: now.UnixMicro(), members: map[*Subscriber]bool{}, used: now}
	h.topics[name] = t
	return t
}

func (h *Hub) dropOldest() {
	oldest := ""
	for name, t := range h.topics {
		if len(t.members) == 0 && (oldest == "" || t.used.Before(h.topics[oldest].used)) {
			oldest = name
		}
	}
	delete(h.topics, oldest)
}

// Forget drops topics without subscribers that nothing was published to since a time.
func (h *Hub) Forget(before time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, t := range h.topics {
		if len(t.members) == 0 && t.used.Before(before) {
			delete(h.topics, name)
		}
	}
}

// put adds a message and takes out the one of its key.
func put(list []Message, m Message) []Message {
	if m.Key != "" {
		list = slices.DeleteFunc(list, func(old Message) bool { return old.Key == m.Key && old.Topic == m.Topic })
	}
	return append(list, m)
}
