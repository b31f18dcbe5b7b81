package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// writing is a session that writes, with a table as it is.
type writing struct {
	*judge
	*session
	client *Client
	stored *record.Schema
	table  tableName
	give   func() // ends the use of the session
}

// writingTo opens a session for a table; bulk false: the way of servers that know no bulk execution.
func (j *judge) writingTo(table string, bulk bool) *writing {
	j.t.Helper()
	c := j.shared()
	s, err := c.take(j.t.Context(), writes)
	if err != nil {
		j.t.Fatal(err)
	}
	given := false
	give := func() {
		if !given {
			given = true
			s.Broken = true // its settings are this test's
			c.give(s)
		}
	}
	j.t.Cleanup(give)
	name := tableName{j.db, table}
	described, err := s.describe(name)
	if err != nil {
		j.t.Fatal(err)
	}
	stored := new(record.Schema)
	for _, c := range described.columns {
		stored.Fields = append(stored.Fields, c.Field)
	}
	s.bulk = s.bulk && bulk
	if bulk && s.release.Maria && !s.bulk {
		j.t.Fatal("MariaDB does not offer bulk execution")
	}
	if err := s.byHand(true); err != nil {
		j.t.Fatal(err)
	}
	return &writing{j, s, c, stored, name, give}
}

// inserter inserts into the table; with upsert the named columns replace those of a row that is there.
func (w *writing) inserter(upsert ...string) *inserter {
	var set []string
	for _, c := range upsert {
		set = append(set, quote(c)+" = VALUES("+quote(c)+")")
	}
	end := ""
	if len(set) > 0 {
		end = " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
	}
	return newInserter(w.table.quoted(), w.stored, nil, end, len(set) > 0)
}

// batch makes a batch of texts; "NULL" is NULL, and code:text a mark.
func (w *writing) batch(rows ...[]string) *record.Batch {
	w.t.Helper()
	b := record.NewBatch(w.stored)
	for _, r := range rows {
		for i, cell := range r {
			f := &w.stored.Fields[i]
			code, raw, marked := strings.Cut(cell, ":")
			switch {
			case cell == "NULL":
				b.Cols[i].AppendNull()
			case marked && code == string(record.ZeroDate):
				b.MarkNull(i, record.ZeroDate, []byte(raw))
			default:
				if code := record.AppendParsed(b.Cols[i], &f.Type, []byte(cell)); code != "" {
					w.t.Fatalf("%s of type %s does not hold %q: %s", f.Name, f.Type, cell, code)
				}
			}
		}
		b.Len++
	}
	return b
}

// commit writes the groups in one transaction and returns what was refused.
func (w *writing) commit(n *inserter, groups ...[]*record.Batch) []connector.Rejected {
	w.t.Helper()
	var out []connector.Rejected
	for _, g := range groups {
		o, err := n.write(w.session, g)
		if err != nil {
			w.t.Fatalf("write: %v", err)
		}
		out = append(out, o.Rejected...)
	}
	if err := w.session.exec("COMMIT"); err != nil {
		w.t.Fatalf("commit: %v", err)
	}
	return out
}

// waits returns when the session waits for a lock.
func (j *judge) waits(id uint32) {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(150 * time.Millisecond) // what is asked more often is answered from a cache
	defer tick.Stop()
	for len(j.rows("SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = %d AND trx_state = 'LOCK WAIT'", id)) == 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			j.t.Fatal("the session waits for no lock")
		}
	}
}

// ways runs a test for both ways to send rows.
func ways(t *testing.T, f func(t *testing.T, bulk bool)) {
	for _, bulk := range []bool{true, false} {
		t.Run(map[bool]string{true: "bulk", false: "many rows"}[bulk], func(t *testing.T) {
			t.Parallel()
			f(t, bulk)
		})
	}
}

// insertedType is a column of a type, values of it at its ends, and how the server writes them.
type insertedType struct {
	decl   string
	show   string // of the column c; "": its text
	values []string
	want   []string // nil: the values
}

