package sqltable_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

// server answers the statements of Pages from a list of keys in order.
type server struct {
	*sqltable.Pages
	ctx     context.Context
	keys    []int64
	most    int           // rows of an answer, whatever is asked for; 0: as many
	size    int           // bytes of a row
	huge    int64         // the key of a row larger than a batch; 0: none
	wait    time.Duration // before each row
	again   bool          // the last key comes again and again
	refused error         // of the second statement

	last     int64
	asked    []int    // limits of the statements
	low      []int64  // where they begin; -1: at the start
	sessions int      // that were taken
	open     bool     // one is
	paces    [][2]int // row and pace
}

func (s *server) Begin() error {
	s.sessions++
	s.open = true
	return nil
}

func (s *server) End() { s.open = false }

func (s *server) Last() ([]connector.Part, error) { return ints(s.last), nil }

func (s *server) Page() (whole bool, err error) {
	s.asked = append(s.asked, s.Limit)
	keys := s.keys
	if s.low = append(s.low, -1); s.Range.Low != nil {
		low := s.Range.Low[0].Int
		s.low[len(s.low)-1] = low
		if keys = keys[slices.Index(keys, low)+1:]; s.again {
			keys = s.keys[len(s.keys)-1:]
		}
	}
	if len(s.asked) == 2 && s.refused != nil {
		return false, s.refused
	}
	for i, k := range keys[:min(len(keys), s.Limit)] {
		if s.most > 0 && i == s.most {
			break
		}
		if s.wait > 0 {
			time.Sleep(s.wait)
		}
		if p := s.Pace(); p != sqltable.SamePace {
			s.paces = append(s.paces, [2]int{i, int(p)})
		}
		size := s.size
		if s.huge != 0 && k == s.huge {
			size = record.MaxBytes + 1
		}
		if !s.Fits(size) {
			if err := s.Room(s.ctx, size); err != nil {
				return false, err
			}
		}
		s.Batch.Cols[0].AppendInt64(k)
		s.Batch.Len++
		s.Batch.Size += size
		s.last = k
		if s.Took() {
			if err := s.Flush(); err != nil {
				return false, err
			}
		}
		if s.Overdue() {
			return false, nil
		}
	}
	return true, nil
}

// chunk is what came of a batch.
type chunk struct {
	rows  int
	after int64
}

// read runs the server's pages; take looks at each chunk and may want no more.
func (s *server) read(t *testing.T, bounded bool, may time.Duration, take func(chunk) bool) (rows []int64, chunks []chunk, err error) {
	t.Helper()
	pool := record.NewPool(0)
	schema := &record.Schema{Fields: []record.Field{{Name: "a", Type: record.Type{Kind: record.Int, Bits: 64}}}}
	s.ctx = t.Context()
	if s.Pages, err = columns("a").Pages(connector.Query{Schema: schema, Batches: pool}, bounded, may); err != nil {
		t.Fatal(err)
	}
	err = s.Run(s, func(c connector.Chunk, _ error) bool {
		key, err := sqltable.ParsePosition(c.After)
		if err != nil {
			t.Fatal(err)
		}
		got := chunk{c.Batch.Len, key[0].Int}
		rows, chunks = append(rows, c.Batch.Cols[0].Int64...), append(chunks, got)
		c.Batch.Release()
		return take == nil || take(got)
	})
	if used := pool.Used(); used != 0 || s.open {
		t.Errorf("%d bytes of batches were not given back, a session is open: %v", used, s.open)
	}
	return rows, chunks, err
}

func upTo(n int) (keys []int64) {
	for i := range n {
		keys = append(keys, int64(i))
	}
	return keys
}

// TestShortPages: a page that is cut short by something between is no end.
func TestShortPages(t *testing.T) {
	t.Parallel()
	s := &server{keys: upTo(10), most: 3}
	rows, chunks, err := s.read(t, true, time.Hour, nil)
	if err != nil || !slices.Equal(rows, s.keys) || !slices.Equal(s.low, []int64{-1, 2, 5, 8, 9}) || s.sessions != 1 {
		t.Errorf("got %v by statements behind %v in %d sessions, %v", rows, s.low, s.sessions, err)
	}
	if want := []chunk{{10, 9}}; !slices.Equal(chunks, want) {
		t.Errorf("got chunks %v, want %v", chunks, want)
	}
}

