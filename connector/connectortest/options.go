package connectortest

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/towpath/towpath/connector"
)

const strangeOption = "no_such_option"

// options: an unknown option stops everything, by its path; every option is documented.
func (s Suite) options(tb TB) {
	described := map[string]*connector.Options{"connection": s.Connector.Connection, "reading": s.Connector.Reading, "writing": s.Connector.Writing}
	for what, o := range described {
		if o == nil {
			continue
		}
		if !json.Valid(o.Schema()) {
			tb.Errorf("%s options: JSON Schema is not valid JSON", what)
		}
		for _, f := range o.Fields() {
			if f.Doc == "" {
				tb.Errorf("%s option %q has no doc", what, f.Name)
			}
		}
	}
	_, err := s.Connector.Open(tb.Context(), connector.Connection{Name: "under-test", Options: strange(s.Connection(tb))})
	refusedByName(tb, "open", err)
	c := s.open(tb)
	if s.Connector.Read != nil {
		_, err := s.Connector.Read(tb.Context(), c, connector.Source{Dataset: s.NewName(tb), Options: strange(s.Reading)})
		refusedByName(tb, "read", err)
	}
	if s.Connector.Write != nil {
		_, err := s.Connector.Write(tb.Context(), c, connector.Sink{Dataset: s.NewName(tb), Mode: s.Modes[0], Run: newRun(), Options: strange(s.Writing)})
		refusedByName(tb, "write", err)
	}
}

func strange(raw json.RawMessage) json.RawMessage {
	members := map[string]json.RawMessage{}
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &members) // what is no object is the connector's to refuse
	}
	members[strangeOption] = json.RawMessage("1")
	out, err := json.Marshal(members)
	if err != nil {
		panic(err) // raw messages that were just read marshal
	}
	return out
}

func refusedByName(tb TB, what string, err error) {
	tb.Helper()
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || e.Class != connector.Config || !strings.HasSuffix(e.Path, strangeOption) {
		tb.Errorf("%s with an unknown option: got %v, want an error of class config whose path ends in %s", what, err, strangeOption)
	}
}

// client: identity, names and counts.
func (s Suite) client(tb TB) {
	a, b := s.open(tb), s.open(tb)
	first, err := a.Identity(tb.Context())
	if err != nil || first == "" {
		tb.Fatalf("identity: %q, %v", first, err)
	}
	if second, err := b.Identity(tb.Context()); err != nil || second != first {
		tb.Errorf("identity of another client: %q, %v, want %q", second, err, first)
	}
	if s.MakeDataset == nil {
		return
	}
	name := s.NewName(tb)
	s.MakeDataset(tb, name, Fixture(s.Keys[0], 3))
	if found := s.datasets(tb, a, name); len(found) != 1 || found[0] != name {
		tb.Errorf("datasets like %q: got %q", name, found)
	}
	if s.Connector.Count == nil {
		return
	}
	if n, err := s.Connector.Count(tb.Context(), a, name, ""); err != nil || n != 3 {
		tb.Errorf("count: got %d, %v, want 3", n, err)
	}
	if n, err := s.Connector.Count(tb.Context(), a, s.NewName(tb), ""); connector.ClassOf(err) != connector.Missing {
		tb.Errorf("count of a dataset that is not there: got %d, %v, want an error of class missing", n, err)
	}
}

func (s Suite) datasets(tb TB, c connector.Client, pattern string) []string {
	tb.Helper()
	var names []string
	for name, err := range c.Datasets(tb.Context(), pattern) {
		if err != nil {
			tb.Fatalf("datasets: %v", err)
		}
		names = append(names, name)
	}
	return names
}
