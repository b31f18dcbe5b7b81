package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// keyCase is a table by whose key shards are cut.
type keyCase struct {
	name   string
	create string   // columns and keys
	insert []string // value lists
	replay connector.Replay
	more   string // statements behind; t is the table's name
}

func numbers(format string, from, n, step int64) (rows []string) {
	for i := range n {
		rows = append(rows, strings.ReplaceAll(format, "#", fmt.Sprint(from+i*step)))
	}
	return rows
}

func listed(format string, values ...string) (rows []string) {
	for _, v := range values {
		rows = append(rows, strings.ReplaceAll(format, "#", v))
	}
	return rows
}

func texts() []string {
	return listed("(#)", "'fA'", "'Fb'", "'fc'", "'0a'", "'Z9'", "'z0'", "'a'", "'A'", "'a '", "'á'", "'b'", "'ß'", "'ss1'", "'10'", "'9'", "'é'", "'e\u0301'", "'中'", "'🦀'", "'_'", "'zz'", "''", "'\x01'", "'\u00a0'")
}

func numberKeys() []keyCase {
	skew := append(numbers("(#)", 1, 400, 1), "(9223372036854775807)", "(-9223372036854775808)", "(1000000000000)", "(2000000000000)")
	return []keyCase{
		{"empty", "k int PRIMARY KEY", nil, connector.Exact, ""},
		{"one row", "k int PRIMARY KEY", []string{"(5)"}, connector.Exact, ""},
		{"bigint, 99 % skew, to the ends", "k bigint PRIMARY KEY", skew, connector.Exact, ""},
		{"negative, gaps of 10^12", "k bigint PRIMARY KEY", numbers("(#)", -50_000_000_000_000, 100, 1_000_000_000_000), connector.Exact, ""},
		{"smallint to the ends", "k smallint PRIMARY KEY", append(numbers("(#)", -100, 200, 1), "(-32768)", "(32767)"), connector.Exact, ""},
		{"numeric", "k numeric PRIMARY KEY", listed("(#)", "0", "-0.0000000001", "0.0000000001", "9", "10", "12345678901234567890.5", "12345678901234567890.4999999999", "-1e40", "1e40", "'NaN'", "'Infinity'", "'-Infinity'"), connector.Exact, ""},
		{"numeric(20,3)", "k numeric(20,3) PRIMARY KEY", numbers("(# / 7.0)", -100, 200, 1), connector.Exact, ""},
		{"float", "k real PRIMARY KEY", listed("(#)", "0.1", "-0.1", "16777216", "'3.4e38'", "'-3.4e38'", "'1e-30'", "0.3", "'NaN'", "'Infinity'"), connector.Exact, ""},
		{"double", "k float8 PRIMARY KEY", listed("(#)", "0.1", "0.30000000000000004", "0.3", "'1.7976931348623157e308'", "'-1e-300'", "0", "'NaN'", "'-Infinity'"), connector.Exact, ""},
		{"money", "k money PRIMARY KEY", listed("(#)", "'-1.50'", "'0'", "'92233720368547758.07'", "'2'"), connector.Exact, ""},
		{"boolean", "a int, k boolean, PRIMARY KEY (k, a)", numbers("(#, # % 2 = 0)", 0, 40, 1), connector.Exact, ""},
		{"falling alone", "a int NOT NULL", numbers("(#)", 0, 200, 1), connector.Exact, "CREATE UNIQUE INDEX ON t (a DESC)"},
		{"two columns", "a int, b varchar(5), PRIMARY KEY (a, b)", numbers("(# % 7, #)", 0, 200, 1), connector.Exact, ""},
		{"four columns, mixed directions", "a varchar(5) NOT NULL, b date NOT NULL, c numeric(5,2) NOT NULL, d bigint NOT NULL",
			numbers("('x' || # % 2, date '2026-01-01' + # % 3, # % 5, #)", 0, 150, 1), connector.Exact, "CREATE UNIQUE INDEX ON t (a, b DESC, c, d DESC)"},
		{"four columns, all falling", "a varchar(5) NOT NULL, b date NOT NULL, c numeric(5,2) NOT NULL, d bigint NOT NULL",
			numbers("('x', date '2026-01-01' + # % 3, # % 5, #)", 0, 150, 1), connector.Exact, "CREATE UNIQUE INDEX ON t (a DESC, b DESC, c DESC, d DESC)"},
		{"NULLS FIRST", "a int", append(numbers("(#)", 0, 60, 1), "(NULL)", "(NULL)"), connector.Exact, "CREATE UNIQUE INDEX ON t (a NULLS FIRST)"},
		{"falling, NULLS LAST", "a int, b int", append(numbers("(# % 5, #)", 0, 60, 1), "(NULL, 1)", "(1, NULL)"), connector.Exact, "CREATE UNIQUE INDEX ON t (a DESC NULLS LAST, b)"},
		{"30 % NULL", "k int UNIQUE, v int", numbers("(CASE WHEN # % 10 < 3 THEN NULL ELSE # END, #)", 0, 300, 1), connector.Exact, ""},
		{"NULL in either column", "a int, b int, UNIQUE (a, b)", numbers("(CASE WHEN # % 10 < 3 THEN NULL ELSE # % 4 END, CASE WHEN # % 7 = 0 THEN NULL ELSE # END)", 0, 300, 1), connector.Exact, ""},
	}
}

