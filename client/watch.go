package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// Message is what a server says over its WebSocket. Within a topic Seq grows; it is kept by who reconnects.
type Message struct {
	Topic string          `json:"topic" doc:"Topic of the message."`
	Seq   int64           `json:"seq,omitempty" doc:"Number within the topic; it grows. With subscribed and gap: what follows has numbers above it."`
	Kind  string          `json:"kind" doc:"state, progress, log, sample; subscribed and gap answer a subscription, refused refuses it."`
	Data  json.RawMessage `json:"data,omitempty" doc:"A value whose type follows from the kind."`
}

// Kinds of messages.
const (
	KindState      = "state"      // a RunEvent
	KindProgress   = "progress"   // a Progress; only the newest counts
	KindLog        = "log"        // a LogLine
	KindSubscribed = "subscribed" // the topic is subscribed to; what follows is complete
	KindGap        = "gap"        // the same, but messages behind the number asked for are kept no more: look up what they told
	KindRefused    = "refused"    // a Problem: the topic is not, or no longer, told
)

// Subscription asks for a topic, or ends it.
type Subscription struct {
	Topic string `json:"topic" doc:"Topic that is asked for."`
	After int64  `json:"after,omitempty" doc:"Number of the last message that was seen: those behind it come first. 0: all that are kept; -1: none."`
	End   bool   `json:"end,omitempty" doc:"The topic is asked for no more."`
}

// RunEvent is a change of the state of a run.
type RunEvent struct {
	Run string `json:"run" doc:"Key of the run."`
	Event
}

// LogLine is a line of a run's log.
type LogLine struct {
	At    string            `json:"at" doc:"When."`
	Level string            `json:"level" doc:"How much it matters." enum:"INFO,WARN,ERROR"`
	Text  string            `json:"text" doc:"What happened."`
	Facts map[string]string `json:"facts,omitempty" doc:"To what, and how."`
}

// RunsTopic is the topic of all runs of the client's workspace: their states and progress.
func (c *Client) RunsTopic() string { return topic(c.in("runs")) }

// RunTopic is the topic of one run.
func (c *Client) RunTopic(key string) string { return topic(c.in("runs", key)) }

// LogTopic is the topic of the log of one run.
func (c *Client) LogTopic(key string) string { return topic(c.in("runs", key, "log")) }

// ResourcesTopic is the topic of what the servers use of their machines.
func (c *Client) ResourcesTopic() string { return "resources" }

func topic(path string) string { return strings.TrimPrefix(path, base+"/") }

// Into reads the data of a message.
func (m Message) Into(v any) error {
	if err := json.Unmarshal(m.Data, v); err != nil {
		return fmt.Errorf("read message %s of %s: %w", m.Kind, m.Topic, err)
	}
	return nil
}

// quiet is how long a server may be silent.
const quiet = time.Minute

// Watch yields the messages of a topic behind a number, 0 for all that the server keeps and -1 for none of them. A connection that breaks is made again,
// and what was missed comes first: KindGap says where the server does not keep it any more. It ends with ctx, and with a *Problem when the server refuses.
func (c *Client) Watch(ctx context.Context, topic string, after int64) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for wait := time.Duration(0); ; {
			heard, err := c.listen(ctx, Subscription{Topic: topic, After: after}, func(m Message) bool {
				after = m.Seq
				return yield(m, nil)
			})
			if refused, ok := errors.AsType[*Problem](err); ok && refused.Status < 500 && refused.Status != http.StatusTooManyRequests {
				yield(Message{}, refused)
				return
			}
			if err == nil { // nobody wants more
				return
			}
			if wait = min(2*wait+100*time.Millisecond, 5*time.Second); heard {
				wait = 100 * time.Millisecond
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				yield(Message{}, context.Cause(ctx))
				return
			}
		}
	}
}

// listen hands on messages until the connection ends, or, with nil, until take wants no more.
func (c *Client) listen(ctx context.Context, s Subscription, take func(Message) bool) (heard bool, err error) {
	header := http.Header{}
	c.identify(header)
	conn, answer, err := websocket.Dial(ctx, strings.TrimSuffix(c.URL, "/")+base+"/events", &websocket.DialOptions{HTTPClient: c.http(), HTTPHeader: header})
	if err != nil {
		if answer != nil && answer.StatusCode >= 400 {
			defer answer.Body.Close()
			return false, read(answer, nil)
		}
		return false, err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(mostAnswered)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := wsjson.Write(ctx, conn, s); err != nil {
		return false, err
	}
	var pinger sync.WaitGroup
	defer func() {
		cancel()
		pinger.Wait()
	}()
	pinger.Go(func() { ping(ctx, conn, cancel) })
	for {
		var m Message
		if err := wsjson.Read(ctx, conn, &m); err != nil {
			return heard, fmt.Errorf("read message: %w", err)
		}
		heard = true
		if m.Kind == KindRefused {
			p := &Problem{}
			if err := m.Into(p); err != nil {
				return heard, err
			}
			return heard, p
		}
		if !take(m) {
			return heard, nil
		}
	}
}

// ping ends a connection to a server that is gone without a word: it does not answer.
func ping(ctx context.Context, conn *websocket.Conn, end func()) {
	ticker := time.NewTicker(quiet / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		answered, stop := context.WithTimeout(ctx, quiet/2)
		err := conn.Ping(answered)
		stop()
		if err != nil {
			end()
			return
		}
	}
}
