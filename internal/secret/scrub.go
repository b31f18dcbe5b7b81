package secret

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// shortest is the length in bytes from which a value is scrubbed: shorter ones stand in every other word.
const shortest = 4

// Scrubber replaces registered secrets in texts. The zero Scrubber is ready; it is safe for concurrent use.
type Scrubber struct {
	mu    sync.RWMutex
	forms []string
}

// Add registers a value, in clear and as URLs, JSON and quoted texts write it. Values of less than 4 bytes are not taken.
func (s *Scrubber) Add(value string) {
	if len(value) < shortest {
		return
	}
	quoted := strconv.Quote(value)
	forms := []string{value, url.QueryEscape(value), url.PathEscape(value), url.UserPassword("", value).String()[1:], quoted[1 : len(quoted)-1]}
	if b, err := json.Marshal(value); err == nil {
		forms = append(forms, string(b[1:len(b)-1]))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range forms {
		if !slices.Contains(s.forms, form) {
			s.forms = append(s.forms, form)
		}
	}
}

// AddAll registers the values.
func (s *Scrubber) AddAll(values []String) {
	for _, v := range values {
		s.Add(v.Reveal())
	}
}

// Clean returns the text with *** in place of each registered value, overlapping ones too, and of passwords in URLs.
func (s *Scrubber) Clean(text string) string {
	if strings.Contains(text, "://") {
		text = inURL.ReplaceAllString(text, "${1}"+Mask+"@")
	}
	s.mu.RLock()
	forms := s.forms
	s.mu.RUnlock()
	type span struct{ from, to int }
	var found []span
	for _, form := range forms {
		for at := 0; ; {
			i := strings.Index(text[at:], form)
			if i < 0 {
				break
			}
			found = append(found, span{at + i, at + i + len(form)})
			at += i + 1
		}
	}
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	end := 0
	for _, f := range found {
		if f.from >= end {
			b.WriteString(text[end:f.from] + Mask)
		}
		end = max(end, f.to)
	}
	return b.String() + text[end:]
}

// Handler returns a handler that cleans messages and attributes before inner sees them. Attributes given to With are cleaned of
// what is registered by then.
func (s *Scrubber) Handler(inner slog.Handler) slog.Handler { return handler{inner, s} }

type handler struct {
	slog.Handler
	scrub *Scrubber
}

// Handle cleans the record.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.scrub.Clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs cleans the attributes.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return handler{h.Handler.WithAttrs(clean), h.scrub}
}

// WithGroup opens the group.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(h.scrub.Clean(name)), h.scrub}
}

func (h handler) attr(a slog.Attr) slog.Attr {
	a.Key = h.scrub.Clean(a.Key)
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(h.scrub.Clean(v.String()))
	case slog.KindGroup:
		group := v.Group()
		clean := make([]slog.Attr, len(group))
		for i := range group {
			clean[i] = h.attr(group[i])
		}
		v = slog.GroupValue(clean...)
	case slog.KindAny:
		v = h.any(v)
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// any keeps a value whose printed forms hold no secret, and gives the cleaned text of one that does.
func (h handler) any(v slog.Value) slog.Value {
	text := fmt.Sprintf("%+v", v.Any())
	if b, ok := v.Any().([]byte); ok {
		text = string(b)
	}
	if clean := h.scrub.Clean(text); clean != text {
		return slog.StringValue(clean)
	}
	if b, err := json.Marshal(v.Any()); err == nil && h.scrub.Clean(string(b)) != string(b) {
		return slog.StringValue(h.scrub.Clean(string(b)))
	}
	return v
}