func textKeys() []keyCase {
	blind := slices.DeleteFunc(texts(), func(s string) bool {
		return slices.Contains([]string{"('A')", "('á')", "('e\u0301')", "('a ')", "('\x01')", "('\u00a0')"}, s)
	})
	return []keyCase{
		{"text, the database's collation", "k text PRIMARY KEY", texts(), connector.Exact, ""},
		{"text, C", `k text COLLATE "C" PRIMARY KEY`, texts(), connector.Exact, ""},
		{"text, ICU", `k text COLLATE "de-x-icu" PRIMARY KEY`, texts(), connector.Exact, ""},
		{"text, ICU, numbers by value", `k text COLLATE natural_order PRIMARY KEY`, append(texts(), "('a10')", "('a9')", "('a09')"), connector.Exact, ""},
		{"text, ICU that takes case and accents for equal", `k text COLLATE case_blind PRIMARY KEY`, blind, connector.Exact, ""},
		{"varchar", "k varchar(20) PRIMARY KEY", texts(), connector.Exact, ""},
		{"char", "k char(5) PRIMARY KEY", listed("(#)", "'a'", "'b'", "'a\x01'", "''", "'ü'", "'abcde'"), connector.Exact, ""},
		{"name", "k name PRIMARY KEY", listed("(#)", "'a'", "'B'", "'b'", "''"), connector.Exact, ""},
		{"citext", "k citext PRIMARY KEY", blind, connector.Exact, ""},
		{"enum", "k level PRIMARY KEY", listed("(#)", "'z'", "'a'", "'M'"), connector.Exact, ""},
		{"bytea", "k bytea PRIMARY KEY", listed(`('\x#')`, "", "00", "0000", "ff", "ff00", "809f8041fe10", "61", "5c27"), connector.Exact, ""},
		{"another collation in the index", `k text COLLATE "C" NOT NULL`, texts(), connector.None, `CREATE UNIQUE INDEX ON t (k COLLATE "de-x-icu")`},
		{"another operator class", "k text NOT NULL", texts(), connector.None, "CREATE UNIQUE INDEX ON t (k text_pattern_ops)"},
	}
}

