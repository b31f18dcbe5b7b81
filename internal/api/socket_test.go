package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/event"
)

// dial opens a WebSocket.
func (b *bench) dial(t *testing.T, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	return websocket.Dial(t.Context(), b.URL+"/api/v1/events", &websocket.DialOptions{HTTPHeader: header})
}

func (b *bench) open(t *testing.T, token string) *websocket.Conn {
	t.Helper()
	conn, _, err := b.dial(t, http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

func ask(t *testing.T, conn *websocket.Conn, s client.Subscription) {
	t.Helper()
	if err := wsjson.Write(t.Context(), conn, s); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, conn *websocket.Conn) (m client.Message) {
	t.Helper()
	if err := wsjson.Read(t.Context(), conn, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (b *bench) say(topic string, n int) {
	b.events.Publish(event.Message{Topic: topic, Kind: client.KindState, Data: json.RawMessage(fmt.Sprint(n))})
}

// TestTopics asks for each topic as everybody.
func TestTopics(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	for _, topic := range topics() {
		name := strings.NewReplacer("{workspace}", "main", "{run}", "run-main").Replace(topic.pattern)
		for token, role := range map[string]team.Role{"viewer@main": team.Viewer, "admin@main": team.Admin, "admin@other": team.Nobody} {
			if !strings.Contains(name, "main") && role == team.Nobody {
				role = team.Admin // of no workspace
			}
			conn := b.open(t, token)
			ask(t, conn, client.Subscription{Topic: name})
			m := take(t, conn)
			want := client.KindRefused
			if (team.Actor{Account: "a", Role: role}).Can(topic.action) {
				want = client.KindSubscribed
			}
			var p client.Problem
			if m.Kind != want || m.Topic != name || want == client.KindRefused && (m.Into(&p) != nil || p.Code != "TOW-261" || p.Status != 403) {
				t.Errorf("%s as %s: got %s %s, want %s", name, token, m.Kind, m.Data, want)
			}
		}
	}
	conn := b.open(t, "root@main")
	for name, code := range map[string]string{"workspaces/main/runs/run-other": "TOW-210", "workspaces/main": "TOW-908", "": "TOW-908", "workspaces//runs": "TOW-908", "resources/x": "TOW-908"} {
		ask(t, conn, client.Subscription{Topic: name})
		m := take(t, conn)
		var p client.Problem
		if m.Kind != client.KindRefused || m.Into(&p) != nil || p.Code != code {
			t.Errorf("%q: got %s %s", name, m.Kind, m.Data)
		}
	}
	ask(t, conn, client.Subscription{Topic: "workspaces/main/runs"}) // what was refused ends nothing
	if m := take(t, conn); m.Kind != client.KindSubscribed {
		t.Errorf("got %+v", m)
	}
}

// TestSocketDoor: nobody comes in without being somebody, and no other site's page does.
func TestSocketDoor(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"anonymous":        {http.Header{}, 401},
		"unknown":          {http.Header{"Authorization": {"Bearer nobody"}}, 401},
		"another site":     {http.Header{"Cookie": {"towpath=viewer@main"}, "Origin": {"https://evil.example"}}, 403},
		"another scheme":   {http.Header{"Cookie": {"towpath=viewer@main"}, "Origin": {"null"}}, 403},
		"this very site":   {http.Header{"Cookie": {"towpath=viewer@main"}, "Origin": {b.URL}}, 101},
		"not in a browser": {http.Header{"Authorization": {"Bearer viewer@main"}}, 101},
	} {
		conn, answer, err := b.dial(t, c.header)
		if answer == nil || answer.StatusCode != c.status {
			t.Errorf("%s: got %+v, %v", name, answer, err)
		}
		if conn != nil {
			conn.CloseNow()
		}
	}
}

// TestSocketLimits: who sends too much is shown out.
func TestSocketLimits(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	for name, c := range map[string]struct {
		send func(*websocket.Conn) error
		code websocket.StatusCode
	}{
		"too long": {func(c *websocket.Conn) error {
			return wsjson.Write(t.Context(), c, client.Subscription{Topic: strings.Repeat("x", mostAsked)})
		}, websocket.StatusMessageTooBig},
		"no JSON": {func(c *websocket.Conn) error { return c.Write(t.Context(), websocket.MessageText, []byte("{")) }, websocket.StatusInvalidFramePayloadData},
		"too many": {func(c *websocket.Conn) error {
			for range askAtOnce + 50 {
				if err := wsjson.Write(t.Context(), c, client.Subscription{Topic: "resources", End: true}); err != nil {
					return nil // it is closed already
				}
			}
			return nil
		}, notAllowed},
	} {
		conn := b.open(t, "viewer@main")
		if err := c.send(conn); err != nil {
			t.Fatal(err)
		}
		_, _, err := conn.Read(t.Context())
		if got := websocket.CloseStatus(err); got != c.code {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// changing is a door that can be shut.
type changing struct {
	roles
	shut, demoted atomic.Bool
}

func (c *changing) ByToken(ctx context.Context, token, workspace string) (team.Actor, error) {
	if c.shut.Load() {
		return team.Actor{}, connector.Errorf(connector.Denied, "TOW-262", "the token has ended")
	}
	a, err := c.roles.ByToken(ctx, token, workspace)
	if c.demoted.Load() {
		a.Role = team.Nobody
	}
	return a, err
}

// TestRightsEnd: an open WebSocket hears no more than its holder may.
func TestRightsEnd(t *testing.T) {
	t.Parallel()
	door := new(changing)
	b := start(t, door, func(o *Options) { o.recheck = 20 * time.Millisecond })
	conn := b.open(t, "viewer@main")
	topic := b.as("").RunsTopic()
	ask(t, conn, client.Subscription{Topic: topic})
	take(t, conn)
	b.say(topic, 1)
	if m := take(t, conn); m.Kind != client.KindState || string(m.Data) != "1" {
		t.Errorf("got %+v", m)
	}
	door.demoted.Store(true)
	if m := take(t, conn); m.Kind != client.KindRefused || m.Topic != topic {
		t.Errorf("got %+v", m)
	}
	b.say(topic, 2)
	door.shut.Store(true)
	_, _, err := conn.Read(t.Context())
	if websocket.CloseStatus(err) != notAllowed {
		t.Errorf("got %v", err)
	}
}

// TestWatch: the client goes on where its connection broke, and misses nothing that is kept.
func TestWatch(t *testing.T) {
	t.Parallel()
	door := new(changing)
	b := start(t, door)
	c := b.as("viewer@main")
	topic := c.RunTopic("run-main")
	b.say(topic, 0)
	n := 0
	for m, err := range c.Watch(t.Context(), topic, 0) {
		if p, ok := errors.AsType[*client.Problem](err); ok && n == 6 && p.Status == http.StatusUnauthorized {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == client.KindSubscribed {
			continue
		}
		if m.Kind != client.KindState || string(m.Data) != fmt.Sprint(n) {
			t.Fatalf("got %+v, want state %d", m, n)
		}
		switch n++; {
		case n == 3:
			b.cut()
			b.say(topic, n)
		case n == 6:
			door.shut.Store(true)
			b.cut()
		default:
			b.say(topic, n)
		}
	}
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	for _, err := range c.Watch(gone, topic, 0) {
		if err == nil || err.Error() != "enough" {
			t.Errorf("got %v", err)
		}
	}
}

// TestStalled: clients that take nothing are dropped, and the others hear every state in order.
func TestStalled(t *testing.T) {
	t.Parallel()
	const healthy, stalled, states = 20, 5, 100
	b := start(t, roles{}, func(o *Options) { o.Events = event.New(event.Options{Queue: 20}) })
	topic := b.as("").RunsTopic()
	narrow := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(4096)
		}
		return conn, err
	}}
	for range stalled {
		conn, _, err := websocket.Dial(t.Context(), b.URL+"/api/v1/events", &websocket.DialOptions{HTTPClient: &http.Client{Transport: narrow},
			HTTPHeader: http.Header{"Authorization": {"Bearer viewer@main"}}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		ask(t, conn, client.Subscription{Topic: topic})
		take(t, conn)
	}
	var all sync.WaitGroup
	ready, got := make(chan struct{}, healthy), make(chan struct{}, healthy)
	for range healthy {
		all.Go(func() {
			n := -1
			for m, err := range b.as("viewer@main").Watch(t.Context(), topic, 0) {
				switch {
				case err != nil:
					t.Error(err)
				case n == -1 && m.Kind == client.KindSubscribed:
					n = 0
					ready <- struct{}{}
					continue
				case m.Kind != client.KindState || !strings.HasPrefix(string(m.Data), fmt.Sprintf(`"%d.`, n)):
					t.Errorf("got %s %.20s, want state %d", m.Kind, m.Data, n)
				default:
					n++
					got <- struct{}{}
					if n < states {
						continue
					}
				}
				return
			}
		})
	}
	for range healthy {
		<-ready
	}
	filler := strings.Repeat("x", 8<<10) // what the network takes in for one who does not read is soon full
	for n := range states {
		b.events.Publish(event.Message{Topic: topic, Kind: client.KindState, Data: json.RawMessage(fmt.Sprintf(`"%d.%s"`, n, filler))})
		for range healthy {
			<-got
		}
	}
	all.Wait()
	want := fmt.Sprint("towpath_websockets_dropped_total ", stalled, "\n")
	for { // until the last is
		if _, text := b.ask(t, "GET", "/metrics", "viewer@main"); strings.Contains(string(text), want) {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("stalled clients are not dropped")
		}
	}
}
