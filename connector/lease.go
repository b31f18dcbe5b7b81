package connector

import (
	"time"

	"github.com/towpath/towpath/record"
)

// Lease is the right to work on a shard until a time.
type Lease struct {
	Run, Worker string
	Epoch       int64 // new for each attempt
	// Stamp is ms of the control database's clock, above every earlier one of this target dataset: the version
	// or timestamp of everything written under this lease.
	Stamp int64
	TTL   time.Duration
}

// Counts are rows since a shard's beginning. Invariant 4: Read = Written + Dirty + Filtered; Superseded is within Written.
type Counts struct {
	Read       int64 `json:"read"`
	Written    int64 `json:"written"`
	Dirty      int64 `json:"dirty"`
	Filtered   int64 `json:"filtered"`
	Superseded int64 `json:"superseded"`
	Bytes      int64 `json:"bytes"` // of the rows read, as the source sent them
}

// Add adds d to c.
func (c *Counts) Add(d Counts) {
	c.Read += d.Read
	c.Written += d.Written
	c.Dirty += d.Dirty
	c.Filtered += d.Filtered
	c.Superseded += d.Superseded
	c.Bytes += d.Bytes
}

// Sub takes d from c.
func (c *Counts) Sub(d Counts) {
	c.Add(Counts{-d.Read, -d.Written, -d.Dirty, -d.Filtered, -d.Superseded, -d.Bytes})
}

// Balanced reports whether every row read is accounted for.
func (c Counts) Balanced() bool { return c.Read == c.Written+c.Dirty+c.Filtered }

// Checkpoint is the durable state of a shard.
type Checkpoint struct {
	Shard string // the shard's ID
	Seq   int64  // commits so far; dirty rows carry the Seq they belong to
	Rev   int
	At    Position // nil: the shard's beginning
	Done  bool     // nothing follows At
	Counts
	Sum   record.Sum // of the rows written
	Range []byte     // the shard's, so that a lost control database is noticed
	State []byte     // the writer's own
}