func otherKeys() []keyCase {
	return []keyCase{
		{"date", "k date PRIMARY KEY", listed("(#)", "'2026-01-01'", "'0044-03-15 BC'", "'9999-12-31'", "'infinity'", "'-infinity'", "'5874897-12-31'"), connector.Exact, ""},
		{"timestamp(6)", "k timestamp PRIMARY KEY", listed("(#)", "'2026-01-01 00:00:00.000001'", "'2026-01-01 00:00:00.000002'", "'2026-01-01'", "'294276-12-31 23:59:59.999999'", "'infinity'"), connector.Exact, ""},
		{"timestamptz", "k timestamptz PRIMARY KEY", numbers("(timestamptz '2026-01-01 00:00+00' + # * interval '1 us')", 0, 50, 1), connector.Exact, ""},
		{"time", "k time PRIMARY KEY", listed("(#)", "'24:00'", "'00:00'", "'12:00:00.000001'"), connector.Exact, ""},
		{"timetz", "k timetz PRIMARY KEY", listed("(#)", "'24:00+01'", "'00:00-03'", "'12:00:00.000001+00'"), connector.Exact, ""},
		{"interval", "k interval PRIMARY KEY", listed("(#)", "'1 mon'", "'1 day'", "'-1 year'", "'25:00'", "'178000000 years'"), connector.Exact, ""},
		{"uuid", "k uuid PRIMARY KEY", listed("(#)", "'00000000-0000-0000-0000-ffffffffffff'", "'ffffffff-ffff-ffff-ffff-000000000000'", "'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "'6f9619ff-8b86-1011-b42d-00c04fc964ff'"), connector.Exact, ""},
		{"inet", "k inet PRIMARY KEY", listed("(#)", "'10.0.0.1'", "'10.0.0.0/8'", "'::1'", "'255.255.255.255'"), connector.Exact, ""},
		{"macaddr", "k macaddr PRIMARY KEY", listed("(#)", "'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'", "'00:00:00:00:00:00'"), connector.Exact, ""},
		{"bit varying", "k bit varying PRIMARY KEY", listed("(#)", "B''", "B'0'", "B'1'", "B'01'", "B'10'"), connector.Exact, ""},
		{"array", "k int[] PRIMARY KEY", listed("(#)", "'{}'", "'{1}'", "'{1,2}'", "'{NULL}'", "'{{1},{2}}'", "'[0:1]={1,2}'"), connector.Exact, ""},
		{"range", "k int4range PRIMARY KEY", listed("(#)", "'empty'", "'[1,5)'", "'(,)'", "'[1,)'"), connector.Exact, ""},
		{"jsonb", "k jsonb PRIMARY KEY", listed("(#)", "'1'", "'\"a\"'", "'{\"a\": 1}'", "'null'", "'[]'"), connector.Exact, ""},
		{"composite", "k twofold PRIMARY KEY", listed("(#)", "ROW(1, 'a')::twofold", "ROW(1, 'b')::twofold", "ROW(0, 'z')::twofold"), connector.Exact, ""},
		{"domain", "k positive PRIMARY KEY", numbers("(#)", 1, 60, 1), connector.Exact, ""},
		{"pg_lsn and ltree", "a pg_lsn, k ltree, PRIMARY KEY (k, a)", listed("(#)", "'0/1', 'a'", "'0/2', 'a'", "'0/1', 'a.b'"), connector.Exact, ""},
		{"key not in front", "v text, k int NOT NULL UNIQUE", numbers("('v', #)", 0, 100, 1), connector.Exact, ""},
		{"best of several", "s varchar(9) NOT NULL UNIQUE, k int NOT NULL UNIQUE", numbers("(#, #)", 0, 100, 1), connector.Exact, ""},
		{"columns beside the key in the index", "k int NOT NULL, v int", numbers("(#, 1)", 0, 100, 1), connector.Exact, "CREATE UNIQUE INDEX ON t (k) INCLUDE (v)"},
		{"partitions", "k int, v int) PARTITION BY RANGE (k", nil, connector.Exact,
			"ALTER TABLE t ADD PRIMARY KEY (k); CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (50); CREATE TABLE t_2 PARTITION OF t DEFAULT; INSERT INTO t SELECT i, i FROM generate_series(-100, 100) i"},
		{"partitions by hash", "k text, v int) PARTITION BY HASH (k", nil, connector.Exact,
			"ALTER TABLE t ADD PRIMARY KEY (k); CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE t_2 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO t SELECT 'k' || i, i FROM generate_series(-100, 100) i"},
		{"children by inheritance", "k int PRIMARY KEY", numbers("(#)", 0, 50, 1), connector.None, "CREATE TABLE t_1 () INHERITS (t); INSERT INTO t_1 SELECT i FROM generate_series(0, 20) i"},
		{"no key, all rows equal", "v int", numbers("(# * 0)", 0, 100, 1), connector.None, ""},
		{"condition", "v int NOT NULL", numbers("(# % 3)", 0, 50, 1), connector.None, "CREATE UNIQUE INDEX ON t (v) WHERE v > 10"},
		{"expression", "v int NOT NULL", numbers("(#)", 0, 50, 1), connector.None, "CREATE UNIQUE INDEX ON t ((v + 1))"},
		{"deferrable", "v int NOT NULL UNIQUE DEFERRABLE", numbers("(#)", 0, 50, 1), connector.None, ""},
		{"hash", "v int NOT NULL", numbers("(#)", 0, 50, 1), connector.None, "CREATE INDEX ON t USING hash (v)"},
	}
}

// makeKeys makes the types and collations of the cases.
func (j *judge) makeKeys() {
	j.extend("citext", "ltree")
	j.exec("CREATE TYPE level AS ENUM ('z', 'a', 'M'); CREATE TYPE twofold AS (a int, b text); CREATE DOMAIN positive AS int CHECK (value > 0); " +
		"CREATE COLLATION natural_order (provider = icu, locale = 'en-u-kn-true')")
	if j.major >= 12 {
		j.exec("CREATE COLLATION case_blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)")
	}
}

func (j *judge) makeKey(name string, kc keyCase) bool {
	j.t.Helper()
	text := "CREATE TABLE " + name + " (" + kc.create + ")"
	if len(kc.insert) > 0 {
		text += "; INSERT INTO " + name + " VALUES " + strings.Join(kc.insert, ", ")
	}
	if kc.more != "" {
		text += "; " + strings.NewReplacer("t_1", name+"_1", "t_2", name+"_2", " t ", " "+name+" ", "(t)", "("+name+")").Replace(kc.more+" ")
	}
	if _, err := j.try(text); err != nil {
		j.t.Errorf("%s: %v", kc.name, err)
		return false
	}
	return true
}

// TestSplit: shards of every kind of key are disjoint and together complete, by the judge's own reading of the whole table.
func TestSplit(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.makeKeys()
		c := j.client(nil)
		cases := slices.Concat(numberKeys(), textKeys(), otherKeys())
		if len(cases) < 55 {
			t.Fatalf("%d kinds of keys are left", len(cases))
		}
		for i, kc := range cases {
			name := fmt.Sprintf("k%d", i)
			if j.can(kc) && j.makeKey(name, kc) {
				j.splitCase(c, name, kc)
			}
		}
	})
}

