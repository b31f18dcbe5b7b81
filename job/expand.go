package job

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// IsPattern reports whether a source names several datasets.
func IsPattern(source string) bool { return strings.Contains(source, "*") }

// Expand returns the streams that a stream stands for, one for each name, which the source found for its pattern; each keeps
// its name at the target. Names are sorted and repeated ones taken once. A stream without a pattern is returned as it is. A
// pattern that nothing matches is an error of class Missing.
func Expand(s Stream, names []string) ([]Stream, error) {
	if !IsPattern(s.Source) {
		return []Stream{s}, nil
	}
	if len(names) == 0 {
		return nil, connector.Errorf(connector.Missing, "TOW-610", "no dataset matches %q", s.Source).
			WithHint("List what there is with: towpath discover.")
	}
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	streams := make([]Stream, len(names))
	for i, name := range names {
		streams[i] = s
		streams[i].Source, streams[i].Target = name, name
		streams[i].Key, streams[i].Columns = slices.Clone(s.Key), slices.Clone(s.Columns)
	}
	return streams, nil
}
