package mysql

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/record"
)

// copying is a writer of one run into one table, fed as the engine feeds it.
type copying struct {
	*judge
	client *Client
	sink   connector.Sink
	want   *record.Schema
	w      connector.Writer
	target *connector.Target
}

// plan opens a writer and plans; fields are "name type [key] [null]".
func (j *judge) plan(c *Client, sink connector.Sink, want *record.Schema) (*copying, error) {
	j.t.Helper()
	if sink.Run == "" {
		sink.Run = "r1"
	}
	w, err := Connector().Write(j.t.Context(), c, sink)
	if err != nil {
		return nil, err
	}
	j.t.Cleanup(func() { w.Close() })
	t, err := w.Plan(j.t.Context(), want)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(t) // as it is stored in the plan
	if err != nil {
		j.t.Fatal(err)
	}
	stored := new(connector.Target)
	if err := json.Unmarshal(raw, stored); err != nil {
		j.t.Fatal(err)
	}
	return &copying{j, c, sink, want, w, stored}, nil
}

// start plans and prepares.
func (j *judge) start(c *Client, sink connector.Sink, want *record.Schema) *copying {
	j.t.Helper()
	x, err := j.plan(c, sink, want)
	if err != nil {
		j.t.Fatalf("plan: %v", err)
	}
	if err := x.prepare(true); err != nil {
		j.t.Fatalf("prepare: %v", err)
	}
	return x
}

func (x *copying) prepare(fresh bool) error {
	return x.w.Prepare(x.t.Context(), x.target, fresh, func(connector.Checkpoint) error { return nil })
}

// again opens another writer of the run, as another process would.
func (x *copying) again(c *Client) *copying {
	x.t.Helper()
	w, err := Connector().Write(x.t.Context(), c, x.sink)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { w.Close() })
	return &copying{x.judge, c, x.sink, x.want, w, x.target}
}

func (x *copying) take(shard string, epoch int64) connector.ShardWriter {
	x.t.Helper()
	s, _, err := x.w.Take(x.t.Context(), connector.Shard{ID: shard}, connector.Lease{Epoch: epoch}, connector.Checkpoint{})
	if err != nil {
		x.t.Fatalf("take: %v", err)
	}
	x.t.Cleanup(func() { s.Close() })
	return s
}

// group makes a batch of the wanted types and casts it to the stored ones; rows with marks that the column does not keep are left
// out, and returned as column:code.
func (x *copying) group(rows ...[]string) (group []*record.Batch, dirty []string) {
	x.t.Helper()
	in := record.NewBatch(x.want)
	for _, r := range rows {
		for i, cell := range r {
			if code := appendCell(in, i, cell); code != "" {
				x.t.Fatalf("column %s of type %s does not hold %q: %s", x.want.Fields[i].Name, x.want.Fields[i].Type, cell, code)
			}
		}
		in.Len++
	}
	out := record.NewBatch(x.target.Stored)
	for i := range x.want.Fields {
		cast := record.NewCast(x.want.Fields[i].Type, x.target.Stored.Fields[i].Type, record.CastOptions{})
		if cast.Decision == record.Refused {
			x.t.Fatalf("column %s: no cast from %s to %s", x.want.Fields[i].Name, cast.From, cast.To)
		}
		for _, m := range in.Marks {
			if m.Col == i {
				out.Marks = append(out.Marks, m)
			}
		}
		out.Marks = cast.Apply(out.Cols[i], in.Cols[i], i, out.Marks)
	}
	out.Len = in.Len
	var drop []int
	for _, m := range out.Marks {
		if f := &x.target.Stored.Fields[m.Col]; !slices.Contains(f.Keeps, m.Code) {
			dirty = append(dirty, fmt.Sprintf("%s:%s", f.Name, m.Code))
			drop = append(drop, m.Row)
		}
	}
	slices.Sort(drop)
	record.DropRows(slices.Compact(drop), out)
	return []*record.Batch{out}, dirty
}

func appendCell(b *record.Batch, col int, cell string) record.Code {
	raw, marked := strings.CutPrefix(cell, string(record.ZeroDate)+":")
	switch {
	case cell == "NULL":
		b.Cols[col].AppendNull()
	case marked:
		b.MarkNull(col, record.ZeroDate, []byte(raw))
	default:
		return record.AppendParsed(b.Cols[col], &b.Schema.Fields[col].Type, []byte(cell))
	}
	return ""
}