func TestFullBatches(t *testing.T) {
	t.Parallel()
	s := &server{keys: upTo(2*record.MaxRows + 1)}
	rows, chunks, err := s.read(t, true, time.Hour, nil)
	if err != nil || !slices.Equal(rows, s.keys) {
		t.Errorf("got %d rows, %v", len(rows), err)
	}
	if want := []chunk{{record.MaxRows, record.MaxRows - 1}, {record.MaxRows, 2*record.MaxRows - 1}, {1, 2 * record.MaxRows}}; !slices.Equal(chunks, want) {
		t.Errorf("got chunks %v, want %v", chunks, want)
	}
	s = &server{keys: upTo(3), size: record.MaxBytes + 1}
	if _, chunks, err = s.read(t, true, time.Hour, nil); err != nil || !slices.Equal(chunks, []chunk{{1, 0}, {1, 1}, {1, 2}}) {
		t.Errorf("huge rows: got chunks %v, %v", chunks, err)
	}
	s = &server{keys: upTo(5), huge: 3}
	if _, chunks, err = s.read(t, true, time.Hour, nil); err != nil || !slices.Equal(chunks, []chunk{{3, 2}, {1, 3}, {1, 4}}) {
		t.Errorf("a huge row among others: got chunks %v, %v", chunks, err)
	}
}

// TestLimits: statements ask for as many rows as fit their time, and are left when they are far beyond it.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{keys: upTo(150_000), wait: 100 * time.Microsecond}
		rows, _, err := s.read(t, true, 5*time.Second, nil)
		if err != nil || !slices.Equal(rows, s.keys) {
			t.Errorf("got %d rows, %v", len(rows), err)
		}
		if want := []int{20_000, 50_000, 50_000, 50_000, 50_000}; !slices.Equal(s.asked, want) {
			t.Errorf("statements ask for %v rows, want %v", s.asked, want)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &server{keys: upTo(4 * record.MaxRows)}
		rows, chunks, err := s.read(t, true, 5*time.Second, func(chunk) bool {
			time.Sleep(20 * time.Second) // the receiver is slow
			return true
		})
		if err != nil || !slices.Equal(rows, s.keys) || len(chunks) != 4 {
			t.Errorf("got %d rows in %d chunks, %v", len(rows), len(chunks), err)
		}
		if s.sessions < 2 || s.asked[1] >= s.asked[0] {
			t.Errorf("statements ask for %v rows in %d sessions", s.asked, s.sessions)
		}
	})
}

// TestSlowRows: a batch that fills slowly is handed on before it is full.
func TestSlowRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{keys: upTo(600), wait: 10 * time.Millisecond}
		if _, chunks, err := s.read(t, true, time.Hour, nil); err != nil || !slices.Equal(chunks, []chunk{{256, 255}, {256, 511}, {88, 599}}) {
			t.Errorf("got chunks %v, %v", chunks, err)
		}
	})
}

// TestWithoutLimit: an own SELECT with a key is one statement, and its end is proven like that of a table.
func TestWithoutLimit(t *testing.T) {
	t.Parallel()
	s := &server{keys: upTo(100)}
	rows, _, err := s.read(t, false, 0, nil)
	if err != nil || len(rows) != 100 || !slices.Equal(s.low, []int64{-1, 99}) || s.sessions != 1 {
		t.Errorf("got %d rows by statements behind %v in %d sessions, %v", len(rows), s.low, s.sessions, err)
	}
	if st := s.Statement(sqltable.Select{Columns: "*", From: "t", Key: columns("a")}); inlined(st) != "SELECT * FROM t WHERE a > 99 ORDER BY a" {
		t.Errorf("got %s", st.SQL)
	}
}

func TestPaces(t *testing.T) {
	t.Parallel()
	s := &server{keys: upTo(16_000)}
	if _, _, err := s.read(t, true, time.Hour, nil); err != nil || !slices.Equal(s.paces, [][2]int{{10_000, int(sqltable.Together)}, {15_000, int(sqltable.OneByOne)}}) {
		t.Errorf("got %v, %v", s.paces, err)
	}
	s = &server{keys: upTo(16_000)}
	s.keys = s.keys[:9_000]
	if _, _, err := s.read(t, true, time.Hour, nil); err != nil || len(s.paces) != 0 {
		t.Errorf("a short answer: got %v, %v", s.paces, err)
	}
}

