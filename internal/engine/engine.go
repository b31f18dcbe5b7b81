// Package engine copies streams: it plans them, runs the pipe of each shard (read, transform, group, write, commit), keeps the
// balance, stores dirty rows and holds to the job's rates. It knows readers and writers by their contract alone, and the
// control database as a Ledger.
package engine

import (
	"context"

	"github.com/towpath/towpath/connector"
)

// DirtyRow is a row that could not be converted or written, kept whole as read.
type DirtyRow struct {
	Ordinal int64  `json:"ordinal"` // within its commit
	Code    string `json:"code"`
	Column  string `json:"column,omitempty"`
	Reason  string `json:"reason"`
	Row     []byte `json:"row"` // a JSON object, as read
	Ref     int64  `json:"-"`   // what its reader calls it; 0: nothing
}

// Ledger is where a shard's progress is kept, bound to one lease. Its methods return an error of class Fenced once a newer
// lease exists.
type Ledger interface {
	// Dirty stores dirty rows of the commit seq, in place of those stored under it from the first one's ordinal on.
	Dirty(ctx context.Context, seq int64, rows []DirtyRow) error
	// Checkpoint stores c; with it, in one transaction, the dirty rows of c.Seq where rows is not nil.
	Checkpoint(ctx context.Context, c connector.Checkpoint, rows []DirtyRow) error
	// Forget removes the dirty rows beyond the commit seq.
	Forget(ctx context.Context, seq int64) error
}

// Gate is asked before rows are read and told of rows on their way; it is shared by all shards of a run.
type Gate interface {
	// Pass waits until rows and bytes may pass, as the job's rates say.
	Pass(ctx context.Context, rows, bytes int) error
	// Moved is told what a group added to its shard; committed says whether it is durable, or (a shard that is committed once,
	// at its end) only sent. What was sent and is given up comes back as a negative delta.
	Moved(stream string, delta connector.Counts, committed bool)
}