// commit writes and commits rows.
func (x *copying) commit(s connector.ShardWriter, seq int64, rows ...[]string) connector.Outcome {
	x.t.Helper()
	group, dirty := x.group(rows...)
	if len(dirty) > 0 {
		x.t.Fatalf("dirty: %q", dirty)
	}
	out, err := s.Write(x.t.Context(), group)
	if err != nil {
		x.t.Fatalf("write: %v", err)
	}
	if _, err := s.Commit(x.t.Context(), connector.Checkpoint{Shard: "s", Seq: seq}); err != nil {
		x.t.Fatalf("commit: %v", err)
	}
	return out
}

func (x *copying) finish(phases ...connector.Phase) {
	x.t.Helper()
	for _, p := range phases {
		if err := x.w.Finish(x.t.Context(), p); err != nil {
			x.t.Fatalf("finish %s: %v", p, err)
		}
	}
}

// schemaOfText makes a schema of lines "name type", with the words key, null and notnull behind it.
func schemaOfText(t *testing.T, lines ...string) *record.Schema {
	t.Helper()
	s := new(record.Schema)
	for _, line := range lines {
		name, rest, _ := strings.Cut(line, " ")
		f := record.Field{Name: name, Nullable: true}
		for _, word := range []string{" key", " notnull"} {
			var found bool
			if rest, found = strings.CutSuffix(rest, word); found {
				f.Nullable = false
				if word == " key" {
					f.Key = len(s.Key()) + 1
				}
			}
		}
		typ, err := record.ParseType(rest)
		if err != nil {
			t.Fatal(err)
		}
		f.Type = typ
		s.Fields = append(s.Fields, f)
	}
	return s
}

// madeType is what a logical type becomes in a table that is made, what is lost, and what then stands there.
type madeType struct {
	typ, made, loss string
	values, want    []string // as the server writes them; nil: the values
	dirty           []string // further values, and their codes
}

