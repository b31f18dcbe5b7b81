package job

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
)

// DefaultOutage is how long source or target may be away when the job does not say.
const DefaultOutage = 5 * time.Minute

// Parse reads a job document, YAML or JSON, of at most 1 MiB, and fills its defaults. Keys that are not known, values of a wrong
// type or out of bounds and keys that stand twice are refused; the error is then an *Invalid that lists all of them. name is
// the document's name in errors, such as its path; a name that ends in .json makes the document JSON. The parameters are not
// substituted: Bind does that.
func Parse(data []byte, name string) (*Job, error) {
	p := &problems{name: name}
	tree := read(data, name, p)
	if tree == nil {
		return nil, p.err()
	}
	d := &decoder{problems: p, places: map[string]place{}}
	j := &Job{}
	d.object(tree, reflect.ValueOf(j).Elem(), "")
	j.places = d.places
	j.normalise(name)
	j.check(p)
	j.checkParameters(p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return j, nil
}

// Validate returns an *Invalid when a job that was not made by Parse holds what Parse refuses.
func (j *Job) Validate() error {
	_, err := Parse(j.Canonical(), j.Name+".json")
	if invalid, ok := errors.AsType[*Invalid](err); ok {
		invalid.Name = j.Name
		for i := range invalid.Problems {
			invalid.Problems[i].Line, invalid.Problems[i].Column = 0, 0 // places of a document that nobody wrote
		}
	}
	return err
}

// Locate returns line and column of a path of the document that Parse read, as in "12:7", or of the nearest path above it;
// "" when it has no place.
func (j *Job) Locate(path string) string {
	for path != "" {
		if at, ok := j.places[path]; ok {
			return fmt.Sprintf("%d:%d", at.line, at.column)
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return ""
}

// normalise fills what the document left out.
func (j *Job) normalise(name string) {
	if j.Name == "" {
		base := filepath.Base(name)
		j.Name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	set := &j.Settings
	set.Create = set.Create.over(Create{})
	for i := range j.Streams {
		s := &j.Streams[i]
		if s.Write == "" {
			s.Write = connector.Upsert
			if j.Mode == Full {
				s.Write = connector.Replace
			}
		}
		if s.Target == "" && s.Query == "" && !IsPattern(s.Source) {
			s.Target = s.Source
		}
		s.Create = s.Create.over(set.Create)
		for k := range s.Columns {
			if c := &s.Columns[k]; c.To == "" {
				c.To = c.From
			}
		}
	}
	if set.Outage == 0 {
		set.Outage = Duration(DefaultOutage)
	}
	if set.Accept == "" {
		set.Accept = EffectivelyOnce
	}
	if set.Consistency == "" {
		set.Consistency = Fuzzy
	}
	if set.Verify == "" {
		set.Verify = VerifyCounts
	}
}