// can tells whether the server has what the case is about: collations that take texts for equal came with PostgreSQL 12, infinite numerics
// with 14.
func (j *judge) can(kc keyCase) bool {
	return j.major >= 14 || !(j.major < 12 && strings.Contains(kc.create, "case_blind") || kc.create == "k numeric PRIMARY KEY")
}

func (j *judge) splitCase(c *Client, name string, kc keyCase) {
	t := j.t
	t.Helper()
	r := j.reader(c, connector.Source{Dataset: name})
	want := j.counted(r, name)
	for _, walk := range []int64{0, 3} { // by walking the index, and by halving or samples
		r.(*reader).walkRows = walk
		for _, n := range []int{1, 2, 7, 64} {
			got, shards := readtest.All(j.t, r, n)
			if diff := difference(got, want); diff != "" {
				t.Errorf("%s in %d shards: %s", kc.name, n, diff)
			}
			if shards[0].Replay != kc.replay {
				t.Errorf("%s: got replay %v, want %v", kc.name, shards[0].Replay, kc.replay)
			}
			if rows := len(got); walk == 0 && kc.replay == connector.Exact && !strings.Contains(kc.name, "NULL") && len(shards) != max(1, min(n, rows)) {
				t.Errorf("%s: got %d shards for %d rows, want %d", kc.name, len(shards), rows, min(n, rows))
			}
		}
	}
	r.(*reader).walkRows = 0
	readtest.ResumeEverywhere(t, r, kc.name)
}

// counted returns how often the judge sees each row; values are compared by their own text, which TestValues checks against ours.
func (j *judge) counted(r connector.Reader, name string) map[string]int {
	schema, _, _ := r.Schema(j.t.Context())
	var items []string
	for _, f := range schema.Fields {
		items = append(items, quote(f.Name)+"::text")
	}
	seen := map[string]int{}
	for _, row := range j.rows("SELECT %s FROM %s", strings.Join(items, ", "), name) {
		seen[strings.Join(row, "|")]++
	}
	return seen
}

// difference compares numbers of rows, and that as many are distinct and as often.
func difference(got []row, want map[string]int) string {
	seen, total := map[string]int{}, 0
	for _, r := range got {
		seen[strings.Join(r, "|")]++
	}
	var a, b []int
	for _, n := range want {
		a, total = append(a, n), total+n
	}
	for _, n := range seen {
		b = append(b, n)
	}
	slices.Sort(a)
	slices.Sort(b)
	if len(got) != total || !slices.Equal(a, b) {
		return fmt.Sprintf("got %d rows, %d distinct, want %d and %d: %v, want %v", len(got), len(seen), total, len(want), got[:min(len(got), 30)], want)
	}
	return ""
}