var insertedTypes = []insertedType{
	{"TINYINT", "", []string{"-128", "127", "0"}, nil},
	{"TINYINT UNSIGNED", "", []string{"255", "0"}, nil},
	{"SMALLINT", "", []string{"-32768", "32767"}, nil},
	{"SMALLINT UNSIGNED", "", []string{"65535"}, nil},
	{"MEDIUMINT", "", []string{"-8388608", "8388607"}, nil},
	{"MEDIUMINT UNSIGNED", "", []string{"16777215"}, nil},
	{"INT", "", []string{"-2147483648", "2147483647"}, nil},
	{"INT UNSIGNED", "", []string{"4294967295"}, nil},
	{"BIGINT", "", []string{"-9223372036854775808", "9223372036854775807", "9007199254740993"}, nil},
	{"BIGINT UNSIGNED", "", []string{"18446744073709551615", "9223372036854775808"}, nil},
	{"DECIMAL(10,2)", "", []string{"99999999.99", "-99999999.99", "-0.01", "0.00"}, nil},
	{"DECIMAL(38,10)", "", []string{"9999999999999999999999999999.9999999999", "-0.0000000001"}, nil},
	{"DECIMAL(65,30)", "", []string{"99999999999999999999999999999999999.999999999999999999999999999999", "-1.000000000000000000000000000000"}, nil},
	{"FLOAT", "(c = 3.4028234663852886e38) + 2 * (c = -0.10000000149011612) + 4 * (c = 16777216)", []string{"3.4028235e+38", "-0.1", "16777216"}, []string{"1", "2", "4"}},
	{"DOUBLE", "", []string{"1.7976931348623157e+308", "2.2250738585072014e-308", "5e-324", "-0", "0.12345678901234568"},
		[]string{"1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "0", "0.12345678901234568"}}, // the server knows no other zero
	{"BIT(1)", "HEX(c)", []string{"1", "0"}, nil},
	{"BIT(10)", "HEX(c)", []string{"1000000011"}, []string{"203"}},
	{"BIT(64)", "HEX(c)", []string{strings.Repeat("1", 64)}, []string{"FFFFFFFFFFFFFFFF"}},
	{"DATE", "", []string{"1970-01-01", "0000-01-01", "9999-12-31", "0001-01-01", "2024-02-29"}, nil},
	{"DATETIME", "", []string{"1000-01-01 00:00:00", "9999-12-31 23:59:59", "1969-12-31 23:59:59"}, nil},
	{"DATETIME(6)", "", []string{"9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999", "0001-01-01 00:00:00.000001"}, nil},
	{"TIMESTAMP(6) NULL", "", []string{"2038-01-19 03:14:07.999999Z", "1970-01-01 00:00:01.000000Z"}, []string{"2038-01-19 03:14:07.999999", "1970-01-01 00:00:01.000000"}},
	{"TIME(6)", "", []string{"838:59:59.999999", "-838:59:59.999999", "00:00:00.000000", "-00:00:00.000001"}, nil},
	{"YEAR", "", []string{"0000", "1901", "2155"}, nil},
	{"CHAR(5)", "HEX(c)", []string{"ab", "", "🚣é"}, []string{"6162", "", "F09F9AA3C3A9"}},
	{"VARCHAR(20)", "HEX(c)", []string{"ab  ", "", "a\x00b\\'\"%_\n", "e\u0301", strings.Repeat("🚣", 20)},
		[]string{"61622020", "", "6100625C2722255F0A", "65CC81", strings.Repeat("F09F9AA3", 20)}},
	{"VARCHAR(20) CHARACTER SET latin1", "HEX(c)", []string{"é€\u0081"}, []string{"E98081"}},
	{"VARCHAR(20) CHARACTER SET gbk", "HEX(c)", []string{"縗\\'中"}, []string{"BF5C5C27D6D0"}},
	{"TEXT CHARACTER SET utf16", "HEX(c)", []string{"a🚣"}, []string{"0061D83DDEA3"}},
	{"LONGTEXT", "MD5(c)", []string{strings.Repeat("x", 70_000), ""}, []string{"e7c4fdeb6fb9dae2c4f2bfd4e0f5ff19", "d41d8cd98f00b204e9800998ecf8427e"}},
	{"BINARY(3)", "HEX(c)", []string{"00ff5c", "000000"}, []string{"00FF5C", "000000"}},
	{"VARBINARY(20)", "HEX(c)", []string{"", "00", "ff00c35c27"}, []string{"", "00", "FF00C35C27"}},
	{"LONGBLOB", "HEX(c)", []string{"c3"}, []string{"C3"}},
	{"ENUM('1','2','b''\\\\x')", "", []string{"2", "1", `b'\x`}, nil},
	{"SET('c','a','b')", "", []string{"c,a,b", "", "a"}, nil},
	{"JSON", "", []string{`{"b":1.10,"a":[1,null,"it's <x>"],"a":2}`, "null", `"s"`}, nil},
	{"UUID", "", []string{"6f9619ff-8b86-d011-b42d-00c04fc964ff", "00000000-0000-0000-0000-000000000000"}, nil},
	{"INET6", "", []string{"::ffff:10.0.0.1"}, nil},
	{"POINT", "CONCAT(ST_SRID(c), ' ', ST_AsText(c))", []string{"000010e60101000000000000000000f03f0000000000000040"}, []string{"4326 POINT(1 2)"}},
}

// TestInsertedTypes: every value stands in the server as it was sent, and NULL beside it.
func TestInsertedTypes(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, bulk bool) {
		j := newJudge(t)
		for i, c := range insertedTypes {
			j.insertType(i, c, bulk)
		}
	})
}

