package data

import (
	"bytes"
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/tools/testservers/servers"
)

func TestRowsDependOnSeedAndIDAlone(t *testing.T) {
	t.Parallel()
	for _, table := range []*Table{Wide(), Narrow()} {
		t.Run(table.Name, func(t *testing.T) {
			t.Parallel()
			var whole, again, tail bytes.Buffer
			for buffer, first := range map[*bytes.Buffer]int64{&whole: 1, &again: 1, &tail: 501} {
				if err := table.Write(buffer, 7, first, 1000); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(whole.Bytes(), again.Bytes()) {
				t.Error("two times the same seed gave other rows")
			}
			if !bytes.HasSuffix(whole.Bytes(), tail.Bytes()) {
				t.Error("rows 501 to 1000 are others when the rows before are not made")
			}
			var other bytes.Buffer
			if err := table.Write(&other, 8, 1, 1000); err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(whole.Bytes(), other.Bytes()) {
				t.Error("another seed gave the same rows")
			}
		})
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	tests := []struct {
		table       *Table
		columns     int
		least, most int // bytes of a row on average
	}{{Wide(), 20, 250, 450}, {Narrow(), 12, 230, 260}}
	for _, test := range tests {
		var out bytes.Buffer
		if err := test.table.Write(&out, 1, 1, 2000); err != nil {
			t.Fatal(err)
		}
		if got := out.Len() / 2000; got < test.least || got > test.most {
			t.Errorf("%s: %d bytes a row, want %d to %d", test.table.Name, got, test.least, test.most)
		}
		line, _, _ := strings.Cut(out.String(), "\n")
		if got := strings.Count(strings.ReplaceAll(line, "\\\t", ""), "\t") + 1; got != test.columns {
			t.Errorf("%s: %d columns, want %d", test.table.Name, got, test.columns)
		}
		if !strings.Contains(out.String(), "\t\\N\t") {
			t.Errorf("%s has no NULL", test.table.Name)
		}
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	if got, want := string(appendEscaped(nil, []byte("a\tb\\c\nd\x00"))), `a\	b\\c\nd\0`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFill(t *testing.T) {
	srv := servers.Need(t, "mariadb")
	address, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := Server{Client: srv.Client, URL: address}
	const database = "towpath_benchtest"
	t.Cleanup(func() {
		if _, err := s.Run(context.Background(), "DROP DATABASE IF EXISTS "+database); err != nil {
			t.Error(err)
		}
	})
	for _, table := range []*Table{Wide(), Narrow()} {
		name, err := table.Fill(t.Context(), s, database, 1, 500)
		if err != nil {
			t.Fatal(err)
		}
		again, err := table.Fill(t.Context(), s, database, 1, 500)
		if err != nil || again != name {
			t.Errorf("a second fill gave %s, %v", again, err)
		}
		got, err := s.Run(t.Context(), "SELECT COUNT(*), MAX(id) FROM "+name)
		if err != nil || got != "500\t500" {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	checkCells(t, s, database+".wide_500_1")
}

// checkCells compares cells whose form is the same in the file and in the client's answer.
func checkCells(t *testing.T, s Server, name string) {
	t.Helper()
	rows := Wide().Rows(1)
	for id := int64(1); id <= 500; id += 37 {
		cells := strings.Split(strings.TrimSuffix(string(rows.Append(nil, id)), "\n"), "\t")
		want := []string{cells[0], cells[4], cells[5], cells[6], cells[13], cells[15]}
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], `\N`, "NULL")
		}
		got, err := s.Run(t.Context(), "SELECT id, serial, price, exact, ordered, span FROM "+name+" WHERE id = "+strconv.FormatInt(id, 10))
		if err != nil || got != strings.Join(want, "\t") {
			t.Errorf("row %d: got %q, want %q, %v", id, got, strings.Join(want, "\t"), err)
		}
	}
}
