// Package connectortest is the conformance suite of connectors: what the contract promises, checked on a real system. It
// makes data by the hooks of a Suite, never through the code under test, and reads it back the same way. It knows no system.
package connectortest

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Suite says how a connector is tested. Hooks go to the system by another path than the connector's code.
type Suite struct {
	Connector connector.Connector
	// Connection returns the options of a connection to the system under test.
	Connection       func(tb TB) json.RawMessage
	Reading, Writing json.RawMessage // options of every Source and Sink; nil: the defaults
	// ReadingOf returns the options of a Source that reads what MakeDataset made of the table, for systems that keep no schema; nil: Reading.
	ReadingOf func(table Table) json.RawMessage

	// NewName returns a dataset name that nothing uses, and removes afterwards (tb.Cleanup) what has come to stand there.
	NewName func(tb TB) string
	// MakeDataset creates and fills a dataset. Cells are in the text form of record.AppendText for their column's type. Needed for reading.
	MakeDataset func(tb TB, dataset string, table Table)
	// ReadBack returns the rows of a dataset, in any order, cells in the text form of the schema's types. Needed for writing.
	ReadBack func(tb TB, dataset string, s *record.Schema) []Row

	Keys   []Key                        // the kinds of key that the source can have; nil: all
	Types  []record.Type                // logical types that pass unchanged; nil: int64 and text
	Values func(t record.Type) []string // nil: the package's Values
	Modes  []connector.Mode             // nil: upsert
	Fence  Fence
	Whole  bool // datasets are never split
	Rows   int  // of the larger tables; 0: 600

	// Unmarked: the target keeps no marker of a run, so that nobody notices when it was restored from before the start. The plan's
	// notes say so.
	Unmarked bool

	// ChangeDataset makes a dataset that MakeDataset made hold exactly the rows of the table, committed on return, while it may be
	// read. nil: snapshots are not tested.
	ChangeDataset func(tb TB, dataset string, table Table)
	// Structure returns what stands beside the columns of a dataset that a run made: indexes beside that of the key, foreign keys,
	// defaults and comments. nil: that there is what was asked for is not tested.
	Structure func(tb TB, dataset string) *record.Schema
	// MakeFolding creates an empty dataset for the table in which text keys that differ in the case of letters alone are equal. nil: the
	// system has none.
	MakeFolding func(tb TB, dataset string, table Table)

	// LoseCommit arms the next Commit of the system: it is applied, or not, and its answer is lost. nil: not tested.
	LoseCommit func(tb TB, applied bool)
	// Kill ends all connections that the system's clients have open, as a restart of the server does. nil: not tested.
	Kill func(tb TB)
}

// Fence is what becomes of an older epoch's late write.
type Fence int

// The fences. Ways A and D always refuse.
const (
	Refuses  Fence = iota // an error of class Fenced, and no row
	Outranks              // no error needed, but a newer epoch's row stays
	Unfenced              // nothing; the plan's notes say so
)

// Key is a kind of key that a fixture table has.
type Key string

// The kinds of key.
const (
	IntKey       Key = "int"
	CompositeKey Key = "composite" // int64, then text
	TextKey      Key = "text"
	NullableKey  Key = "nullable" // unique, with NULLs
	NoKey        Key = "none"
)

// TB is the part of a test that the suite and its hooks use; it is this small so that the suite can be tested itself.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any) // ends the subtest
	Cleanup(f func())
	Context() context.Context
	Run(name string, f func(TB)) bool
}

// Run checks a connector. What its abilities rule out (no Read, no Write) is left out.
func Run(t *testing.T, s Suite) {
	t.Helper()
	Check(goTB{t}, s)
}

type goTB struct{ *testing.T }

// Run runs a subtest.
func (t goTB) Run(name string, f func(TB)) bool {
	return t.T.Run(name, func(t *testing.T) { f(goTB{t}) })
}

// Check is Run for any TB.
func Check(tb TB, s Suite) {
	tb.Helper()
	if s.Rows == 0 {
		s.Rows = 600
	}
	if s.Keys == nil {
		s.Keys = []Key{IntKey, CompositeKey, TextKey, NullableKey, NoKey}
	}
	if s.Types == nil {
		s.Types = []record.Type{{Kind: record.Int, Bits: 64}, {Kind: record.Text}}
	}
	if s.Values == nil {
		s.Values = Values
	}
	if s.Modes == nil {
		s.Modes = []connector.Mode{connector.Upsert}
	}
	tb.Run("options", s.options)
	tb.Run("client", s.client)
	if s.Connector.Read != nil {
		tb.Run("read", s.reading)
	}
	if s.Connector.Write != nil {
		tb.Run("write", s.writing)
	}
}

func (s Suite) reading(tb TB) {
	tb.Run("schema", s.readSchema)
	tb.Run("types", s.readTypes)
	tb.Run("split", s.split)
	tb.Run("resume", s.resume)
	tb.Run("far", s.far)
	tb.Run("stop", s.stop)
	tb.Run("cancel", s.cancel)
	tb.Run("batches", s.batches)
	tb.Run("parallel", s.parallel)
	if s.Kill != nil {
		tb.Run("kill", s.killReader)
	}
	if s.Connector.Snapshot != nil && s.ChangeDataset != nil {
		tb.Run("snapshot", s.snapshot)
	}
	tb.Run("errors", s.readErrors)
}

func (s Suite) writing(tb TB) {
	tb.Run("plan", s.plan)
	tb.Run("types", s.writeTypes)
	tb.Run("borrow", s.borrow)
	for _, mode := range s.Modes {
		tb.Run("replay/"+string(mode), func(tb TB) { s.replay(tb, mode) })
		tb.Run("uncommitted/"+string(mode), func(tb TB) { s.uncommitted(tb, mode) })
	}
	tb.Run("long", s.long)
	tb.Run("two", s.two)
	tb.Run("join", s.join)
	tb.Run("answer", s.answer)
	if s.Kill != nil {
		tb.Run("kill", s.killWriter)
	}
	tb.Run("fence", s.fence)
	tb.Run("remembered", s.remembered)
	tb.Run("marker", s.marker)
	tb.Run("outcome", s.outcome)
	tb.Run("empty", s.empty)
	tb.Run("finish", s.finish)
	tb.Run("drop", s.drop)
	if slices.Contains(s.Modes, connector.Replace) {
		tb.Run("replace", s.replace)
	}
	tb.Run("structure", s.structure)
	if s.MakeFolding != nil {
		tb.Run("folded", s.folded)
	}
}

// open opens a client of its own, as another process would have one.
func (s Suite) open(tb TB) connector.Client {
	tb.Helper()
	c, err := s.Connector.Open(tb.Context(), connector.Connection{Name: "under-test", Options: s.Connection(tb)})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}