// TestIndexIsUsed: a page behind a position is a range of the index for every kind of key, never a scan or a sort, though the table is large
// enough for the server to prefer one.
func TestIndexIsUsed(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.makeKeys()
	c := j.client(nil)
	for i, kc := range slices.Concat(numberKeys(), textKeys(), otherKeys()) {
		if kc.replay != connector.Exact || len(kc.insert) < 4 || strings.Contains(kc.name, "partition") {
			continue
		}
		name := fmt.Sprintf("k%d", i)
		j.makeKey(name, kc)
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
		st.SQL = "EXPLAIN (COSTS OFF) " + st.SQL
		var plan [][]cell
		params, err := b.params(st)
		if err != nil {
			t.Fatal(err)
		}
		err = c.with(t.Context(), func(s *session) error {
			// The tables are small: what is asked is whether the index can, not whether it pays.
			if err := s.exec("SET enable_seqscan = off; SET enable_bitmapscan = off"); err != nil {
				return err
			}
			plan, err = s.query(st.SQL, params...)
			s.Broken = true
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", kc.name, err)
		}
		text := fmt.Sprint(plan)
		if strings.Contains(text, "Sort") || !strings.Contains(text, "Index Cond") {
			t.Errorf("%s: the server reads by %s for %s", kc.name, text, st.SQL)
		}
	}
}

// TestHalving: one whole-number key is cut by samples, without a walk over the index, however its values are spread.
func TestHalving(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE s (k bigint PRIMARY KEY)")
	j.exec("INSERT INTO s SELECT generate_series(1, 30000); INSERT INTO s SELECT i * 1000000000000 FROM generate_series(1, 3000) i; " +
		"INSERT INTO s SELECT -i * 1000000007::bigint FROM generate_series(1, 300) i; INSERT INTO s VALUES (9223372036854775807), (-9223372036854775808); ANALYZE s")
	r := j.reader(j.client(nil), connector.Source{Dataset: "s"}).(*reader)
	want := j.counted(r, "s")
	r.walkRows = 1000
	for _, n := range []int{2, 7, 64} {
		got, shards := readtest.All(j.t, r, n)
		if diff := difference(got, want); diff != "" {
			t.Errorf("in %d: %.300s", n, diff)
		}
		if len(shards) < n/2 || len(shards) > n {
			t.Errorf("got %d shards, want about %d", len(shards), n)
		}
	}
}

// TestSamples: other keys of large tables are cut at keys of sampled blocks into shards of like sizes, also the far part of a shard.
func TestSamples(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE s (k uuid PRIMARY KEY, v text); INSERT INTO s SELECT md5(i::text)::uuid, repeat('x', 50) FROM generate_series(1, 60000) i; ANALYZE s; " +
		"CREATE TABLE p (a text COLLATE \"de-x-icu\", b int, v text, PRIMARY KEY (a, b)) PARTITION BY HASH (b); CREATE TABLE p_1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0); " +
		"CREATE TABLE p_2 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO p SELECT 'k' || i % 100, i, repeat('x', 50) FROM generate_series(1, 60000) i; ANALYZE p")
	c := j.client(nil)
	for _, name := range []string{"s", "p"} {
		r := j.reader(c, connector.Source{Dataset: name}).(*reader)
		r.walkRows = 1000
		shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 8})
		if err != nil || len(shards) != 8 {
			t.Fatalf("%s: got %d shards, %v", name, len(shards), err)
		}
		seen := map[string]bool{}
		for i, s := range shards {
			rows, after, err := readtest.Shard(t.Context(), r, s, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) < 4000 || len(rows) > 12000 {
				t.Errorf("%s: shard %d of 8 holds %d of 60000 rows", name, i, len(rows))
			}
			for _, row := range rows {
				seen[strings.Join(row, "|")] = true
			}
			if i != 3 {
				continue
			}
			far, err := r.Split(t.Context(), s, after[0], connector.Hint{Shards: 3})
			if err != nil || len(far) != 3 {
				t.Fatalf("%s: far part in %d shards, %v", name, len(far), err)
			}
			rest := 0
			for i, f := range far {
				from := after[0] // the first part's owner reads on
				if i > 0 {
					from = nil
				}
				got, _, err := readtest.Shard(t.Context(), r, f, from, nil)
				if err != nil {
					t.Fatal(err)
				}
				rest += len(got)
			}
			first := slices.IndexFunc(after, func(p connector.Position) bool { return string(p) != string(after[0]) })
			if rest != len(rows)-first {
				t.Errorf("%s: the far part has %d rows, want %d", name, rest, len(rows)-first)
			}
		}
		if len(seen) != 60000 {
			t.Errorf("%s: got %d distinct rows", name, len(seen))
		}
	}
}

