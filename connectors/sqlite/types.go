package sqlite

import (
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// affinity is what SQLite converts values of a column to (https://www.sqlite.org/datatype3.html#determination_of_column_affinity).
type affinity int

const (
	affinityBlob affinity = iota // converts nothing
	affinityText
	affinityNumeric
	affinityInteger
	affinityReal
)

func affinityOf(decl string) affinity {
	decl = strings.ToUpper(decl)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(decl, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return affinityInteger
	case has("CHAR", "CLOB", "TEXT"):
		return affinityText
	case decl == "" || has("BLOB"):
		return affinityBlob
	case has("REAL", "FLOA", "DOUB"):
		return affinityReal
	}
	return affinityNumeric
}

// named is the types that SQLite files declare by one name. Lengths and digits in parentheses are put in where the kind has them.
var named = map[string]record.Type{
	"BOOL": {Kind: record.Bool}, "BOOLEAN": {Kind: record.Bool},
	"TINYINT": {Kind: record.Int, Bits: 8}, "SMALLINT": {Kind: record.Int, Bits: 16}, "MEDIUMINT": {Kind: record.Int, Bits: 24}, "INT32": {Kind: record.Int, Bits: 32},
	"TINYINT UNSIGNED": {Kind: record.Uint, Bits: 8}, "SMALLINT UNSIGNED": {Kind: record.Uint, Bits: 16},
	"MEDIUMINT UNSIGNED": {Kind: record.Uint, Bits: 24}, "INT32 UNSIGNED": {Kind: record.Uint, Bits: 32}, "TEXT UNSIGNED64": {Kind: record.Uint, Bits: 64},
	"FLOAT32": {Kind: record.Float, Bits: 32},
	"DECIMAL": {Kind: record.Decimal}, "NUMERIC": {Kind: record.Decimal}, "NUMBER": {Kind: record.Decimal},
	"CHAR": {Kind: record.Text, Fixed: true}, "CHARACTER": {Kind: record.Text, Fixed: true}, "NCHAR": {Kind: record.Text, Fixed: true},
	"BINARY": {Kind: record.Bytes, Fixed: true}, "VARBINARY": {Kind: record.Bytes},
	"DATE": {Kind: record.Date}, "TIME": {Kind: record.Time, Precision: 6}, "DATETIME": {Kind: record.Datetime, Precision: 6},
	"TIMESTAMP": {Kind: record.Datetime, Precision: 6}, "TIMESTAMPTZ": {Kind: record.Instant, Precision: 6},
	"YEAR": {Kind: record.Year}, "UUID": {Kind: record.UUID}, "JSON": {Kind: record.JSON},
}

// readType returns the logical type of a declared type; ok false: nothing is declared, so values decide.
func readType(decl string) (t record.Type, ok bool) {
	decl = strings.TrimSpace(decl)
	if decl == "" {
		return record.Type{}, false
	}
	if rest, found := strings.CutPrefix(decl, "TEXT "); found && rest != "UNSIGNED64" {
		if t, err := record.ParseType(rest); err == nil {
			return t, true
		}
		if t, err := record.ParseType(strings.ToLower(rest)); err == nil {
			return t, true
		}
	}
	if rest, found := strings.CutPrefix(decl, "BLOB "); found {
		if t, err := record.ParseType(rest); err == nil {
			return t, true
		}
	}
	name, args := splitArgs(decl)
	if t, found := named[name]; found {
		return withArgs(t, args), true
	}
	switch affinityOf(decl) {
	case affinityInteger:
		return record.Type{Kind: record.Int, Bits: 64}, true
	case affinityText:
		return withArgs(record.Type{Kind: record.Text}, args), true
	case affinityBlob:
		return withArgs(record.Type{Kind: record.Bytes}, args), true
	case affinityReal:
		return record.Type{Kind: record.Float, Bits: 64}, true
	}
	return record.Type{Kind: record.Decimal}, true
}

// splitArgs cuts VARCHAR(20) into its name and numbers.
func splitArgs(decl string) (name string, args []int) {
	name, rest, found := strings.Cut(decl, "(")
	name = strings.Join(strings.Fields(strings.ToUpper(name)), " ")
	if !found {
		return name, nil
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(rest), ")"), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 0 {
			return name, nil
		}
		args = append(args, n)
	}
	return name, args
}

