package job

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// IsPattern reports whether a source names several datasets.
func IsPattern(source string) bool { return strings.Contains(source, "*") }

// isVariable reports whether a name in the target of a pattern stands for a part of each match's name.
func isVariable(name string) bool { return name == "table" || name == "schema" || name == "database" }

// Expand returns the streams that a stream stands for, one for each name, which the source found for its pattern. Names are
// sorted and repeated ones taken once. Without a target each keeps its name there; else the target says by ${table}, ${schema} and
// ${database} how they are named, or all flow into the one. A stream without a pattern is returned as it is. A pattern that nothing
// matches is an error of class Missing.
func Expand(s Stream, names []string) ([]Stream, error) {
	if !IsPattern(s.Source) {
		return []Stream{s}, nil
	}
	if len(names) == 0 {
		e := connector.Errorf(connector.Missing, "TOW-610", "no dataset matches %q", s.Source)
		if len(s.Exclude) > 0 {
			e = connector.Errorf(connector.Missing, "TOW-610", "no dataset matches %q, those excluded left out", s.Source)
		}
		return nil, e.WithHint("List what there is with: towpath discover.")
	}
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	streams := make([]Stream, len(names))
	for i, name := range names {
		target, err := targetOf(s.Target, name)
		if err != nil {
			return nil, err
		}
		streams[i] = s
		streams[i].Source, streams[i].Target, streams[i].Exclude = name, target, nil
		streams[i].Key, streams[i].Columns = slices.Clone(s.Key), slices.Clone(s.Columns)
	}
	return streams, nil
}

// targetOf puts the parts of a dataset's name into the target of a pattern, a template as Bind leaves it.
func targetOf(template, dataset string) (string, error) {
	if template == "" {
		return dataset, nil
	}
	parts := nameParts(dataset)
	var wrong error
	target := references(template, "${", func(name string, closed bool) string {
		at := len(parts) - 1
		switch {
		case !closed || !isVariable(name):
			wrong = connector.Errorf(connector.Config, "TOW-612", "target %q: ${%s is not a part of a dataset's name", template, name).
				WithHint("Parts are ${table}, ${schema} and ${database}.")
			return ""
		case name == "schema":
			at--
		case name == "database":
			at = min(at-1, 0)
		}
		if at < 0 {
			wrong = connector.Errorf(connector.Config, "TOW-612", "target %q: dataset %q has no %s in its name", template, dataset, name).
				WithHint("Use ${table} alone, or name the stream's target.")
			return ""
		}
		if part := parts[at]; strings.ContainsAny(part, ".*`\"") {
			wrong = connector.Errorf(connector.Config, "TOW-612", "target %q: %q of dataset %q cannot be put into another name", template, part, dataset).
				WithHint("Exclude it from the pattern, and give it a stream of its own.")
		}
		return parts[at]
	})
	return target, wrong
}

// nameParts cuts a dataset's name at its dots. Parts may stand in backticks or double quotes, in which a doubled one is one.
func nameParts(dataset string) []string {
	var parts []string
	var part strings.Builder
	var within byte
	for i := 0; i < len(dataset); i++ {
		c := dataset[i]
		switch {
		case within != 0 && c == within && i+1 < len(dataset) && dataset[i+1] == within:
			part.WriteByte(c)
			i++
		case within != 0 && c == within:
			within = 0
		case within == 0 && part.Len() == 0 && (c == '`' || c == '"'):
			within = c
		case within == 0 && c == '.':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String())
}