// TestPlanningEnds: what is not cut when the time is up is one shard, and nothing is lost.
func TestPlanningEnds(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE t (k varchar(40) PRIMARY KEY); INSERT INTO t SELECT md5(i::text) FROM generate_series(1, 2000) i")
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"}).(*reader)
	r.options.PlanSeconds = 0
	for _, walk := range []int64{0, 10} {
		r.walkRows = walk
		got, shards := readtest.All(j.t, r, 7)
		if diff := difference(got, j.counted(r, "t")); diff != "" || len(shards) != 1 {
			t.Errorf("got %d shards: %.300s", len(shards), diff)
		}
	}
}

// TestOperatorsOfOthers: operators and functions that others put in the way of comparisons are not taken.
func TestOperatorsOfOthers(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE FUNCTION never(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false'; CREATE OPERATOR > (LEFTARG = text, RIGHTARG = text, FUNCTION = never); " +
		"CREATE OPERATOR <= (LEFTARG = text, RIGHTARG = text, FUNCTION = never); CREATE FUNCTION format_type(oid, int) RETURNS text LANGUAGE sql AS $$SELECT 'hijacked'$$; " +
		"CREATE TABLE t (k text PRIMARY KEY, v int); INSERT INTO t SELECT md5(i::text), i FROM generate_series(1, 5000) i")
	for _, where := range []string{"", "v > 0"} {
		r := j.reader(j.client(nil), connector.Source{Dataset: "t", Where: where})
		s, _, _ := r.Schema(t.Context())
		rows, shards := readtest.All(j.t, r, 4)
		if len(rows) != 5000 || len(shards) != 4 || s.Fields[0].Native != "text" {
			t.Errorf("where %q: got %d rows in %d shards, type %s", where, len(rows), len(shards), s.Fields[0].Native)
		}
	}
}

// TestStaleCollation: an index whose collation has another version than the library's is not read by.
func TestStaleCollation(t *testing.T) {
	t.Parallel()
	j := database(t, servers.Need(t, "postgres"), "")
	j.exec(`CREATE COLLATION old (provider = icu, locale = 'de'); CREATE TABLE t (k text COLLATE old PRIMARY KEY, n int NOT NULL UNIQUE); INSERT INTO t VALUES ('a', 1), ('b', 2)`)
	c := j.client(nil)
	key := func() string {
		r := j.reader(c, connector.Source{Dataset: "t"}).(*reader)
		return r.key[0].Name
	}
	if got := key(); got != "k" {
		t.Errorf("read by %s, want the primary key", got)
	}
	j.exec("UPDATE pg_collation SET collversion = '1.2.3' WHERE collname = 'old'")
	if got := key(); got != "n" {
		t.Errorf("read by %s, want the index that needs no collation", got)
	}
	j.exec("ALTER TABLE t ALTER k TYPE text; UPDATE pg_database SET datcollversion = '1.2.3' WHERE datname = current_database()")
	var actual string
	if rows := j.rows("SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()"); len(rows) == 1 {
		actual = rows[0][0]
	}
	want := "n"
	if actual == "<null>" {
		want = "k" // the database's collation is C.UTF-8 of a library without versions
	}
	if got := key(); got != want {
		t.Errorf("read by %s, want %s as the database's collation is of version %s", got, want, actual)
	}
}

func TestRangesOfAnotherKey(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 10)
	r := j.reader(j.client(nil), connector.Source{Dataset: "t"})
	text := sqltable.Range{Low: []connector.Part{{Tag: connector.TagText, Bytes: []byte("5")}}}
	two := sqltable.Range{Low: []connector.Part{{Tag: connector.TagInt, Int: 1}, {Tag: connector.TagInt, Int: 1}}}
	for _, rng := range []sqltable.Range{text, two} {
		if _, _, err := readtest.Shard(t.Context(), r, connector.Shard{Range: rng.Encode()}, nil, nil); connector.ClassOf(err) != connector.Changed || codeOf(err) != "TOW-105" {
			t.Errorf("got %v", err)
		}
	}
}
