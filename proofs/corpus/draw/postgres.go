package draw

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// sorted gives kinds an order of their own: seeds must draw the same again.
func sorted(all []kind) []kind {
	slices.SortFunc(all, func(a, b kind) int { return strings.Compare(a.name, b.name) })
	return all
}

// postgresText is a text as a literal that no escape touches.
func postgresText(s string) string {
	return `convert_from('\x` + hex.EncodeToString([]byte(s)) + `', 'UTF8')`
}

func postgresTexts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = postgresText(s)
	}
	return out
}

// postgresKinds are the types of PostgreSQL.
func postgresKinds() []kind {
	all := []kind{
		{name: "numeric", form: number, declare: plain("numeric"),
			edges: fixed("'NaN'", "'Infinity'", "'-Infinity'", "0.1000", "1e-20", "1e40", "-1e300", "12345678901234567890123456789012345.123456789012345678901234567890", "0"),
			random: func(r *rand.Rand, _ *Column) string {
				precision := 1 + r.IntN(60)
				return decimal(r, precision, r.IntN(precision+1))
			}},
		{name: "numeric(p,s)", form: number, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(60)
			c.scale = r.IntN(c.size + 1)
			c.Type = fmt.Sprintf("numeric(%d,%d)", c.size, c.scale)
		}, edges: func(c *Column) []string { return append(decimalEnds(c.size, c.scale), "'NaN'") }, random: func(r *rand.Rand, c *Column) string { return decimal(r, c.size, c.scale) }},
		{name: "money", form: number, declare: plain("money"), edges: fixed("'92233720368547758.07'", "'-92233720368547758.08'", "0", "'0.01'"),
			random: func(r *rand.Rand, _ *Column) string { return quote(decimal(r, 15, 2)) }},
		{name: "real", form: float32s, declare: plain("real"), edges: func(*Column) []string { return floats(32) }, random: func(r *rand.Rand, _ *Column) string { return quote(float(r, 32)) }},
		{name: "double precision", form: float64s, declare: plain("double precision"), edges: func(*Column) []string { return floats(64) }, random: func(r *rand.Rand, _ *Column) string { return quote(float(r, 64)) }},
		{name: "boolean", form: truth, declare: plain("boolean"), edges: fixed("true", "false"), random: func(r *rand.Rand, _ *Column) string { return one(r, "true", "false") }},
		{name: "bit", form: bits, declare: func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(90)
			c.Type = fmt.Sprintf("bit(%d)", c.size)
		}, edges: func(c *Column) []string {
			return []string{"B'" + strings.Repeat("1", c.size) + "'", "B'" + strings.Repeat("0", c.size) + "'"}
		}, random: func(r *rand.Rand, c *Column) string { return "B'" + randomBits(r, c.size) + "'" }},
		{name: "varbit", form: text, declare: plain("bit varying(40)"), edges: fixed("B''", "B'0'", "B'0001'"), random: func(r *rand.Rand, _ *Column) string { return "B'" + randomBits(r, r.IntN(41)) + "'" }},
		{name: "bytea", form: octets, declare: plain("bytea"), edges: func(*Column) []string { return postgresBytes(bytesEnds(60)) }, random: func(r *rand.Rand, _ *Column) string { return `'\x` + randomBytes(r, 60) + "'" }},
		{name: "uuid", form: uuid, declare: plain("uuid"), edges: func(*Column) []string { return quoteAll(uuidEnds()) }, random: func(r *rand.Rand, _ *Column) string { return quote(randomUUID(r)) }},
		{name: "json", form: document, declare: plain("json"), edges: func(*Column) []string { return postgresDocuments(append(documentEnds(), `"\u0000"`, `"\ud800"`)) },
			random: func(r *rand.Rand, _ *Column) string { return postgresText(randomDocument(r, 3)) + "::json" }},
		{name: "jsonb", form: document, declare: plain("jsonb"), edges: func(*Column) []string { return postgresDocuments(documentEnds()) },
			random: func(r *rand.Rand, _ *Column) string { return postgresText(randomDocument(r, 3)) + "::json::jsonb" }},
	}
	for bits, name := range map[int]string{16: "smallint", 32: "integer", 64: "bigint"} {
		all = append(all, kind{name: name, form: number, declare: func(_ *rand.Rand, c *Column) { c.size, c.Type = bits, name },
			edges: func(c *Column) []string { return quoteAll(wholeEnds(c.size, false)) }, random: func(r *rand.Rand, c *Column) string { return quote(whole(r, c.size, false)) }})
	}
	return sorted(slices.Concat(all, postgresTimes(), postgresStrings(), postgresNatives(), postgresLists(), postgresGeometries()))
}

