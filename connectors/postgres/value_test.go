package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/record"
)

// valueCase is a column type with literals; want is the reader's answer, "" where the judge's expression gives it.
type valueCase struct {
	ddl     string // type of column v
	logical string
	judge   string // expression of the server whose text the reader's must equal; "": v::text
	cells   []valueCell
}

// since is the major version of the server from which on it has a type; 0: all have it.
func since(ddl string) int {
	return map[string]int{"numeric(5,-2)": 15, "numeric(2,5)": 15, "int4multirange": 14, "jsonpath": 12, "pg_catalog.numeric": 14}[ddl]
}

type valueCell struct{ literal, want string }

func same(literals ...string) (cells []valueCell) {
	for _, l := range literals {
		cells = append(cells, valueCell{literal: l})
	}
	return cells
}

func numberCases() []valueCase {
	return []valueCase{
		{"smallint", "int16", "", same("-32768", "32767", "0", "NULL")},
		{"integer", "int32", "", same("-2147483648", "2147483647", "-1")},
		{"bigint", "int64", "", same("-9223372036854775808", "9223372036854775807")},
		{"real", "float32", "", []valueCell{{"16777217", "16777216"}, {"123456.789", "123456.79"}, {"0.1", "0.1"}, {"'-3.4028235e38'", "-3.4028235e+38"}, {"'1e-45'", "1e-45"},
			{"'NaN'", "NaN"}, {"'Infinity'", "Infinity"}, {"'-Infinity'", "-Infinity"}}},
		{"double precision", "float64", "", []valueCell{{"'1.7976931348623157e308'", "1.7976931348623157e+308"}, {"'2.2250738585072014e-308'", "2.2250738585072014e-308"},
			{"'5e-324'", "5e-324"}, {"0.1234567890123456789", "0.12345678901234568"}, {"'-0'", "-0"}, {"'NaN'", "NaN"}, {"'Infinity'", "Infinity"}, {"'-Infinity'", "-Infinity"}}},
		{"numeric(12,2)", "decimal(12,2)", "", append(same("12.50", "-0.01", "9999999999.99", "0", "-9999999999.99", "1000", "10000.1", "0.10", "100000000"), valueCell{"'NaN'", "NONFINITE:NaN"})},
		{"numeric(2,0)", "decimal(2,0)", "", same("10", "9", "-7", "0")},
		{"numeric(18,0)", "decimal(18,0)", "", same("999999999999999999", "-999999999999999999", "10000", "100000000")},
		{"numeric(18,18)", "decimal(18,18)", "", same("0.999999999999999999", "-0.000000000000000001", "0.0001")},
		{"numeric(18,5)", "decimal(18,5)", "", same("9999999999999.99999", "0.00001", "1", "10000.00010", "-1234567890123.45678")},
		{"numeric(19,4)", "decimal(19,4)", "", same("999999999999999.9999", "-922337203685477.5808", "0", "0.0001", "10000")},
		{"numeric(38,10)", "decimal(38,10)", "", same("9999999999999999999999999999.9999999999", "-0.0000000001", "1", "100000000000000000000", "-9999999999999999999999999999.9999999999")},
		{"numeric(38,38)", "decimal(38,38)", "", same("0.99999999999999999999999999999999999999", "-0.00000000000000000000000000000000000001")},
		{"numeric(38,0)", "decimal(38,0)", "", append(same("99999999999999999999999999999999999999", "-1", "10000000000000000000000000000000000000"), valueCell{"'NaN'", "NONFINITE:NaN"})},
		{"numeric(65,30)", "decimal(65,30)", "", append(same("99999999999999999999999999999999999.999999999999999999999999999999", "-0.000000000000000000000000000001", "0", "12345"), valueCell{"'NaN'", "NONFINITE:NaN"})},
		{"numeric(1000,500)", "decimal(1000,500)", "", same("1", "-"+strings.Repeat("9", 500)+"."+strings.Repeat("9", 500))},
		{"numeric(5,-2)", "decimal(7,0)", "", same("1234500", "-9999900", "0", "100")},
		{"numeric(2,5)", "decimal(5,5)", "", same("0.00099", "-0.00001", "0")},
		{"numeric", "decimal", "", append(same("0.1000", "1e-20", "1e40", "0", "0.00", "-12345678901234567890.123456789012345678901234567890", "10000", "99999999", "1e-16383", "1e5000", "1.5e131000"),
			valueCell{"'NaN'", "NONFINITE:NaN"})},
		{"pg_catalog.numeric", "decimal", "", []valueCell{{"'Infinity'", "NONFINITE:Infinity"}, {"'-Infinity'", "NONFINITE:-Infinity"}}},
		{"money", "decimal(19,2)", "v::numeric::text", same("12345.678", "'-92233720368547758.08'", "'92233720368547758.07'", "0")},
		{"boolean", "bool", "", same("true", "false", "NULL")},
		{"bit(1)", "bit(1)", "", same("B'1'", "B'0'")},
		{"bit(10)", "bit(10)", "", same("B'1000000011'", "B'0000000001'")},
		{"bit(64)", "bit(64)", "", same("B'"+strings.Repeat("1", 64)+"'", "B'"+strings.Repeat("0", 63)+"1'")},
		{"bit(65)", "bit(65)", "", same("B'1" + strings.Repeat("0", 63) + "1'")},
		{"bit varying(12)", "native(bit varying)", "", same("B'101'", "B''", "B'111111111111'")},
		{"bit varying", "native(bit varying)", "", same("B'0'", "B'"+strings.Repeat("10", 50)+"'")},
	}
}

