package engine

import (
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// PlanFormat is the version of the stored form of a Plan.
const PlanFormat = 1

// Plan is what a run will do, made before the first byte moves. Stored as JSON with its hash; it holds no secret.
//
// Invariant 2: columns, types and predicates are these for the whole life of the run.
type Plan struct {
	Format  int          `json:"format"`
	Run     string       `json:"run"`
	Job     *job.Job     `json:"job"`
	Source  Side         `json:"source"`
	Target  Side         `json:"target"`
	Streams []StreamPlan `json:"streams"`
}

// Side is one end of a plan.
type Side struct {
	Connection string `json:"connection,omitempty"` // alias
	Connector  string `json:"connector"`
	Identity   string `json:"identity"` // the server's own id
}

// StreamPlan is what one stream will do.
type StreamPlan struct {
	ID       string            `json:"id"`
	Source   connector.Source  `json:"source"`
	Sink     connector.Sink    `json:"sink"`
	Schema   *record.Schema    `json:"schema"`   // as read
	Declared bool              `json:"declared"` // false: sampled, never compared again
	Columns  []ColumnPlan      `json:"columns"`
	Target   *connector.Target `json:"target"`

	Guarantee job.Guarantee    `json:"guarantee"`
	Reason    string           `json:"reason"`
	Again     string           `json:"again"` // what a pause or a cut reads again
	Replay    connector.Replay `json:"replay"`
	Shards    int              `json:"shards"`
	Rows      int64            `json:"rows"` // estimates
	Bytes     int64            `json:"bytes"`
	Seed      uint64           `json:"seed"` // of row hashes
}

// ColumnPlan is what becomes of one column.
type ColumnPlan struct {
	From     string          `json:"from"`
	To       string          `json:"to"`
	Want     record.Type     `json:"want"` // what the job asks for
	Zone     string          `json:"zone,omitempty"`
	Policies record.Policies `json:"on,omitempty"`
	Decision string          `json:"decision"`
	Loss     string          `json:"loss,omitempty"`
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
