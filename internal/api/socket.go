package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"golang.org/x/time/rate"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/event"
)

// Limits of a WebSocket: what its client may send, and how long it may be slow or silent.
const (
	mostAsked   = 4 << 10 // bytes of a message
	askEvery    = 50 * time.Millisecond
	askAtOnce   = 300
	mostTopics  = 256
	writeTime   = 10 * time.Second
	pingEvery   = 20 * time.Second
	tooSlow     = websocket.StatusTryAgainLater
	notAllowed  = websocket.StatusPolicyViolation
	shuttingOff = websocket.StatusGoingAway
)

// topic is a row of the table of topics: what they are called, below /api/v1, and what is needed to hear them.
type topic struct {
	pattern string
	action  team.Action
}

func topics() []topic {
	return []topic{
		{"workspaces/{workspace}/runs", team.SeeRuns},
		{"workspaces/{workspace}/runs/{run}", team.SeeRuns},
		{"workspaces/{workspace}/runs/{run}/log", team.SeeRuns},
		{"resources", team.SeeServer},
	}
}

// actionOf is what hearing a topic needs, and in which workspace.
func actionOf(name string) (action team.Action, workspace, run string, ok bool) {
	parts := strings.Split(name, "/")
	for _, t := range topics() {
		want := strings.Split(t.pattern, "/")
		if len(parts) != len(want) {
			continue
		}
		workspace, run, ok = "", "", true
		for i, part := range parts {
			switch want[i] {
			case "{workspace}":
				workspace = part
			case "{run}":
				run = part
			default:
				ok = ok && part == want[i]
			}
			ok = ok && part != ""
		}
		if ok {
			return t.action, workspace, run, true
		}
	}
	return "", "", "", false
}

// socket is one WebSocket.
type socket struct {
	*server
	conn   *websocket.Conn
	who    credential
	sub    *event.Subscriber
	mu     sync.Mutex // guards topics, and keeps their messages behind the answers to their subscriptions
	topics map[string]bool
}

// events answers with a WebSocket. Browsers send its session's cookie with it, whichever page they show: the origin has to be this host.
func (s *server) events() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.sockets <- struct{}{}:
			defer func() { <-s.sockets }()
		default:
			s.refuse(w, r, connector.Errorf(connector.Busy, "TOW-905", "%d WebSockets are open already", mostSockets))
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil { // it has answered
			return
		}
		s.meters.sockets.Inc()
		defer s.meters.sockets.Dec()
		defer conn.CloseNow()
		k := &socket{server: s, conn: conn, who: credentialOf(r.Context()), sub: s.Events.Subscriber(), topics: map[string]bool{}}
		defer k.sub.Close()
		k.serve(r.Context())
	}
}

