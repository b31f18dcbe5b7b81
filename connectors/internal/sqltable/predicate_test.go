package sqltable_test

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
)

func ints(values ...int64) []connector.Part {
	var parts []connector.Part
	for _, v := range values {
		parts = append(parts, connector.Part{Tag: connector.TagInt, Int: v})
	}
	return parts
}

func columns(names ...string) sqltable.Key {
	var k sqltable.Key
	for _, name := range names {
		c := sqltable.Column{Name: name, Quoted: strings.TrimRight(name, "-?"), Descending: strings.Contains(name, "-"), Nullable: strings.Contains(name, "?")}
		k = append(k, c)
	}
	return k
}

// inlined returns the statement with its arguments in place, so that a case shows what it compares.
func inlined(s sqltable.Statement) string {
	text := s.SQL
	for _, a := range s.Args {
		text = strings.Replace(text, "?", strconv.FormatInt(a.Int, 10), 1)
	}
	return text
}

func TestPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		key  sqltable.Key
		rows bool
		r    sqltable.Range
		want string
	}{
		{"open", columns("a"), false, sqltable.Range{}, "SELECT * FROM t ORDER BY a LIMIT 9"},
		{"one column", columns("a"), false, sqltable.Range{Low: ints(1), High: ints(5)}, "SELECT * FROM t WHERE a > 1 AND a <= 5 ORDER BY a LIMIT 9"},
		{"one column, falling", columns("a-"), false, sqltable.Range{Low: ints(5), High: ints(1)}, "SELECT * FROM t WHERE a < 5 AND a >= 1 ORDER BY a DESC LIMIT 9"},
		{"two columns", columns("a", "b"), false, sqltable.Range{Low: ints(1, 2), High: ints(3, 4)},
			"SELECT * FROM t WHERE a >= 1 AND (a > 1 OR (a = 1 AND (b > 2))) AND a <= 3 AND (a < 3 OR (a = 3 AND (b <= 4))) ORDER BY a, b LIMIT 9"},
		{"two columns, row comparison", columns("a", "b"), true, sqltable.Range{Low: ints(1, 2), High: ints(3, 4)},
			"SELECT * FROM t WHERE (a, b) > (1, 2) AND (a, b) <= (3, 4) ORDER BY a, b LIMIT 9"},
		{"mixed directions are expanded", columns("a", "b-", "c"), true, sqltable.Range{Low: ints(1, 2, 3)},
			"SELECT * FROM t WHERE a >= 1 AND (a > 1 OR (a = 1 AND (b < 2 OR (b = 2 AND (c > 3))))) ORDER BY a, b DESC, c LIMIT 9"},
		{"nullable, open", columns("a?"), false, sqltable.Range{}, "SELECT * FROM t WHERE a IS NOT NULL ORDER BY a LIMIT 9"},
		{"nullable further column", columns("a?", "b?"), false, sqltable.Range{High: ints(1, 2)},
			"SELECT * FROM t WHERE a <= 1 AND (a < 1 OR (a = 1 AND (b <= 2))) AND b IS NOT NULL ORDER BY a, b LIMIT 9"},
		{"nulls", columns("a?", "b", "c?"), false, sqltable.Range{Part: sqltable.Nulls}, "SELECT * FROM t WHERE (a IS NULL OR c IS NULL) LIMIT 9"},
		{"whole", nil, false, sqltable.Range{Part: sqltable.Whole}, "SELECT * FROM t LIMIT 9"},
	} {
		s := sqltable.Select{Columns: "*", From: "t", Key: c.key, Dialect: sqltable.Dialect{RowComparison: c.rows}}
		if got := inlined(s.Page(c.r, 9)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestOwnPredicateStandsAlone(t *testing.T) {
	t.Parallel()
	s := sqltable.Select{Columns: "a", From: "t", Where: "x = 1 OR y = 2 -- both", Key: columns("a"), Dialect: sqltable.Dialect{
		Placeholder: func(n int) string { return "$" + strconv.Itoa(n) },
		Limit: func(limit, offset int64) string {
			return fmt.Sprintf(" OFFSET %d ROWS FETCH NEXT %d ROWS ONLY", offset, limit)
		},
	}}
	want := "SELECT a FROM t WHERE (x = 1 OR y = 2 -- both\n) AND a > $1 AND a <= $2 ORDER BY a OFFSET 7 ROWS FETCH NEXT 1 ROWS ONLY"
	if got := s.KeyAt(sqltable.Range{Low: ints(1), High: ints(2)}, 7).SQL; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	least, greatest := s.End(sqltable.Range{Low: ints(1)}, false), s.End(sqltable.Range{Low: ints(1)}, true)
	if !strings.HasPrefix(least.SQL, "SELECT min(a) FROM t WHERE") || !strings.HasPrefix(greatest.SQL, "SELECT max(a)") || len(greatest.Args) != 1 {
		t.Errorf("got %v, %v", least, greatest)
	}
	s.Where = ""
	if got, want := s.CountUpTo(sqltable.Range{}, 5).SQL, "SELECT count(*) FROM (SELECT 1 AS towpath_one FROM t OFFSET 0 ROWS FETCH NEXT 6 ROWS ONLY) towpath_counted"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestRangeAndPositionCodecs(t *testing.T) {
	t.Parallel()
	part := rapid.Custom(func(t *rapid.T) connector.Part {
		switch tag := rapid.SampledFrom([]connector.Tag{connector.TagInt, connector.TagUint, connector.TagFloat, connector.TagText, connector.TagBytes}).Draw(t, "tag"); tag {
		case connector.TagInt:
			return connector.Part{Tag: tag, Int: rapid.Int64().Draw(t, "int")}
		case connector.TagUint:
			return connector.Part{Tag: tag, Uint: rapid.Uint64().Draw(t, "uint")}
		case connector.TagFloat:
			return connector.Part{Tag: tag, Float: rapid.Float64().Draw(t, "float")}
		default:
			return connector.Part{Tag: tag, Bytes: rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "bytes")}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "columns")
		end := rapid.OneOf(rapid.Just([]connector.Part(nil)), rapid.SliceOfN(part, n, n))
		want := sqltable.Range{Low: end.Draw(t, "low"), High: end.Draw(t, "high")}
		raw := want.Encode()
		if got, err := sqltable.ParseRange(raw); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := sqltable.ParseRange(raw); connector.ClassOf(err) != connector.Changed {
			t.Fatalf("a changed bit gave %v, want class changed", err)
		}
		key := rapid.SliceOfN(part, n, n).Draw(t, "key")
		if got, err := sqltable.ParsePosition(sqltable.NewPosition(key)); err != nil || !reflect.DeepEqual(got, key) {
			t.Fatalf("got %v, %v, want %v", got, err, key)
		}
	})
	for _, p := range []sqltable.Part{sqltable.Nulls, sqltable.Whole} {
		want := sqltable.Range{Part: p}
		if got, err := sqltable.ParseRange(want.Encode()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
}

func TestShardRangeRefusesForeignRecords(t *testing.T) {
	t.Parallel()
	key := columns("a", "b")
	for name, c := range map[string]struct {
		key  sqltable.Key
		s    connector.Shard
		from connector.Position
	}{
		"position of another width":      {key, connector.Shard{}, sqltable.NewPosition(ints(1))},
		"range of another width":         {key, connector.Shard{Range: sqltable.Range{Low: ints(1)}.Encode()}, nil},
		"position without an order":      {key, connector.Shard{Range: sqltable.Range{Part: sqltable.Nulls}.Encode()}, sqltable.NewPosition(ints(1, 2))},
		"range of another kind":          {key, connector.Shard{Range: connector.NewPosition("other", ints(1)...)}, nil},
		"position of another kind":       {key, connector.Shard{}, connector.NewPosition("other", ints(1, 2)...)},
		"range that says more than ends": {key, connector.Shard{Range: connector.NewPosition("sql.range", ints(0, 7)...)}, nil},
	} {
		if _, err := c.key.ShardRange(c.s, c.from); connector.ClassOf(err) != connector.Changed {
			t.Errorf("%s: got %v, want class changed", name, err)
		}
	}
	if _, err := columns("a?").ShardRange(connector.Shard{}, nil); err == nil {
		t.Error("reading a whole dataset with a nullable key would miss its NULLs and was allowed")
	}
}

// TestOperatorsOfTheIndex: comparisons and order are spelled as the key says, and each argument tells its column.
func TestOperatorsOfTheIndex(t *testing.T) {
	t.Parallel()
	in := func(schema string) func(string) string {
		return func(op string) string { return "OPERATOR(" + schema + "." + op + ")" }
	}
	key := func(schemas ...string) sqltable.Key {
		k := columns("a", "b", "c")[:len(schemas)]
		for i, s := range schemas {
			k[i].Operator = in(s)
		}
		k[0].Nulls = "NULLS FIRST"
		return k
	}
	for _, c := range []struct {
		name   string
		key    sqltable.Key
		want   string
		places []int
	}{
		{"one", key("x"), "SELECT * FROM t WHERE a OPERATOR(x.>) 1 AND a OPERATOR(x.<=) 1 ORDER BY a NULLS FIRST LIMIT 9", []int{0, 0}},
		{"alike", key("x", "x"), "SELECT * FROM t WHERE (a, b) OPERATOR(x.>) (1, 2) AND (a, b) OPERATOR(x.<=) (1, 2) ORDER BY a NULLS FIRST, b LIMIT 9", []int{0, 1, 0, 1}},
		{"unlike", key("x", "y"), "SELECT * FROM t WHERE a OPERATOR(x.>=) 1 AND (a OPERATOR(x.>) 1 OR (a OPERATOR(x.=) 1 AND (b OPERATOR(y.>) 2)))" +
			" AND a OPERATOR(x.<=) 1 AND (a OPERATOR(x.<) 1 OR (a OPERATOR(x.=) 1 AND (b OPERATOR(y.<=) 2))) ORDER BY a NULLS FIRST, b LIMIT 9",
			[]int{0, 0, 0, 1, 0, 0, 0, 1}},
		{"three", func() sqltable.Key { k := key("x", "x", "x"); k[1].Descending = true; return k }(),
			"SELECT * FROM t WHERE a OPERATOR(x.>=) 1 AND (a OPERATOR(x.>) 1 OR (a OPERATOR(x.=) 1 AND (b OPERATOR(x.<) 2 OR (b OPERATOR(x.=) 2 AND (c OPERATOR(x.>) 3)))))" +
				" AND a OPERATOR(x.<=) 1 AND (a OPERATOR(x.<) 1 OR (a OPERATOR(x.=) 1 AND (b OPERATOR(x.>) 2 OR (b OPERATOR(x.=) 2 AND (c OPERATOR(x.<=) 3)))))" +
				" ORDER BY a NULLS FIRST, b DESC, c LIMIT 9", []int{0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 1, 2}},
	} {
		bound := ints(1, 2, 3)[:len(c.key)]
		s := sqltable.Select{Columns: "*", From: "t", Key: c.key, Dialect: sqltable.Dialect{RowComparison: true}}.Page(sqltable.Range{Low: bound, High: bound}, 9)
		if got := inlined(s); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if !reflect.DeepEqual(s.Places, c.places) {
			t.Errorf("%s: got places %v, want %v", c.name, s.Places, c.places)
		}
	}
}
