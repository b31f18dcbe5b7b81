package engine

import (
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
)

// guarantee computes what the stream can promise from how its shards replay and how its target commits, as docs/guarantees.md
// has it, and refuses what is weaker than the job accepts.
func (s *StreamPlan) guarantee(at string, j *job.Job, refused *Refused) {
	t := s.Target
	way := t.Way
	if way == connector.WayC {
		way = t.Inner
	}
	keyed := len(t.Key) > 0
	inTransaction := way == connector.WayA || way == connector.WayD
	switch {
	case inTransaction && (s.Replay == connector.Exact || s.Replay == connector.None):
		s.Guarantee, s.Reason = job.ExactlyOnce, "rows and position are committed in one transaction of the target"
	case t.Way == connector.WayC && s.Replay == connector.None:
		s.Guarantee, s.Reason = job.ExactlyOnce, "the staging dataset is filled anew after a cut, and swapped in whole"
	case keyed:
		s.Guarantee, s.Reason = job.EffectivelyOnce, "a row that is written again replaces itself by its key"
	case t.Placed && s.Replay == connector.Exact:
		s.Guarantee, s.Reason = job.EffectivelyOnce, "a row that is written again replaces itself by its place in the shard"
	default:
		s.Guarantee, s.Reason = job.AtLeastOnce, "rows have no key and the target keeps no position: what was in flight is written again"
	}
	switch s.Replay {
	case connector.Exact:
		s.Again = "a pause reads nothing again; a cut, at most one group a shard"
	case connector.Superset:
		s.Again = "a pause or a cut may read some rows again"
	case connector.None:
		s.Again = "a pause or a cut reads a shard without order again from its beginning"
	}
	if t.Reason != "" {
		s.Reason += "; " + t.Reason
	}
	order := []job.Guarantee{job.ExactlyOnce, job.EffectivelyOnce, job.AtLeastOnce}
	accepted := slices.Index(order, j.Settings.Accept)
	if accepted < 0 {
		accepted = 1
	}
	if slices.Index(order, s.Guarantee) > accepted {
		refused.add(at, "TOW-126", "%s is only %s: %s", s.Source.Dataset, s.Guarantee, s.Reason).
			WithHint("Give the stream a key, or accept it with settings: {accept: %s}.", s.Guarantee)
	}
}
