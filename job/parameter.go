package job

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Bind returns a copy of the job in which ${name} in sources, queries, targets and conditions is the value of the parameter: that
// of params, else the document's own; $${ stands for ${ itself. Values are put in as they are and never substituted again.
// A name in params that the document does not have is refused. Bind a job once.
func (j *Job) Bind(params map[string]string) (*Job, error) {
	p := &problems{name: j.Name}
	out := j.Clone()
	out.Parameters = map[string]string{}
	maps.Copy(out.Parameters, j.Parameters)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if _, known := j.Parameters[name]; !known {
			p.add(place{}, "parameters."+name, "TOW-609", j.parameterHint(name), "the job has no parameter %q", name)
			continue
		}
		out.Parameters[name] = params[name]
	}
	if len(out.Parameters) == 0 {
		out.Parameters = nil
	}
	for path, text := range out.substituted() {
		*text = out.substitute(*text, path, p)
	}
	for i := range out.Streams {
		if s := &out.Streams[i]; IsPattern(s.Source) && s.Target == s.Source {
			s.Target = "" // the name that a source of one dataset lends its target
		}
	}
	out.check(p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return out, nil
}

// substituted yields the texts that parameters stand in, by path.
func (j *Job) substituted() func(yield func(string, *string) bool) {
	return func(yield func(string, *string) bool) {
		for i := range j.Streams {
			s, path := &j.Streams[i], "streams["+strconv.Itoa(i)+"]."
			for _, t := range []struct {
				key  string
				text *string
			}{{"source", &s.Source}, {"query", &s.Query}, {"target", &s.Target}, {"where", &s.Where}} {
				if !yield(path+t.key, t.text) {
					return
				}
			}
		}
	}
}

// checkParameters refuses references that Bind would refuse.
func (j *Job) checkParameters(p *problems) {
	for path, text := range j.substituted() {
		if _, written := j.places[path]; written {
			j.substitute(*text, path, p)
		}
	}
}

func (j *Job) substitute(text, path string, p *problems) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			return b.String() + text
		}
		if escaped, yes := strings.CutSuffix(before, "$"); yes {
			b.WriteString(escaped + "${")
			text = after
			continue
		}
		b.WriteString(before)
		name, rest, closed := strings.Cut(after, "}")
		value, known := j.Parameters[name]
		switch {
		case !closed:
			p.add(j.at(path), path, "TOW-609", "Write $${ for ${ itself.", "${ is not closed")
			return ""
		case strings.HasPrefix(name, "env:") || strings.HasPrefix(name, "file:"):
			p.add(j.at(path), path, "TOW-607", "Pass the value as a parameter.", "references to the environment and to files stand in the connections file only")
		case !isName(name):
			p.add(j.at(path), path, "TOW-609", "Write $${ for ${ itself.", "%q is not a parameter's name", name)
		case !known:
			p.add(j.at(path), path, "TOW-609", j.parameterHint(name), "unknown parameter %q", name)
		}
		b.WriteString(value)
		text = rest
	}
}

func (j *Job) parameterHint(name string) string {
	if near := nearestHint(name, slices.Sorted(maps.Keys(j.Parameters))); near != "" {
		return near
	}
	return "Give it a value below parameters in the job."
}

// isName reports whether a text is a parameter's name: letters, digits and _, not a digit first.
func isName(text string) bool {
	for i, r := range text {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return text != ""
}
