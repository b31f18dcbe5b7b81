// Package crashpoint names the places of a run at which a process can die. In a build with the tag crashpoint it records the
// place at which each shard stands in a file that outlives the process, so that a kill harness knows what it hit; in any other
// build it does nothing.
package crashpoint

// Point is a place of docs/crash-points.md.
type Point byte

// The places; those of a shard in the order in which it passes them. A connector that publishes in one step knows none between Swapping
// and Published.
const (
	Elsewhere  Point = iota
	Planned          // P10: the plan is being made and stored
	Leased           // P0: the lease is taken, the target does not know
	Reading          // P1: rows are read, nothing is written
	Writing          // P2: part of a group is sent
	Stored           // P6: dirty rows are stored, nothing is committed
	Written          // P3: the group is sent; its dirty rows are not stored, its commit is not sent
	Committing       // P4: the commit is on its way
	Committed        // P5: committed, the control database does not know
	Ended            // P7: the last group is committed, the shard is not known to be done
	Swapping         // P8: the swap is on its way
	Swapped          // P8a: the tables have changed places, and nothing else is done
	Cleared          // P8b: what was replaced is gone, the run's marker still says that it is open
	Marked           // P8c: the marker says that the run is published, the tables still carry its sign
	Published        // P8d: published, the control database does not know
	Making           // P11: the target is being made
	Dividing         // P12: the shard's reading has stopped, its last group is committed, its far part is looked for
	Cut              // P12a: the far part is known here and nowhere else
	Divided          // P12b: the control database has both parts, the owner has not given the near one back
)

// Names are the points by their names in docs/crash-points.md.
var Names = [...]string{"", "P10", "P0", "P1", "P2", "P6", "P3", "P4", "P5", "P7", "P8", "P8a", "P8b", "P8c", "P8d", "P11", "P12", "P12a", "P12b"}