func timeCases() []valueCase {
	return []valueCase{
		{"date", "date", "", []valueCell{{"'2026-01-02'", ""}, {"'9999-12-31'", ""}, {"'0001-01-01'", ""}, {"'1969-12-31'", ""}, {"'2000-02-29'", ""},
			{"'0044-03-15 BC'", "-0043-03-15"}, {"'4713-01-01 BC'", "-4712-01-01"}, {"'4714-11-24 BC'", "-4713-11-24"}, {"'5874897-12-31'", ""}, {"'10000-01-01'", ""},
			{"'infinity'", "INFTIME:infinity"}, {"'-infinity'", "INFTIME:-infinity"}, {"NULL", ""}}},
		{"time", "time(6)", "", []valueCell{{"'00:00'", "00:00:00.000000"}, {"'24:00'", "24:00:00.000000"}, {"'23:59:59.999999'", ""}, {"'12:34:56.7'", "12:34:56.700000"}}},
		{"time(0)", "time(0)", "", same("'23:59:59'", "'24:00'")},
		{"time(3)", "time(3)", "", []valueCell{{"'01:02:03.456'", ""}, {"'01:02:03'", "01:02:03.000"}}},
		{"time with time zone", "native(time with time zone)", "", same("'00:00:00+15:59:59'", "'12:34:56.789-03:30'", "'24:00:00+00'")},
		{"time(0) with time zone", "native(time(0) with time zone)", "", same("'12:34:56+01'")},
		{"timestamp", "datetime(6)", "", []valueCell{{"'2026-12-31 23:59:59.999999'", ""}, {"'1969-12-31 23:59:59.000001'", ""}, {"'2026-03-08 02:30:00'", "2026-03-08 02:30:00.000000"},
			{"'0044-03-15 12:00 BC'", "-0043-03-15 12:00:00.000000"}, {"'4714-11-24 00:00:00 BC'", "-4713-11-24 00:00:00.000000"}, {"'294247-01-10 04:00:54.775807'", ""}, {"'294247-01-10 04:00:54.775808'", "RANGE:294247-01-10 04:00:54.775808"},
			{"'294246-12-31 23:59:59.999999'", ""}, {"'294276-12-31 23:59:59.999999'", "RANGE:294276-12-31 23:59:59.999999"}, {"'294276-12-31 23:59:59'", "RANGE:294276-12-31 23:59:59"},
			{"'infinity'", "INFTIME:infinity"}, {"'-infinity'", "INFTIME:-infinity"}}},
		{"timestamp(0)", "datetime(0)", "", same("'2026-01-02 03:04:05'", "'0001-01-01 00:00:00'")},
		{"timestamp(3)", "datetime(3)", "", same("'2026-12-31 23:59:59.123'")},
		{"timestamp with time zone", "instant(6)", "", []valueCell{{"'2026-01-02 03:04:05.678901+00'", "2026-01-02 03:04:05.678901Z"}, {"'1937-06-01 00:00:00+01:19:32'", "1937-05-31 22:40:28.000000Z"},
			{"'2025-11-02 05:30:00+00'", "2025-11-02 05:30:00.000000Z"}, {"'0044-03-15 12:00:00+00 BC'", "-0043-03-15 12:00:00.000000Z"}, {"'294276-12-31 23:59:59.5+00'", "RANGE:294276-12-31 23:59:59.500000+00"},
			{"'infinity'", "INFTIME:infinity"}}},
		{"timestamp(2) with time zone", "instant(2)", "", []valueCell{{"'2038-01-19 03:14:07.99+00'", "2038-01-19 03:14:07.99Z"}}},
		{"interval", "interval", "", same("'1 mon 1 day 25:00'", "'-1 year 2 mons -3 days 04:05:06.789'", "'0'", "'178000000 years'", "'-00:00:00.000001'", "'1 day -1 sec'")},
		{"interval(0)", "interval", "", same("'25:00:01'")},
	}
}

