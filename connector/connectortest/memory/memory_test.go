package memory_test

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/record"
)

func suite(o memory.Options) connectortest.Suite {
	c, store := memory.New(o)
	var names atomic.Int64
	s := connectortest.Suite{
		Connector:   c,
		Connection:  func(connectortest.TB) json.RawMessage { return json.RawMessage(`{"label":"x"}`) },
		NewName:     func(connectortest.TB) string { return fmt.Sprint("shop.t", names.Add(1), "x") },
		MakeDataset: func(_ connectortest.TB, name string, t connectortest.Table) { store.Make(name, t.Schema, t.Rows...) },
		ReadBack: func(_ connectortest.TB, name string, _ *record.Schema) []connectortest.Row {
			return store.Rows(name)
		},
		ChangeDataset: func(_ connectortest.TB, name string, t connectortest.Table) { store.Make(name, t.Schema, t.Rows...) },
		Structure:     func(_ connectortest.TB, name string) *record.Schema { return store.Schema(name) },
		Modes:         []connector.Mode{connector.Upsert, connector.Insert, connector.Replace, connector.Append},
		LoseCommit: func(_ connectortest.TB, applied bool) {
			store.Inject(memory.Commit, 1, memory.Fault{Err: connector.Errorf(connector.Unknown, "", "commit: answer lost"), Applied: applied})
		},
		Kill: func(tb connectortest.TB) {
			tb.Cleanup(store.Disarm)
			store.Inject(memory.Commit, 1, memory.Fault{Err: connector.Errorf(connector.Retry, "", "commit: connection lost")})
			store.Inject(memory.Read, 1, memory.Fault{Err: connector.Errorf(connector.Retry, "", "read: connection lost")})
		},
		Types: types(),
	}
	if o.Way == connector.WayB {
		s.Modes, s.Fence = []connector.Mode{connector.Upsert, connector.Replace}, connectortest.Outranks
	}
	return s
}

// types are all kinds, in the parameters that change their vector.
func types() []record.Type {
	list := []record.Type{{Kind: record.Bool}, {Kind: record.Date}, {Kind: record.Year}, {Kind: record.UUID}, {Kind: record.JSON},
		{Kind: record.Document}, {Kind: record.Geometry}, {Kind: record.Bytes}, {Kind: record.Bytes, Length: 4, Fixed: true}, {Kind: record.Text},
		{Kind: record.Text, Length: 10}, {Kind: record.Enum, Labels: []string{"a", "b"}}, {Kind: record.Bit, Bits: 9}, {Kind: record.Bit, Bits: 70},
		{Kind: record.Decimal}, {Kind: record.Native, Name: "x"}, {Kind: record.Interval}, {Kind: record.Set, Labels: []string{"a", "b"}}}
	for _, bits := range []int{8, 16, 24, 32, 64} {
		list = append(list, record.Type{Kind: record.Int, Bits: bits}, record.Type{Kind: record.Uint, Bits: bits})
	}
	for _, bits := range []int{32, 64} {
		list = append(list, record.Type{Kind: record.Float, Bits: bits})
	}
	for _, digits := range []int{5, 18, 30, 50} {
		list = append(list, record.Type{Kind: record.Decimal, Precision: digits, Scale: 2})
	}
	for _, precision := range []int{0, 3, 6, 9} {
		list = append(list, record.Type{Kind: record.Time, Precision: precision}, record.Type{Kind: record.Datetime, Precision: precision},
			record.Type{Kind: record.Instant, Precision: precision})
	}
	return list
}

func TestConformance(t *testing.T) {
	t.Parallel()
	cases := map[string]memory.Options{"A": {}, "B": {Way: connector.WayB}, "superset": {Replay: connector.Superset}, "none": {Replay: connector.None}}
	for name, o := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := suite(o)
			s.Whole = o.Replay == connector.None
			connectortest.Run(t, s)
		})
	}
}
