package data

import (
	"encoding/hex"
	"math"
	"strconv"
)

// Wide is a table of 20 columns of mixed types, about 400 bytes a row, with NULLs, both ends of number ranges, accents, emoji,
// quotes and line breaks.
func Wide() *Table {
	states := []string{"open", "paid", "sent", "lost in transit", "zurück"}
	return &Table{Name: "wide", Columns: []Column{
		{Name: "id", Type: "BIGINT NOT NULL", Append: all(id)},
		{Name: "small", Type: "TINYINT", Append: some(9, between(-128, 127))},
		{Name: "code", Type: "SMALLINT UNSIGNED NOT NULL", Append: all(between(0, 65535))},
		{Name: "quantity", Type: "INT", Append: some(9, between(math.MinInt32, math.MaxInt32))},
		{Name: "serial", Type: "BIGINT UNSIGNED", Append: some(20, unsigned)},
		{Name: "price", Type: "DECIMAL(12,2) NOT NULL", Append: all(decimal(12, 2))},
		{Name: "exact", Type: "DECIMAL(38,10)", Append: some(9, decimal(38, 10))},
		{Name: "ratio", Type: "FLOAT", Append: some(9, float32Text)},
		{Name: "weight", Type: "DOUBLE", Append: some(9, float64Text)},
		{Name: "flags", Type: "BIT(12)", Append: some(9, between(0, 4095))},
		{Name: "state", Type: "ENUM('open','paid','sent','lost in transit','zurück') NOT NULL", Append: all(oneOf(states...))},
		{Name: "tags", Type: "SET('new','gift','fragile','cold')", Append: some(9, oneOf("", "new", "gift", "new,gift", "fragile,cold", "new,gift,fragile,cold"))},
		{Name: "born", Type: "DATE", Append: some(9, date)},
		{Name: "ordered", Type: "DATETIME(6) NOT NULL", Append: all(datetime(6))},
		{Name: "seen", Type: "TIMESTAMP(3) NULL", Append: some(9, stamp)},
		{Name: "span", Type: "TIME", Append: some(9, span)},
		{Name: "name", Type: "VARCHAR(60) NOT NULL", Append: all(name)},
		{Name: "note", Type: "TEXT", Append: some(4, note)},
		{Name: "doc", Type: "JSON", Append: some(9, doc)},
		{Name: "raw", Type: "VARBINARY(32)", Hex: true, Append: some(9, rawHex)},
	}}
}

// Narrow is a table of 12 columns of the usual types, about 245 bytes a row.
func Narrow() *Table {
	return &Table{Name: "narrow", Columns: []Column{
		{Name: "id", Type: "BIGINT NOT NULL", Append: all(id)},
		{Name: "customer", Type: "INT NOT NULL", Append: all(between(1, 5_000_000))},
		{Name: "product", Type: "INT NOT NULL", Append: all(between(1, 200_000))},
		{Name: "quantity", Type: "SMALLINT NOT NULL", Append: all(between(1, 500))},
		{Name: "price", Type: "DECIMAL(10,2) NOT NULL", Append: all(decimal(8, 2))},
		{Name: "total", Type: "DOUBLE NOT NULL", Append: all(float64Text)},
		{Name: "ordered", Type: "DATETIME NOT NULL", Append: all(datetime(0))},
		{Name: "changed", Type: "DATETIME(6)", Append: some(10, datetime(6))},
		{Name: "status", Type: "VARCHAR(10) NOT NULL", Append: all(oneOf("open", "paid", "sent", "returned"))},
		{Name: "email", Type: "VARCHAR(60) NOT NULL", Append: all(email)},
		{Name: "address", Type: "VARCHAR(100)", Append: some(20, words(35, 60))},
		{Name: "note", Type: "VARCHAR(200)", Append: some(20, words(60, 96))},
	}}
}

func unsigned(dst []byte, r *Row) []byte {
	if r.IntN(64) == 0 {
		return strconv.AppendUint(dst, math.MaxUint64, 10)
	}
	return strconv.AppendUint(dst, r.Uint64()>>uint(r.IntN(40)), 10)
}