func textCases() []valueCase {
	return []valueCase{
		{"text", "text", "", same("'pad   '", "''", "'🦀'", "E'e\\u0308'", "NULL", `'\N'`, `'\.'`, `E'a\tb\rc\n\\'`, "repeat('ä', 100000)", `'''); drop table x;--'`)},
		{"varchar(20)", "text(20)", "", same("'pad   '", "'🦀🦀'")},
		{"varchar", "text", "", same("'x'")},
		{"char(5)", "text(5 fixed)", "v || '|'", []valueCell{{"'ab'", "ab   "}, {"''", "     "}, {"'abcde'", "abcde"}, {"'ü'", "ü    "}}},
		{"bpchar", "text", "", []valueCell{{"'ab  '", "ab  "}}},
		{`"char"`, `native("char")`, "", same("'a'", "''")},
		{"name", "text(63 bytes)", "", same("'abc'", "repeat('x', 63)")},
		{"citext", "text", "", same("'AbC'", "''")},
		{"bytea", "bytes", "encode(v, 'hex')", same(`'\x00ff7f00'`, `''`, `'\x5c786465'`, `decode(repeat('00ff41', 700000), 'hex')`)},
		{"mood", `enum("sad","ok","it's","a,b","")`, "", same("'sad'", "'it''s'", "'a,b'", "''")},
		{"json", "json", "", same(`'{"b": 1, "a": [0.30000000000000004, 1.10, 1e400], "a": null}'`, `'"s"'`, "'null'", "NULL", `'"\u0000"'`, `' {"x" : 1 } '`)},
		{"jsonb", "json", "", same(`'{"b": 1, "a": [0.30000000000000004, 1.10, 1e40]}'`, `'null'`, "NULL")},
		{"uuid", "uuid", "", same("'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "'00000000-0000-0000-0000-000000000000'")},
		{"xml", "native(xml)", "", same("'<a>b</a>'", "'text'")},
	}
}

func nativeCases() []valueCase {
	return []valueCase{
		{"inet", "native(inet)", "", []valueCell{{"'::ffff:10.0.0.1'", "::ffff:10.0.0.1"}, {"'10.0.0.1'", "10.0.0.1"}, {"'10.0.0.1/8'", "10.0.0.1/8"}}},
		{"cidr", "native(cidr)", "", same("'10.0.0.0/8'", "'2001:db8::/32'")},
		{"macaddr", "native(macaddr)", "", same("'08:00:2b:01:02:03'")},
		{"macaddr8", "native(macaddr8)", "", same("'08:00:2b:01:02:03:04:05'")},
		{"tsvector", "native(tsvector)", "", same(`'a:1A fat:2B,4C cat:5D'`, "''")},
		{"tsquery", "native(tsquery)", "", same("'fat & (rat | cat:*)'")},
		{"int4range", "native(int4range)", "", same("'[1,5)'", "'empty'", "'(,)'")},
		{"tstzrange", "native(tstzrange)", "", same("'[2026-01-01 00:00+00,infinity)'")},
		{"int4multirange", "native(int4multirange)", "", same("'{[1,5),[7,9)}'", "'{}'")},
		{"pair", "native(?pair)", "", same("ROW(1, 'a,\"b'::text)::?pair", "ROW(NULL, '')::?pair")},
		{"hstore", "native(public.hstore)", "", same(`'a=>1, "b c"=>NULL'`, "''")},
		{"ltree", "native(public.ltree)", "", same("'Top.Science.Astronomy'")},
		{"point", "native(point)", "", same("'(1,-2.5)'", "'(0.1,1e300)'", "'(NaN,Infinity)'")},
		{"line", "native(line)", "", same("'{1,2,3}'")},
		{"lseg", "native(lseg)", "", same("'[(1,2),(3,4)]'")},
		{"box", "native(box)", "", same("'(3,4),(1,2)'")},
		{"path", "native(path)", "", same("'((1,2),(3,4))'", "'[(1,2),(3,4)]'")},
		{"polygon", "native(polygon)", "", same("'((0,0),(0,1),(1,1))'")},
		{"circle", "native(circle)", "", same("'<(1,2),3>'")},
		{"pg_lsn", "native(pg_lsn)", "", same("'16/B374D848'")},
		{"regclass", "native(regclass)", "", same("'pg_class'")},
		{"xid", "native(xid)", "", same("'4294967295'")},
		{"tid", "native(tid)", "", same("'(1,2)'")},
		{"jsonpath", "native(jsonpath)", "", same(`'$.a[*] ? (@ > 1)'`)},
		{"int2vector", "native(int2vector)", "", same("'1 2 3'")},
		{"positive", "int32", "", same("5")},
		{"shortly", "text(7)", "", same("'abc'")},
		{"numbers", "list(decimal(6,2))", "", []valueCell{{"'{1.5,NULL}'", `[1.50,null]`}}},
	}
}

func listCases() []valueCase {
	return []valueCase{
		{"integer[]", "list(int32)", "", []valueCell{{"'{1,2,NULL}'", "[1,2,null]"}, {"'{}'", "[]"}, {"'{{1,2},{3,4}}'", "[[1,2],[3,4]]"}, {"'[0:2]={1,2,3}'", "[0:2]=[1,2,3]"}, {"NULL", ""},
			{"'[0:1][-1:0]={{1,2},{3,4}}'", "[0:1][-1:0]=[[1,2],[3,4]]"}, {"'{{{1},{2}},{{3},{4}}}'", "[[[1],[2]],[[3],[4]]]"}}},
		{"text[]", "list(text)", "", []valueCell{{`ARRAY['a,b "c" {e}', '', NULL, 'NULL', E'\\']`, `["a,b \"c\" {e}","",null,"NULL","\\"]`}}},
		{"varchar(3)[]", "list(text(3))", "", []valueCell{{"'{abc}'", `["abc"]`}}},
		{"boolean[]", "list(bool)", "", []valueCell{{"'{t,f}'", `[true,false]`}}},
		{"numeric[]", "list(decimal)", "", []valueCell{{"'{{1.10,2},{NULL,1e20}}'", `[[1.10,2],[null,100000000000000000000]]`}, {"'[2:3]={1.5,NaN}'", `NONFINITE:[2:3]={"1.5","NaN"}`}}},
		{"numeric(20,2)[]", "list(decimal(20,2))", "", []valueCell{{"'{1.1}'", `[1.10]`}}},
		{"float8[]", "list(float64)", "", []valueCell{{"'{0.1,NaN,-Infinity}'", `[0.1,"NaN","-Infinity"]`}}},
		{"date[]", "list(date)", "", []valueCell{{"'{2026-01-02,NULL}'", `["2026-01-02",null]`}, {"'{{2026-01-02,infinity}}'", `INFTIME:{{"2026-01-02","infinity"}}`}}},
		{"timestamp[]", "list(datetime(6))", "", []valueCell{{"'{2026-01-02 03:04:05}'", `["2026-01-02 03:04:05.000000"]`}}},
		{"timestamp(0) with time zone[]", "list(instant(0))", "", []valueCell{{"'{2026-01-02 03:04:05+00}'", `["2026-01-02 03:04:05Z"]`}}},
		{"interval[]", "list(interval)", "", []valueCell{{"'{1 mon 2 days}'", `["P1M2D"]`}}},
		{"bytea[]", "list(bytes)", "", []valueCell{{`'{"\\x00ff"}'`, `["00ff"]`}}},
		{"uuid[]", "list(uuid)", "", []valueCell{{"'{6f9619ff-8b86-d011-b42d-00c04fc964ff}'", `["6f9619ff-8b86-d011-b42d-00c04fc964ff"]`}}},
		{"jsonb[]", "list(json)", "", []valueCell{{`ARRAY['{"a": 1}'::jsonb, 'null', NULL]`, `["{\"a\": 1}","null",null]`}}},
		{"json[]", "list(json)", "", []valueCell{{`ARRAY['{"a" :1}'::json]`, `["{\"a\" :1}"]`}}},
		{"bit(3)[]", "list(bit(3))", "", []valueCell{{"'{101,011}'", `["101","011"]`}}},
		{"mood[]", `list(enum("sad","ok","it's","a,b",""))`, "", []valueCell{{`'{sad,it''s,""}'`, `["sad","it's",""]`}}},
		{"inet[]", "list(native(inet))", "", []valueCell{{"'{10.0.0.1,NULL,::1}'", `["10.0.0.1",null,"::1"]`}, {"'[3:4]={10.0.0.1,::1}'", `[3:4]=["10.0.0.1","::1"]`}}},
		{"int4range[]", "list(native(int4range))", "", []valueCell{{`'{"[1,5)",empty}'`, `["[1,5)","empty"]`}, {`'{{"[1,5)",empty},{NULL,"(,3)"}}'`, `[["[1,5)","empty"],[null,"(,3)"]]`}}},
		{"box[]", "list(native(box))", "", []valueCell{{`'{(3,4),(1,2);(7,8),(5,6)}'`, `["(3,4),(1,2)","(7,8),(5,6)"]`}}},
		{"pair[]", "list(native(?pair))", "", []valueCell{{`ARRAY[ROW(1, 'a,"b\')::?pair, NULL]`, `["(1,\"a,\"\"b\\\\\")",null]`}}},
		{"positive[]", "list(int32)", "", []valueCell{{"'{1,2}'", "[1,2]"}}},
		{"citext[]", "list(text)", "", []valueCell{{"'{Ab}'", `["Ab"]`}}},
	}
}

// extended makes extensions, and types of the test's own.
func (j *judge) extended() {
	j.extend("citext", "hstore", "ltree")
	j.exec("CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s', 'a,b', ''); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN positive AS int CHECK (value > 0); " +
		"CREATE DOMAIN short AS varchar(7) NOT NULL; CREATE DOMAIN shortly AS short; CREATE DOMAIN numbers AS numeric(6,2)[]")
}

// TestValues compares each type's edges with the server's own text.
func TestValues(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		j.extended()
		c := j.client(nil)
		var cases []valueCase
		for _, more := range [][]valueCase{numberCases(), timeCases(), textCases(), nativeCases(), listCases()} {
			cases = append(cases, more...)
		}
		if len(cases) < 100 {
			t.Fatalf("%d types are left of the table", len(cases))
		}
		for i, vc := range cases {
			if since(vc.ddl) > j.major {
				continue
			}
			table := fmt.Sprintf("t%d", i)
			j.execf("CREATE TABLE %s (n int PRIMARY KEY, v %s)", table, vc.ddl)
			for n, cell := range vc.cells {
				j.exec("INSERT INTO " + table + " (n, v) VALUES (" + fmt.Sprint(n) + ", " + strings.ReplaceAll(cell.literal, "?pair", j.schema+".pair") + ")")
			}
			checkValues(t, j, c, vc, table)
		}
	})
}