// TestInsertedIntoMySQL: Oracle's own server, of a release that knows some of the types.
func TestInsertedIntoMySQL(t *testing.T) {
	t.Parallel()
	j := judgeAt(t, "mysql55")
	for i, c := range insertedTypes {
		if slices.Contains([]string{"DATETIME(6)", "TIMESTAMP(6) NULL", "TIME(6)", "JSON", "UUID", "INET6", "POINT", "TEXT CHARACTER SET utf16"}, c.decl) {
			continue
		}
		if c.decl == "DOUBLE" { // it keeps the sign of zero
			c.values, c.want = []string{"-0", "1.5", "5e-324"}, nil
		}
		j.insertType(i, c, false)
	}
}

// insertType inserts the values of a type and compares what the server then says.
func (j *judge) insertType(i int, c insertedType, bulk bool) {
	j.t.Helper()
	j.execf("CREATE TABLE t%d (n INT PRIMARY KEY, c %s)", i, c.decl)
	w := j.writingTo(fmt.Sprint("t", i), bulk)
	defer w.give()
	rows := [][]string{{"-1", "NULL"}}
	for n, v := range c.values {
		rows = append(rows, []string{fmt.Sprint(n), v})
	}
	if rejected := w.commit(w.inserter(), []*record.Batch{w.batch(rows...)}); len(rejected) > 0 {
		j.t.Errorf("%s: rejected %v", c.decl, rejected)
		return
	}
	show, want := c.show, c.want
	if show == "" {
		show = "c"
	}
	if want == nil {
		want = c.values
	}
	want = append([]string{"<null>"}, want...)
	if strings.HasPrefix(c.decl, "LONGTEXT") {
		want[1] = j.rows("SELECT MD5(REPEAT('x', 70000))")[0][0]
	}
	var got []string
	for _, r := range j.rows("SELECT IF(c IS NULL, NULL, CAST(%s AS CHAR CHARACTER SET utf8mb4)) FROM t%d ORDER BY n", show, i) {
		got = append(got, r[0])
	}
	if !slices.Equal(got, want) {
		j.t.Errorf("%s: got %q, want %q", c.decl, got, want)
	}
}

