// Package sqltarget is what the writers of SQL tables share: matching the columns that are wanted with those of a table, choosing
// the key, the table in which a target remembers the checkpoints of runs, the names of staging tables, and the search for the
// refused rows of a group. It sends statements through the Conn that its connector gives it, and knows no system.
package sqltarget

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Table is a target table as its server describes it.
type Table struct {
	Columns []Column
	Unique  []Unique // all keys for whose sake a row can be refused, the primary one first
	Rows    int64    // -1: unknown
}

// Column is a column of a table that is there, or of one that is made. Of its Field, Type is what it holds with its limits, Native
// its declaration, and Keeps the marks that it holds as they are.
type Column struct {
	record.Field
	Filled   bool // a row may leave it out: it has a default, or the server numbers it
	Computed bool // the server computes it and takes no value for it
}

// Unique is a unique key of a table.
type Unique struct {
	Name    string // for people
	Primary bool
	Columns []KeyColumn
	// Partial: it does not tell all rows apart (a condition, an expression, a prefix), so it identifies none.
	Partial bool
}

// KeyColumn is a column of a key.
type KeyColumn struct {
	Name string
	// Fold names the collation, or whatever else makes the server take values for equal that are not the same; "": it takes none.
	Fold string
}

// Checkpoints is the name of the table of checkpoints in each database or schema that is written to.
const Checkpoints = "towpath_checkpoint"

// The columns of the table of checkpoints as a list of SQL literals, and how many they are: a table of the name that lacks one is not ours.
const (
	CheckpointColumns = "'run_id', 'dataset', 'shard_id', 'epoch', 'seq', 'record'"
	CheckpointWidth   = "6"
)

// stagingMark stands between the name of a table and the run's key in the name of its staging table.
const stagingMark = "__tw_"

// Own reports whether a table is towpath's: its checkpoints, or a staging table.
func Own(table string) bool {
	table = strings.ToLower(table)
	return table == Checkpoints || strings.Contains(table, stagingMark)
}

// Staging returns the name of the staging table of a run, of at most most bytes (0: any number); the name of a table that is too long
// for it is cut and told apart by a hash.
func Staging(table, run string, most int) string {
	tail := stagingMark + run
	if most > 0 && len(table)+len(tail) > most {
		sum := xxh3.HashString(table)
		tail = "_" + hex.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}) + tail
		table = table[:max(most-len(tail), 0)]
		for table != "" && !utf8.ValidString(table) {
			table = table[:len(table)-1]
		}
	}
	return table + tail
}

// RunOf returns the key of the run that a staging table was made for; "" for other tables.
func RunOf(table string) string {
	if at := strings.LastIndex(table, stagingMark); at >= 0 {
		return table[at+len(stagingMark):]
	}
	return ""
}

// CheckSink refuses write modes that SQL tables do not have, and the names of towpath's own tables.
func CheckSink(s connector.Sink, table string) error {
	switch s.Mode {
	case connector.Insert, connector.Upsert, connector.Append, connector.Replace:
	default:
		return connector.Errorf(connector.Config, "TOW-164", "write mode %q is unknown to tables", s.Mode)
	}
	if Own(table) {
		return connector.Errorf(connector.Config, "TOW-164", "table name %q is kept for towpath's own tables", table)
	}
	return nil
}
