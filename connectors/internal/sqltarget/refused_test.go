package sqltarget_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// batches makes batches of the schema, a row for each list of texts; "NULL" is NULL.
func batches(s *record.Schema, lists ...[][]string) []*record.Batch {
	var out []*record.Batch
	for _, rows := range lists {
		b := record.NewBatch(s)
		for _, row := range rows {
			for i, cell := range row {
				if cell == "NULL" {
					b.Cols[i].AppendNull()
				} else if code := record.AppendParsed(b.Cols[i], &s.Fields[i].Type, []byte(cell)); code != "" {
					panic(code)
				}
			}
			b.Len++
		}
		out = append(out, b)
	}
	return out
}

func numbered(sizes ...int) *sqltarget.Group {
	s := &record.Schema{Fields: []record.Field{{Name: "id", Type: whole}}}
	var lists [][][]string
	n := 0
	for _, size := range sizes {
		rows := [][]string{}
		for range size {
			rows = append(rows, []string{fmt.Sprint(n)})
			n++
		}
		lists = append(lists, rows)
	}
	return sqltarget.NewGroup(batches(s, lists...))
}

func TestGroupNumbersItsRows(t *testing.T) {
	t.Parallel()
	g := numbered(2, 0, 3, 0)
	for i, want := range []connector.RowRef{{Batch: 0, Row: 0}, {Batch: 0, Row: 1}, {Batch: 2, Row: 0}, {Batch: 2, Row: 1}, {Batch: 2, Row: 2}} {
		ref := g.Ref(i)
		if ref != want || g.Batches[ref.Batch].Cols[0].Int64[ref.Row] != int64(i) {
			t.Errorf("row %d is at %v, want %v", i, ref, want)
		}
	}
	var seen []int64
	for _, p := range g.Parts(1, 4) {
		seen = append(seen, p.Cols[0].Int64[p.From:p.To]...)
	}
	if !slices.Equal(seen, []int64{1, 2, 3}) || g.Len() != 5 {
		t.Errorf("rows 1 to 4 are %v of %d", seen, g.Len())
	}
}

// A server that takes a range whole or not at all: all refused rows are found, and the others are written exactly once, whatever
// row it suspects.
func TestSendFindsTheRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "rows")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, 59), 0, 20, rapid.ID).Draw(t, "bad")
		before := slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.IntRange(0, 59), 0, 10, rapid.ID).Draw(t, "before")))
		suspect := rapid.SampledFrom([]string{"none", "right", "wrong"}).Draw(t, "suspect")
		before = slices.DeleteFunc(before, func(i int) bool { return i >= n })
		var refused []sqltarget.Refusal
		for _, i := range before {
			refused = append(refused, sqltarget.Refusal{Row: i, Code: record.KeyNull})
		}
		written := make([]int, n)
		calls := 0
		got, err := numbered(n/3, n-n/3).Send(refused, func(from, to int) (*sqltarget.Refusal, error) {
			calls++
			for i := from; i < to; i++ {
				if slices.Contains(bad, i) {
					return &sqltarget.Refusal{Row: map[string]int{"none": -1, "right": i, "wrong": to - 1}[suspect], Code: record.Constraint}, nil
				}
			}
			for i := from; i < to; i++ {
				written[i]++
			}
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var rows []int
		for _, r := range got {
			rows = append(rows, r.Row)
		}
		var want []int
		for i := range n {
			out := slices.Contains(bad, i) || slices.Contains(before, i)
			if out {
				want = append(want, i)
			}
			if times := map[bool]int{true: 0, false: 1}[out]; written[i] != times {
				t.Fatalf("row %d was written %d times, want %d", i, written[i], times)
			}
		}
		if d := cmp.Diff(want, rows); d != "" {
			t.Fatal(d)
		}
		if len(bad) == 0 && calls > len(before)+1 {
			t.Fatalf("%d calls for %d ranges without a bad row", calls, len(before)+1)
		}
	})
}