// TestRefusedRows: each row that the server refuses is named with its column and code, the others of its group are written.
func TestRefusedRows(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, bulk bool) {
		j := newJudge(t)
		j.exec("CREATE TABLE p (id INT PRIMARY KEY) ENGINE=InnoDB")
		j.exec("INSERT INTO p VALUES (1)")
		j.exec("CREATE TABLE x (id INT PRIMARY KEY, a VARCHAR(5) NOT NULL, n INT CHECK (n < 100), u VARCHAR(9) CHARACTER SET latin1 UNIQUE, p INT, " +
			"e ENUM('a','b'), j JSON, d DECIMAL(4,2), ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY (p) REFERENCES p (id))")
		j.exec("INSERT INTO x VALUES (7, 'old', 1, 'seven', 1, 'a', NULL, NULL, '2000-01-01 00:00:00')")
		w := j.writingTo("x", bulk)
		// What the plan's types keep from the server is let through here.
		for i := range w.stored.Fields {
			f := &w.stored.Fields[i]
			f.Type.Charset, f.Type.Length, f.Type.Limits = "", 0, nil
			switch f.Name {
			case "e":
				f.Type = record.Type{Kind: record.Text}
			case "j":
				f.Type.Kind = record.Native // as JSON, but for what is looked at before
			case "d":
				f.Type.Precision = 10
			case "n":
				f.Type.Bits = 64
			}
		}
		now := "2026-01-01 00:00:00Z"
		bad := [][]string{
			{"1", "a", "1", "u1", "1", "a", "{}", "1.00", now},
			{"7", "key", "1", "u2", "1", "a", "{}", "1.00", now},
			{"2", "NULL", "1", "u3", "1", "a", "{}", "1.00", now},
			{"3", "check", "100", "u4", "1", "a", "{}", "1.00", now},
			{"4", "uniq", "1", "seven", "1", "a", "{}", "1.00", now},
			{"5", "fk", "1", "u5", "9", "a", "{}", "1.00", now},
			{"6", "too long", "1", "u6", "1", "a", "{}", "1.00", now},
			{"8", "chars", "1", "日本", "1", "a", "{}", "1.00", now},
			{"9", "enum", "1", "u9", "1", "zzz", "{}", "1.00", now},
			{"10", "json", "1", "u10", "1", "a", "{", "1.00", now},
			{"11", "range", "1", "u11", "1", "a", "{}", "12345.67", now},
			{"12", "null", "1", "u12", "1", "a", "{}", "1.00", "NULL"},
			{"13", "range", "99999999999", "u13", "1", "a", "{}", "1.00", now},
		}
		want := []string{"1 CONSTRAINT id", "2 CONSTRAINT a", "3 CONSTRAINT n", "4 CONSTRAINT u", "5 CONSTRAINT p", "6 TRUNC a", "7 UTF8 u", "8 TYPE e", "9 CONSTRAINT j", "10 RANGE d",
			"11 CONSTRAINT ts", "12 RANGE n"}
		rows := slices.Clone(bad)
		for i := range 3000 {
			rows = append(rows, []string{fmt.Sprint(100 + i), "fine", "2", fmt.Sprint("f", i), "1", "b", "[]", "2.50", now})
		}
		rows[2000], want = []string{"7", "again", "1", "u99", "1", "a", "{}", "1.00", now}, append(want, "2000 CONSTRAINT id")
		var got []string
		n := w.inserter()
		n.keys = map[string]string{"PRIMARY": "id", "u": "u"}
		for _, r := range w.commit(n, []*record.Batch{w.batch(rows...)}) {
			got = append(got, fmt.Sprint(r.Row, " ", r.Code, " ", r.Column))
			if r.Reason == "" {
				t.Errorf("row %d has no reason", r.Row)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := j.rows("SELECT COUNT(*), MAX(IF(id = 7, a, '')), SUM(ts = '2026-01-01 00:00:00') FROM x"); fmt.Sprint(n) != "[[3001 old 3000]]" {
			t.Errorf("got %v, want 3000 rows written and the old row 7", n)
		}
	})
}

// TestReplacingOrder: with upsert the last row of a key stays, also when a statement in flight behind it was refused.
func TestReplacingOrder(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, bulk bool) {
		j := newJudge(t)
		j.exec("CREATE TABLE x (id INT PRIMARY KEY, v INT CHECK (v >= 0))")
		w := j.writingTo("x", bulk)
		var rows [][]string
		for i := range 4096 {
			rows = append(rows, []string{fmt.Sprint(i % 300), fmt.Sprint(i)})
		}
		// The last of them stands in a statement with but one behind it, which is in flight.
		last := map[bool]int{true: 2900, false: 3600}[bulk]
		rows[700], rows[701], rows[last] = []string{"1", "-1"}, []string{"2", "-1"}, []string{"3", "-1"}
		rejected := w.commit(w.inserter("v"), []*record.Batch{w.batch(rows...)})
		if len(rejected) != 3 {
			t.Errorf("rejected %v", rejected)
		}
		if n := j.rows("SELECT COUNT(*), MIN(v), MAX(v), MAX(v) - MIN(v) FROM x"); fmt.Sprint(n) != "[[300 3796 4095 299]]" {
			t.Errorf("got %v, want the last 300 values", n)
		}
	})
}