func checkValues(t *testing.T, j *judge, c *Client, vc valueCase, name string) {
	t.Helper()
	r := j.reader(c, connector.Source{Dataset: name})
	schema, declared, err := r.Schema(t.Context())
	if err != nil || !declared {
		t.Fatalf("%s: schema: %v %v", vc.ddl, declared, err)
	}
	f := schema.Fields[1]
	if got, want := f.Type.String(), strings.ReplaceAll(vc.logical, "?", j.schema+"."); got != want {
		t.Errorf("%s: got type %s, want %s", vc.ddl, got, want)
	}
	if nul := f.Type.Kind == record.Text || vc.ddl == "jsonb"; f.Type.NoNUL != nul {
		t.Errorf("%s: got no_nul %v", vc.ddl, f.Type.NoNUL)
	}
	expression := vc.judge
	if expression == "" {
		expression = "v::text"
	}
	want := j.rows("SELECT %s FROM %s ORDER BY n", expression, name)
	got, _ := readtest.All(j.t, r, 1)
	if len(got) != len(want) {
		t.Errorf("%s: got %d rows, want %d", vc.ddl, len(got), len(want))
		return
	}
	for i, cell := range vc.cells {
		wanted := cell.want
		if wanted == "" {
			wanted = want[i][0]
		}
		if got[i][1] != wanted {
			t.Errorf("%s %.200s: got %.200q, want %.200q", vc.ddl, cell.literal, got[i][1], wanted)
		}
	}
}
