package hbase

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/towpath/towpath/record"
)

// mostColumns is how many columns a sample may find; the cells of others are in the rest.
const mostColumns = 500

// samplePlaces is at how many regions rows are looked at.
const samplePlaces = 8

// sample is what rows of a table hold.
type sample struct {
	rows    int
	key     seen
	columns map[columnName]*seen
}

// seen is what the values of a column, or the row keys, have in common.
type seen struct {
	cells   int
	text    bool         // all are UTF-8 without control characters
	lengths map[int]bool // of up to 9 lengths
	doubles int          // of 8 bytes, that are more likely a double than a long
	floats  int          // of 4 bytes, that are more likely a float than an int
	flags   bool         // all are one byte: 0, 1 or −1
}

func newSeen() *seen { return &seen{text: true, flags: true, lengths: map[int]bool{}} }

func (s *seen) add(x []byte) {
	s.cells++
	s.text = s.text && plainText(x)
	s.flags = s.flags && len(x) == 1 && (x[0] <= 1 || x[0] == 0xFF)
	if len(s.lengths) < 9 {
		s.lengths[len(x)] = true
	}
	switch len(x) {
	case 4:
		s.floats += count(likelier(math.Float32frombits(binary.BigEndian.Uint32(x)), float64(signed(x)), 1<<24))
	case 8:
		s.doubles += count(likelier(math.Float64frombits(binary.BigEndian.Uint64(x)), float64(signed(x)), 1<<53))
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// likelier reports whether bits are more likely a number of ordinary size than an integer beyond any count.
func likelier[F float32 | float64](x F, whole, large float64) bool {
	size := math.Abs(float64(x))
	return math.Abs(whole) > large && size > 1e-9 && size < 1e15
}

// plainText reports whether x is UTF-8 without control characters but tabs and line breaks.
func plainText(x []byte) bool {
	for _, c := range x {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7F {
			return false
		}
	}
	return utf8.Valid(x)
}

// encoding is the one that all values seen may have been written in.
func (s *seen) encoding() string {
	only := func(n int) bool { return len(s.lengths) == 1 && s.lengths[n] }
	switch {
	case s.text:
		return "string"
	case s.flags:
		return "boolean"
	case only(2):
		return "short"
	case only(4) && 2*s.floats > s.cells:
		return "float"
	case only(4):
		return "int"
	case only(8) && 2*s.doubles > s.cells:
		return "double"
	case only(8):
		return "long"
	}
	return "bytes"
}

// look reads rows at the beginning of up to samplePlaces regions.
func (r *reader) look(ctx context.Context) (*sample, error) {
	regions, err := r.client.regions(ctx, r.table)
	if err != nil {
		return nil, err
	}
	regions = within(regions, r.start, r.stop)
	s := &sample{key: *newSeen(), columns: map[columnName]*seen{}}
	places := min(samplePlaces, len(regions))
	for i := range places {
		at := regions[i*len(regions)/places]
		if err := r.lookAt(ctx, at, (r.options.SampleRows-s.rows)/(places-i), s); err != nil {
			return nil, classify(err, "look at rows of %s", r.table)
		}
	}
	return s, nil
}

// lookAt adds up to so many rows of a region. The cells of a row that comes in parts count as they come.
func (r *reader) lookAt(ctx context.Context, at region, rows int, s *sample) error {
	if rows == 0 {
		return nil
	}
	x := r.client.scanner(scan{table: r.table, start: at.start, stop: at.stop, before: r.planned, rows: min(rows, r.options.FetchRows), bytes: r.options.FetchBytes})
	defer x.close()
	var last []byte
	for taken := 0; !x.done && taken < rows; {
		a, err := x.next(ctx, last)
		if err != nil {
			return err
		}
		for b := a.cells; len(b) > 0; {
			var one cell
			if one, b, err = cutCell(b); err != nil {
				return err
			}
			if last == nil || string(last) != string(one.row) {
				if taken == rows {
					return nil
				}
				taken, last = taken+1, one.row
				s.rows++
				s.key.add(one.row)
			}
			s.add(one)
		}
	}
	return nil
}

// enoughColumns bounds what a sample remembers of tables whose qualifiers are data.
const enoughColumns = 20 * mostColumns

func (s *sample) add(c cell) {
	column := s.columns[columnName{string(c.family), string(c.qualifier)}]
	if column == nil {
		if len(s.columns) == enoughColumns {
			return
		}
		column = newSeen()
		s.columns[columnName{string(c.family), string(c.qualifier)}] = column
	}
	column.add(c.value)
}

// rare is the share of the rows seen below which a qualifier is no column: a few cells tell too little, and it may be data itself.
const rare = 100

// found returns the columns that one in rare rows has, the most frequent, by name. Without those that documents have no place for: a blank one, and
// one whose dots make it a part of another.
func (s *sample) found() []columnName {
	has := map[columnName]bool{}
	for c, x := range s.columns {
		if x.cells >= s.rows/rare && c.member() {
			has[c] = true
		}
	}
	maps.DeleteFunc(has, func(c columnName, _ bool) bool {
		for at, letter := range c.qualifier {
			if letter == '.' && has[columnName{c.family, c.qualifier[:at]}] {
				return true
			}
		}
		return false
	})
	names := slices.SortedFunc(maps.Keys(has), func(a, b columnName) int {
		return cmp.Or(s.columns[b].cells-s.columns[a].cells, compareColumns(a, b))
	})
	names = names[:min(len(names), mostColumns)]
	slices.SortFunc(names, compareColumns)
	return names
}

func compareColumns(a, b columnName) int {
	return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.qualifier, b.qualifier))
}

// field is the column as a sample tells it; its source type says how sure that is.
func (s *sample) field(name string, c columnName) (record.Field, error) {
	x, guess := s.columns[c], "string"
	sure := "not seen in %d rows"
	n := s.rows
	if x != nil {
		guess, sure, n = x.encoding(), "as all of %d cells seen", x.cells
	}
	as, err := encodingOf(guess, "source.options.columns")
	return record.Field{Name: name, Type: as.typ, Nullable: true, Native: guess + nativeNote + fmt.Sprintf(sure, n), Place: c.place(name)}, err
}

// nativeNote stands between the encoding in a field's source type and what is said of it.
const nativeNote = "; "
