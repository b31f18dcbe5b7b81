package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// ReadRowJSON appends a row of a batch from what AppendRowJSON made of it; mended gives columns other values, as text or nil for NULL.
// A value that its column's type does not hold becomes a mark, and so does a column that was not kept: the row cannot be written without
// it. An error says that the row is damaged; then nothing was appended.
func ReadRowJSON(b *Batch, row []byte, mended map[string]*string) error {
	cells := map[string]json.RawMessage{}
	if len(row) > 0 && row[0] == '{' { // else it is a record that never became a row
		if err := json.Unmarshal(row, &cells); err != nil {
			return err
		}
	}
	at := b.Len
	for col := range b.Schema.Fields {
		name := b.Schema.Fields[col].Name
		value, given := mended[name]
		cell, kept := cells[name]
		var err error
		switch {
		case given && value == nil:
			b.Cols[col].AppendNull()
		case given:
			b.appendText(col, []byte(*value))
		case !kept || b.Schema.Fields[col].Key > 0 && string(cell) == "null": // of a key that was too long to be kept, too
			b.MarkNull(col, Rejected, []byte("no value was kept"))
		default:
			err = b.appendCell(col, cell)
		}
		if err != nil {
			b.Truncate(at)
			return fmt.Errorf("column %s: %w", name, err)
		}
	}
	b.Len++
	b.Size += len(row)
	return nil
}

// appendText appends a value, or a mark where the column's type does not hold it.
func (b *Batch) appendText(col int, text []byte) {
	if code := AppendParsed(b.Cols[col], &b.Schema.Fields[col].Type, text); code != "" {
		b.MarkNull(col, code, text)
	}
}

// appendCell is the inverse of appendCellJSON.
func (b *Batch) appendCell(col int, cell []byte) error {
	switch {
	case bytes.Equal(cell, []byte("null")):
		b.Cols[col].AppendNull()
		return nil
	case len(cell) > 0 && cell[0] == '"':
		var text string
		err := json.Unmarshal(cell, &text)
		if err == nil {
			b.appendText(col, []byte(text))
		}
		return err
	}
	var mark struct {
		Mark Code
		Raw  *string
		Hex  string
	}
	if err := json.Unmarshal(cell, &mark); err != nil {
		return err
	}
	var raw []byte
	if mark.Raw != nil {
		raw = []byte(*mark.Raw)
	} else {
		var err error
		if raw, err = hex.DecodeString(mark.Hex); err != nil {
			return err
		}
	}
	b.MarkNull(col, mark.Mark, raw)
	return nil
}
