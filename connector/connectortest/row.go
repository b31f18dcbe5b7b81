package connectortest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// Cell is one value of a row in its canonical text form.
type Cell struct {
	Text string
	Null bool
}

// Row is the cells of a row, in the order of a schema.
type Row []Cell

// Table is a fixture: a schema and its rows.
type Table struct {
	Schema *record.Schema
	Rows   []Row
}

// String writes the row for people and for comparison: ("1", NULL, "it's").
func (r Row) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, c := range r {
		if i > 0 {
			b.WriteString(", ")
		}
		if c.Null {
			b.WriteString("NULL")
		} else {
			b.WriteString(strconv.Quote(c.Text))
		}
	}
	return b.String() + ")"
}

// Texts makes a row of cells that are not NULL.
func Texts(texts ...string) Row {
	r := make(Row, len(texts))
	for i, text := range texts {
		r[i].Text = text
	}
	return r
}

// Rows returns the rows of a batch. A marked cell is the text "mark CODE raw".
func Rows(b *record.Batch) []Row {
	rows := make([]Row, b.Len)
	for r := range rows {
		rows[r] = make(Row, len(b.Cols))
		for c, v := range b.Cols {
			if v.Null(r) {
				rows[r][c].Null = true
			} else {
				rows[r][c].Text = string(record.AppendText(nil, &b.Schema.Fields[c].Type, v, r))
			}
		}
	}
	for _, m := range b.Marks {
		rows[m.Row][m.Col] = Cell{Text: fmt.Sprintf("mark %s %s", m.Code, m.Raw)}
	}
	return rows
}

// Append adds a row to a batch; a cell that its column's type does not hold becomes a mark.
func Append(b *record.Batch, row Row) {
	for c, cell := range row {
		b.Size += len(cell.Text) + 1
		if cell.Null {
			b.Cols[c].AppendNull()
			continue
		}
		if code := record.AppendParsed(b.Cols[c], &b.Schema.Fields[c].Type, []byte(cell.Text)); code != "" {
			b.MarkNull(c, code, []byte(cell.Text))
		}
	}
	b.Len++
}

// Diff compares rows without regard to their order; "" when they are the same, each as often.
func Diff(got, want []Row) string {
	count := make(map[string]int, len(want))
	for _, r := range want {
		count[r.String()]++
	}
	for _, r := range got {
		count[r.String()]--
	}
	var missing, extra []string
	for row, n := range count {
		for ; n > 0; n-- {
			missing = append(missing, row)
		}
		for ; n < 0; n++ {
			extra = append(extra, row)
		}
	}
	if len(missing)+len(extra) == 0 {
		return ""
	}
	return fmt.Sprintf("%d rows, want %d;%s%s", len(got), len(want), some("missing", missing), some("too many", extra))
}

func some(what string, rows []string) string {
	if len(rows) == 0 {
		return ""
	}
	slices.Sort(rows)
	return fmt.Sprintf(" %d %s: %s", len(rows), what, strings.Join(rows[:min(3, len(rows))], " "))
}

// diffCells compares tables whose first column tells the rows apart, cell by cell; "" when they are the same.
func diffCells(got []Row, want Table) string {
	byID := make(map[string]Row, len(got))
	for _, r := range got {
		byID[r[0].Text] = r
	}
	if len(byID) != len(want.Rows) || len(got) != len(want.Rows) {
		return Diff(got, want.Rows)
	}
	for _, w := range want.Rows {
		g := byID[w[0].Text]
		for c := range w {
			if c >= len(g) || g[c] != w[c] {
				f := want.Schema.Fields[c]
				return fmt.Sprintf("column %s of type %s, row %s: got %.200s, want %.200s", f.Name, f.Type, w[0].Text, g[min(c, len(g)):min(c+1, len(g))], w[c:c+1])
			}
		}
	}
	return ""
}
