package draw

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// anyCode stands for all codes: the value is none of its column's type, or the target is narrower than the source.
const anyCode = "*"

// reasonsOf are the codes with which a row may be dirty for the sake of a value: what the target has no place for.
func reasonsOf(target string, c *Column, x cell, stored string) []string {
	if c.Target != "" {
		return []string{anyCode}
	}
	value, err := normal(c.kind.form, x.shape, x.value)
	if err != nil || loosely(c, x) {
		return []string{anyCode}
	}
	switch c.kind.form {
	case number, float64s, float32s:
		return numberReasons(target, c, value)
	case text, padded:
		return textReasons(target, c, x.value)
	case date, moment:
		return momentReasons(target, c, value, stored)
	case clock:
		if n, ok := new(big.Rat).SetString(value); ok && target == "mysql" && n.Abs(n).Cmp(big.NewRat(839*3600_000_000, 1)) >= 0 {
			return []string{"RANGE"}
		}
	case interval:
		if value == "infinity" || value == "-infinity" {
			return []string{"INFTIME"}
		}
	case document:
		return documentReasons(target, value)
	case list:
		reasons := listReasons(target, value)
		if c.kind.elem.form == moment && target == "elasticsearch" {
			reasons = append(reasons, "RANGE") // a field of nanoseconds ends in 2262
		}
		return reasons
	case uuid:
		// MariaDB takes no uuid of a version above 7 whose ninth byte is 01 to 80
		if target == "mysql" && value[12] >= '8' && value[16:18] > "00" && value[16:18] <= "80" {
			return []string{"RANGE"}
		}
	case labels:
		return labelReasons(target, c)
	case geometry:
		if target == "mysql" {
			return geometryReasons(value)
		}
	}
	return nil
}

// loosely reports whether SQLite holds a value of another class, size or form than its column is declared for.
func loosely(c *Column, x cell) bool {
	switch c.kind.name {
	case "tinyint", "smallint", "mediumint", "int32", "integer":
		if x.form != number {
			return true
		}
		n, err := strconv.ParseInt(x.value, 10, 64)
		return err != nil || c.size < 64 && (n < -(1<<(c.size-1)) || n >= 1<<(c.size-1))
	case "text", "varchar", "json":
		return x.form != text || c.size > 0 && utf8.RuneCountInString(x.value) > c.size || !utf8.ValidString(x.value) || c.kind.form == document && !json.Valid([]byte(x.value))
	case "boolean":
		return x.value != "0" && x.value != "1" && x.value != "t" && x.value != "f"
	case "year":
		n, err := strconv.Atoi(x.value)
		return err != nil || n != 0 && (n < 1901 || n > 2155)
	case "datetime", "timestamptz", "time":
		_, behind, _ := strings.Cut(strings.TrimSuffix(x.value, "Z"), ".")
		return len(strings.TrimRight(behind, "0")) > c.size || c.kind.name == "timestamptz" && x.form == text && !strings.HasSuffix(x.value, "Z") && !strings.Contains(x.value, "+") && !strings.Contains(x.value, "infinity")
	}
	return false
}

func numberReasons(target string, c *Column, value string) []string {
	if value == "NaN" || value == "+Inf" || value == "-Inf" {
		if c.kind.form == number && target != "postgres" || target == "mysql" || target == "elasticsearch" {
			return []string{"NONFINITE"}
		}
		return nil
	}
	r, ok := new(big.Rat).SetString(value)
	if !ok || c.kind.form != number || target != "mysql" {
		return nil
	}
	// DECIMAL(65,30) for a number without precision; 65 digits in all, 38 of them behind the point
	var reasons []string
	limit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(35), nil))
	if r.Cmp(limit) >= 0 || r.Cmp(limit.Neg(limit)) <= 0 {
		reasons = append(reasons, "RANGE")
	}
	if scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(30), nil))); !scaled.IsInt() {
		reasons = append(reasons, "SCALE", "RANGE")
	}
	return reasons
}

