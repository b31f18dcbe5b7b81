package draw

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// mysqlKinds are the types of MariaDB.
func mysqlKinds() []kind {
	all := []kind{
		{name: "decimal", form: number, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(65)
			c.scale = r.IntN(min(c.size, 38) + 1)
			c.Type = fmt.Sprintf("DECIMAL(%d,%d)", c.size, c.scale)
		}, edges: func(c *Column) []string { return decimalEnds(c.size, c.scale) },
			random: func(r *rand.Rand, c *Column) string { return decimal(r, c.size, c.scale) }},
		{name: "float", form: float32s, declare: plain("FLOAT"), edges: func(*Column) []string { return floatEnds(32) }, random: func(r *rand.Rand, _ *Column) string { return float(r, 32) }},
		{name: "double", form: float64s, declare: plain("DOUBLE"), edges: func(*Column) []string { return floatEnds(64) }, random: func(r *rand.Rand, _ *Column) string { return float(r, 64) }},
		{name: "bit", form: bits, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(64)
			c.Type = fmt.Sprintf("BIT(%d)", c.size)
		}, edges: func(c *Column) []string { return []string{"b'" + strings.Repeat("1", c.size) + "'", "b'0'", "b'1'"} },
			random: func(r *rand.Rand, c *Column) string { return fmt.Sprintf("b'%b'", r.Uint64()>>(64-c.size)) }},
		{name: "year", form: number, declare: plain("YEAR"), edges: func(*Column) []string { return []string{"0", "1901", "2155", "1970"} },
			random: func(r *rand.Rand, _ *Column) string { return strconv.Itoa(1901 + r.IntN(255)) }},
		{name: "json", form: document, declare: plain("JSON"), edges: func(*Column) []string { return mysqlTexts(documentEnds()) },
			random: func(r *rand.Rand, _ *Column) string { return mysqlText(randomDocument(r, 3)) }},
		{name: "uuid", form: uuid, declare: plain("UUID"), edges: func(*Column) []string { return quoteAll(uuidEnds()) }, random: func(r *rand.Rand, _ *Column) string { return quote(randomUUID(r)) }},
		{name: "inet6", form: text, declare: plain("INET6"), edges: fixed("'::'", "'::1'", "'::ffff:10.0.0.1'", "'2001:db8::ff00:42:8329'"),
			random: func(r *rand.Rand, _ *Column) string { return fmt.Sprintf("'2001:db8::%x'", 1+r.IntN(0xffff)) }},
		{name: "inet4", form: text, declare: plain("INET4"), edges: fixed("'0.0.0.0'", "'255.255.255.255'"),
			random: func(r *rand.Rand, _ *Column) string { return fmt.Sprintf("'10.%d.%d.1'", r.IntN(256), r.IntN(256)) }},
	}
	for bits, name := range map[int]string{8: "TINYINT", 16: "SMALLINT", 24: "MEDIUMINT", 32: "INT", 64: "BIGINT"} {
		all = append(all, kind{name: strings.ToLower(name), form: number, declare: func(r *rand.Rand, c *Column) {
			c.size, c.Type, c.unsigned = bits, name, r.IntN(2) == 0
			if c.unsigned {
				c.Type += one(r, " UNSIGNED", " UNSIGNED", " UNSIGNED ZEROFILL")
			}
		}, edges: func(c *Column) []string { return wholeEnds(c.size, c.unsigned) }, random: func(r *rand.Rand, c *Column) string { return whole(r, c.size, c.unsigned) }})
	}
	all = append(all, mysqlTimes()...)
	all = append(all, mysqlStrings()...)
	all = append(all, mysqlShapes()...)
	return sorted(all)
}

func plain(t string) func(*rand.Rand, *Column) { return func(_ *rand.Rand, c *Column) { c.Type = t } }

func fixed(list ...string) func(*Column) []string { return func(*Column) []string { return list } }

func quoteAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return out
}

