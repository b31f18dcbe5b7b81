package elasticsearch

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

func TestConformance(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		var types []record.Type
		for _, text := range []string{"bool", "int8", "int16", "int24", "int32", "int64", "uint8", "uint16", "uint24", "uint32", "uint64", "float32", "float64",
			"decimal(10,2)", "decimal(15,15)", "decimal(18,4)", "decimal(38,10)", "decimal", "text(40)", "text", "bytes(20)", "bytes", "date", "time(6)",
			"datetime(0)", "datetime(3)", "datetime(6)", "datetime(9)", "instant(0)", "instant(6)", "instant(3 offset)", "year", "uuid", "json", "document",
			`enum("a","b c")`, `set("x","y","z")`, "bit(1)", "bit(10)", "bit(64)", "bit(70)", "interval", "geometry", "native(inet)",
			"list(int32)", "list(uint64)", "list(float64)", "list(bool)", "list(decimal(10,2))", "list(decimal)", "list(text)", "list(bytes)", "list(date)", "list(datetime(6))", "list(instant(3 offset))", "list(uuid)", "list(year)", "list(interval)", "list(list(int32))"} {
			typ, err := record.ParseType(text)
			if err != nil {
				t.Fatalf("type %s: %v", text, err)
			}
			types = append(types, typ)
		}
		connectortest.Run(t, connectortest.Suite{
			Connector:  Connector(),
			Connection: func(connectortest.TB) json.RawMessage { return s.connection() },
			NewName:    func(tb connectortest.TB) string { return s.newName(tb) },
			ReadBack: func(tb connectortest.TB, dataset string, schema *record.Schema) []connectortest.Row {
				return s.readBack(tb, dataset, schema)
			},
			Types:  types,
			Values: values,
			Modes:  []connector.Mode{connector.Upsert, connector.Insert, connector.Replace},
			Fence:  connectortest.Outranks,
		})
	})
}

// values leaves out lists whose lower bounds are not 1, which an index has no place for.
func values(t record.Type) []string {
	return slices.DeleteFunc(connectortest.Values(t), func(text string) bool {
		return t.Kind == record.List && strings.Contains(text, "]=[")
	})
}
