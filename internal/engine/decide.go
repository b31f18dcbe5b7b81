package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/transform"
	"github.com/towpath/towpath/record"
)

// decide asks the casts what becomes of each column, and refuses those that have no way.
//
// Invariant 6: a value that the target cannot hold exactly is refused here or diverted as a dirty row, unless the job names a policy.
func (s *StreamPlan) decide(at string, refused *Refused) {
	stage, err := s.Stage()
	if err != nil {
		refused.Reasons = append(refused.Reasons, err)
		return
	}
	for i, d := range stage.Decisions() {
		c := &s.Columns[i]
		c.Decision, c.Loss = d.String(), d.Loss
		if d.Decision != record.Refused {
			continue
		}
		if c.From == "" {
			refused.add(at+".source_column", "TOW-124", "column %s of type %s cannot hold the names of datasets: %s", c.To, s.Target.Stored.Fields[i].Type, d.Loss)
			continue
		}
		refused.add(fmt.Sprintf("%s.columns.%s", at, c.To), "TOW-124", "column %s of type %s cannot become %s: %s", c.From,
			s.Schema.Fields[s.Schema.Index(c.From)].Type, s.Target.Stored.Fields[i].Type, d.Loss).
			WithHint("Name another type: for the column, or leave it out.")
	}
}

// checkFolds refuses keys that the target takes for equal although the source tells them apart, unless the job wants their rows dirty.
// Upsert would replace the row of another key and say nothing.
func (s *StreamPlan) checkFolds(at string, refused *Refused) {
	for _, name := range s.Target.Folded {
		n := s.Target.Stored.Index(name)
		allowed := n >= 0 && s.Columns[n].Policies[record.KeyFold] == record.Dirty
		switch {
		case s.Sink.Mode == connector.Upsert:
			refused.add(at+".write", string(record.KeyFold), "key column %s of %s takes keys for equal that the source tells apart: one row would replace another",
				name, s.Sink.Dataset).WithHint("Write with insert, append or replace, or give the column a collation that compares exactly.")
		case !allowed:
			refused.add(fmt.Sprintf("%s.columns.%s", at, name), string(record.KeyFold), "key column %s of %s takes keys for equal that the source tells apart",
				name, s.Sink.Dataset).
				WithHint("Give it a collation that compares exactly, or take such rows for dirty: on: {KEYFOLD: dirty}.")
		default:
			loss := connector.Loss{Column: name, What: "of keys that it takes for equal, one row is written and the others are dirty", Policy: "KEYFOLD: dirty"}
			if !slices.Contains(s.Target.Losses, loss) {
				s.Target.Losses = append(s.Target.Losses, loss)
			}
		}
	}
}

// Stage binds the transform that the plan describes.
func (s *StreamPlan) Stage() (*transform.Stage, error) {
	columns := make([]transform.Column, len(s.Columns))
	for i, c := range s.Columns {
		columns[i] = transform.Column{From: s.Schema.Index(c.From), Want: c.Want, Policies: c.Policies}
		if c.From == "" {
			columns[i].From, columns[i].Text = transform.Constant, c.Constant
		}
		if c.Zone == "" {
			continue
		}
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			return nil, connector.Errorf(connector.Config, "TOW-125", "no time zone %q", c.Zone).WithHint("Use a name like Europe/Paris.")
		}
		columns[i].Cast.Zone = zone
	}
	return transform.New(s.Schema, s.Target.Stored, columns, transform.Options{Key: s.Target.Key, RowBytes: s.Target.Limits.RowBytes}), nil
}
