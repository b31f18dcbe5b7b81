package mysql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/record"
)

// keyCase is a table by whose key shards are cut.
type keyCase struct {
	name   string
	create string   // columns and keys
	insert []string // value lists
	replay connector.Replay
}

func numbers(format string, from, n, step int64) (rows []string) {
	for i := range n {
		x := from + i*step
		rows = append(rows, strings.ReplaceAll(format, "#", fmt.Sprint(x)))
	}
	return rows
}

func keyCases() []keyCase {
	collation := []string{"'fA'", "'Fb'", "'fc'", "'0a'", "'Z9'", "'z0'", "'a'", "'A '", "'á'", "'b'", "'ß'", "'ss1'", "'10'", "'9'", "'é'", "'中'", "'🦀'", "'_'", "'zz'", "''"}
	var plain []string
	for _, k := range collation {
		plain = append(plain, "("+k+")")
	}
	latin := slices.DeleteFunc(slices.Clone(plain), func(s string) bool { return strings.ContainsAny(s, "中🦀") })
	ci := slices.DeleteFunc(slices.Clone(plain), func(s string) bool { return s == "('A ')" || s == "('á')" || s == "('ß')" })
	skew := append(numbers("(#)", 1, 400, 1), "(9223372036854775807)", "(-9223372036854775808)", "(1000000000000)", "(2000000000000)")
	return []keyCase{
		{"empty", "k INT PRIMARY KEY", nil, connector.Exact},
		{"one row", "k INT PRIMARY KEY", []string{"(5)"}, connector.Exact},
		{"int skewed, to the ends", "k BIGINT PRIMARY KEY", skew, connector.Exact},
		{"uint64 ends", "k BIGINT UNSIGNED PRIMARY KEY", append(numbers("(#)", 0, 100, 1), "(18446744073709551615)", "(9223372036854775808)", "(9223372036854775807)"), connector.Exact},
		{"negative, gaps of 10^12", "k BIGINT PRIMARY KEY", numbers("(#)", -50_000_000_000_000, 100, 1_000_000_000_000), connector.Exact},
		{"tinyint", "k TINYINT PRIMARY KEY", numbers("(#)", -128, 256, 1), connector.Exact},
		{"utf8mb4 general_ci", "k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY", ci, connector.Exact},
		{"utf8mb4 unicode_ci", "k VARCHAR(20) COLLATE utf8mb4_unicode_ci PRIMARY KEY", ci, connector.Exact},
		{"utf8mb4 unicode_520_ci", "k VARCHAR(20) COLLATE utf8mb4_unicode_520_ci PRIMARY KEY", ci, connector.Exact},
		{"utf8mb4 nopad bin", "k VARCHAR(20) COLLATE utf8mb4_nopad_bin PRIMARY KEY", append(slices.Clone(plain), "('a ')", "('a  ')", "('A')"), connector.Exact},
		{"utf8mb4 uca1400", "k VARCHAR(20) COLLATE utf8mb4_uca1400_as_cs PRIMARY KEY", append(slices.Clone(plain), "('B')"), connector.Exact},
		{"utf8mb3", "k VARCHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin PRIMARY KEY", slices.DeleteFunc(slices.Clone(plain), func(s string) bool { return strings.Contains(s, "🦀") }), connector.Exact},
		{"latin1 swedish_ci", "k VARCHAR(20) CHARACTER SET latin1 PRIMARY KEY", slices.DeleteFunc(slices.Clone(latin), func(s string) bool { return slices.Contains([]string{"('A ')", "('á')"}, s) }), connector.Exact},
		{"latin1 bin, char", "k CHAR(10) CHARACTER SET latin1 COLLATE latin1_bin PRIMARY KEY", latin, connector.Exact},
		{"char nopad is no key of ours", "k CHAR(5) COLLATE utf8mb4_general_nopad_ci PRIMARY KEY", []string{"('a')", "('b')", "('a\x01')", "('')", "('\x01')"}, connector.None},
		{"char nopad behind", "a INT, k CHAR(5) CHARACTER SET latin1 COLLATE latin1_nopad_bin, PRIMARY KEY (a, k)", []string{"(1, 'a')", "(1, 'a\x01')", "(1, '')", "(1, '\x01')"}, connector.None},
		{"char with padding", "k CHAR(5) COLLATE utf8mb4_general_ci PRIMARY KEY", []string{"('a')", "('b')", "('a\x01')", "('')", "('\x01')"}, connector.Exact},
		{"utf16", "k VARCHAR(20) CHARACTER SET utf16 COLLATE utf16_bin PRIMARY KEY", plain, connector.Exact},
		{"gbk is no key of ours", "k VARCHAR(20) CHARACTER SET gbk PRIMARY KEY", []string{"('a')", "('中')"}, connector.None},
		{"varbinary", "k VARBINARY(8) PRIMARY KEY", []string{"(X'')", "(X'00')", "(X'0000')", "(X'FF')", "(X'FF00')", "(X'809F8041FE10')", "('a')", "('A')", "('a ')", "(X'5C27')"}, connector.Exact},
		{"binary", "k BINARY(3) PRIMARY KEY", []string{"(X'00')", "(X'000001')", "(X'FFFFFF')", "(X'FF')", "('a')"}, connector.Exact},
		{"decimal", "k DECIMAL(30,10) PRIMARY KEY", []string{"(0)", "(-0.0000000001)", "(0.0000000001)", "(9)", "(10)", "(12345678901234567890.5)", "(12345678901234567890.4999999999)", "(-99999999999999999999.9999999999)"}, connector.Exact},
		{"float", "k FLOAT PRIMARY KEY", []string{"(0.1)", "(-0.1)", "(16777216)", "(3.4e38)", "(-3.4e38)", "(1e-30)", "(0.3)"}, connector.Exact},
		{"double", "k DOUBLE PRIMARY KEY", []string{"(0.1)", "(0.30000000000000004)", "(0.3)", "(1.7976931348623157e308)", "(-1e-300)", "(0)"}, connector.Exact},
		{"date with zero dates", "k DATE PRIMARY KEY", []string{"('0000-00-00')", "('2026-00-15')", "('2026-01-01')", "('2026-02-30')", "('9999-12-31')", "('0001-01-01')"}, connector.Exact},
		{"datetime(6)", "k DATETIME(6) PRIMARY KEY", []string{"('0000-00-00')", "('2026-01-01 00:00:00.000001')", "('2026-01-01 00:00:00.000002')", "('2026-01-01')", "('2026-06-00 10:00:00')", "('1000-01-01')"}, connector.Exact},
		{"timestamp(6)", "k TIMESTAMP(6) PRIMARY KEY", []string{"('0000-00-00')", "('2025-11-02 05:30:00.1')", "('2025-11-02 06:30:00.1')", "('1970-01-01 00:00:01')", "('2038-01-19 03:14:07.999999')"}, connector.Exact},
		{"time(3)", "k TIME(3) PRIMARY KEY", []string{"('-838:59:59')", "('838:59:59')", "('00:00:00.001')", "('-00:00:00.001')", "('25:00:00')", "('0')"}, connector.Exact},
		{"year", "k YEAR PRIMARY KEY", []string{"(0)", "(1901)", "(2155)", "(2026)"}, connector.Exact},
		{"enum by ordinal", "a INT, k ENUM('z','a','M','b','10'), PRIMARY KEY (a, k)", []string{"(1, 'z')", "(1, 'a')", "(1, 'M')", "(2, 'b')", "(2, '10')", "(2, 'z')", "(2, 'M')"}, connector.Exact},
		{"set by bits", "a INT, k SET('z','a','M'), PRIMARY KEY (a, k)", []string{"(1, '')", "(1, 'z')", "(1, 'a')", "(1, 'z,a')", "(1, 'M')", "(1, 'z,M')", "(2, 'z,a,M')"}, connector.Exact},
		{"enum in front is no range", "k ENUM('z','a') PRIMARY KEY", []string{"('z')", "('a')"}, connector.None},
		{"bit", "k BIT(64) PRIMARY KEY", []string{"(0)", "(1)", "(b'" + strings.Repeat("1", 64) + "')", "(1024)", "(1 << 63)"}, connector.Exact},
		{"uuid", "k UUID PRIMARY KEY", []string{"('00000000-0000-0000-0000-ffffffffffff')", "('ffffffff-ffff-ffff-ffff-000000000000')", "('6F9619FF-8B86-D011-B42D-00C04FC964FF')", "('6f9619ff-8b86-1011-b42d-00c04fc964ff')"}, connector.Exact},
		{"two columns", "a INT, b VARCHAR(5), PRIMARY KEY (a, b)", numbers("(# % 7, #)", 0, 200, 1), connector.Exact},
		{"four columns, one value in front", "a VARCHAR(5) CHARACTER SET latin1, b DATE, c DECIMAL(5,2), d BIGINT UNSIGNED, PRIMARY KEY (a, b, c, d)", numbers("('x', '2026-01-01' + INTERVAL (# % 3) DAY, # % 5, #)", 0, 150, 1), connector.Exact},
		{"falling and rising", "a INT NOT NULL, b INT NOT NULL, PRIMARY KEY (a DESC, b)", numbers("(# % 7, #)", 0, 200, 1), connector.Exact},
		{"four columns, mixed directions", "a VARCHAR(5) NOT NULL, b DATE NOT NULL, c DECIMAL(5,2) NOT NULL, d BIGINT NOT NULL, PRIMARY KEY (a, b DESC, c, d DESC)",
			numbers("(IF(# % 2, 'x', 'Y'), '2026-01-01' + INTERVAL (# % 3) DAY, # % 5, #)", 0, 150, 1), connector.Exact},
		{"falling alone", "a INT NOT NULL, PRIMARY KEY (a DESC)", numbers("(#)", 0, 200, 1), connector.Exact},
		{"key not in front", "v TEXT, k INT NOT NULL UNIQUE", numbers("('v', #)", 0, 100, 1), connector.Exact},
		{"best of several", "s VARCHAR(9) NOT NULL UNIQUE, k INT NOT NULL UNIQUE", numbers("(#, #)", 0, 100, 1), connector.Exact},
		{"30 % NULL", "k INT UNIQUE, v INT", numbers("(IF(# % 10 < 3, NULL, #), #)", 0, 300, 1), connector.Exact},
		{"NULL in either column", "a INT, b INT, UNIQUE (a, b)", numbers("(IF(# % 10 < 3, NULL, # % 4), IF(# % 7 = 0, NULL, #))", 0, 300, 1), connector.Exact},
		{"no key", "v INT", numbers("(# % 3)", 0, 100, 1), connector.None},
		{"all rows equal", "v INT, w VARCHAR(9)", numbers("(7, 'same')", 0, 100, 1), connector.None},
		{"all rows equal, in an index", "v INT NOT NULL, KEY (v)", numbers("(7)", 0, 100, 1), connector.None},
		{"prefix only", "v TEXT, UNIQUE (v(10))", numbers("(#)", 0, 50, 1), connector.None},
		{"partitions", "k INT PRIMARY KEY, v INT) PARTITION BY HASH (k) PARTITIONS (5", numbers("(#, #)", 0, 200, 1), connector.Exact},
	}
}

