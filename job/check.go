package job

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const maxName = 200 // characters of a job's name

// at returns where a path stands, or what is above it.
func (j *Job) at(path string) place {
	for path != "" {
		if at, ok := j.places[path]; ok {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return place{}
}

// check refuses what is well-formed and makes no sense.
func (j *Job) check(p *problems) {
	if n := utf8.RuneCountInString(j.Name); n > maxName || strings.ContainsFunc(j.Name, unicode.IsControl) {
		p.add(j.at("name"), "name", "TOW-603", "", "a name has at most %d characters, all of them visible", maxName)
	}
	if _, there := j.places["streams"]; there && len(j.Streams) == 0 && !p.has("streams") {
		p.add(j.at("streams"), "streams", "TOW-605", `Write one stream at least; {source: "*"} is all datasets.`, "holds no stream")
	}
	for i := range j.Streams {
		j.checkStream(p, &j.Streams[i], "streams["+strconv.Itoa(i)+"]")
	}
	j.checkZone(p, j.Settings.Zone, "settings.zone")
}

func (j *Job) checkStream(p *problems, s *Stream, path string) {
	refuse := func(key, code, hint, text string) { p.add(j.at(path+"."+key), path+"."+key, code, hint, "%s", text) }
	if p.has(path) {
		return
	}
	switch {
	case s.Source == "" && s.Query == "":
		p.add(j.at(path), path, "TOW-605", "Name a source dataset, or write a query.", "reads nothing")
	case s.Source != "" && s.Query != "":
		refuse("query", "TOW-606", "Keep one of them.", "stands beside a source")
	case s.Query != "" && s.Target == "":
		refuse("target", "TOW-605", "A query has no name that the target could take.", "is missing")
	case len(s.Exclude) > 0 && !mayBePattern(s.Source):
		refuse("exclude", "TOW-606", "Only a source with * has matches that can be left out.", "stands beside a single dataset")
	case s.Query != "" && s.SourceColumn != "":
		refuse("source_column", "TOW-606", "Put the name into the query, as a column.", "stands beside a query, which has no name")
	case strings.Contains(s.Target, "*"):
		refuse("target", "TOW-603", "", "a target is no pattern")
	}
	for i, pattern := range s.Exclude {
		if pattern == "" {
			refuse("exclude["+strconv.Itoa(i)+"]", "TOW-605", "", "names no dataset")
		}
	}
	if s.Query != "" && s.Where != "" {
		refuse("where", "TOW-606", "Put the condition into the query.", "stands beside a query")
	}
	if j.Mode == Full {
		for _, has := range []struct {
			key   string
			there bool
		}{{"columns", len(s.Columns) > 0}, {"where", s.Where != ""}, {"query", s.Query != ""}} {
			if has.there {
				refuse(has.key, "TOW-606", "Use mode: batch to choose rows and columns.", "full mode copies everything")
			}
		}
	}
	j.checkColumns(p, s, path)
}

func (j *Job) checkColumns(p *problems, s *Stream, path string) {
	if _, there := j.places[path+".columns"]; there && len(s.Columns) == 0 {
		p.add(j.at(path+".columns"), path+".columns", "TOW-605", "Leave the key out to copy all columns.", "holds no column")
	}
	targets := map[string]int{}
	for i, c := range s.Columns {
		if c.To == s.SourceColumn && c.To != "" {
			p.add(j.at(path+".source_column"), path+".source_column", "TOW-606", "Give one of them another name.", "is the name of columns[%d] too", i)
		}
		at := path + ".columns[" + strconv.Itoa(i) + "]"
		j.checkZone(p, c.Zone, at+".zone")
		if c.From == "" {
			if !p.has(at) {
				p.add(j.at(at), at, "TOW-605", "", "names no source column")
			}
			continue
		}
		if other, twice := targets[c.To]; twice {
			p.add(j.at(at), at, "TOW-606", "", "target column %q is that of columns[%d] too", c.To, other)
		}
		targets[c.To] = i
	}
	for i, name := range s.Key {
		at := path + ".key[" + strconv.Itoa(i) + "]"
		switch {
		case name == "":
			p.add(j.at(at), at, "TOW-605", "", "names no column")
		case slices.Contains(s.Key[:i], name):
			p.add(j.at(at), at, "TOW-606", "", "column %q stands in the key twice", name)
		case len(s.Columns) > 0 && !slices.ContainsFunc(s.Columns, func(c Column) bool { return c.From == name }):
			p.add(j.at(at), at, "TOW-606", "Add it to the columns, by its source name.", "key column %q is not among the columns", name)
		}
	}
}

func (j *Job) checkZone(p *problems, zone, path string) {
	if zone == "" {
		return
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		p.add(j.at(path), path, "TOW-603", "Name it as in Europe/Paris or UTC.", "unknown time zone %q", zone)
	}
}

// has reports whether the path, or something below it, has a problem.
func (p *problems) has(path string) bool {
	return slices.ContainsFunc(p.list, func(q Problem) bool {
		return q.Path == path || strings.HasPrefix(q.Path, path+".") || strings.HasPrefix(q.Path, path+"[")
	})
}