// TestChangedValues: what the server stores otherwise than sent, with a warning alone, is refused and undone.
func TestChangedValues(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, bulk bool) {
		j := newJudge(t)
		j.exec("CREATE TABLE x (id INT PRIMARY KEY, d DECIMAL(10,2))")
		w := j.writingTo("x", bulk)
		w.stored.Fields[1].Type.Scale = 4 // the plan's own types keep such values away
		rows := [][]string{{"1", "1.2345"}, {"2", "1.2500"}}
		for i := range 2500 {
			rows = append(rows, []string{fmt.Sprint(100 + i), "0.5000"})
		}
		rows = append(rows, []string{"3", "9.9999"})
		n := w.inserter()
		var got []string
		for _, r := range w.commit(n, []*record.Batch{w.batch(rows...)}, []*record.Batch{w.batch([]string{"4", "0.0001"}, []string{"5", "0.1000"})}) {
			got = append(got, fmt.Sprint(r.Row, " ", r.Code, " ", r.Column))
		}
		if want := []string{"0 SCALE d", "2502 SCALE d", "0 SCALE d"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := j.rows("SELECT COUNT(*), SUM(d), MIN(id) FROM x"); fmt.Sprint(n) != "[[2502 1251.35 2]]" {
			t.Errorf("got %v", n)
		}
	})
}

// TestZeroDatesAreKept in columns that hold them, beside other values, when the session takes them.
func TestZeroDatesAreKept(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, bulk bool) {
		j := newJudge(t)
		j.exec("CREATE TABLE x (id INT PRIMARY KEY, d DATE, t DATETIME(3), s TIMESTAMP NULL)")
		w := j.writingTo("x", bulk)
		rows := [][]string{
			{"1", "ZERODATE:0000-00-00", "ZERODATE:2026-00-15 10:00:00.120", "ZERODATE:0000-00-00 00:00:00"},
			{"2", "2026-01-02", "2026-01-02 03:04:05.006", "2026-01-02 03:04:05Z"},
			{"3", "NULL", "NULL", "NULL"},
			{"4", "ZERODATE:2026-06-00", "ZERODATE:0000-00-00 00:00:00.000", "NULL"},
		}
		if rejected := w.commit(w.inserter(), []*record.Batch{w.batch(rows...)}); len(rejected) != 2 {
			t.Errorf("a session that refuses zero dates: rejected %v", rejected)
		}
		if err := w.session.sqlMode(keepingMode); err != nil {
			t.Fatal(err)
		}
		if rejected := w.commit(w.inserter(), []*record.Batch{w.batch(rows[0], rows[3])}); len(rejected) > 0 {
			t.Errorf("rejected %v", rejected)
		}
		got := fmt.Sprint(j.rows("SELECT id, d, t, s FROM x ORDER BY id"))
		want := "[[1 0000-00-00 2026-00-15 10:00:00.120 0000-00-00 00:00:00] [2 2026-01-02 2026-01-02 03:04:05.006 2026-01-02 03:04:05] " +
			"[3 <null> <null> <null>] [4 2026-06-00 0000-00-00 00:00:00.000 <null>]]"
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// TestRowsLargerThanAPacket are refused once; smaller ones make statements that the server takes.
func TestRowsLargerThanAPacket(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, bulk bool) {
		j := newJudge(t)
		j.exec("CREATE TABLE x (id INT PRIMARY KEY, v LONGTEXT)")
		w := j.writingTo("x", bulk)
		w.packet = 100_000
		var rows [][]string
		for i := range 40 {
			rows = append(rows, []string{fmt.Sprint(i), strings.Repeat("x", 30_000)})
		}
		rows[7][1], rows[39][1] = strings.Repeat("y", 99_000), strings.Repeat("y", 200_000)
		rejected := w.commit(w.inserter(), []*record.Batch{w.batch(rows...)})
		if len(rejected) != 2 || rejected[0].Row != 7 || rejected[1].Row != 39 || rejected[0].Code != record.TooBig {
			t.Errorf("rejected %v", rejected)
		}
		if n := j.rows("SELECT COUNT(*), SUM(LENGTH(v)) FROM x"); fmt.Sprint(n) != "[[38 1140000]]" {
			t.Errorf("got %v", n)
		}
	})
}

