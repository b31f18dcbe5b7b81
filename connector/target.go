package connector

import (
	"encoding/json"

	"github.com/towpath/towpath/record"
)

// Way is how a target makes rows and position agree; docs/guarantees.md describes each.
type Way string

// The ways.
const (
	WayA Way = "A" // rows and checkpoint in one target transaction
	WayB Way = "B" // keyed idempotent write under the lease's stamp, then the checkpoint in the control database
	WayC Way = "C" // staging dataset filled by A or B, then one atomic swap
	WayD Way = "D" // immutable part files and a manifest
)

// Target is what a Writer plans: stored in the plan as JSON, handed back to Prepare.
type Target struct {
	Dataset string          `json:"dataset"`
	Mode    Mode            `json:"mode"`
	Way     Way             `json:"way"`
	Inner   Way             `json:"inner,omitempty"`  // the way by which way C fills its staging dataset
	Reason  string          `json:"reason"`           // why this way: a clause for people
	Key     []string        `json:"key,omitempty"`    // what identifies a row at the target; empty: nothing does
	Placed  bool            `json:"placed,omitempty"` // rows without a key are identified by their place in the shard
	Stored  *record.Schema  `json:"stored"`           // types as stored: what Write is given and what canonical forms are taken of
	Losses  []Loss          `json:"losses,omitempty"`
	Steps   []string        `json:"steps,omitempty"`   // what Prepare and Finish will do, statement by statement
	Removes []string        `json:"removes,omitempty"` // what a run takes away from the target, for people to see beforehand
	Notes   []string        `json:"notes,omitempty"`
	Folded  []string        `json:"folded,omitempty"` // key columns whose comparison at the target may take keys for equal that the source tells apart
	Exists  bool            `json:"exists,omitempty"`
	Rows    int64           `json:"rows,omitempty"`    // of an existing target; -1: unknown
	Remain  string          `json:"remains,omitempty"` // what stays behind when the run is stopped: a sentence
	Owned   string          `json:"owned,omitempty"`   // dataset that holds this run's rows and no others until Publish: staging, or a target that was empty; "": none
	Limits  Limits          `json:"limits"`
	Writer  json.RawMessage `json:"writer,omitempty"` // the writer's own part of the plan
}

// Limits are what the target takes at a time; zero: the engine's own.
type Limits struct {
	GroupRows  int   `json:"group_rows,omitempty"`
	GroupBytes int   `json:"group_bytes,omitempty"`
	RowBytes   int64 `json:"row_bytes,omitempty"` // a larger row is dirty: TOOBIG
	Shards     int   `json:"shards,omitempty"`    // written at a time
}

// Loss is one way in which the target holds less, or something else, than the source; the plan shows it.
type Loss struct {
	Column string `json:"column"`
	What   string `json:"what"`
	Policy string `json:"policy,omitempty"` // the job's policy that allows it
}

// Remembers reports whether the target keeps the checkpoints itself, in the transaction of their rows.
func (t *Target) Remembers() bool {
	return t.Way == WayA || t.Way == WayC && t.Inner == WayA || t.Way == WayD
}
