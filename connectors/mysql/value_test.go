package mysql

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
)

// valueCase is a column type with literals; want is the reader's answer, "" where the judge's expression gives it.
type valueCase struct {
	ddl     string // type of column v
	logical string
	judge   string // expression of the server whose text the reader's must equal; "" : v
	cells   []valueCell
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
		{"TINYINT", "int8", "", same("-128", "127", "0", "NULL")},
		{"TINYINT(1)", "int8", "", same("0", "1", "2", "-1", "127")},
		{"TINYINT UNSIGNED", "uint8", "", same("0", "255", "128")},
		{"SMALLINT", "int16", "", same("-32768", "32767")},
		{"SMALLINT UNSIGNED", "uint16", "", same("65535")},
		{"MEDIUMINT", "int24", "", same("-8388608", "8388607", "-1")},
		{"MEDIUMINT UNSIGNED", "uint24", "", same("16777215")},
		{"INT", "int32", "", same("-2147483648", "2147483647")},
		{"INT(8) UNSIGNED ZEROFILL", "uint32", "v + 0", same("42", "4294967295")},
		{"BIGINT", "int64", "", same("-9223372036854775808", "9223372036854775807")},
		{"BIGINT UNSIGNED", "uint64", "", same("18446744073709551615", "9223372036854775808", "9223372036854775807")},
		{"DECIMAL(10,2)", "decimal(10,2)", "", same("12.50", "-0.01", "99999999.99", "0", "-99999999.99")},
		{"DECIMAL(2,0)", "decimal(2,0)", "", same("10", "9", "-7")},
		{"DECIMAL(6,4) ZEROFILL", "decimal(6,4)", "", []valueCell{{"1.5", "1.5000"}}},
		{"DECIMAL(18,0)", "decimal(18,0)", "", same("999999999999999999", "-999999999999999999")},
		{"DECIMAL(18,18)", "decimal(18,18)", "", same("0.999999999999999999", "-0.000000000000000001")},
		{"DECIMAL(19,4)", "decimal(19,4)", "", same("999999999999999.9999", "-922337203685477.5808")},
		{"DECIMAL(38,10)", "decimal(38,10)", "", same("9999999999999999999999999999.9999999999", "-0.0000000001")},
		{"DECIMAL(65,30)", "decimal(65,30)", "", same("99999999999999999999999999999999999.999999999999999999999999999999", "-0.000000000000000000000000000001", "0")},
		{"FLOAT", "float32", "", []valueCell{{"16777217", "16777216"}, {"123456.789", "123456.79"}, {"0.1", "0.1"}, {"-3.4028235e38", "-3.4028235e+38"}}},
		{"DOUBLE", "float64", "", []valueCell{{"1.7976931348623157e308", "1.7976931348623157e+308"}, {"2.2250738585072014e-308", "2.2250738585072014e-308"},
			{"0.1234567890123456789", "0.12345678901234568"}}},
		{"BIT(1)", "bit(1)", "BIN(v + 0)", same("b'1'", "b'0'")},
		{"BIT(10)", "bit(10)", "LPAD(BIN(v + 0), 10, '0')", same("b'1000000011'", "b'1'")},
		{"BIT(64)", "bit(64)", "LPAD(BIN(v + 0), 64, '0')", same("b'"+strings.Repeat("1", 64)+"'", "1")},
		{"YEAR", "year", "LPAD(v, 4, '0')", same("0", "1901", "2155", "2026")},
	}
}

func timeCases() []valueCase {
	return []valueCase{
		{"DATE", "date", "", []valueCell{{"'2026-01-02'", ""}, {"'1000-01-01'", ""}, {"'9999-12-31'", ""}, {"'0001-01-01'", ""}, {"'1969-12-31'", ""}, {"'2000-02-29'", ""},
			{"'0000-00-00'", "ZERODATE:0000-00-00"}, {"'2026-00-15'", "ZERODATE:2026-00-15"}, {"'2026-02-30'", "RANGE:2026-02-30"}, {"'1900-02-29'", "RANGE:1900-02-29"}}},
		{"DATETIME", "datetime(0)", "", []valueCell{{"'2026-01-02 03:04:05'", ""}, {"'1000-01-01'", ""}, {"'9999-12-31 23:59:59'", ""},
			{"'0000-00-00'", "ZERODATE:0000-00-00 00:00:00"}, {"'2026-06-00 10:00:00'", "ZERODATE:2026-06-00 10:00:00"}, {"'2026-02-30 01:02:03'", "RANGE:2026-02-30 01:02:03"}}},
		{"DATETIME(6)", "datetime(6)", "", []valueCell{{"'2026-12-31 23:59:59.999999'", ""}, {"'1969-12-31 23:59:59.000001'", ""}, {"'2026-03-08 02:30:00'", ""},
			{"'0000-00-00'", "ZERODATE:0000-00-00 00:00:00.000000"}}},
		{"DATETIME(3)", "datetime(3)", "", same("'2026-12-31 23:59:59.123'", "'2026-12-31 00:00:00'")},
		{"TIMESTAMP NULL", "instant(0)", "CONCAT(v, 'Z')", same("'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'")},
		{"TIMESTAMP(6) NULL", "instant(6)", "CONCAT(v, 'Z')", []valueCell{{"'2025-11-02 05:30:00.5'", ""}, {"'0000-00-00'", "ZERODATE:0000-00-00 00:00:00.000000"}}},
		{"TIME", "time(0)", "", same("'-838:59:59'", "'838:59:59'", "'25:00:00'", "'00:00:00'", "'-00:00:01'")},
		{"TIME(6)", "time(6)", "", same("'838:59:59.999999'", "'-12:00:00.000001'", "'00:00:00.5'")},
	}
}

