package engine

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// nameLength is the length of a column that holds the names of datasets, unless one of them is longer.
const nameLength = 255

// constant returns the column that holds where the rows of a stream are from, nil when the job wants none. All streams of a target have
// one of the same type.
func (m *maker) constant(i int) *ColumnPlan {
	js := &m.streams[i]
	if js.SourceColumn == "" {
		return nil
	}
	return &ColumnPlan{Constant: m.origin(i), To: js.SourceColumn, Want: record.Type{Kind: record.Text, Length: int64(m.of[i].longest)}}
}

// origin is the name of what a stream reads, told apart from those of the same target: with its connection where they have several.
func (m *maker) origin(i int) string {
	js := &m.streams[i]
	if !m.of[i].mixed {
		return js.Source
	}
	end := m.Sources[js.Connection]
	return cmp.Or(end.Side.Connection, end.Side.Connector) + ":" + js.Source
}

// compareOrigins finds out how the streams of a target are told apart.
func (m *maker) compareOrigins(g *group) {
	for _, i := range g.streams {
		g.mixed = g.mixed || m.streams[i].Connection != m.streams[g.streams[0]].Connection
	}
	g.longest = nameLength
	for _, i := range g.streams {
		g.longest = max(g.longest, utf8.RuneCountInString(m.origin(i)))
	}
}

// keysApart refuses streams of one target, i the first of them, whose keys could meet there: rows of one stream would then be taken for
// rows of another.
func (m *maker) keysApart(i int, refused *Refused) {
	js, g := &m.streams[i], m.of[i]
	if len(g.want.Key()) == 0 || js.Write == connector.Append {
		return
	}
	if js.SourceColumn == "" {
		refused.add(js.At+".target", "TOW-120", "%s takes %s together, whose keys could be the same", g.dataset, plural(len(g.streams), "stream")).
			WithHint("Tell their rows apart by the dataset's name with source_column: NAME, or write with append, which looks at no key.")
		return
	}
	seen := map[string]bool{}
	for _, other := range g.streams {
		name := m.origin(other)
		if seen[name] {
			refused.add(m.streams[other].At+".source", "TOW-120", "%s is read into %s twice, and source_column %s would not tell the rows apart", name, g.dataset, js.SourceColumn)
		}
		seen[name] = true
	}
}

// share makes a stream write to the target of another, the first of their group: what both ask of it must be the same.
func (m *maker) share(s *StreamPlan, i int, want *record.Schema, refused *Refused) {
	js, g := &m.streams[i], m.of[i]
	first := &m.streams[g.streams[0]]
	if name := targetOf(&js.Stream); name != g.dataset { // by a pattern, say: nobody wrote that they share it
		refused.add(js.At+".target", "TOW-120", "%s and %s are one dataset at the target, and %s flows into it too", name, g.dataset, streamName(&first.Stream)).
			WithHint("Give them targets of their own, or write the name alike where their rows are meant to come together.")
		return
	}
	if g.lead == nil { // it was refused itself
		return
	}
	for _, setting := range []struct {
		key       string
		same      bool
		its, mine any
	}{
		{"write", js.Write == first.Write, first.Write, js.Write},
		{"source_column", js.SourceColumn == first.SourceColumn, first.SourceColumn, js.SourceColumn},
		{"create", js.Create.Structure() == first.Create.Structure() && js.Create.Never() == first.Create.Never(), nil, nil},
		{"target_options", string(s.Sink.Options) == string(g.lead.Sink.Options), nil, nil},
		{"key", slices.Equal(s.Sink.Key, g.lead.Sink.Key), g.lead.Sink.Key, s.Sink.Key},
	} {
		if setting.same {
			continue
		}
		values := ""
		if setting.mine != nil {
			values = fmt.Sprintf(": %q, not %q", setting.mine, setting.its)
		}
		refused.add(js.At+"."+setting.key, "TOW-129", "%s flows into %s as %s does, with another %s%s", streamName(&js.Stream), g.dataset, streamName(&first.Stream),
			setting.key, values).WithHint("Streams of one target are written in one way.")
		return
	}
	sameSystem := m.Sources[js.Connection].Connector.Name == m.Sources[first.Connection].Connector.Name
	if difference := differs(g.want, want, sameSystem); difference != "" {
		refused.add(js.At, "TOW-129", "%s flows into %s as %s does, but %s", streamName(&js.Stream), g.dataset, streamName(&first.Stream), difference).
			WithHint("Give them targets of their own, or make the columns equal: columns:, with type: where types differ.")
		return
	}
	target := *g.lead.Target
	target.Losses = slices.Clone(target.Losses)
	s.Target, s.Sink = &target, g.lead.Sink
}

// differs says in which column two schemas that are wanted of one target differ, "" when in none. Keys must also be compared in one way by
// their sources: whether the target takes some of them for equal was asked for those of the first schema. sameSystem: native types of both are
// words of one language.
func differs(a, b *record.Schema, sameSystem bool) string {
	for i := range max(len(a.Fields), len(b.Fields)) {
		switch {
		case i >= len(b.Fields):
			return "it has no column " + a.Fields[i].Name
		case i >= len(a.Fields):
			return "its column " + b.Fields[i].Name + " is one more"
		}
		f, g := a.Fields[i], b.Fields[i]
		switch {
		case f.Name != g.Name:
			return fmt.Sprintf("column %d is %s, not %s", i+1, g.Name, f.Name)
		case !sameType(f.Type, g.Type):
			return fmt.Sprintf("column %s is %s, not %s", f.Name, g.Type, f.Type)
		case f.Nullable != g.Nullable:
			return fmt.Sprintf("column %s is %s", f.Name, map[bool]string{true: "nullable there", false: "not null there"}[g.Nullable])
		case f.Key != g.Key:
			return fmt.Sprintf("column %s has another place in the key", f.Name)
		case f.Key > 0 && f.Collation != g.Collation:
			return fmt.Sprintf("key column %s has collation %s, not %s", f.Name, cmp.Or(g.Collation, "none"), cmp.Or(f.Collation, "none"))
		case f.Key > 0 && sameSystem && f.Type.Kind == record.Text && f.Native != g.Native:
			return fmt.Sprintf("key column %s is %s, not %s", f.Name, cmp.Or(g.Native, g.Type.String()), cmp.Or(f.Native, f.Type.String()))
		}
	}
	return ""
}