func floats(bits int) []string {
	return append(quoteAll(floatEnds(bits)), "'NaN'", "'Infinity'", "'-Infinity'", "'-0'")
}

func randomBits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(2))
	}
	return string(b)
}

func postgresBytes(list []string) []string {
	out := make([]string, len(list))
	for i, h := range list {
		out[i] = `'\x` + h + "'"
	}
	return out
}

func postgresDocuments(list []string) []string {
	out := postgresTexts(list)
	for i := range out {
		out[i] += "::json"
	}
	return out
}

func postgresTimes() []kind {
	day := func(r *rand.Rand) string { return randomDate(r, 1, 9999) }
	return []kind{
		{name: "date", form: date, declare: plain("date"),
			edges:  fixed("'0001-01-01'", "'9999-12-31'", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'4714-11-24 BC'", "'5874897-12-31'", "'2000-02-29'", "'1970-01-01'"),
			random: func(r *rand.Rand, _ *Column) string { return quote(day(r)) }},
		{name: "timestamp", form: moment, declare: timed("timestamp", ""), edges: func(c *Column) []string {
			return []string{"'2024-05-06 07:08:09'", "'0001-01-01 00:00:00'", quote("9999-12-31 23:59:59" + nines(c.size)), "'infinity'", "'-infinity'", "'4713-01-01 00:00:00 BC'", "'294276-12-31 23:59:59'", "'1969-12-31 23:59:59'", "'10000-01-01'"}
		}, random: func(r *rand.Rand, c *Column) string { return quote(day(r) + " " + randomTime(r, c.size)) }},
		{name: "timestamptz", form: moment, declare: timed("timestamptz", ""), edges: func(c *Column) []string {
			return []string{"'1970-01-01 00:00:01Z'", quote("2038-01-19 03:14:07" + nines(c.size) + "Z"), "'1969-12-31 23:59:59Z'", "'2039-01-01Z'", "'infinity'", "'-infinity'", "'2025-11-02 01:30:00 America/New_York'",
				"'1927-12-31 23:54:08 Asia/Shanghai'", "'0044-03-15 00:00:00Z BC'"}
		}, random: func(r *rand.Rand, c *Column) string {
			return quote(randomDate(r, 1971, 2037) + " " + randomTime(r, c.size) + one(r, "Z", "+05:30", "-03:30"))
		}},
		{name: "time", form: clock, declare: timed("time", ""), edges: func(c *Column) []string {
			return []string{"'00:00:00'", "'24:00:00'", quote("23:59:59" + nines(c.size))}
		},
			random: func(r *rand.Rand, c *Column) string { return quote(randomTime(r, c.size)) }},
		{name: "timetz", form: text, declare: plain("timetz"), edges: fixed("'00:00:00+15:59:59'", "'24:00:00-15:59'", "'12:00:00.123456+00'"),
			random: func(r *rand.Rand, _ *Column) string { return quote(randomTime(r, 6) + one(r, "+01", "-03:30", "+00")) }},
		{name: "interval", form: interval, declare: plain("interval"),
			edges: fixed("'0'", "'1 mon 1 day 25:00'", "'-1 year +2 days -00:00:00.000001'", "'178000000 years'", "'-178000000 years'", "'24:00:00'", "'1 day'", "'30 days'"),
			random: func(r *rand.Rand, _ *Column) string {
				return fmt.Sprintf("'%d mons %d days %s%s'", r.IntN(400)-200, r.IntN(400)-200, one(r, "", "-"), randomTime(r, 6))
			}},
	}
}

func postgresStrings() []kind {
	randomOf := func(r *rand.Rand, c *Column) string { return postgresText(randomText(r, c.size)) }
	edges := func(c *Column) []string { return postgresTexts(textEnds(c.size)) }
	sized := func(name string, most int) func(r *rand.Rand, c *Column) {
		return func(r *rand.Rand, c *Column) {
			c.size = 1 + r.IntN(most)
			c.Type = fmt.Sprintf("%s(%d)", name, c.size)
		}
	}
	return []kind{
		{name: "text", form: text, declare: plain("text"), edges: edges, random: randomOf},
		{name: "varchar", form: text, declare: sized("varchar", 200), edges: edges, random: randomOf},
		{name: "varchar without length", form: text, declare: plain("varchar"), edges: edges, random: randomOf},
		{name: "char", form: padded, declare: sized("char", 40), edges: edges, random: randomOf},
		{name: "citext", form: text, declare: plain("citext"), edges: edges, random: randomOf},
		{name: "name", form: text, declare: plain("name"), edges: fixed("''", "'Abc'", "'"+strings.Repeat("x", 63)+"'"), random: func(r *rand.Rand, _ *Column) string { return one(r, "'a'", "'b c'", "'Ü'") }},
	}
}

// postgresNatives are the types that no other store has: their text counts.
func postgresNatives() []kind {
	native := func(name string, edges ...string) kind {
		return kind{name: name, form: text, declare: plain(name), edges: func(*Column) []string { return quoteAll(edges) }, random: func(r *rand.Rand, _ *Column) string { return quote(one(r, edges...)) }}
	}
	return []kind{
		native("inet", "::ffff:10.0.0.1", "192.168.0.1/24", "::1", "10.0.0.1", "::/0"),
		native("cidr", "10.0.0.0/8", "::/0", "2001:db8::/32"),
		native("macaddr", "08:00:2b:01:02:03"), native("macaddr8", "08:00:2b:01:02:03:04:05"),
		native("int4range", "[1,5)", "empty", "(,5]", "(,)"), native("numrange", "[1.10,2.5]", "empty"), native("tsrange", `["2026-01-01 00:00:00","2026-01-02 00:00:00")`),
		native("tsvector", "a:1 fat:2,4 cat", "", "''it''''s''"), native("tsquery", "a & !b | c"),
		native("hstore", "a=>1, \"b c\"=>NULL", ""), native("ltree", "Top.Science.Astronomy", ""),
		native("xml", "<a b=\"1\">é<!-- c --></a>", "x"), native("point", "(1,2.5)"), native("box", "(2,2),(0,0)"), native("pg_lsn", "16/B374D848"),
	}
}

func postgresLists() []kind {
	of := func(name string, e shape, edges ...string) kind {
		return kind{name: name + "[]", form: list, elem: &e, declare: plain(name + "[]"), edges: func(*Column) []string { return quoteAll(edges) },
			random: func(r *rand.Rand, _ *Column) string { return quote(one(r, edges...)) }}
	}
	return []kind{
		of("integer", shape{form: number, n: 32}, "{}", "{1,NULL,-2147483648}", "{{1,2},{3,4}}", "[0:2]={1,2,3}", "{{{1}}}", "[-1:0][5:5]={{1},{2}}", "{7}"),
		of("bigint", shape{form: number, n: 64}, "{9223372036854775807,-9223372036854775808}", "{}", "{NULL}"),
		of("text", shape{form: text}, `{a,"b \"c\" {e}",NULL,""}`, `{"NULL","null"}`, "{{a,b},{c,d}}", "{}", `{"\\\\","é🚚",","}`),
		of("numeric", shape{form: number}, "{1.10,12345678901234567890.123456789}", "{0.1,NULL}", "{NaN,1}", "{}"),
		of("double precision", shape{form: float64s}, "{0.1,1e300,NULL}", "{NaN}", "{Infinity}", "{5e-324}"),
		of("boolean", shape{form: truth}, "{t,f,NULL}", "{}"),
		of("uuid", shape{form: uuid}, "{00000000-0000-0000-0000-000000000001,NULL}"),
		of("timestamp", shape{form: moment}, `{"2024-05-06 07:08:09.123456",NULL}`, "{infinity}", `{"0001-01-01 00:00:00"}`),
		of("bytea", shape{form: octets, hex: true}, `{"\\x00ff",NULL,"\\x"}`),
	}
}

func postgresGeometries() []kind {
	return []kind{{name: "geometry", form: geometry, off: true, declare: plain("geometry"),
		edges: fixed("'POINT(1 2)'", "'SRID=4326;POINT(1 -2.5)'", "'POINT Z (1 2 3)'", "'POINT M (1 2 3)'", "'SRID=4326;POINT ZM (1 2 3 4)'", "'POINT EMPTY'", "'GEOMETRYCOLLECTION EMPTY'", "'LINESTRING(0 0,1 1,2 0)'",
			"'POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 2,1 1))'", "'MULTIPOINT(1 1,2 2)'", "'SRID=3857;GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))'"),
		random: func(r *rand.Rand, _ *Column) string {
			return fmt.Sprintf("'SRID=%s;POINT(%s %s)'", one(r, "0", "4326"), strconv.Itoa(r.IntN(360)-180), strconv.Itoa(r.IntN(180)-90))
		}}}
}
