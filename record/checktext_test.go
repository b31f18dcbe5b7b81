package record

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

func TestASCII(t *testing.T) {
	t.Parallel()
	for n := range 80 {
		b := bytes.Repeat([]byte("a"), n)
		if !ascii(b) {
			t.Errorf("%d letters are taken for more", n)
		}
		for i := range b {
			b[i] = 0x80
			if ascii(b) {
				t.Errorf("byte %d of %d is not looked at", i, n)
			}
			b[i] = 'a'
		}
	}
}

// TestCheckText: of random cells, those that are no UTF-8 alone become marks with their bytes, in whichever row, beside whatever they
// would be UTF-8 with, and all others stay as they are.
func TestCheckText(t *testing.T) {
	t.Parallel()
	pieces := []string{"", "a", "é", "語", "🦀", "\xC3", "\xA9", "\xF0\x9F", "\xA6\x80", "\xFF", "plain text of more than thirty-two bytes, long"}
	random := rand.New(rand.NewPCG(7, 7))
	schema := &Schema{Fields: []Field{{Type: Type{Kind: Text}}, {Type: Type{Kind: Bytes}}, {Type: Type{Kind: JSON}}}}
	marks := 0
	for draw := range 2000 {
		b := NewBatch(schema)
		var want [][]string
		for range random.IntN(12) {
			var row []string
			for col := range schema.Fields {
				cell := pieces[random.IntN(len(pieces))] + pieces[random.IntN(len(pieces))]
				switch random.IntN(8) {
				case 0:
					b.Cols[col].AppendNull()
					cell = "NULL"
				case 1:
					b.MarkNull(col, TooBig, []byte(cell))
					cell = "TOOBIG " + cell
				default:
					b.Cols[col].AppendBytes([]byte(cell))
					if col != 1 && !utf8.ValidString(cell) {
						cell = "UTF8 " + cell
						marks++
					}
				}
				row = append(row, cell)
			}
			b.Len++
			want = append(want, row)
		}
		b.CheckText()
		if got := cellsOf(b); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("draw %d:\n got %q\nwant %q", draw, got, want)
		}
	}
	if marks < 1000 {
		t.Errorf("%d marks were expected, too few to tell", marks)
	}
}

// cellsOf are the cells of a batch of texts; a mark's are its code and its bytes. It fails when a count of NULLs is wrong.
func cellsOf(b *Batch) [][]string {
	var rows [][]string
	for i := range b.Len {
		var row []string
		for col, v := range b.Cols {
			cell := string(v.Bytes(i))
			if v.Null(i) {
				cell = "NULL" + cell
			}
			for _, m := range b.Marks {
				if m.Row == i && m.Col == col {
					cell = string(m.Code) + " " + string(m.Raw)
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	for col, v := range b.Cols {
		nulls := 0
		for i := range v.Len {
			if v.Null(i) {
				nulls++
			}
		}
		if nulls != v.Nulls {
			rows = append(rows, []string{fmt.Sprintf("column %d counts %d NULLs of %d", col, v.Nulls, nulls)})
		}
	}
	return rows
}
