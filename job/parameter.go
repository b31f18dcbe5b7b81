package job

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Bind returns a copy of the job in which ${name} in sources, exclusions, queries, targets and conditions is the value of the
// parameter: that of params, else the document's own; $${ stands for ${ itself. Values are put in as they are and never substituted
// again. The target of a pattern stays a template for Expand. A name in params that the document does not have is refused. Bind a
// job once.
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
	for i := range out.Streams {
		s := &out.Streams[i]
		named := s.Target != "" && s.Target != s.Source // else it is the name that a source of one dataset lends its target
		for path, text := range s.substituted(i) {
			*text = out.substitute(*text, path, p)
		}
		switch {
		case named && IsPattern(s.Source):
			s.Target = out.template(s.Target, targetPath(i), p)
		case named:
			s.Target = out.substitute(s.Target, targetPath(i), p)
		case IsPattern(s.Source) || s.Query != "":
			s.Target = ""
		default:
			s.Target = s.Source
		}
	}
	out.check(p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return out, nil
}

func targetPath(stream int) string { return "streams[" + strconv.Itoa(stream) + "].target" }

// substituted yields the texts that parameters stand in, by path; targets aside, which may be templates.
func (s *Stream) substituted(i int) func(yield func(string, *string) bool) {
	return func(yield func(string, *string) bool) {
		path := "streams[" + strconv.Itoa(i) + "]."
		for _, t := range []struct {
			key  string
			text *string
		}{{"source", &s.Source}, {"query", &s.Query}, {"where", &s.Where}} {
			if !yield(path+t.key, t.text) {
				return
			}
		}
		for n := range s.Exclude {
			if !yield(path+"exclude["+strconv.Itoa(n)+"]", &s.Exclude[n]) {
				return
			}
		}
	}
}

// checkParameters refuses references that Bind would refuse whatever values it is given.
func (j *Job) checkParameters(p *problems) {
	for i := range j.Streams {
		s := &j.Streams[i]
		for path, text := range s.substituted(i) {
			if _, written := j.places[path]; written {
				j.substitute(*text, path, p)
			}
		}
		path := targetPath(i)
		if _, written := j.places[path]; !written {
			continue
		}
		if mayBePattern(s.Source) {
			j.template(s.Target, path, p)
		} else {
			j.substitute(s.Target, path, p)
		}
	}
}

// mayBePattern reports whether a source is a pattern, or becomes one by the value of a parameter.
func mayBePattern(source string) bool { return IsPattern(source) || strings.Contains(source, "${") }

// substitute returns a text with its parameters' values.
func (j *Job) substitute(text, path string, p *problems) string {
	return references(text, "${", func(name string, closed bool) string {
		value, known := j.Parameters[name]
		if !j.wellFormed(name, closed, path, p) || known {
			return value
		}
		hint := j.parameterHint(name)
		if isVariable(name) && strings.HasSuffix(path, ".target") {
			hint = "${" + name + "} is a part of each match's name: it stands in the target of a source with *."
		}
		p.add(j.at(path), path, "TOW-609", hint, "unknown parameter %q", name)
		return ""
	})
}

// template returns a text with its parameters' values in which the parts of a dataset's name are still to be put: ${table} and the
// other variables stay, and so does $${ for ${ itself.
func (j *Job) template(text, path string, p *problems) string {
	return references(text, "$${", func(name string, closed bool) string {
		value, known := j.Parameters[name]
		switch {
		case !j.wellFormed(name, closed, path, p):
		case isVariable(name) && known:
			p.add(j.at(path), path, "TOW-609", "Give the parameter another name.",
				"${%s} is both a parameter of the job and a part of each match's name", name)
		case isVariable(name):
			return "${" + name + "}"
		case !known:
			hint := nearestHint(name, append(slices.Sorted(maps.Keys(j.Parameters)), "table", "schema", "database"))
			p.add(j.at(path), path, "TOW-609", cmp.Or(hint, "Parts of each match's name are ${table}, ${schema} and ${database}."), "unknown parameter %q", name)
		}
		return strings.ReplaceAll(value, "${", "$${")
	})
}

// wellFormed reports whether a reference is one to a parameter, and says so when it is not.
func (j *Job) wellFormed(name string, closed bool, path string, p *problems) bool {
	switch {
	case !closed:
		p.add(j.at(path), path, "TOW-609", "Write $${ for ${ itself.", "${ is not closed")
	case strings.HasPrefix(name, "env:") || strings.HasPrefix(name, "file:"):
		p.add(j.at(path), path, "TOW-607", "Pass the value as a parameter.", "references to the environment and to files stand in the connections file only")
	case !isName(name):
		p.add(j.at(path), path, "TOW-609", "Write $${ for ${ itself.", "%q is not a parameter's name", name)
	default:
		return true
	}
	return false
}

// references replaces each ${name} by what value gives, and each $${ by escaped. A reference that is not closed ends the text.
func references(text, escaped string, value func(name string, closed bool) string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			return b.String() + text
		}
		if escape, yes := strings.CutSuffix(before, "$"); yes {
			b.WriteString(escape + escaped)
			text = after
			continue
		}
		name, rest, closed := strings.Cut(after, "}")
		b.WriteString(before + value(name, closed))
		if !closed {
			return b.String()
		}
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