// However many rows of a group are refused, and whether the server names the right ones, it is not sent once for each.
func TestSendOfManyRefused(t *testing.T) {
	t.Parallel()
	const n = 4096
	for name, c := range map[string]struct {
		bad     func(row int) bool
		suspect func(bad, from, to int) int
		calls   int // at most
		rows    int // at most, in all calls
	}{
		"one":                     {func(row int) bool { return row == 2000 }, func(bad, _, _ int) int { return bad }, 4, 2 * n},
		"the first":               {func(row int) bool { return row == 0 }, func(bad, _, _ int) int { return bad }, 9, 2*n + 2},
		"all":                     {func(int) bool { return true }, func(bad, _, _ int) int { return bad }, 2*n + 1, 6 * n},
		"every third":             {func(row int) bool { return row%3 == 0 }, func(bad, _, _ int) int { return bad }, 2 * n, 6 * n},
		"all but ten":             {func(row int) bool { return row > 10 }, func(bad, _, _ int) int { return bad }, 2*n + 10, 6 * n},
		"all, none is named":      {func(int) bool { return true }, func(int, int, int) int { return -1 }, 2 * n, 13 * n},
		"some, the last is named": {func(row int) bool { return row%100 == 50 }, func(_, _, to int) int { return to - 1 }, n, 25 * n},
	} {
		calls, rows := 0, 0
		got, err := numbered(n).Send(nil, func(from, to int) (*sqltarget.Refusal, error) {
			calls, rows = calls+1, rows+to-from
			for row := from; row < to; row++ {
				if c.bad(row) {
					return &sqltarget.Refusal{Row: c.suspect(row, from, to)}, nil
				}
			}
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for row := range n {
			if c.bad(row) {
				want++
			}
		}
		if len(got) != want || calls > c.calls || rows > c.rows {
			t.Errorf("%s: %d of %d refused rows were found by %d calls of %d rows, at most %d of %d", name, len(got), want, calls, rows, c.calls, c.rows)
		}
	}
}

func TestSendEndsAtAnError(t *testing.T) {
	t.Parallel()
	broken, calls := errors.New("gone"), 0
	_, err := numbered(10).Send(nil, func(from, to int) (*sqltarget.Refusal, error) {
		if calls++; calls == 2 {
			return nil, broken
		}
		return &sqltarget.Refusal{Row: -1}, nil
	})
	if err != broken || calls != 2 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestNullsAreRefusedBeforehand(t *testing.T) {
	t.Parallel()
	s := &record.Schema{Fields: []record.Field{{Name: "id", Type: whole, Key: 1}, {Name: "a", Type: text}, {Name: "b", Type: text}, {Name: "c", Type: text, Nullable: true}}}
	g := sqltarget.NewGroup(batches(s, [][]string{{"1", "x", "y", "NULL"}, {"NULL", "NULL", "y", "z"}}, [][]string{{"3", "NULL", "NULL", "z"}, {"4", "NULL", "NULL", "z"}, {"5", "x", "NULL", "z"}}))
	g.Batches[1].Marks = []record.Mark{{Row: 1, Col: 1, Code: record.InfTime}}
	got := g.Nulls(s, []int{2})
	want := []sqltarget.Refusal{{Row: 1, Code: record.KeyNull, Column: "id", Reason: "NULL in a key column"},
		{Row: 2, Code: record.Constraint, Column: "a", Reason: "NULL in a column that is NOT NULL"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	rejected := g.Rejected(got)
	if len(rejected) != 2 || rejected[1].RowRef != (connector.RowRef{Batch: 1, Row: 0}) || rejected[1].Column != "a" {
		t.Errorf("got %+v", rejected)
	}
}

func TestSuperseded(t *testing.T) {
	s := &record.Schema{Fields: []record.Field{{Name: "a", Type: record.Type{Kind: record.Float, Bits: 64}}, {Name: "b", Type: record.Type{Kind: record.Text, Length: 9, Fixed: true}}, {Name: "c", Type: whole}}}
	group := batches(s, [][]string{{"0", "x", "1"}, {"1", "x", "2"}, {"1", "y", "3"}}, [][]string{{"-0", "x  ", "4"}, {"1", "X", "5"}, {"1", "y", "6"}, {"1", "y", "7"}})
	rejected := []connector.Rejected{{RowRef: connector.RowRef{Batch: 1, Row: 3}}}
	keys := sqltarget.NewKeys(s, []int{0, 1}, nil)
	for range 2 { // a group does not remember the one before
		want := []connector.RowRef{{Batch: 0, Row: 0}, {Batch: 0, Row: 2}}
		if d := cmp.Diff(want, keys.Superseded(group, rejected)); d != "" {
			t.Error(d)
		}
	}
	folded := sqltarget.NewKeys(s, []int{0, 1}, func(place int, text []byte) []byte {
		for i := range text {
			if place == 1 {
				text[i] |= 0x20
			}
		}
		return text
	})
	if got := folded.Superseded(group, rejected); len(got) != 3 {
		t.Errorf("under a folding collation: got %v", got)
	}
	keys.Superseded(group, nil)
	if n := testing.AllocsPerRun(20, func() { keys.Superseded(group[:1], nil) }); n > 0 {
		t.Errorf("%g allocations for a group without doubles", n)
	}
}