// TestSplit: shards of every kind of key are disjoint and together complete, by the judge's own reading of the whole table.
func TestSplit(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	cases := keyCases()
	if len(cases) < 38 {
		t.Fatalf("%d kinds of keys are left", len(cases))
	}
	for i, kc := range cases {
		name := fmt.Sprintf("t%d", i)
		create := "CREATE TABLE " + name + " (" + kc.create + ")"
		if kc.name == "partitions" {
			create = strings.Replace(create, "(5)", "5", 1)
		}
		if _, err := j.conn.Execute(create); err != nil {
			t.Errorf("%s: %v", kc.name, err)
			continue
		}
		if len(kc.insert) > 0 {
			if _, err := j.conn.Execute("INSERT INTO " + name + " VALUES " + strings.Join(kc.insert, ", ")); err != nil {
				t.Errorf("%s: %v", kc.name, err)
				continue
			}
		}
		r := j.reader(c, connector.Source{Dataset: name})
		want := j.sorted(name)
		for _, n := range []int{1, 2, 7, 64} {
			got, shards := readtest.All(j.t, r, n)
			if diff := difference(got, want); diff != "" {
				t.Errorf("%s in %d shards: %s", kc.name, n, diff)
			}
			if shards[0].Replay != kc.replay {
				t.Errorf("%s: got replay %v, want %v", kc.name, shards[0].Replay, kc.replay)
			}
			if rows := len(want); kc.replay == connector.Exact && !strings.Contains(kc.name, "NULL") && len(shards) != max(1, min(n, rows)) {
				t.Errorf("%s: got %d shards for %d rows, want %d", kc.name, len(shards), rows, min(n, rows))
			}
		}
		readtest.ResumeEverywhere(t, r, kc.name)
	}
}

