package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// sourceColumns returns the distinct source columns of a stream, nil for all.
func sourceColumns(js *job.Stream) []string {
	var names []string
	for _, c := range js.Columns {
		if !slices.Contains(names, c.From) {
			names = append(names, c.From)
		}
	}
	return names
}

// want fills s.Columns and returns the schema that the job asks of the target. The constant, when there is one, is a column in front of
// the others, and of the key.
func (s *StreamPlan) want(j *job.Job, js *job.Stream, at string, constant *ColumnPlan, refused *Refused) (*record.Schema, bool) {
	columns := js.Columns
	if len(columns) == 0 {
		for _, f := range s.Schema.Fields {
			columns = append(columns, job.Column{From: f.Name})
		}
	}
	key := js.Key
	if key == nil {
		for _, k := range s.Schema.Key() {
			key = append(key, s.Schema.Fields[k].Name)
		}
	}
	want := &record.Schema{Comment: s.Schema.Comment}
	found := 0
	for n, c := range columns {
		k := s.Schema.Index(c.From)
		if k < 0 {
			refused.add(fmt.Sprintf("%s.columns[%d]", at, n), "TOW-122", "%s has no column %q", streamName(js), c.From)
			continue
		}
		f := s.Schema.Fields[k]
		f.Key = 0
		if pos := slices.Index(key, f.Name); pos >= 0 {
			f.Key = pos + 1
			found++
		}
		cp := ColumnPlan{From: f.Name, To: f.Name, Want: f.Type, Zone: c.Zone, Policies: j.Policies(c)}
		if cp.Zone == "" {
			cp.Zone = j.Settings.Zone
		}
		if c.To != "" {
			f.Name, cp.To, f.Place = c.To, c.To, nil
		}
		if c.Type != nil {
			f.Type, cp.Want = *c.Type, *c.Type
			f.Native, f.Default, f.Charset, f.Collation = "", nil, "", ""
		}
		want.Fields = append(want.Fields, f)
		s.Columns = append(s.Columns, cp)
	}
	for n, name := range js.Key {
		if s.Schema.Index(name) < 0 {
			refused.add(fmt.Sprintf("%s.key[%d]", at, n), "TOW-122", "%s has no column %q", streamName(js), name)
		}
	}
	if found < len(key) { // without all of it the rest tells nothing apart
		for n := range want.Fields {
			want.Fields[n].Key = 0
		}
	}
	complete := len(want.Fields) == len(columns)
	if constant != nil {
		if want.Index(constant.To) >= 0 {
			refused.add(at+".source_column", "TOW-123", "%s has a column %q already", streamName(js), constant.To).WithHint("Give source_column another name.")
			return nil, false
		}
		s.putInFront(want, constant)
	}
	return want, complete
}

// distinct reports whether rows come to the target with keys of their own: they have them at the source, and nothing is done to the values
// of the key that could make two of them one.
func (s *StreamPlan) distinct(js *job.Stream, want *record.Schema) bool {
	key := want.Key()
	if !s.Schema.Distinct || len(js.Key) > 0 || len(key) != len(s.Schema.Key()) {
		return false
	}
	for _, k := range key {
		c := &s.Columns[k]
		from := s.Schema.Index(c.From)
		if from < 0 || s.Schema.Fields[from].Key == 0 || len(c.Policies) > 0 || want.Fields[k].Native != s.Schema.Fields[from].Native {
			return false
		}
	}
	return true
}

// putInFront makes the constant the first column, and where there is a key, the first of it.
func (s *StreamPlan) putInFront(want *record.Schema, constant *ColumnPlan) {
	first := record.Field{Name: constant.To, Type: constant.Want}
	if len(want.Key()) > 0 {
		first.Key = 1
		for n := range want.Fields {
			if want.Fields[n].Key > 0 {
				want.Fields[n].Key++
			}
		}
	}
	want.Fields = slices.Insert(want.Fields, 0, first)
	s.Columns = slices.Insert(s.Columns, 0, *constant)
}

// mergeColumnOptions hands the options of single columns to the target as its option "columns", by target column.
func (s *StreamPlan) mergeColumnOptions(js *job.Stream) error {
	columns := map[string]json.RawMessage{}
	for _, c := range js.Columns {
		if len(c.Options) > 0 {
			columns[cmp.Or(c.To, c.From)] = c.Options
		}
	}
	if len(columns) == 0 {
		return nil
	}
	all := map[string]json.RawMessage{}
	if len(s.Sink.Options) > 0 {
		if err := json.Unmarshal(s.Sink.Options, &all); err != nil {
			return err
		}
	}
	merged, err := json.Marshal(columns)
	if err != nil {
		return err
	}
	all["columns"] = merged
	s.Sink.Options, err = json.Marshal(all)
	return err
}
