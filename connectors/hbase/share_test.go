package hbase

import (
	"slices"
	"testing"
)

func TestShare(t *testing.T) {
	t.Parallel()
	key := func(s string) []byte { return []byte(s) }
	regions := []region{{nil, key("d")}, {key("d"), key("h")}, {key("h"), nil}}
	for _, test := range []struct {
		name  string
		parts []region
		want  []float64
	}{
		{"one", []region{{}}, []float64{30}},
		{"as the regions", regions, []float64{10, 10, 10}},
		{"a region cut in two", []region{{nil, key("b")}, {key("b"), key("d")}, {key("d"), nil}}, []float64{5, 5, 20}},
		{"across a border", []region{{nil, key("f")}, {key("f"), key("h")}, {key("h"), nil}}, []float64{15, 5, 10}},
		{"a part of one", []region{{key("e"), key("f")}}, []float64{10}},
		{"from a border", []region{{key("h"), key("i")}}, []float64{10}},
	} {
		rows := make([]float64, len(test.parts))
		share(rows, test.parts, regions, func(region) float64 { return 10 })
		if !slices.Equal(rows, test.want) {
			t.Errorf("%s: %v, want %v", test.name, rows, test.want)
		}
	}
}