var madeTypes = []madeType{
	{typ: "bool", made: "tinyint(1)", values: []string{"true", "false"}, want: []string{"1", "0"}},
	{typ: "int8", made: "tinyint(4)", values: []string{"-128"}}, {typ: "int16", made: "smallint(6)", values: []string{"-32768"}},
	{typ: "int24", made: "mediumint(9)", values: []string{"8388607"}}, {typ: "int32", made: "int(11)", values: []string{"-2147483648"}},
	{typ: "uint8", made: "tinyint(3) unsigned", values: []string{"255"}}, {typ: "uint64", made: "bigint(20) unsigned", values: []string{"18446744073709551615"}},
	{typ: "float32", made: "float", values: []string{"0.5"}, dirty: []string{"NaN NONFINITE"}},
	{typ: "float64", made: "double", values: []string{"0.1", "-0"}, want: []string{"0.1", "0"}, dirty: []string{"Infinity NONFINITE", "-Infinity NONFINITE"}},
	{typ: "decimal(20,0)", made: "decimal(20,0)", values: []string{"18446744073709551615"}},
	{typ: "decimal(5,-2)", made: "decimal(7,0)", values: []string{"12300"}},
	{typ: "decimal(3,5)", made: "decimal(5,5)", values: []string{"0.00123"}},
	{typ: "decimal(70,10)", made: "decimal(65,10)", values: []string{"1.0000000000"}, dirty: []string{strings.Repeat("9", 56) + " RANGE"}},
	{typ: "decimal(50,40)", made: "decimal(50,38)", values: []string{"1." + strings.Repeat("0", 40)}, want: []string{"1." + strings.Repeat("0", 38)}, dirty: []string{"0." + strings.Repeat("0", 39) + "1 SCALE"}},
	{typ: "decimal", made: "decimal(65,30)", loss: "at most 35 digits before the point and 30 behind it: others are dirty (RANGE, SCALE), and zeros at the end are not counted",
		values: []string{"0.1000", "-1e-30"}, want: []string{"0.100000000000000000000000000000", "-0.000000000000000000000000000001"}, dirty: []string{"1e40 RANGE", "1e-31 SCALE"}},
	{typ: "text", made: "longtext", values: []string{"a\x00b", ""}}, {typ: "text(40)", made: "varchar(40)", values: []string{strings.Repeat("🚣", 40), "a  "}},
	{typ: "text(40 bytes)", made: "varchar(40)", values: []string{"é"}}, {typ: "text(40 utf16)", made: "varchar(40)", values: []string{"🚣"}},
	{typ: "text(300 fixed)", made: "varchar(300)", values: []string{"a"}}, {typ: "text(5 fixed)", made: "char(5)", values: []string{"ab"}},
	{typ: "text(16383)", made: "text", values: []string{"a"}}, {typ: "text(20000)", made: "mediumtext", values: []string{"a"}},
	{typ: "text(65535 bytes)", made: "text", values: []string{"a"}}, {typ: "text(255 bytes)", made: "tinytext", values: []string{"a"}}, {typ: "text(16777215 bytes)", made: "mediumtext", values: []string{"a"}},
	{typ: "bytes", made: "longblob", values: []string{"00ff"}}, {typ: "bytes(20)", made: "varbinary(20)", values: []string{""}}, {typ: "bytes(4 fixed)", made: "binary(4)", values: []string{"de00ad00"}},
	{typ: "bytes(300 fixed)", made: "varbinary(300)", values: []string{strings.Repeat("5c", 300)}}, {typ: "bytes(65535)", made: "blob", values: []string{"01"}}, {typ: "bytes(20000000)", made: "longblob", values: []string{"01"}},
	{typ: "date", made: "date", values: []string{"0000-01-01", "9999-12-31"}, dirty: []string{"-0043-03-15 RANGE", "10000-01-01 RANGE"}},
	{typ: "time(0)", made: "time", values: []string{"24:00:00"}}, {typ: "time(6)", made: "time(6)", values: []string{"-838:59:59.999999"}, dirty: []string{"839:00:00.000000 RANGE"}},
	{typ: "time(9)", made: "time(6)", values: []string{"00:00:00.000001000"}, want: []string{"00:00:00.000001"}, dirty: []string{"00:00:00.000000001 SCALE"}},
	{typ: "datetime(0)", made: "datetime", values: []string{"0000-01-01 00:00:00", "9999-12-31 23:59:59"}},
	{typ: "datetime(6)", made: "datetime(6)", values: []string{"9999-12-31 23:59:59.999999"}, dirty: []string{"10000-01-01 00:00:00.000000 RANGE"}},
	{typ: "datetime(9)", made: "datetime(6)", values: []string{"2026-01-01 00:00:00.123456000"}, want: []string{"2026-01-01 00:00:00.123456"}, dirty: []string{"2026-12-31 23:59:59.999999600 SCALE"}},
	{typ: "instant(6)", made: "timestamp(6)", loss: "only moments from 1970-01-01 00:00:01 to 2038-01-19 03:14:07: others are dirty (RANGE)",
		values: []string{"2038-01-19 03:14:07.999999Z"}, want: []string{"2038-01-19 03:14:07.999999"}, dirty: []string{"2039-01-01 00:00:00.000000Z RANGE", "1969-12-31 00:00:00.000000Z RANGE"}},
	{typ: "interval", made: "varchar(64)", values: []string{"P1Y2M3DT4H5M6.000007S"}},
	{typ: "year", made: "year(4)", values: []string{"2155"}},
	{typ: "uuid", made: "uuid", values: []string{"6f9619ff-8b86-d011-b42d-00c04fc964ff"}},
	{typ: "json", made: "longtext", values: []string{`{"b":1.10,"a":2,"a":1e400}`}},
	{typ: "list(int32)", made: "longtext", values: []string{"[1,null,3]", "[[1,2],[3,4]]"}},
	{typ: `enum("b","A","a","x y")`, made: "enum('b','A','a','x y')", values: []string{"a", "A"}},
	{typ: `enum("a ")`, made: "longtext", values: []string{"a "}},
	{typ: `set("b","a")`, made: "set('b','a')", values: []string{"b,a", ""}},
	{typ: `set("b","a,c")`, made: "longtext", values: []string{"b"}},
	{typ: "bit(3)", made: "bit(3)", values: []string{"101"}}, {typ: "bit(100)", made: "varchar(100)", values: []string{strings.Repeat("1", 100)}},
	{typ: "geometry", made: "geometry", loss: "places with a height or a measure, and empty ones, are dirty (SHAPE)", values: []string{"000010e60101000000000000000000f03f0000000000000040"}},
	{typ: "native(inet)", made: "longtext", values: []string{"10.0.0.0/8"}},
}

// TestMadeTypes: the table, the plan's words and the values for every logical type.
func TestMadeTypes(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	for i, c := range madeTypes {
		j.makeType(fmt.Sprint("t", i), c)
	}
}