// serve works until the client goes or has to.
func (k *socket) serve(ctx context.Context) {
	k.conn.SetReadLimit(mostAsked)
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	ended := make(chan error, 3)
	for _, part := range []func(context.Context) error{k.hear, k.tell, k.watch} {
		parts.Go(func() { ended <- part(ctx) })
	}
	cause := event.ErrSlow
	select {
	case cause = <-ended:
	case <-k.sub.Ended(): // while what it is sent waits for it
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	code, reason := shuttingOff, "the server ends"
	switch class := connector.ClassOf(cause); {
	case errors.Is(cause, event.ErrSlow):
		k.meters.dropped.Inc()
		code, reason = tooSlow, cause.Error()
	case class == connector.Denied, class == connector.Busy:
		code, reason = notAllowed, cause.Error()
	}
	k.sub.Close()
	k.conn.Close(code, reason[:min(len(reason), 100)]) // before the context ends, which would end the connection without a word
	cancel()
	parts.Wait()
}

// hear takes what the client asks for.
func (k *socket) hear(ctx context.Context) error {
	asked := rate.NewLimiter(rate.Every(askEvery), askAtOnce)
	for {
		var ask client.Subscription
		if err := wsjson.Read(ctx, k.conn, &ask); err != nil {
			return err
		}
		if !asked.Allow() {
			return connector.Errorf(connector.Busy, "TOW-906", "too many subscriptions in a short time")
		}
		if err := k.subscribe(ctx, ask); err != nil {
			return err
		}
	}
}

// subscribe answers one subscription.
func (k *socket) subscribe(ctx context.Context, ask client.Subscription) error {
	if ask.End {
		k.end(ask.Topic)
		return nil
	}
	err := k.allowed(ctx, ask.Topic)
	k.mu.Lock()
	if err == nil && len(k.topics) >= mostTopics && !k.topics[ask.Topic] {
		err = connector.Errorf(connector.Config, "TOW-907", "%d topics are subscribed to already", mostTopics)
	}
	if err == nil {
		k.topics[ask.Topic] = true
	}
	k.mu.Unlock()
	if err != nil {
		return k.refused(ctx, ask.Topic, err)
	}
	kind := client.KindSubscribed
	k.mu.Lock() // tell hands nothing of the topic on before the answer
	defer k.mu.Unlock()
	from, gap := k.sub.Subscribe(ask.Topic, ask.After)
	if gap {
		kind = client.KindGap
	}
	return k.write(ctx, client.Message{Topic: ask.Topic, Seq: from, Kind: kind})
}

func (k *socket) end(topic string) {
	k.mu.Lock()
	delete(k.topics, topic)
	k.mu.Unlock()
	k.sub.Unsubscribe(topic)
}

// allowed reports whether who has the WebSocket may hear a topic.
func (k *socket) allowed(ctx context.Context, name string) error {
	action, workspace, run, ok := actionOf(name)
	if !ok {
		return connector.Errorf(connector.Missing, "TOW-908", "no topic %q", name)
	}
	a, err := k.actor(ctx, k.who, workspace)
	if err == nil {
		err = a.May(action)
	}
	if err == nil && run != "" {
		_, err = k.Team.Run(ctx, a, run)
	}
	return err
}

func (k *socket) refused(ctx context.Context, topic string, err error) error {
	data, err := json.Marshal(k.problem(ctx, err))
	if err != nil {
		return err
	}
	return k.write(ctx, client.Message{Topic: topic, Kind: client.KindRefused, Data: data})
}

// tell hands messages to the client.
func (k *socket) tell(ctx context.Context) error {
	for {
		m, err := k.sub.Next(ctx)
		if err != nil {
			return err
		}
		k.mu.Lock()
		err = nil
		if k.topics[m.Topic] {
			err = k.write(ctx, client.Message{Topic: m.Topic, Seq: m.Seq, Kind: m.Kind, Data: m.Data})
		}
		k.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

func (k *socket) write(ctx context.Context, m client.Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, writeTime, event.ErrSlow)
	defer cancel()
	if err := wsjson.Write(ctx, k.conn, m); err != nil {
		if errors.Is(context.Cause(ctx), event.ErrSlow) {
			return event.ErrSlow
		}
		return err
	}
	return nil
}

// watch pings the client, and asks again whether it may hear what it hears: roles change, sessions and tokens end.
func (k *socket) watch(ctx context.Context) error {
	ping, again := time.NewTicker(pingEvery), time.NewTicker(k.recheck)
	defer ping.Stop()
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ping.C:
			answered, cancel := context.WithTimeoutCause(ctx, writeTime, event.ErrSlow)
			err := k.conn.Ping(answered)
			cancel()
			if err != nil {
				return event.ErrSlow
			}
		case <-again.C:
			if err := k.allowedStill(ctx); err != nil {
				return err
			}
		}
	}
}

func (k *socket) allowedStill(ctx context.Context) error {
	if _, err := k.actor(ctx, k.who, ""); connector.ClassOf(err) == connector.Denied {
		return err
	}
	k.mu.Lock()
	heard := make([]string, 0, len(k.topics))
	for name := range k.topics {
		heard = append(heard, name)
	}
	k.mu.Unlock()
	for _, name := range heard {
		err := k.allowed(ctx, name)
		if class := connector.ClassOf(err); class != connector.Denied && class != connector.Missing {
			continue // also when it cannot be known in this moment
		}
		k.end(name)
		if err := k.refused(ctx, name, err); err != nil {
			return err
		}
	}
	return nil
}
