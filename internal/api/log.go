package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/event"
)

// Log makes a handler of a log that hands its lines on to next, and tells those about a run in the topic of its log. What takes secrets out of lines
// has to stand before it.
func (f *Feed) Log(next slog.Handler) slog.Handler { return logged{Handler: next, feed: f} }

// logged is a handler with the attributes that its logger carries.
type logged struct {
	slog.Handler
	feed  *Feed
	attrs []slog.Attr
	group string // in front of names
}

// Enabled reports whether somebody wants lines of a level: topics get what matters to people, whatever the log is set to.
func (l logged) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || l.Handler.Enabled(ctx, level)
}

// Handle hands a line on.
func (l logged) Handle(ctx context.Context, r slog.Record) error {
	line := client.LogLine{At: r.Time.UTC().Format(time.RFC3339Nano), Level: r.Level.String(), Text: r.Message, Facts: map[string]string{}}
	for _, a := range l.attrs {
		line.Facts[a.Key] = a.Value.Resolve().String()
	}
	r.Attrs(func(a slog.Attr) bool {
		line.Facts[l.group+a.Key] = a.Value.Resolve().String()
		return true
	})
	if run := line.Facts["run"]; run != "" && r.Level >= slog.LevelInfo {
		l.feed.tellLine(run, line)
	}
	if !l.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs is the handler of a logger that carries more attributes.
func (l logged) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := append([]slog.Attr{}, l.attrs...)
	for _, a := range attrs {
		a.Key = l.group + a.Key
		all = append(all, a)
	}
	l.Handler, l.attrs = l.Handler.WithAttrs(attrs), all
	return l
}

// WithGroup is the handler of a logger whose further attributes have a name in front.
func (l logged) WithGroup(name string) slog.Handler {
	l.Handler, l.group = l.Handler.WithGroup(name), l.group+name+"."
	return l
}

// tellLine tells a line of a run that is known; others have no workspace to be told in.
func (f *Feed) tellLine(run string, line client.LogLine) {
	f.mu.Lock()
	was := f.known[run]
	f.mu.Unlock()
	if was == nil {
		return
	}
	data, err := json.Marshal(line)
	if err != nil {
		panic(err) // texts alone
	}
	c := client.Client{Workspace: was.workspace}
	f.events.Publish(event.Message{Topic: c.LogTopic(run), Kind: client.KindLog, Data: data})
}
