package connector_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towpath/towpath/connector"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err  *connector.Error
		want string
	}{
		"text":          {connector.Errorf(connector.Retry, "TOW-1", "open %q", "a"), `open "a"`},
		"cause in text": {connector.Errorf(connector.Retry, "TOW-1", "open: %w", io.EOF), "open: EOF"},
		"two causes":    {connector.Errorf(connector.Retry, "TOW-1", "open: %w, %w", io.EOF, io.ErrNoProgress), "open: EOF, " + io.ErrNoProgress.Error()},
		"path":          {connector.Errorf(connector.Config, "TOW-1", "is wrong").At("source.options.a"), "source.options.a: is wrong"},
		"literal":       {&connector.Error{Text: "read", Err: io.EOF}, "read: EOF"},
		"cause alone":   {&connector.Error{Err: io.EOF}, "EOF"},
	}
	for name, c := range cases {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestErrorCausesAreFound(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		connector.Errorf(connector.Retry, "", "open: %w", io.EOF),
		connector.Errorf(connector.Retry, "", "open: %w, %w", io.ErrNoProgress, io.EOF),
		connector.Errorf(connector.Retry, "", "open: %w", fmt.Errorf("inner: %w", io.EOF)),
		&connector.Error{Err: io.EOF},
	} {
		if !errors.Is(err, io.EOF) {
			t.Errorf("%v hides its cause", err)
		}
	}
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	busy := connector.Errorf(connector.Busy, "", "slow down")
	cases := map[string]struct {
		err  error
		want connector.Class
	}{
		"nil":         {nil, connector.Other},
		"plain":       {io.EOF, connector.Other},
		"own":         {busy, connector.Busy},
		"wrapped":     {fmt.Errorf("write: %w", busy), connector.Busy},
		"joined":      {errors.Join(io.EOF, busy), connector.Busy},
		"outer wins":  {connector.Errorf(connector.Full, "", "write: %w", busy), connector.Full},
		"behind both": {fmt.Errorf("a: %w", connector.Errorf(connector.Lost, "", "b: %w, %w", io.EOF, busy)), connector.Lost},
	}
	for name, c := range cases {
		if got := connector.ClassOf(c.err); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestClassNames(t *testing.T) {
	t.Parallel()
	want := []string{"other", "retry", "busy", "full", "fenced", "unknown", "lost", "changed", "config", "row", "missing", "denied"}
	for c := connector.Other; c <= connector.Denied; c++ {
		if c.String() != want[c] {
			t.Errorf("class %d: got %q, want %q", int(c), c, want[c])
		}
	}
	if got := connector.Class(99).String(); got != "class(99)" {
		t.Errorf("got %q", got)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	s := connector.NewSet(connector.Connector{Name: "b", Title: "B"}, connector.Connector{Name: "a"})
	var names []string
	for _, c := range s.All() {
		names = append(names, c.Name)
	}
	if d := cmp.Diff([]string{"a", "b"}, names); d != "" {
		t.Error(d)
	}
	if c, err := s.Get("b"); err != nil || c.Title != "B" {
		t.Errorf("got %+v, %v", c, err)
	}
	_, err := s.Get("c")
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || e.Class != connector.Config || e.Code != "TOW-002" || !strings.Contains(e.Hint, "a, b") {
		t.Errorf("got %#v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("two connectors of one name make a set")
		}
	}()
	connector.NewSet(connector.Connector{Name: "a"}, connector.Connector{Name: "a"})
}

type options struct {
	Host string `json:"host" doc:"The host."`
	Port int    `json:"port" doc:"The port." minimum:"1"`
}

func TestDecodeOptions(t *testing.T) {
	t.Parallel()
	o := connector.Describe(options{Host: "localhost", Port: 1})
	got, err := connector.DecodeOptions[options](o, []byte(`{"port":7}`), "source.options")
	if err != nil || got != (options{"localhost", 7}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for raw, want := range map[string]connector.Error{
		`{"host":"a","prt":7}`: {Path: "source.options.prt", Text: `unknown option "prt"`, Hint: `Did you mean "port"?`},
		`{"port":0}`:           {Path: "source.options.port", Text: "0 is less than 1", Hint: "It takes a whole number from 1 on."},
		`[]`:                   {Path: "source.options", Text: "must not be a list", Hint: "It takes an object."},
	} {
		got, err := connector.DecodeOptions[options](o, []byte(raw), "source.options")
		e, ok := errors.AsType[*connector.Error](err)
		if !ok || e.Class != connector.Config || e.Code != "TOW-001" || e.Path != want.Path || e.Text != want.Text || e.Hint != want.Hint {
			t.Errorf("%s: got %#v", raw, err)
		}
		if got != (options{}) {
			t.Errorf("%s: refused options hold %+v", raw, got)
		}
	}
}