func withArgs(t record.Type, args []int) record.Type {
	if len(args) == 0 {
		return t
	}
	switch t.Kind {
	case record.Text, record.Bytes:
		t.Length = int64(args[0])
	case record.Time, record.Datetime, record.Instant:
		if args[0] <= 9 {
			t.Precision = args[0]
		}
	case record.Decimal:
		if args[0] >= 1 {
			t.Precision = args[0]
		}
		if len(args) > 1 && args[1] <= args[0] {
			t.Scale = args[1]
		}
	}
	return t
}

// declare returns the declared type of a column that holds t exactly, and readType's answer to it. They differ, and loss
// says how, where SQLite has no place to remember a part of the type.
func declare(t record.Type) (decl string, stored record.Type, loss string) {
	decl = declaration(t)
	// A declared type with INT in it makes SQLite turn digits into numbers; only the labels and names of types can bring it there.
	if affinityOf(decl) == affinityInteger && keptAsText(t) && t.Kind != record.Interval {
		decl = "TEXT"
		loss = t.String() + " is kept as plain text"
	}
	stored, _ = readType(decl)
	return quoteType(decl), stored, loss
}

func declaration(t record.Type) string {
	parens := func(name string, n int64) string { return name + "(" + strconv.FormatInt(n, 10) + ")" }
	ints := map[int]string{8: "TINYINT", 16: "SMALLINT", 24: "MEDIUMINT", 32: "INT32", 64: "BIGINT"}
	switch t.Kind {
	case record.Bool:
		return "BOOLEAN"
	case record.Int:
		return ints[t.Bits]
	case record.Uint:
		if t.Bits == 64 {
			return "TEXT UNSIGNED64"
		}
		return ints[t.Bits] + " UNSIGNED"
	case record.Float:
		if t.Bits == 32 {
			return "FLOAT32"
		}
		return "DOUBLE"
	case record.Date, record.Year:
		return strings.ToUpper(t.Kind.String())
	case record.Time, record.Datetime:
		return parens(strings.ToUpper(t.Kind.String()), int64(t.Precision))
	case record.Instant:
		if !t.Offset {
			return parens("TIMESTAMPTZ", int64(t.Precision))
		}
	case record.Text:
		switch {
		case t.Length == 0:
			return "TEXT"
		case t.Unit == record.Chars && t.Fixed:
			return parens("CHAR", t.Length)
		case t.Unit == record.Chars:
			return parens("VARCHAR", t.Length)
		}
	case record.Bytes:
		switch {
		case t.Length == 0:
			return "BLOB"
		case t.Fixed:
			return parens("BINARY", t.Length)
		}
		return parens("VARBINARY", t.Length)
	case record.Document, record.List, record.Geometry:
		return "BLOB " + t.String()
	case record.Decimal, record.UUID, record.JSON, record.Interval:
		return "TEXT " + strings.ToUpper(t.String())
	}
	return "TEXT " + t.String()
}

// keptAsText reports whether cells of the type are bound as text that must not be taken for a number.
func keptAsText(t record.Type) bool {
	switch t.Kind {
	case record.Bool, record.Int, record.Float, record.Year, record.Bytes, record.Document, record.List, record.Geometry:
		return false
	case record.Uint:
		return t.Bits == 64
	}
	return true
}

// quoteType quotes a declared type that is more than words and numbers.
func quoteType(decl string) string {
	for _, c := range decl {
		plain := c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ' ' || c == '(' || c == ')' || c == ','
		if !plain {
			return quote(decl)
		}
	}
	return decl
}
