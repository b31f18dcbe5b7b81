package engine

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// PlanFormat is the version of the stored form of a Plan and its streams.
const PlanFormat = 3

// Plan is what a run will do, made before the first byte moves. Its head is stored as JSON with a hash, and each stream beside it; it
// holds no secret.
//
// Invariant 2: columns, types and predicates are these for the whole life of the run.
type Plan struct {
	Format      int             `json:"format"`
	Run         string          `json:"run"`
	Job         *job.Job        `json:"job"` // as bound: its patterns are not expanded
	Source      Side            `json:"source"`
	Sources     map[string]Side `json:"sources,omitempty"` // that streams name, by alias
	Target      Side            `json:"target"`
	Consistency job.Consistency `json:"consistency"`
	Totals      Totals          `json:"totals"`
	Notes       []string        `json:"notes,omitempty"` // of several streams together
	// Parents are the targets that must be loaded before others, and Links those that get foreign keys once all are published; both by
	// the first stream of the target.
	Parents map[string][]string `json:"parents,omitempty"`
	Links   []string            `json:"links,omitempty"`
	Streams []*StreamPlan       `json:"streams,omitempty"` // in the order of the job; not in the head that is stored
	Replays string              `json:"replays,omitempty"` // the run whose dirty rows are read, instead of the job's source

	stages map[string]int // by Lead; 0 left out
}

// Stage returns in which stage the streams of a target, named by their Lead, are copied: once all streams of lower ones are. The stages
// of their shards count from there. It is known of plans that were just made.
func (p *Plan) Stage(lead string) int { return p.stages[lead] }

// Origin returns the side that streams of a connection read from.
func (p *Plan) Origin(connection string) Side {
	if connection == "" {
		return p.Source
	}
	return p.Sources[connection]
}

// Side is one end of a plan.
type Side struct {
	Connection string `json:"connection,omitempty"` // alias
	Connector  string `json:"connector"`
	Identity   string `json:"identity"` // the server's own id
}

// Totals are sums over all streams of a plan.
type Totals struct {
	Streams    int                   `json:"streams"`
	Targets    int                   `json:"targets"`
	Shards     int                   `json:"shards"`
	Rows       int64                 `json:"rows"` // estimates
	Bytes      int64                 `json:"bytes"`
	Guarantees map[job.Guarantee]int `json:"guarantees"` // streams with each
}

func (t *Totals) add(s *StreamPlan) {
	t.Streams++
	if s.Lead == s.ID {
		t.Targets++
	}
	t.Shards += s.Shards
	t.Rows += s.Rows
	t.Bytes += s.Bytes
	if t.Guarantees == nil {
		t.Guarantees = map[job.Guarantee]int{}
	}
	t.Guarantees[s.Guarantee]++
}

// StreamPlan is what one stream will do.
type StreamPlan struct {
	ID         string            `json:"id"`
	Connection string            `json:"connection,omitempty"` // alias that it reads from; "": the job's source
	Lead       string            `json:"lead"`                 // the first stream of the same target: its own ID where it has one for itself
	Source     connector.Source  `json:"source"`
	Sink       connector.Sink    `json:"sink"`
	Schema     *record.Schema    `json:"schema"`   // as read
	Declared   bool              `json:"declared"` // false: sampled, never compared again
	Columns    []ColumnPlan      `json:"columns"`
	Target     *connector.Target `json:"target"`

	Guarantee job.Guarantee    `json:"guarantee"`
	Reason    string           `json:"reason"`
	Again     string           `json:"again"` // what a pause or a cut reads again
	Replay    connector.Replay `json:"replay"`
	After     []string         `json:"after,omitempty"` // targets that are loaded before, because rows of this one refer to theirs
	Notes     []string         `json:"notes,omitempty"` // beside the target's
	Shards    int              `json:"shards"`
	Rows      int64            `json:"rows"` // estimates
	Bytes     int64            `json:"bytes"`
	Seed      uint64           `json:"seed"` // of row hashes
}

// ColumnPlan is what becomes of one column.
type ColumnPlan struct {
	From     string          `json:"from,omitempty"` // "": the column holds Constant
	Constant string          `json:"constant,omitempty"`
	To       string          `json:"to"`
	Want     record.Type     `json:"want"` // what the job asks for
	Zone     string          `json:"zone,omitempty"`
	Policies record.Policies `json:"on,omitempty"`
	Decision string          `json:"decision"`
	Loss     string          `json:"loss,omitempty"`
}

// Packer makes the stored form of stream plans: JSON, compressed, for a run may have ten thousand of them. It is not safe for
// concurrent use; its zero value is ready.
type Packer struct {
	out bytes.Buffer
	w   *flate.Writer
}

// Pack returns the stored form of a stream's plan.
func (p *Packer) Pack(s *StreamPlan) ([]byte, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	p.out.Reset()
	if p.w == nil {
		if p.w, err = flate.NewWriter(&p.out, flate.BestSpeed); err != nil {
			return nil, err
		}
	} else {
		p.w.Reset(&p.out)
	}
	if _, err := p.w.Write(body); err != nil {
		return nil, err
	}
	if err := p.w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(p.out.Bytes()), nil
}

// Unpack reads what Pack made.
func Unpack(packed []byte) (*StreamPlan, error) {
	body, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, err
	}
	s := new(StreamPlan)
	return s, json.Unmarshal(body, s)
}

// Refused is what a plan refuses to do: all of its reasons.
type Refused struct{ Reasons []error }

// Error returns the first reason and how many there are.
func (r *Refused) Error() string {
	text := r.Reasons[0].Error()
	if n := len(r.Reasons) - 1; n > 0 {
		text += " (and " + plural(n, "more reason") + ")"
	}
	return text
}

// Unwrap returns the reasons.
func (r *Refused) Unwrap() []error { return r.Reasons }
