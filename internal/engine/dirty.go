package engine

import (
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"

	"github.com/towpath/towpath/record"
)

// maxRowBytes is how much of a dirty row is kept; of a larger one only its key.
const maxRowBytes = 64 << 10

var reasons = map[record.Code]string{
	record.Range:     "outside the target's range",
	record.Scale:     "digits would be lost",
	record.NonFinite: "the target has no NaN and no infinity",
	record.ZeroDate:  "not a date",
	record.InfTime:   "the target has no infinite dates",
	record.TZGap:     "this wall clock does not exist in the declared zone",
	record.TZAmbig:   "this wall clock exists twice in the declared zone",
	record.UTF8:      "not valid text",
	record.NUL:       "the target's text holds no U+0000",
	record.Trunc:     "longer than the target's column",
	record.WrongType: "not a value of the column's type",
	record.KeyNull:   "NULL in the key",
	record.EmptyNull: "the target takes an empty text for NULL",
	record.TooBig:    "larger than the target takes",
	record.Shape:     "of a shape that the target does not hold",
}

// dirtyMark makes the dirty row of a mark; the row is still in the batch as read.
func dirtyMark(it *item, m record.Mark) DirtyRow {
	reason := reasons[m.Code]
	if reason == "" {
		reason = string(m.Code)
	}
	if len(m.Raw) > 0 {
		reason = string(quoteRaw(m.Raw[:min(len(m.Raw), 200)])) + ": " + reason
	}
	return DirtyRow{Code: string(m.Code), Column: it.out.Schema.Fields[m.Col].Name, Reason: reason,
		Row: record.AppendRowJSON(nil, it.read, m.Row, maxRowBytes), Ref: refOf(it.read, m.Row)}
}

func refOf(b *record.Batch, row int) int64 {
	if b.Refs == nil {
		return 0
	}
	return b.Refs[row]
}

// quoteRaw writes bytes as a JSON string; what is not UTF-8 as {"hex": ...}.
func quoteRaw(raw []byte) []byte {
	var value any = string(raw)
	if !utf8.Valid(raw) {
		value = map[string]string{"hex": hex.EncodeToString(raw)}
	}
	b, err := json.Marshal(value)
	if err != nil {
		return []byte(`null`)
	}
	return b
}