// Floats are written with all their digits, so that the column holds exactly this float.
func float32Text(dst []byte, r *Row) []byte {
	return strconv.AppendFloat(dst, float64(float32(r.NormFloat64()*1000)), 'g', -1, 32)
}

func float64Text(dst []byte, r *Row) []byte {
	return strconv.AppendFloat(dst, r.NormFloat64()*1e6, 'g', -1, 64)
}

// stamp keeps to the middle of the day: the hours at which clocks are changed do not exist in every session's zone.
func stamp(dst []byte, r *Row) []byte {
	dst = strconv.AppendInt(dst, int64(1971+r.IntN(66)), 10)
	dst = twoDigits(append(dst, '-'), 1+r.IntN(12))
	dst = twoDigits(append(dst, '-'), 1+r.IntN(28))
	dst = twoDigits(append(dst, ' '), 10+r.IntN(4))
	dst = twoDigits(append(dst, ':'), r.IntN(60))
	dst = twoDigits(append(dst, ':'), r.IntN(60))
	dst = append(dst, '.')
	for range 3 {
		dst = append(dst, byte('0'+r.IntN(10)))
	}
	return dst
}

// span is a TIME, also beyond a day and below zero.
func span(dst []byte, r *Row) []byte {
	if r.IntN(5) == 0 {
		dst = append(dst, '-')
	}
	dst = strconv.AppendInt(dst, int64(100+r.IntN(738)), 10)
	dst = twoDigits(append(dst, ':'), r.IntN(60))
	return twoDigits(append(dst, ':'), r.IntN(60))
}

func name(dst []byte, r *Row) []byte {
	dst = oneOf("Ada", "Grace", "Łukasz", "Zoë", "Edsger", "李明", "Margaret", "Søren", "Ken", "O'Brien")(dst, r)
	dst = append(dst, ' ')
	dst = oneOf("Lovelace", "Hopper", "Nowak", "Müller", "Dijkstra", "Hamilton", "Ångström", "\"Quote\"", "🙂", "Back\\slash")(dst, r)
	return strconv.AppendInt(append(dst, ' '), int64(r.IntN(10_000)), 10)
}

func note(dst []byte, r *Row) []byte {
	dst = words(20, 160)(dst, r)
	switch r.IntN(6) {
	case 0:
		dst = append(dst, "\nsecond line\tafter a tab"...)
	case 1:
		dst = append(dst, " – «déjà vu» 100 % \\ \"x\" 🚚"...)
	}
	return dst
}

func doc(dst []byte, r *Row) []byte {
	dst = append(dst, `{"sku": "A-`...)
	dst = strconv.AppendInt(dst, int64(r.IntN(100_000)), 10)
	dst = append(dst, `", "sizes": [`...)
	dst = strconv.AppendInt(dst, int64(r.IntN(50)), 10)
	dst = append(dst, ", "...)
	dst = strconv.AppendInt(dst, int64(r.IntN(50)), 10)
	dst = append(dst, `], "gift": `...)
	dst = strconv.AppendBool(dst, r.IntN(2) == 0)
	return append(dst, '}')
}

func rawHex(dst []byte, r *Row) []byte {
	var raw [32]byte
	n := r.IntN(len(raw) + 1)
	for i := range n {
		raw[i] = byte(r.Uint32())
	}
	return hex.AppendEncode(dst, raw[:n])
}

func email(dst []byte, r *Row) []byte {
	dst = append(dst, "user."...)
	dst = strconv.AppendUint(dst, r.Uint64N(1e9), 10)
	return append(dst, oneOf("@example.org", "@mail.example.com", "@shop.example.net")(nil, r)...)
}

// words makes text of short words, from least to most bytes.
func words(least, most int) func([]byte, *Row) []byte {
	const letters = "etaoinshrdlucmfwypvbgk"
	return func(dst []byte, r *Row) []byte {
		end := len(dst) + least + r.IntN(most-least+1)
		for len(dst) < end {
			random := r.Uint64()
			for range 3 + random%7 {
				if len(dst) == end {
					break
				}
				dst = append(dst, letters[random>>8%uint64(len(letters))])
				random = random>>5 | random<<59
			}
			if len(dst) < end-1 {
				dst = append(dst, ' ')
			}
		}
		return dst
	}
}
