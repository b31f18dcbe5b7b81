// Package documents proves that every document of an index equals the row it was made of. Its judge reads the table through the
// mariadb client and the index through HTTP, and compares digit for digit; it knows the towpath program, but none of its code.
package documents

import (
	"encoding/hex"
	"math"
	"strconv"

	"github.com/towpath/towpath/bench/data"
)

// Column is a column of the table with how the judge reads it and what the index has to hold.
type Column struct {
	data.Column
	read string // in SQL: text without tabs, line breaks and backslashes, exact whatever the value
	form form
}

// Columns are the 20 columns of a table of so many rows, at least 2: the keys go from 0 to the largest there is. All but the first two, name and
// status can be NULL, and one value in sixteen is an edge of its type.
func Columns(rows int64) []Column {
	const hexed = "HEX(`%`)"
	step := uint64(math.MaxUint64) / uint64(rows-1)
	return []Column{
		column("id", "BIGINT UNSIGNED NOT NULL", "`%`", eitherDigits, always(func(dst []byte, r *data.Row) []byte {
			if r.ID == rows {
				return strconv.AppendUint(dst, math.MaxUint64, 10)
			}
			return strconv.AppendUint(dst, uint64(r.ID-1)*step, 10)
		})),
		column("n", "INT NOT NULL", "`%`", digits, always(func(dst []byte, r *data.Row) []byte { return strconv.AppendInt(dst, r.ID, 10) })),
		column("flag", "TINYINT(1)", "`%`", digits, sometimes(whole(0, 1), "0", "1", "2", "-1", "127", "-128")),
		column("small", "SMALLINT UNSIGNED", "`%`", digits, sometimes(whole(0, 65535), "0", "32767", "32768", "65535")),
		column("price", "DECIMAL(12,2)", "`%`", digits, sometimes(decimal(10, 2), "9999999999.99", "9999999999.98", "-9999999999.99", "0.00", "-0.01", "1.10")),
		column("exact", "DECIMAL(30,10)", "`%`", quoted, sometimes(decimal(20, 10), "12345678901234567890.1234567891", "12345678901234567890.1234567892",
			"99999999999999999999.9999999999", "-99999999999999999999.9999999999", "0.0000000000", "-0.0000000001", "1.0000000000")),
		// the client prints six digits of a FLOAT; as a DOUBLE it is the same number with all of them
		column("ratio", "FLOAT", "CAST(`%` AS DOUBLE)", float32Number, sometimes(float32s, "3.4028234663852886e38", "-3.4028234663852886e38", "1.1754943508222875e-38",
			"1.401298464324817e-45", "16777216", "0.1", "-0e0", "0e0", "123456.789")),
		column("score", "DOUBLE", "`%`", float64Number, sometimes(float64s, "1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308",
			"5e-324", "0.1", "9007199254740993", "-0e0", "0e0", "0.30000000000000004", "1e21", "1e-7")),
		column("mask", "BIT(12)", "`%` + 0", digits, sometimes(whole(0, 4095), "0", "1", "4095", "515")),
		column("name", "VARCHAR(80) NOT NULL", hexed, text, always(names)),
		column("note", "TEXT", hexed, text, sometimes(notes, edgeTexts()...)),
		hexColumn("token", "VARBINARY(32)", hexed, sometimes(tokens, "", "00", "ff", "00ff00", "fffe5c275c3022090a0d")),
		column("born", "DATE", "`%`", quoted, sometimes(date(1000, 9000), "0001-01-01", "1000-01-01", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31")),
		column("seen", "DATETIME(6)", "`%`", wallClock, sometimes(datetime(1970, 290, 6), "1970-01-01 00:00:00.000000", "2262-04-11 23:47:16.854775",
			"2024-05-06 07:08:09.123456", "2024-05-06 07:08:09.123457", "2024-02-29 23:59:59.999999")),
		column("changed", "TIMESTAMP(3) NULL", "`%`", instant, sometimes(datetime(1971, 66, 3), "1970-01-01 00:00:01.000", "2038-01-19 03:14:07.999",
			"2024-03-31 01:30:00.001", "2024-10-27 01:30:00.500")),
		column("lasts", "TIME(3)", "`%`", quoted, sometimes(span, "00:00:00.000", "-00:00:00.001", "838:59:59.999", "-838:59:59.999", "24:00:00.000")),
		column("built", "YEAR", "`%` + 0", digits, sometimes(whole(1901, 2155), "0000", "1901", "2155", "1970")),
		column("status", "ENUM('open','paid','it''s \"done\"','zurück 🚚','NULL') NOT NULL", hexed, text, always(oneOf("open", "paid", `it's "done"`, "zurück 🚚", "NULL"))),
		column("tags", "SET('new','gift','for \"her\"','kühl','🧊')", hexed, set, sometimes(oneOf("", "new", "gift", "new,gift", `gift,for "her",kühl`, `new,gift,for "her",kühl,🧊`), "🧊")),
		column("doc", "JSON", hexed, tree, sometimes(docs, edgeDocs()...)),
	}
}

// Table is the table of so many rows as bench/data fills it.
func Table(rows int64) *data.Table {
	t := &data.Table{Name: "documents"}
	for _, c := range Columns(rows) {
		t.Columns = append(t.Columns, c.Column)
	}
	return t
}

type source = func(dst []byte, r *data.Row) ([]byte, bool)

func column(name, sql, read string, f form, value source) Column {
	return Column{Column: data.Column{Name: name, Type: sql, Append: value}, read: read, form: f}
}

func hexColumn(name, sql, read string, value source) Column {
	c := column(name, sql, read, base64Text, value)
	c.Hex = true
	return c
}

func always(value func([]byte, *data.Row) []byte) source {
	return func(dst []byte, r *data.Row) ([]byte, bool) { return value(dst, r), true }
}

// sometimes makes NULL in one of ten rows and one of the edges in one of sixteen others.
func sometimes(value func([]byte, *data.Row) []byte, edges ...string) source {
	return func(dst []byte, r *data.Row) ([]byte, bool) {
		if r.IntN(10) == 0 {
			return dst, false
		}
		if r.IntN(16) == 0 {
			return append(dst, edges[r.IntN(len(edges))]...), true
		}
		return value(dst, r), true
	}
}

func whole(low, high int) func([]byte, *data.Row) []byte {
	return func(dst []byte, r *data.Row) []byte { return strconv.AppendInt(dst, int64(low+r.IntN(high-low+1)), 10) }
}

// decimal makes numbers of up to so many digits before the point and exactly scale behind it.
func decimal(before, scale int) func([]byte, *data.Row) []byte {
	return func(dst []byte, r *data.Row) []byte {
		if r.IntN(3) == 0 {
			dst = append(dst, '-')
		}
		dst = append(dst, byte('1'+r.IntN(9)))
		for range r.IntN(before) {
			dst = append(dst, byte('0'+r.IntN(10)))
		}
		dst = append(dst, '.')
		for range scale {
			dst = append(dst, byte('0'+r.IntN(10)))
		}
		return dst
	}
}

// float32s makes any finite float but zero's neighbours: random bits with a random exponent of the middle.
func float32s(dst []byte, r *data.Row) []byte {
	bits := r.Uint32()&0x807fffff | uint32(40+r.IntN(170))<<23
	return strconv.AppendFloat(dst, float64(math.Float32frombits(bits)), 'g', -1, 64)
}

func float64s(dst []byte, r *data.Row) []byte {
	bits := r.Uint64()&0x800fffffffffffff | uint64(300+r.IntN(1400))<<52
	return strconv.AppendFloat(dst, math.Float64frombits(bits), 'g', -1, 64)
}

func tokens(dst []byte, r *data.Row) []byte {
	var raw [32]byte
	n := r.IntN(len(raw) + 1)
	for i := range n {
		raw[i] = byte(r.Uint32())
	}
	return hex.AppendEncode(dst, raw[:n])
}

func oneOf(values ...string) func([]byte, *data.Row) []byte {
	return func(dst []byte, r *data.Row) []byte { return append(dst, values[r.IntN(len(values))]...) }
}