func (j *judge) makeType(name string, c madeType) {
	j.t.Helper()
	x := j.start(j.shared(), connector.Sink{Dataset: name, Mode: connector.Upsert}, schemaOfText(j.t, "id int32 key", "c "+c.typ))
	loss := ""
	for _, l := range x.target.Losses {
		loss = l.What
	}
	if made := j.rows("SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = '%s' AND COLUMN_NAME = 'c'", j.db, name)[0][0]; made != c.made || loss != c.loss {
		j.t.Errorf("%s: made as %q with loss %q, want %q with %q", c.typ, made, loss, c.made, c.loss)
		return
	}
	rows, codes := [][]string{{"-1", "NULL"}}, []string(nil)
	for n, v := range c.values {
		rows = append(rows, []string{fmt.Sprint(n), v})
	}
	for n, d := range c.dirty {
		at := strings.LastIndexByte(d, ' ')
		rows, codes = append(rows, []string{fmt.Sprint(100 + n), d[:at]}), append(codes, "c:"+d[at+1:])
	}
	group, dirty := x.group(rows...)
	if !slices.Equal(dirty, codes) {
		j.t.Errorf("%s: dirty %q, want %q", c.typ, dirty, codes)
	}
	s := x.take("s", 1)
	out, err := s.Write(j.t.Context(), group)
	if err == nil {
		_, err = s.Commit(j.t.Context(), connector.Checkpoint{Shard: "s", Seq: 1})
	}
	if err != nil || len(out.Rejected) > 0 {
		j.t.Errorf("%s: %v, rejected %v", c.typ, err, out.Rejected)
		return
	}
	want := append([]string{"<null>"}, c.values...)
	if c.want != nil {
		want = append(want[:1], c.want...)
	}
	show := "c"
	switch {
	case strings.HasPrefix(c.typ, "bytes"):
		show = "LOWER(HEX(c))"
	case strings.HasPrefix(c.made, "bit"):
		show = "LPAD(BIN(c), 3, '0')"
	case c.made == "geometry":
		show = "CONCAT(LPAD(LOWER(HEX(ST_SRID(c))), 8, '0'), LOWER(HEX(ST_AsWKB(c))))"
	}
	var got []string
	for _, r := range j.rows("SELECT %s FROM %s ORDER BY id", show, name) {
		got = append(got, r[0])
	}
	if !slices.Equal(got, want) {
		j.t.Errorf("%s: got %q, want %q", c.typ, got, want)
	}
}

// TestMinusZero: where the server makes 0 of it, the plan says so, and what is hashed is what stands there.
func TestMinusZero(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{"mariadb": "0", "mysql55": "-0"} {
		j := judgeAt(t, server)
		c := j.client(nil)
		j.exec("CREATE TABLE there (id INT PRIMARY KEY, c DOUBLE, f FLOAT) ENGINE=InnoDB")
		for _, table := range []string{"there", "made"} {
			x := j.start(c, connector.Sink{Dataset: table, Mode: connector.Insert}, schemaOfText(t, "id int32 key", "c float64", "f float32"))
			group, _ := x.group([]string{"1", "-0", "-0"}, []string{"2", "-0.5", "-0.5"})
			if got := fmt.Sprint(readtest.RowsOf(group[0])); got != fmt.Sprintf("[[1 %s %s] [2 -0.5 -0.5]]", want, want) {
				t.Errorf("%s, %s: %s is hashed", server, table, got)
			}
			x.commit(x.take("s", 1), 1, []string{"1", "-0", "-0"}, []string{"2", "-0.5", "-0.5"})
			if got := fmt.Sprint(j.rows("SELECT ATAN2(c, -1) < 0, ATAN2(f, -1) < 0 FROM %s ORDER BY id", table)); got != map[string]string{"0": "[[0 0] [1 1]]", "-0": "[[1 1] [1 1]]"}[want] {
				t.Errorf("%s, %s: the signs stand there as %s", server, table, got)
			}
			loss := record.NewCast(x.want.Fields[1].Type, x.target.Stored.Fields[1].Type, record.CastOptions{}).Loss
			if strings.Contains(loss, "−0 becomes 0") != (want == "0") {
				t.Errorf("%s, %s: loss %q", server, table, loss)
			}
		}
	}
}

