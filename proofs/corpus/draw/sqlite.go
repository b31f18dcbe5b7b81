package draw

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// sqliteText is a text as a literal that may hold any bytes.
func sqliteText(s string) string { return "CAST(x'" + hex.EncodeToString([]byte(s)) + "' AS TEXT)" }

func sqliteTexts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = sqliteText(s)
	}
	return out
}

// loose are values that columns of SQLite hold though they are none of their type.
func loose() []string {
	return []string{"'abc'", "1.5", "x'00ff'", "'2026-13-01'", "''", "99999999999", sqliteText("a\xffb")}
}

// sqliteKinds are the types that columns of SQLite are declared as, and what such columns hold beside.
func sqliteKinds() []kind {
	all := []kind{
		{name: "decimal", form: number, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(15)
			c.scale = r.IntN(c.size + 1)
			c.Type = fmt.Sprintf("DECIMAL(%d,%d)", c.size, c.scale)
		}, edges: func(c *Column) []string { return decimalEnds(c.size, c.scale) }, random: func(r *rand.Rand, c *Column) string { return decimal(r, c.size, c.scale) }},
		{name: "text decimal", form: number, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(65)
			c.scale = r.IntN(min(c.size, 30) + 1)
			c.Type = fmt.Sprintf("TEXT DECIMAL(%d,%d)", c.size, c.scale)
		}, edges: func(c *Column) []string { return quoteAll(decimalEnds(c.size, c.scale)) }, random: func(r *rand.Rand, c *Column) string { return quote(decimal(r, c.size, c.scale)) }},
		{name: "double", form: float64s, declare: plain("DOUBLE"), edges: func(*Column) []string { return append(floatEnds(64), "9e999", "-9e999", "'NaN'") }, random: func(r *rand.Rand, _ *Column) string { return float(r, 64) }},
		{name: "boolean", form: truth, declare: plain("BOOLEAN"), edges: fixed("0", "1", "2", "'yes'"), random: func(r *rand.Rand, _ *Column) string { return one(r, "0", "1") }},
		{name: "text", form: text, declare: plain("TEXT"), edges: func(*Column) []string {
			return append(sqliteTexts(append(textEnds(0), "a\x00b", "a\xffb", "\xed\xa0\x80")), "x'616263'")
		}, random: func(r *rand.Rand, _ *Column) string { return sqliteText(randomText(r, 0)) }},
		{name: "varchar", form: text, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(60)
			c.Type = fmt.Sprintf("VARCHAR(%d)", c.size)
		}, edges: func(c *Column) []string {
			return append(sqliteTexts(textEnds(c.size)), quote(strings.Repeat("x", c.size+1)))
		},
			random: func(r *rand.Rand, c *Column) string { return sqliteText(randomText(r, c.size)) }},
		{name: "blob", form: octets, declare: plain("BLOB"), edges: func(*Column) []string { return append(sqliteBytes(bytesEnds(60)), "'abc'") }, random: func(r *rand.Rand, _ *Column) string { return "x'" + randomBytes(r, 60) + "'" }},
		{name: "date", form: date, declare: plain("DATE"), edges: fixed("'0001-01-01'", "'9999-12-31'", "'2000-02-29'", "'2026-02-30'", "'01/02/2026'", "1767312000", "''", "'-0043-03-15'"),
			random: func(r *rand.Rand, _ *Column) string { return quote(randomDate(r, 1, 9999)) }},
		{name: "datetime", form: moment, declare: timed("DATETIME", ""), edges: func(c *Column) []string {
			return []string{"'0001-01-01 00:00:00'", quote("9999-12-31 23:59:59" + nines(c.size)), "'2026-01-02T03:04:05'", "'2026-01-02 23:59:60'", "'2026-01-02 03:04:05.123456789'", "'never'"}
		}, random: func(r *rand.Rand, c *Column) string {
			return quote(randomDate(r, 1, 9999) + " " + randomTime(r, c.size))
		}},
		{name: "timestamptz", form: moment, declare: timed("TIMESTAMPTZ", ""), edges: func(c *Column) []string {
			return []string{"'1970-01-01 00:00:01Z'", quote("2038-01-19 03:14:07" + nines(c.size) + "Z"), "'1969-12-31 23:59:59Z'", "'2026-01-02 03:04:05'"}
		}, random: func(r *rand.Rand, c *Column) string {
			return quote(randomDate(r, 1971, 2037) + " " + randomTime(r, c.size) + "Z")
		}},
		{name: "time", form: clock, declare: timed("TIME", ""), edges: func(c *Column) []string {
			return []string{"'00:00:00'", "'24:00:00'", quote("23:59:59" + nines(c.size)), "'838:59:59'", "'839:00:00'", "'-00:00:01'", "'noon'"}
		}, random: func(r *rand.Rand, c *Column) string { return quote(randomTime(r, c.size)) }},
		{name: "year", form: number, declare: plain("YEAR"), edges: fixed("0", "1901", "2155", "1900", "'x'"), random: func(r *rand.Rand, _ *Column) string { return fmt.Sprint(1901 + r.IntN(255)) }},
		{name: "uuid", form: uuid, declare: plain("UUID"), edges: func(*Column) []string {
			return append(quoteAll(uuidEnds()), "x'6f9619ff8b86d011b42d00c04fc964ff'", "x'6f96'")
		}, random: func(r *rand.Rand, _ *Column) string { return quote(randomUUID(r)) }},
		{name: "json", form: document, declare: plain("TEXT JSON"), edges: func(*Column) []string { return append(sqliteTexts(documentEnds()), "'{a: 1}'", "''") }, random: func(r *rand.Rand, _ *Column) string { return sqliteText(randomDocument(r, 3)) }},
	}
	for bits, name := range map[int]string{8: "TINYINT", 16: "SMALLINT", 24: "MEDIUMINT", 32: "INT32", 64: "INTEGER"} {
		all = append(all, kind{name: strings.ToLower(name), form: number, declare: func(_ *rand.Rand, c *Column) { c.size, c.Type = bits, name },
			edges: func(c *Column) []string { return append(wholeEnds(c.size, false), loose()...) }, random: func(r *rand.Rand, c *Column) string { return whole(r, c.size, false) }})
	}
	return sorted(all)
}

func sqliteBytes(list []string) []string {
	out := make([]string, len(list))
	for i, h := range list {
		out[i] = "x'" + h + "'"
	}
	return out
}