// timed declares a type with digits of a second.
func timed(name string, null string) func(r *rand.Rand, c *Column) {
	return func(r *rand.Rand, c *Column) {
		c.size = r.IntN(7)
		c.Type = fmt.Sprintf("%s(%d)%s", name, c.size, null)
	}
}

func mysqlTimes() []kind {
	return []kind{
		{name: "date", form: date, declare: plain("DATE"),
			edges:  fixed("'1000-01-01'", "'9999-12-31'", "'0001-01-01'", "'1969-12-31'", "'1970-01-01'", "'2000-02-29'", "'0000-00-00'", "'2026-00-15'", "'2026-02-30'"),
			random: func(r *rand.Rand, _ *Column) string { return quote(randomDate(r, 1, 9999)) }},
		{name: "datetime", form: moment, declare: timed("DATETIME", ""), edges: func(c *Column) []string {
			return []string{"'2024-05-06 07:08:09'", "'1000-01-01 00:00:00'", quote("9999-12-31 23:59:59" + nines(c.size)), quote("1969-12-31 23:59:59" + nines(c.size)), "'0000-00-00 00:00:00'", "'2026-06-00 10:00:00'"}
		}, random: func(r *rand.Rand, c *Column) string {
			return quote(randomDate(r, 1, 9999) + " " + randomTime(r, c.size))
		}},
		{name: "timestamp", form: moment, declare: timed("TIMESTAMP", " NULL"), edges: func(c *Column) []string {
			return []string{"'1970-01-01 00:00:01'", quote("2038-01-19 03:14:07" + nines(c.size)), "'2025-11-02 05:30:00'", "'2025-11-02 06:30:00'", "'0000-00-00 00:00:00'"}
		}, random: func(r *rand.Rand, c *Column) string {
			return quote(randomDate(r, 1971, 2037) + " " + randomTime(r, c.size))
		}},
		{name: "time", form: clock, declare: timed("TIME", ""), edges: func(c *Column) []string {
			return []string{quote("-838:59:59" + nines(c.size)), quote("838:59:59" + nines(c.size)), "'00:00:00'", "'24:00:00'", "'-00:00:01'", quote("00:00:00" + nines(c.size))}
		}, random: func(r *rand.Rand, c *Column) string {
			return fmt.Sprintf("'%s%d:%02d:%02d%s'", one(r, "", "-"), r.IntN(838), r.IntN(60), r.IntN(60), fraction(r, c.size))
		}},
	}
}

// mysqlText is a text as a literal that no escape and no charset of a session touches.
func mysqlText(s string) string { return "_utf8mb4 x'" + hex.EncodeToString([]byte(s)) + "'" }

func mysqlTexts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = mysqlText(s)
	}
	return out
}