// TestForeignNumbersAreNotTaken: another system's type of the same name may have numbers that this one has not.
func TestForeignNumbersAreNotTaken(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	for i, c := range []struct{ typ, native, made string }{
		{"bit(70)", "bit(70)", "varchar(70)"},
		{"datetime(9)", "DATETIME(9)", "datetime(6)"},
		{"instant(9)", "TIMESTAMP(9)", "timestamp(6)"},
		{"decimal(100,50)", "DECIMAL(100,50)", "decimal(65,38)"},
		{"text(300 fixed)", "CHAR(300)", "varchar(300)"},
		{"text(60000)", "VARCHAR(60000)", "mediumtext"},
		{"bytes(300 fixed)", "BINARY(300)", "varbinary(300)"},
	} {
		want := schemaOfText(t, "id int32 key", "c "+c.typ)
		want.Fields[1].Native = c.native
		name := fmt.Sprint("foreign", i)
		j.start(j.client(nil), connector.Sink{Dataset: name, Mode: connector.Upsert}, want)
		made := j.rows("SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = '%s' AND COLUMN_NAME = 'c'", j.db, name)[0][0]
		if made != c.made {
			t.Errorf("%s: made as %q, want %q", c.native, made, c.made)
		}
	}
}

// TestOwnTypesAreKept: a table that is made from one of this family is the same, charsets, collations and display included.
func TestOwnTypesAreKept(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE a (id INT(8) UNSIGNED ZEROFILL NOT NULL AUTO_INCREMENT COMMENT 'it''s \\\\', big BIGINT UNSIGNED, bits BIT(64), d DECIMAL(65,30) UNSIGNED, f FLOAT(7,3), " +
		"dt DATE, ts TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), tm TIME, y YEAR, e ENUM('b''x','a') CHARACTER SET latin1 DEFAULT 'a', st SET('x','y'), " +
		"c CHAR(9) CHARACTER SET latin1 COLLATE latin1_german1_ci, v VARCHAR(300) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci DEFAULT 'a\\\\b''c', t TEXT CHARACTER SET latin1, m MEDIUMTEXT, " +
		"vb VARBINARY(9) DEFAULT X'41', bl TINYBLOB, j JSON, p POINT, u UUID DEFAULT '6f9619ff-8b86-d011-b42d-00c04fc964ff', i INET6, n INT GENERATED ALWAYS AS (big + 1) VIRTUAL, z DATETIME DEFAULT '2020-01-02 03:04:05', b3 BIT(3) DEFAULT b'101', " +
		"PRIMARY KEY (id), UNIQUE KEY uv (v, big), KEY plain (dt, tm DESC), KEY pre (m(10)), FULLTEXT KEY ft (t)) COMMENT 'the table''s'")
	c := j.client(nil)
	want, _, err := j.reader(c, connector.Source{Dataset: "a"}).Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x := j.start(c, connector.Sink{Dataset: "b", Mode: connector.Insert, Create: connector.Structure{Indexes: true, Defaults: true, Comments: true, References: true}}, want)
	x.finish(connector.Seal, connector.Publish, connector.Link)
	clean := func(table string) string {
		s := j.rows("SHOW CREATE TABLE %s", table)[0][1]
		s = strings.Replace(s, "`"+table+"`", "`x`", 1)
		for _, gone := range []string{" GENERATED ALWAYS AS (`big` + 1) VIRTUAL", " ON UPDATE current_timestamp(3)", "\n  KEY `pre` (`m`(10)),", " ROW_FORMAT=DYNAMIC", ",\n  FULLTEXT KEY `ft` (`t`)", " COLLATE=utf8mb4_general_ci"} {
			s = strings.Replace(s, gone, "", 1)
		}
		s = strings.Replace(s, "`n` int(11)", "`n` int(11) DEFAULT NULL", 1)
		return strings.Replace(s, "DEFAULT NULL DEFAULT NULL", "DEFAULT NULL", 1)
	}
	if got, want := clean("b"), clean("a"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	notes := strings.Join(x.target.Notes, "\n")
	for _, part := range []string{"index pre is not made: it is over the beginning of m", "index ft is not made: it is for full text"} {
		if !strings.Contains(notes, part) {
			t.Errorf("the notes lack %q: %s", part, notes)
		}
	}
	for i := range x.target.Stored.Fields {
		if d := record.NewCast(want.Fields[i].Type, x.target.Stored.Fields[i].Type, record.CastOptions{}).Decision; d != record.Same {
			t.Errorf("column %s: decision %s", want.Fields[i].Name, d)
		}
	}
	if len(x.target.Losses) > 0 || len(x.target.Folded) > 0 {
		t.Errorf("losses %v, folded %v", x.target.Losses, x.target.Folded)
	}
	j.exec("INSERT INTO b (v) VALUES ('next')")
	if n := j.rows("SELECT id FROM b"); n[0][0] != "1" {
		t.Errorf("numbered %v", n)
	}
}

// TestNumbersGoOn behind those of the rows that were copied.
func TestNumbersGoOn(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	want := schemaOfText(t, "id int64 key", "v text(9)")
	want.Fields[0].Numbered = true
	x := j.start(j.client(nil), connector.Sink{Dataset: "x", Mode: connector.Insert, Create: connector.Structure{Defaults: true}}, want)
	s := x.take("s", 1)
	x.commit(s, 1, []string{"0", "zero"}, []string{"41", "a"}, []string{"-3", "b"})
	s.Close()
	x.finish(connector.Seal, connector.Publish)
	j.exec("INSERT INTO x (v) VALUES ('next')")
	if got := fmt.Sprint(j.rows("SELECT id, v FROM x ORDER BY id")); got != "[[-3 b] [0 zero] [41 a] [42 next]]" {
		t.Errorf("got %s", got)
	}
}

// TestNarrowTables: rows and keys that are too wide for a table as the source has them.
func TestNarrowTables(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	lines := []string{"id int64 key"}
	for i := range 60 {
		lines = append(lines, fmt.Sprintf("a%d text(60)", i), fmt.Sprintf("b%d text(2000)", i))
	}
	x := j.start(c, connector.Sink{Dataset: "wide", Mode: connector.Insert}, schemaOfText(t, lines...))
	row := []string{"1"}
	for range 60 {
		row = append(row, strings.Repeat("🚣", 60), strings.Repeat("é", 2000))
	}
	x.commit(x.take("s", 1), 1, row)
	if n := j.rows("SELECT SUM(CHAR_LENGTH(a0) + CHAR_LENGTH(a59) + CHAR_LENGTH(b59)) FROM wide"); n[0][0] != "2120" {
		t.Errorf("got %v", n)
	}
	x = j.start(c, connector.Sink{Dataset: "keys", Mode: connector.Upsert}, schemaOfText(t, "a text key", "b bytes key", "c json key", "n int32 key", "v text"))
	if got := fmt.Sprint(j.rows("SELECT COLUMN_TYPE, COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = 'keys' ORDER BY ORDINAL_POSITION", j.db)); got !=
		"[[varchar(255) utf8mb4_nopad_bin] [varbinary(1020) <null>] [varchar(255) utf8mb4_nopad_bin] [int(11) <null>] [longtext utf8mb4_general_ci]]" {
		t.Errorf("got %s", got)
	}
	_, dirty := x.group([]string{strings.Repeat("k", 255), "00", "{}", "1", "v"}, []string{strings.Repeat("k", 256), "00", "{}", "1", "v"})
	if !slices.Equal(dirty, []string{"a:TRUNC"}) || len(x.target.Folded) > 0 {
		t.Errorf("dirty %q, folded %q", dirty, x.target.Folded)
	}
	s := x.take("s", 1)
	out := x.commit(s, 1, []string{"a", "", "1", "1", "v"}, []string{"A", "", "1", "1", "v"}, []string{"á", "", "1", "1", "v"}, []string{"a ", "", "1", "1", "v"}, []string{"a", "", "1", "1", "again"})
	if fmt.Sprint(out.Superseded) != "[{0 0}]" || j.rows("SELECT COUNT(*) FROM `keys`")[0][0] != "4" {
		t.Errorf("superseded %v, %v", out.Superseded, j.rows("SELECT HEX(a), v FROM `keys`"))
	}
}

// TestFoldedKeys: where the table takes texts for equal that are not, the plan says so, and the server is asked which rows were
// replaced.
func TestFoldedKeys(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for table, collation := range map[string]string{"g": "utf8mb4_general_ci", "u": "utf8mb4_unicode_520_ci", "l": "latin1_swedish_ci", "b": "utf8mb4_bin", "n": "utf8mb4_nopad_bin"} {
		charset, _, _ := strings.Cut(collation, "_")
		j.execf("CREATE TABLE %s (k VARCHAR(20) CHARACTER SET %s COLLATE %s PRIMARY KEY, n INT)", table, charset, collation)
		want := schemaOfText(t, "k text(20) key", "n int32")
		x, err := j.plan(c, connector.Sink{Dataset: table, Mode: connector.Insert}, want)
		if err != nil || slices.Equal(x.target.Folded, []string{"k"}) != (table != "n") {
			t.Errorf("%s: folded %q, %v", collation, x.target.Folded, err)
		}
		want.Fields[0].Collation = collation
		x = j.start(c, connector.Sink{Dataset: table, Mode: connector.Upsert}, want)
		if len(x.target.Folded) > 0 {
			t.Errorf("the source's own collation %s: folded %q", collation, x.target.Folded)
		}
		var rows [][]string
		for i, k := range []string{"a", "A", "á", "a ", "b", "ß", "ss", "a\t", "c\u0001", "c", "Å", "å", "B", ""} {
			rows = append(rows, []string{k, fmt.Sprint(i)})
		}
		if table == "l" {
			rows[8] = []string{"x", "8"} // what a collation leaves out is not the same in all
		}
		out := x.commit(x.take("s", 1), 1, rows...)
		left := j.rows("SELECT COUNT(*) FROM %s", table)[0][0]
		if want := fmt.Sprint(len(rows) - len(out.Superseded)); left != want {
			t.Errorf("%s: %s rows are left, %s were not replaced", collation, left, want)
		}
		gone := map[int]bool{}
		for _, r := range out.Superseded {
			gone[r.Row] = true
		}
		for _, r := range j.rows("SELECT n, HEX(CONVERT(k USING utf8mb4)) FROM %s", table) {
			var n int
			_, _ = fmt.Sscan(r[0], &n)
			if gone[n] || r[1] != fmt.Sprintf("%X", rows[n][0]) {
				t.Errorf("%s: row %d stands there as %s, replaced: %t", collation, n, r[1], gone[n])
			}
		}
	}
}

// TestPlanRefusesTables that cannot be written as the job wants.
func TestPlanRefusesTables(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE parent (id INT PRIMARY KEY, v TEXT)")
	j.exec("CREATE TABLE child (id INT PRIMARY KEY, v TEXT, p INT, FOREIGN KEY (p) REFERENCES parent (id))")
	j.exec("CREATE TABLE two (id INT PRIMARY KEY, v VARCHAR(9) UNIQUE)")
	j.exec("CREATE TABLE plain (id INT, v TEXT)")
	j.exec("CREATE TABLE needs (id INT PRIMARY KEY, v TEXT, must INT NOT NULL)")
	j.exec("CREATE TABLE trig (id INT PRIMARY KEY, v TEXT)")
	j.exec("CREATE TRIGGER tr BEFORE INSERT ON trig FOR EACH ROW SET NEW.v = 'x'")
	j.exec("CREATE TABLE old (id INT PRIMARY KEY, v TEXT) ENGINE=MyISAM")
	j.exec("CREATE TABLE rounds (id INT PRIMARY KEY, v DOUBLE(10,2))")
	j.exec("CREATE TABLE kept (id INT PRIMARY KEY, v TEXT) WITH SYSTEM VERSIONING")
	j.exec("CREATE VIEW look AS SELECT id, v FROM plain")
	c := j.client(nil)
	const columns = "id int32 key,v text"
	for _, x := range []struct {
		table   string
		mode    connector.Mode
		columns string
		code    string
		text    string
	}{
		{"parent", connector.Replace, columns, "TOW-443", "replace table DB.parent: foreign keys of DB.child refer to it"},
		{"child", connector.Replace, columns, "TOW-443", "replace table DB.child: its foreign keys refer to DB.parent"},
		{"trig", connector.Replace, columns, "TOW-443", "replace table DB.trig: it has triggers: tr"},
		{"kept", connector.Replace, columns, "TOW-443", "replace table DB.kept: the versions that it keeps of its rows would go with it"},
		{"old", connector.Replace, columns, "TOW-443", "replace table DB.old: its engine MyISAM has no transactions"},
		{"old", connector.Insert, columns, "TOW-442", "insert into DB.old: the engine MyISAM has no transactions, and without checkpoints at the target only upsert can begin again after a cut"},
		{"two", connector.Upsert, columns, "TOW-163", "upsert into DB.two, which has another unique key: index v"},
		{"plain", connector.Upsert, columns, "TOW-162", "upsert into DB.plain needs a primary key or unique index over exactly (id)"},
		{"needs", connector.Insert, columns, "TOW-161", "column must of table DB.needs is NOT NULL without a default, and nothing is written to it"},
		{"plain", connector.Insert, "id int32,w text", "TOW-160", `table DB.plain has no column "w"`},
		{"look", connector.Insert, columns, "TOW-440", "DB.look is a view, no table"},
		{"rounds", connector.Insert, "id int32 key,v float64", "TOW-445", "column v of table DB.rounds is double(10,2), in which the server rounds without a word"},
		{"towpath_checkpoint", connector.Insert, columns, "TOW-164", `table name "towpath_checkpoint" is kept for towpath's own tables`},
	} {
		_, err := j.plan(c, connector.Sink{Dataset: x.table, Mode: x.mode}, schemaOfText(t, strings.Split(x.columns, ",")...))
		e, ok := err.(*connector.Error)
		if !ok || e.Code != x.code || strings.ReplaceAll(e.Error(), j.db, "DB") != x.text {
			t.Errorf("%s into %s: got %v, want %s: %s", x.mode, x.table, err, x.code, x.text)
		}
	}
	if left := j.rows("SHOW TABLES LIKE '%%tow%%'"); len(left) > 0 {
		t.Errorf("planning made %v", left)
	}
	x := j.start(c, connector.Sink{Dataset: "old", Mode: connector.Upsert}, schemaOfText(t, "id int32 key", "v text"))
	if x.target.Way != connector.WayB || !strings.HasPrefix(x.target.Reason, "the engine MyISAM has no transactions") {
		t.Errorf("way %s: %s", x.target.Way, x.target.Reason)
	}
	x.commit(x.take("s", 1), 1, []string{"1", "a"}, []string{"2", "b"}, []string{"1", "c"})
	if got := fmt.Sprint(j.rows("SELECT * FROM old ORDER BY id")); got != "[[1 c] [2 b]]" {
		t.Errorf("got %s", got)
	}
}

// TestHostileNames: names, labels, defaults and comments of a source are nothing but texts here.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	const evil = "or`de\"r'; DROP TABLE victim; -- \\"
	j.exec("CREATE TABLE victim (id INT)")
	c := j.client(nil)
	want := &record.Schema{Comment: evil, Fields: []record.Field{
		{Name: evil, Type: record.Type{Kind: record.Int, Bits: 32}, Key: 1, Native: "int) ; DROP TABLE victim"},
		{Name: "select", Type: record.Type{Kind: record.Text, Length: 99}, Nullable: true, Comment: evil, Default: &record.Default{Text: evil}, Native: "varchar(99)" + evil,
			Charset: "utf8mb4", Collation: "utf8mb4_bin; DROP TABLE victim"},
		{Name: "a.b", Type: record.Type{Kind: record.Enum, Labels: []string{evil, "表"}}, Nullable: true, Default: &record.Default{Text: "表"}},
		{Name: "表", Type: record.Type{Kind: record.Int, Bits: 64}, Nullable: true, Default: &record.Default{Foreign: "1); DROP TABLE victim; --"}},
	}, Indexes: []record.Index{{Name: evil, Columns: []record.IndexColumn{{Name: "select"}, {Name: "表", Descending: true}}}, {Name: "PRIMARY", Unique: true, Columns: []record.IndexColumn{{Name: "表"}}}}}
	x := j.start(c, connector.Sink{Dataset: quote(evil), Mode: connector.Replace, Create: connector.Structure{Indexes: true, Defaults: true, Comments: true}}, want)
	s := x.take("s", 1)
	x.commit(s, 1, []string{"1", evil, evil, "7"}, []string{"2", "NULL", "表", "8"})
	s.Close()
	x.finish(connector.Seal, connector.Seal, connector.Publish)
	j.execf("INSERT INTO %s (%s) VALUES (3)", quote(evil), quote(evil))
	got := fmt.Sprint(j.rows("SELECT * FROM %s ORDER BY 1", quote(evil)))
	if want := fmt.Sprintf("[[1 %s %s 7] [2 <null> 表 8] [3 %s 表 <null>]]", evil, evil, evil); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := j.rows("SELECT COUNT(*) FROM victim"); n[0][0] != "0" {
		t.Error(n)
	}
	got = fmt.Sprint(j.rows("SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = %s", j.db, quoteText(evil)),
		j.rows("SELECT COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s' AND COLUMN_NAME = 'select'", j.db),
		j.rows("SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = %s ORDER BY 1", j.db, quoteText(evil)))
	if want := fmt.Sprintf("[[%s]] [[%s]] [[%s] [PRIMARY] [PRIMARY_2]]", evil, evil, evil); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.Contains(strings.Join(x.target.Notes, "\n"), "the default of 表 is not made") {
		t.Errorf("notes %q", x.target.Notes)
	}
}
