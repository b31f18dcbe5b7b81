// Package typedoc lists logical types for the tables in which connectors say what they make of each. It knows no connector.
package typedoc

import "github.com/towpath/towpath/record"

// Logical returns a type of every kind, with the parameters that matter to stores.
func Logical() []record.Type {
	whole := record.Type{Kind: record.Int, Bits: 32}
	text := record.Type{Kind: record.Text}
	labels := []string{"a", "b"}
	return []record.Type{
		{Kind: record.Bool},
		{Kind: record.Int, Bits: 8}, {Kind: record.Int, Bits: 16}, {Kind: record.Int, Bits: 24}, whole, {Kind: record.Int, Bits: 64},
		{Kind: record.Uint, Bits: 8}, {Kind: record.Uint, Bits: 16}, {Kind: record.Uint, Bits: 24}, {Kind: record.Uint, Bits: 32}, {Kind: record.Uint, Bits: 64},
		{Kind: record.Float, Bits: 32}, {Kind: record.Float, Bits: 64},
		{Kind: record.Decimal, Precision: 12, Scale: 2}, {Kind: record.Decimal, Precision: 65, Scale: 30}, {Kind: record.Decimal},
		text, {Kind: record.Text, Length: 40}, {Kind: record.Text, Length: 40, Fixed: true},
		{Kind: record.Bytes}, {Kind: record.Bytes, Length: 40}, {Kind: record.Bytes, Length: 40, Fixed: true},
		{Kind: record.Date}, {Kind: record.Time, Precision: 6},
		{Kind: record.Datetime}, {Kind: record.Datetime, Precision: 6}, {Kind: record.Datetime, Precision: 9},
		{Kind: record.Instant}, {Kind: record.Instant, Precision: 6}, {Kind: record.Instant, Precision: 6, Offset: true},
		{Kind: record.Interval}, {Kind: record.Year}, {Kind: record.UUID}, {Kind: record.JSON}, {Kind: record.Document},
		{Kind: record.List, Elem: &whole}, {Kind: record.List, Elem: &text},
		{Kind: record.Enum, Labels: labels}, {Kind: record.Set, Labels: labels},
		{Kind: record.Bit, Bits: 8}, {Kind: record.Bit, Bits: 100}, {Kind: record.Geometry}, {Kind: record.Native, Name: "x"},
	}
}