func mysqlStrings() []kind {
	charsets := []string{"utf8mb4", "utf8mb4", "utf8mb4", "latin1", "utf8mb3", "ascii", "gbk", "ucs2", "utf16", "koi8r", "sjis"}
	sized := func(name string, most int) func(r *rand.Rand, c *Column) {
		return func(r *rand.Rand, c *Column) {
			c.size, c.charset = 1+r.IntN(most), one(r, charsets...)
			c.Type = fmt.Sprintf("%s(%d) CHARACTER SET %s", name, c.size, c.charset)
		}
	}
	textEdges := func(c *Column) []string { return mysqlTexts(append(textEnds(c.size), "\x00", "a\x00b")) }
	randomOf := func(r *rand.Rand, c *Column) string { return mysqlText(randomText(r, c.size)) }
	list := []kind{
		{name: "char", form: padded, declare: sized("CHAR", 40), edges: textEdges, random: randomOf},
		{name: "varchar", form: text, declare: sized("VARCHAR", 200), edges: textEdges, random: randomOf},
		{name: "binary", form: octets, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(30)
			c.Type = fmt.Sprintf("BINARY(%d)", c.size)
		}, edges: mysqlBytes, random: func(r *rand.Rand, c *Column) string { return "x'" + randomBytes(r, c.size) + "'" }},
		{name: "varbinary", form: octets, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(60)
			c.Type = fmt.Sprintf("VARBINARY(%d)", c.size)
		}, edges: mysqlBytes, random: func(r *rand.Rand, c *Column) string { return "x'" + randomBytes(r, c.size) + "'" }},
		{name: "enum", form: text, declare: func(r *rand.Rand, c *Column) {
			c.labels = randomLabels(r, true)
			c.Type = "ENUM(" + strings.Join(quoteAll(c.labels), ",") + ") COLLATE utf8mb4_bin"
		}, edges: func(c *Column) []string { return append(quoteAll(c.labels), "'no label'") }, random: func(r *rand.Rand, c *Column) string { return quote(one(r, c.labels...)) }},
		{name: "set", form: labels, declare: func(r *rand.Rand, c *Column) {
			c.labels = randomLabels(r, false)
			c.Type = "SET(" + strings.Join(quoteAll(c.labels), ",") + ") COLLATE utf8mb4_bin"
		}, edges: func(c *Column) []string {
			return append(quoteAll(c.labels), "''", strconv.FormatUint(1<<len(c.labels)-1, 10))
		}, random: func(r *rand.Rand, c *Column) string { return strconv.FormatUint(r.Uint64()>>(64-len(c.labels)), 10) }},
	}
	for _, name := range []string{"TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"} {
		list = append(list, kind{name: strings.ToLower(name), form: text, declare: func(r *rand.Rand, c *Column) {
			c.charset = one(r, charsets...)
			c.size = 60
			c.Type = name + " CHARACTER SET " + c.charset
		}, edges: textEdges, random: randomOf})
	}
	for _, name := range []string{"TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"} {
		list = append(list, kind{name: strings.ToLower(name), form: octets, declare: func(_ *rand.Rand, c *Column) { c.size, c.Type = 200, name }, edges: mysqlBytes,
			random: func(r *rand.Rand, c *Column) string { return "x'" + randomBytes(r, c.size) + "'" }})
	}
	return list
}

func mysqlBytes(c *Column) []string {
	var out []string
	for _, h := range bytesEnds(c.size) {
		out = append(out, "x'"+h+"'")
	}
	return out
}

func mysqlShapes() []kind {
	var list []kind
	coordinate := func(r *rand.Rand) string {
		return strconv.FormatFloat(float64(r.IntN(360000)-180000)/1000, 'g', -1, 64)
	}
	pair := func(r *rand.Rand) string { return coordinate(r) + " " + coordinate(r) }
	for name, edges := range map[string][]string{
		"POINT": {"POINT(0 0)", "POINT(1 -2.5)", "POINT(0.1 1e300)"}, "LINESTRING": {"LINESTRING(0 0,1 1)", "LINESTRING(0 0,0 0,1 2)"},
		"POLYGON": {"POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 2,1 1))"}, "MULTIPOINT": {"MULTIPOINT(1 1,2 2)"},
		"GEOMETRY": {"GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))", "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))", "MULTILINESTRING((0 0,1 1),(2 2,3 3))"},
	} {
		list = append(list, kind{name: strings.ToLower(name), form: geometry, declare: plain(name), edges: func(*Column) []string {
			var out []string
			for i, e := range edges {
				out = append(out, fmt.Sprintf("ST_GeomFromText('%s', %d)", e, []int{0, 4326, 3857}[i%3]))
			}
			return out
		}, random: func(r *rand.Rand, c *Column) string {
			shape := map[string]string{"POINT": "POINT(" + pair(r) + ")", "LINESTRING": "LINESTRING(" + pair(r) + "," + pair(r) + ")", "POLYGON": "POLYGON((0 0,4 0,4 4,0 0))",
				"MULTIPOINT": "MULTIPOINT(" + pair(r) + ")", "GEOMETRY": "POINT(" + pair(r) + ")"}[c.Type]
			return fmt.Sprintf("ST_GeomFromText('%s', %d)", shape, []int{0, 4326}[r.IntN(2)])
		}})
	}
	return list
}