func textReasons(target string, c *Column, value string) []string {
	var reasons []string
	if strings.Contains(value, "\x00") && target == "postgres" {
		reasons = append(reasons, "NUL")
	}
	if c.kind.name == "enum" {
		if target == "mysql" && value == "" {
			reasons = append(reasons, "TYPE") // its number 0
		}
		if target == "hbase" && value == "" {
			reasons = append(reasons, "RANGE") // it is none of the labels
		}
		reasons = append(reasons, labelReasons(target, c)...)
	}
	return reasons
}

// labelReasons: MariaDB's catalog shows question marks for labels of four bytes a character, so a column of labels that is made of it
// does not have them.
func labelReasons(target string, c *Column) []string {
	if target == "mysql" && strings.Contains(c.Type, "🧊") {
		return []string{"TYPE"}
	}
	return nil
}

func momentReasons(target string, c *Column, value, stored string) []string {
	if value == "infinity" || value == "-infinity" {
		if target == "postgres" {
			return nil
		}
		return []string{"INFTIME"}
	}
	var reasons []string
	at := strings.LastIndex(value[:strings.LastIndexByte(strings.SplitN(value, " ", 2)[0], '-')], "-")
	year, err := strconv.Atoi(value[:at])
	if err != nil {
		return []string{anyCode}
	}
	day := strings.SplitN(value, " ", 2)[0]
	if strings.Contains(day, "-00-") || strings.HasSuffix(day, "-00") {
		reasons = append(reasons, "ZERODATE")
	}
	if day == "2026-02-30" || strings.Contains(value, ":60") {
		reasons = append(reasons, "RANGE")
	}
	switch {
	case target == "mysql" && (year < 0 || year > 9999), target == "elasticsearch" && (year < 1 || year > 9999),
		target == "mysql" && c.kind.name == "timestamptz" && (year < 1971 || year > 2037), // near enough: the plan names the second
		target == "elasticsearch" && stored == "date_nanos" && (year < 1970 || year > 2261),
		year > 294246 && target != "postgres":
		reasons = append(reasons, "RANGE")
	}
	return reasons
}

// documentReasons: MariaDB reads no half characters, and a search server no names that stand twice.
func documentReasons(target, value string) []string {
	if target == "elasticsearch" && doubled(json.NewDecoder(strings.NewReader(value))) {
		return []string{"REJECTED"}
	}
	if target == "mysql" && (strings.Contains(value, `\ud800`) || strings.Contains(value, `\u0000`)) {
		return []string{"TYPE", "CONSTRAINT", "UTF8"}
	}
	return nil
}

func listReasons(target, value string) []string {
	var reasons []string
	if strings.HasPrefix(value, "[") && (target == "mysql" || target == "elasticsearch") {
		for part := range strings.SplitSeq(strings.SplitN(value, " ", 2)[0], "]") {
			if part != "" && !strings.HasPrefix(part, "[1:") {
				reasons = append(reasons, "SHAPE")
			}
		}
	}
	if strings.Contains(value, `"NaN"`) || strings.Contains(value, `"+Inf"`) || strings.Contains(value, `"-Inf"`) {
		reasons = append(reasons, "NONFINITE")
	}
	if strings.Contains(value, `infinity"`) {
		reasons = append(reasons, "INFTIME")
	}
	return reasons
}

// geometryReasons: MariaDB has no heights, no measures and no empty points.
func geometryReasons(value string) []string {
	const notANumber = "7ff8000000000000"
	if strings.Contains(value, "ztrue") || strings.Contains(value, "mtrue") || strings.Contains(value, notANumber) || strings.HasSuffix(value, "()") {
		return []string{"SHAPE"}
	}
	return nil
}

// doubled reports whether a name stands twice in an object of a document.
func doubled(d *json.Decoder) bool {
	d.UseNumber() // some are beyond every float
	found := false
	var walk func() bool // false at the end of an object or array
	walk = func() bool {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('['):
			for walk() {
			}
		case json.Delim('{'):
			names := map[string]bool{}
			for {
				name, err := d.Token()
				text, ok := name.(string)
				if err != nil || !ok {
					break
				}
				found = found || names[text]
				names[text] = true
				walk()
			}
		case json.Delim(']'), json.Delim('}'):
			return false
		}
		return true
	}
	walk()
	return found
}