// sorted returns all rows of a table as the judge's HEX, in its order of bytes.
func (j *judge) sorted(name string) []string {
	j.t.Helper()
	return j.hexed("SELECT * FROM " + name)
}

// hexed makes rows comparable: each cell as the connector writes it.
func (j *judge) hexed(query string) []string {
	var out []string
	for _, r := range j.rows("%s", query) {
		out = append(out, strings.Join(r, "|"))
	}
	slices.Sort(out)
	return out
}

// difference compares numbers of rows and, by their number, that no row came twice: what the rows hold is TestValues' business.
func difference(got []row, want []string) string {
	seen := map[string]int{}
	for _, r := range got {
		seen[strings.Join(r, "|")]++
	}
	if len(got) != len(want) {
		return fmt.Sprintf("got %d rows, want %d: %v, want %v", len(got), len(want), got[:min(len(got), 30)], want[:min(len(want), 30)])
	}
	wanted := map[string]int{}
	for _, w := range want {
		wanted[w]++
	}
	if len(seen) != len(wanted) {
		return fmt.Sprintf("got %d distinct rows, want %d", len(seen), len(wanted))
	}
	return ""
}

// TestIndexIsUsed: a page behind a position is a range of the index for every kind of key, never a scan or a sort.
func TestIndexIsUsed(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for i, kc := range keyCases() {
		if kc.replay != connector.Exact || len(kc.insert) < 4 {
			continue
		}
		name := fmt.Sprintf("t%d", i)
		create := "CREATE TABLE " + name + " (" + kc.create + ")"
		if kc.name == "partitions" {
			create = strings.Replace(create, "(5)", "5", 1)
		}
		j.exec(create)
		j.exec("INSERT INTO " + name + " VALUES " + strings.Join(kc.insert, ", "))
		r := j.reader(c, connector.Source{Dataset: name}).(*reader)
		shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 4})
		if err != nil {
			t.Fatal(err)
		}
		rng, err := r.sel.Key.ShardRange(shards[min(1, len(shards)-1)], nil)
		if err != nil {
			t.Fatal(err)
		}
		b := &borders{reader: r}
		sel := r.sel
		sel.Columns = "*"
		st := sel.Page(rng, 1000)
		st.SQL = "EXPLAIN " + st.SQL
		plan, err := b.ask(t.Context(), "explain", st, "type", "key", "Extra")
		if err != nil || len(plan) != 1 {
			t.Fatalf("%s: %v %v", kc.name, plan, err)
		}
		if plan[0][0].text != "range" || strings.Contains(plan[0][2].text, "filesort") {
			t.Errorf("%s: the server reads by %v for %s", kc.name, plan, st.SQL)
		}
	}
}

