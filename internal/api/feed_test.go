package api

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// move moves a run as somebody else's process would.
func (b *bench) move(t *testing.T, run string, from, to store.State) {
	t.Helper()
	if _, err := b.team.Store.Transition(t.Context(), run, from, to, store.Change{Who: "somebody", Why: "because"}); err != nil {
		t.Fatal(err)
	}
}

// feed runs a feed until the test ends.
func (b *bench) feed(t *testing.T) *Feed {
	t.Helper()
	f := NewFeed(b.team, b.events)
	if err := f.tell(t.Context()); err != nil { // what was before is history
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return f
}

// TestFeed: what happens in the control database, whoever does it, is told once, in order, in both topics.
func TestFeed(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	c := b.as("viewer@main")
	heard := b.events.Subscriber()
	defer heard.Close()
	for _, topic := range []string{c.RunsTopic(), c.RunTopic("run-main"), c.RunTopic("quick")} {
		heard.Subscribe(topic, 0)
	}
	b.move(t, "run-main", store.Planning, store.Failed) // before the feed begins: history tells of it
	f := NewFeed(b.team, b.events)
	tell := func() {
		t.Helper()
		if err := f.tell(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f.looked, _ = b.team.Store.Now(t.Context())
	f.looked++
	f.began = f.looked
	tell()
	b.move(t, "run-main", store.Failed, store.Running)
	tell()
	tell()
	b.move(t, "run-main", store.Running, store.Pausing)
	b.move(t, "run-main", store.Pausing, store.Paused)
	{ // it begins and ends between two looks, of which the first came after its transaction began
		f.looked += longestChange.Milliseconds() / 2
		name := "quick"
		if _, err := b.team.Store.CreateRun(t.Context(), store.NewRun{Key: name, Name: name, Mode: "full", Who: "test"}); err != nil {
			t.Fatal(err)
		}
		b.move(t, name, store.Planning, store.Stopped)
	}
	tell()
	b.move(t, "run-main", store.Paused, store.Stopped)
	tell()
	tell()
	got := map[string][]string{}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for {
		m, err := heard.Next(done)
		if err != nil {
			break
		}
		var e client.RunEvent
		if err := (client.Message{Kind: m.Kind, Data: m.Data}).Into(&e); err != nil {
			t.Fatal(err)
		}
		if m.Kind == client.KindState {
			topic := m.Topic
			if topic == c.RunsTopic() {
				topic += " of " + e.Run
			}
			got[topic] = append(got[topic], fmt.Sprintf("%s %d %s", e.Run, e.Number, e.To))
		}
	}
	main := []string{"run-main 3 running", "run-main 4 pausing", "run-main 5 paused", "run-main 6 stopped"}
	quick := []string{"quick 1 planning", "quick 2 stopped"}
	want := map[string][]string{c.RunTopic("run-main"): main, c.RunTopic("quick"): quick, c.RunsTopic() + " of run-main": main, c.RunsTopic() + " of quick": quick}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestObserver: what a run of this process tells is heard at once, by those who may.
func TestObserver(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	f := b.feed(t)
	next := make(chan client.Message)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(next)
		for m, err := range b.as("viewer@main").Watch(ctx, b.as("").RunsTopic(), 0) {
			if err != nil {
				return
			}
			next <- m
		}
	}()
	until := func(kind string) client.Message {
		for m := range next {
			if m.Kind == kind {
				return m
			}
		}
		t.Fatalf("no message %s", kind)
		return client.Message{}
	}
	until(client.KindSubscribed)
	b.move(t, "run-main", store.Planning, store.Running)
	f.Observer("run-main").State(store.Event{})
	var e client.RunEvent
	if err := until(client.KindState).Into(&e); err != nil || e.Run != "run-main" || e.To != client.Running || e.Why != "because" {
		t.Errorf("got %+v, %v", e, err)
	}
	f.Observer("run-main").Progress(control.Progress{Run: "run-main", State: store.Running, Total: control.StreamProgress{Rows: 5}})
	var p client.Progress
	if err := until(client.KindProgress).Into(&p); err != nil || p.Run != "run-main" || p.Total.Rows != 5 {
		t.Errorf("got %+v, %v", p, err)
	}
}

// TestLog: lines about a run are told in its topic, whatever the log itself takes.
func TestLog(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	f := b.feed(t)
	heard := b.events.Subscriber()
	defer heard.Close()
	heard.Subscribe(b.as("").LogTopic("run-main"), 0)
	var text strings.Builder
	log := slog.New(f.Log(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelWarn})))
	log.Info("of nobody")
	log.Info("of another", "run", "run-other")
	log.Debug("too small", "run", "run-main")
	log.With("run", "run-main").WithGroup("at").Info("shard begun", "shard", "1-2")
	log.Warn("slow", "run", "run-main", "took", time.Second)
	var got []client.LogLine
	for range 2 {
		m, err := heard.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var line client.LogLine
		if err := (client.Message{Kind: m.Kind, Data: m.Data}).Into(&line); err != nil || line.At == "" || m.Kind != client.KindLog {
			t.Errorf("got %+v, %v", m, err)
		}
		line.At = ""
		got = append(got, line)
	}
	want := []client.LogLine{
		{Level: "INFO", Text: "shard begun", Facts: map[string]string{"run": "run-main", "at.shard": "1-2"}},
		{Level: "WARN", Text: "slow", Facts: map[string]string{"run": "run-main", "took": "1s"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if strings.Count(text.String(), "\n") != 1 || !strings.Contains(text.String(), "slow") {
		t.Errorf("the log has %s", text.String())
	}
}