func TestReadsThatEnd(t *testing.T) {
	t.Parallel()
	s := &server{keys: upTo(3 * record.MaxRows)}
	if _, chunks, err := s.read(t, true, time.Hour, func(chunk) bool { return false }); err != nil || len(chunks) != 1 {
		t.Errorf("a receiver that wants no more: got %d chunks, %v", len(chunks), err)
	}
	s = &server{keys: upTo(3), again: true}
	if _, _, err := s.read(t, true, time.Hour, nil); err != sqltable.ErrRepeated {
		t.Errorf("a damaged index: got %v", err)
	}
	s = &server{keys: upTo(3), refused: errors.New("refused")}
	if rows, _, err := s.read(t, true, time.Hour, nil); err != s.refused || len(rows) != 0 {
		t.Errorf("a refused statement: got %v, %v", rows, err)
	}
}

func TestOwnSelects(t *testing.T) {
	t.Parallel()
	const query = "SELECT a FROM t WHERE ${range} UNION SELECT a FROM u WHERE ${range} -- all"
	numbered := sqltable.Dialect{RowComparison: true, True: "true", Placeholder: func(n int) string { return "$" + string(rune('0'+n)) }}
	for _, c := range []struct {
		name   string
		key    sqltable.Key
		r      sqltable.Range
		d      sqltable.Dialect
		want   string
		places []int
	}{
		{"no key", nil, sqltable.Range{}, sqltable.Dialect{}, "SELECT a FROM t WHERE 1 = 1 UNION SELECT a FROM u WHERE 1 = 1 -- all", nil},
		{"whole", columns("a"), sqltable.Range{Part: sqltable.Whole}, numbered, "SELECT a FROM t WHERE true UNION SELECT a FROM u WHERE true -- all", nil},
		{"open", columns("a"), sqltable.Range{}, numbered, "SELECT a FROM t WHERE (true) UNION SELECT a FROM u WHERE (true) -- all\n ORDER BY a", nil},
		{"bound anew", columns("a", "b"), sqltable.Range{Low: ints(1, 2)}, sqltable.Dialect{RowComparison: true},
			"SELECT a FROM t WHERE ((a, b) > (1, 2)) UNION SELECT a FROM u WHERE ((a, b) > (1, 2)) -- all\n ORDER BY a, b", []int{0, 1, 0, 1}},
		{"bound once", columns("a", "b-"), sqltable.Range{High: ints(1, 2)}, numbered,
			"SELECT a FROM t WHERE (a <= $1 AND (a < $2 OR (a = $3 AND (b >= $4)))) UNION SELECT a FROM u WHERE (a <= $1 AND (a < $2 OR (a = $3 AND (b >= $4)))) -- all\n ORDER BY a, b DESC",
			[]int{0, 0, 0, 1}},
	} {
		st := c.key.Ranged(query, c.r, c.d)
		if got := inlined(st); got != c.want || !slices.Equal(st.Places, c.places) || len(st.Args) != len(c.places) {
			t.Errorf("%s:\n got %s %v\nwant %s %v", c.name, got, st.Places, c.want, c.places)
		}
	}
	if got, want := sqltable.Around("SELECT 1 -- one", `"a"`, "a > 1"), "SELECT \"a\" FROM (SELECT 1 -- one\n) towpath_query WHERE (a > 1\n)"; got != want {
		t.Errorf("got %s", got)
	}
	for _, keyed := range []bool{false, true} {
		got := sqltable.Undivided(connector.Shard{}, keyed)
		r, err := sqltable.ParseRange(got[0].Range)
		if err != nil || len(got) != 1 || (got[0].Replay == connector.Exact) != keyed || (r.Part == sqltable.Keyed) != keyed {
			t.Errorf("keyed %v: got %+v, %v", keyed, got, err)
		}
		if again := sqltable.Undivided(got[0], !keyed); len(again) != 1 || again[0].Replay != got[0].Replay {
			t.Errorf("a shard that was made is another one: %+v", again)
		}
	}
}

func TestMarkKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key     []string
		same    func(a, b string) bool
		want    []int
		missing string
	}{
		{[]string{"b", "a"}, strings.EqualFold, []int{1, 0}, ""},
		{[]string{"B"}, strings.EqualFold, []int{1}, ""},
		{[]string{"a", "B"}, func(a, b string) bool { return a == b }, nil, "B"},
		{nil, strings.EqualFold, nil, ""},
	} {
		s := &record.Schema{Fields: []record.Field{{Name: "a"}, {Name: "b"}}}
		if missing, ok := sqltable.MarkKey(s, c.key, c.same); missing != c.missing || ok != (missing == "") || !slices.Equal(s.Key(), c.want) {
			t.Errorf("%v: got key %v, missing %q", c.key, s.Key(), missing)
		}
	}
}