// TestRowsOfManyPackets: what takes more than one packet of the protocol arrives whole, and others behind it.
func TestRowsOfManyPackets(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, bulk bool) {
		j := newJudge(t)
		j.exec("CREATE TABLE x (id INT PRIMARY KEY, v LONGBLOB)")
		w := j.writingTo("x", bulk)
		big := strings.Repeat("00ff5c27", 17<<20/4)
		for _, rows := range [][][]string{{{"1", "aa"}, {"2", big}, {"3", "bb"}}, {{"4", big[:2*(1<<24-1)]}, {"5", "cc"}}} {
			if rejected := w.commit(w.inserter(), []*record.Batch{w.batch(rows...)}); len(rejected) > 0 {
				t.Errorf("rejected %v", rejected)
			}
		}
		got := fmt.Sprint(j.rows("SELECT id, LENGTH(v), MD5(v) = MD5(LEFT(REPEAT(X'00FF5C27', 17 * 1024 * 1024 / 4), LENGTH(v))) FROM x ORDER BY id"))
		if want := fmt.Sprintf("[[1 1 0] [2 %d 1] [3 1 0] [4 %d 1] [5 1 0]]", 17<<20, 1<<24-1); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestTransactionGivenUpByTheServer: what was in flight behind the statement that lost a deadlock is not committed by itself.
func TestTransactionGivenUpByTheServer(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, bulk bool) {
		j := newJudge(t)
		j.exec("CREATE TABLE x (id INT PRIMARY KEY)")
		w := j.writingTo("x", bulk)
		n := w.inserter()
		if _, err := n.write(w.session, []*record.Batch{w.batch([]string{"1"})}); err != nil {
			t.Fatal(err)
		}
		other := judgeAt(t, "mariadb")
		other.exec("USE " + j.db)
		other.exec("BEGIN")
		other.exec("INSERT INTO x SELECT 100000 + seq FROM seq_1_to_20000") // the server gives up the smaller transaction
		var rows [][]string
		for i := range 3000 {
			rows = append(rows, []string{fmt.Sprint(10 + i)})
		}
		rows[600] = []string{"100001"}
		failed := make(chan error, 1)
		go func() {
			_, err := n.write(w.session, []*record.Batch{w.batch(rows...)})
			failed <- err
		}()
		j.waits(w.id)
		other.exec("INSERT INTO x VALUES (1)")
		other.exec("COMMIT")
		err := <-failed
		if connector.ClassOf(classify(err, "write")) != connector.Retry {
			t.Errorf("got %v, want class retry", err)
		}
		w.give()
		if n := j.rows("SELECT COUNT(*), MIN(id) FROM x"); fmt.Sprint(n) != "[[20001 1]]" {
			t.Errorf("got %v, want the other transaction's rows alone", n)
		}
	})
}

// TestInsertingAllocatesNothingForARow.
func TestInsertingAllocatesNothingForARow(t *testing.T) {
	j := newJudge(t)
	j.exec("CREATE TABLE x (id BIGINT, a INT, d DECIMAL(10,2), f DOUBLE, t DATETIME(6), s VARCHAR(40), b VARBINARY(20), y DECIMAL(30,4), KEY (id))")
	for _, bulk := range []bool{true, false} {
		w := j.writingTo("x", bulk)
		var rows [][]string
		for i := range record.MaxRows {
			rows = append(rows, []string{fmt.Sprint(i), "NULL", "-12.50", "1.5", "2026-01-02 03:04:05.000006", "some text", "00ff", "123456789012345678901234.5678"})
		}
		group := []*record.Batch{w.batch(rows...), w.batch(rows...)}
		n := w.inserter()
		allocations := testing.AllocsPerRun(4, func() {
			if out, err := n.write(w.session, group); err != nil || len(out.Rejected) > 0 {
				t.Fatal(err, out.Rejected)
			}
		})
		if perRow := allocations / float64(2*record.MaxRows); perRow > 0.05 {
			t.Errorf("bulk %t: %.3f allocations a row", bulk, perRow)
		}
		w.commit(n)
	}
}