func textCases() []valueCase {
	return []valueCase{
		{"VARCHAR(20)", "text(20)", "", same("'pad   '", "''", "'🦀'", "'e\u0308'", "'a\\0b'", "NULL", "'\\\\N'")},
		{"CHAR(5)", "text(5 fixed)", "", same("'ab '", "''", "'abcde'")},
		{"TEXT", "text(65535 bytes)", "", same("'👨‍👩‍👧‍👦'", "REPEAT('ä', 30000)")},
		{"LONGTEXT", "text(4294967295 bytes)", "", same("REPEAT('x', 100000)")},
		{"VARCHAR(20) CHARACTER SET utf8mb3", "text(20)", "", same("'é€'", "''")},
		{"VARCHAR(20) CHARACTER SET latin1", "text(20)", "", []valueCell{{"'é€'", ""}, {"X'636166C3A9'", "cafÃ©"}, {"X'80'", "€"}}},
		{"VARCHAR(20) CHARACTER SET gbk", "text(20)", "", []valueCell{{"'中'", ""}, {"X'D6D0'", "中"}}},
		{"VARCHAR(20) CHARACTER SET big5", "text(20)", "", same("'中文'", "'a'")},
		{"VARCHAR(20) CHARACTER SET koi8r", "text(20)", "", same("'привет'")},
		{"VARCHAR(20) CHARACTER SET ucs2", "text(20)", "", same("'中é'")},
		{"VARCHAR(20) CHARACTER SET utf16", "text(20)", "", same("'🦀é'")},
		{"CHAR(3) CHARACTER SET ascii", "text(3 fixed)", "", same("'abc'")},
		{"VARCHAR(20) COLLATE utf8mb4_bin", "text(20)", "", same("'A'", "'a '")},
		{"BINARY(8)", "bytes(8 fixed)", "LOWER(HEX(v))", same("X'DEAD'", "X'0000000000000000'", "X'DE00AD'")},
		{"VARBINARY(16)", "bytes(16)", "LOWER(HEX(v))", same("X'00FF7F00'", "''", "X'5C786465'")},
		{"BLOB", "bytes(65535)", "LOWER(HEX(v))", same("X'5C7864656164'", "REPEAT(X'00FF', 20000)")},
		{"LONGBLOB", "bytes(4294967295)", "LOWER(HEX(v))", same("REPEAT(X'00FF41', 700000)")},
		{"ENUM('1','2','3','it''s','a\\\\b','x,y')", `enum("1","2","3","it's","a\\b","x,y")`, "", same("'2'", "'it''s'", "'a\\\\b'", "'x,y'", "0")},
		{"SET('a','b','c')", `set("a","b","c")`, "", same("'c,a,b'", "''", "NULL")},
		{"ENUM('é','ü') CHARACTER SET latin1", `enum("é","ü")`, "", same("'ü'")},
		{"JSON", "json", "", same(`'{"b": 1, "a": [0.30000000000000004, 1.10, 1e400], "a": null}'`, `'"s"'`, "'null'", "NULL")},
		{"UUID", "uuid", "", same("'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "'00000000-0000-0000-0000-000000000000'")},
		{"INET6", "native(inet6)", "", same("'::ffff:10.0.0.1'", "'2001:db8::1'")},
		{"INET4", "native(inet4)", "", same("'10.0.0.1'")},
		{"GEOMETRY", "geometry", "LOWER(CONCAT(LPAD(HEX(ST_SRID(v)), 8, '0'), HEX(ST_AsWKB(v))))", same("ST_GeomFromText('POINT(1 2)', 4326)", "ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')")},
		{"POINT", "geometry", "LOWER(CONCAT(LPAD(HEX(ST_SRID(v)), 8, '0'), HEX(ST_AsWKB(v))))", same("POINT(-1, 1e10)")},
		{"INT AS (n * 2) STORED", "int32", "", nil},
	}
}

// TestValues compares each type's edges with the server's own text.
func TestValues(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	cases := append(append(numberCases(), timeCases()...), textCases()...)
	if len(cases) < 55 {
		t.Fatalf("%d types are left of the table", len(cases))
	}
	for i, vc := range cases {
		name := fmt.Sprintf("t%d", i)
		j.execf("CREATE TABLE %s (n INT PRIMARY KEY, v %s) CHARACTER SET utf8mb4", name, vc.ddl)
		for n, cell := range vc.cells {
			j.exec("INSERT INTO " + name + " (n, v) VALUES (" + fmt.Sprint(n) + ", " + cell.literal + ")")
		}
		if vc.cells == nil {
			j.exec("INSERT INTO " + name + " (n) VALUES (0), (21)")
		}
		checkValues(t, j, c, vc, name)
	}
}

func checkValues(t *testing.T, j *judge, c *Client, vc valueCase, name string) {
	t.Helper()
	r := j.reader(c, connector.Source{Dataset: name})
	schema, declared, err := r.Schema(t.Context())
	if err != nil || !declared {
		t.Fatalf("%s: schema: %v %v", vc.ddl, declared, err)
	}
	f := schema.Fields[1]
	if got := f.Type.String(); got != vc.logical {
		t.Errorf("%s: got type %s, want %s", vc.ddl, got, vc.logical)
	}
	if f.Generated != strings.Contains(vc.ddl, " AS (") {
		t.Errorf("%s: got generated %v", vc.ddl, f.Generated)
	}
	expression := vc.judge
	if expression == "" {
		expression = "v"
	}
	want := j.rows("SELECT %s FROM %s ORDER BY n", expression, name)
	got, _ := readtest.All(j.t, r, 1)
	if len(got) != len(want) {
		t.Fatalf("%s: got %d rows, want %d", vc.ddl, len(got), len(want))
	}
	for i := range want {
		w := want[i][0]
		if i < len(vc.cells) && vc.cells[i].want != "" {
			w = vc.cells[i].want
		}
		if got[i][1] != w {
			t.Errorf("%s %s: got %.80q, want %.80q", vc.ddl, cellLiteral(vc, i), got[i][1], w)
		}
	}
}

func cellLiteral(vc valueCase, i int) string {
	if i < len(vc.cells) {
		return vc.cells[i].literal
	}
	return ""
}

// TestTextBeyondUnicode: characters that Unicode lacks are a mark that holds their bytes, where the server itself would answer
// with a question mark; all others are the server's own conversion.
func TestTextBeyondUnicode(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for charset, lost := range map[string]string{"gbk": "FEFE", "sjis": "8540", "eucjpms": "A9A1", "euckr": "C9FE", "hebrew": "A1"} {
		j.execf("CREATE TABLE %s (n INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET %[1]s)", charset)
		j.execf("INSERT IGNORE INTO %s VALUES (1, X'613F%s3F'), (2, '?a?'), (3, NULL), (4, '')", charset, lost)
		// Every code of two bytes that has a character.
		j.execf("INSERT IGNORE INTO %s SELECT 10 + seq, UNHEX(CONCAT('8FA2B7', HEX(seq * 61 + 33000))) FROM seq_0_to_500", charset)
		want := j.rows("SELECT CONVERT(v USING utf8mb4), HEX(v) FROM %s ORDER BY n", charset)
		got, _ := readtest.All(j.t, j.reader(c, connector.Source{Dataset: charset}), 1)
		if len(got) != len(want) {
			t.Fatalf("%s: got %d rows, want %d", charset, len(got), len(want))
		}
		if raw, _ := hex.DecodeString("613F" + lost + "3F"); got[0][1] != "UTF8:"+string(raw) {
			t.Errorf("%s %s: got %q, want a mark with the bytes", charset, want[0][1], got[0][1])
		}
		for i := range want {
			raw, marked := strings.CutPrefix(got[i][1], "UTF8:")
			if marked && strings.ToUpper(hex.EncodeToString([]byte(raw))) != want[i][1] {
				t.Errorf("%s: mark of %s holds %x", charset, want[i][1], raw)
			}
			if !marked && got[i][1] != want[i][0] {
				t.Errorf("%s %s: got %q, want %q", charset, want[i][1], got[i][1], want[i][0])
			}
		}
	}
}