// TestHalving: one integer key is cut by samples, without a walk over the index, however its values are spread.
func TestHalving(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE s (k BIGINT PRIMARY KEY)")
	j.exec("INSERT INTO s SELECT seq FROM seq_1_to_30000")
	j.exec("INSERT INTO s SELECT seq * 1000000000000 FROM seq_1_to_3000")
	j.exec("INSERT INTO s SELECT -seq * 1000000007 FROM seq_1_to_300")
	j.exec("INSERT INTO s VALUES (9223372036854775807), (-9223372036854775808)")
	j.exec("CREATE TABLE u (k BIGINT UNSIGNED PRIMARY KEY)")
	j.exec("INSERT INTO u SELECT 18446744073709551615 - seq * 3 FROM seq_0_to_20000")
	j.exec("INSERT INTO u VALUES (0), (9223372036854775807), (9223372036854775808)")
	j.exec("ANALYZE TABLE s, u")
	c := j.client(nil)
	for _, name := range []string{"s", "u"} {
		want := j.sorted(name)
		r := j.reader(c, connector.Source{Dataset: name}).(*reader)
		r.walkRows = 1000
		for _, n := range []int{2, 7, 64} {
			got, shards := readtest.All(j.t, r, n)
			if diff := difference(got, want); diff != "" {
				t.Errorf("%s in %d: %s", name, n, diff)
			}
			if len(shards) < n/2 || len(shards) > n {
				t.Errorf("%s: got %d shards, want about %d", name, len(shards), n)
			}
		}
	}
}

// TestPlanningEnds: what is not cut when the time is up is one shard, and nothing is lost.
func TestPlanningEnds(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (k VARCHAR(20) PRIMARY KEY)")
	j.exec("INSERT INTO t SELECT MD5(seq) FROM seq_1_to_2000")
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"}).(*reader)
	r.options.PlanSeconds = 0
	got, shards := readtest.All(j.t, r, 7)
	if diff := difference(got, j.sorted("t")); diff != "" || len(shards) != 1 {
		t.Errorf("got %d shards: %s", len(shards), diff)
	}
}

// TestCharWithoutPaddingIsNoKey: MySQL 8 has such collations under other names than MariaDB.
func TestCharWithoutPaddingIsNoKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fixed     bool
		collation string
		want      bool
	}{
		{true, "utf8mb4_0900_ai_ci", false},
		{true, "utf8mb4_ja_0900_as_cs", false},
		{true, "utf8mb4_uca1400_nopad_as_cs", false},
		{true, "utf8mb4_nopad_bin", false},
		{true, "utf8mb4_bin", true},
		{false, "utf8mb4_0900_ai_ci", true},
		{false, "utf8mb4_nopad_bin", true},
	} {
		col := &column{Field: record.Field{Type: record.Type{Kind: record.Text, Length: 5, Fixed: c.fixed}, Charset: "utf8mb4", Collation: c.collation}}
		if got := orderable(col, true); got != c.want {
			t.Errorf("%s, fixed %v: got %v, want %v", c.collation, c.fixed, got, c.want)
		}
	}
}
