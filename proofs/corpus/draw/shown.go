package draw

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// expression is what a system's client is asked for so that it shows all of a column's value; stored is the column's declared type there.
func expression(system, stored, name string) string {
	switch system {
	case "mysql":
		return mysqlExpression(stored, name)
	case "postgres":
		switch {
		case stored == "money":
			return name + "::numeric"
		case stored == "geometry" || strings.HasPrefix(stored, "geometry("):
			return "ST_SRID(" + name + ") || ';' || encode(ST_AsBinary(" + name + ", 'NDR'), 'hex')"
		}
		// the type's own output: a cast to text cuts blanks off a char(n), and writes addresses otherwise
		return "CASE WHEN " + name + " IS NOT NULL THEN format('%s', " + name + ") END"
	case "sqlite":
		return "CASE WHEN " + name + " IS NOT NULL THEN typeof(" + name + ") || ':' || CASE typeof(" + name + ") WHEN 'real' THEN hex(quote(" + name + ")) ELSE hex(" + name + ") END END"
	}
	return name
}

func mysqlExpression(stored, name string) string {
	word, _, _ := strings.Cut(stored, "(")
	word, _, _ = strings.Cut(word, " ")
	switch word {
	case "float", "double":
		return "CAST(" + name + " AS DOUBLE)"
	case "bit":
		return fmt.Sprintf("LPAD(BIN(%s + 0), %d, '0')", name, digits(stored))
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return "HEX(" + name + ")"
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection":
		return "CONCAT(ST_SRID(" + name + "), ';', HEX(ST_AsWKB(" + name + ")))"
	}
	return name
}

// digits is the first number in a type's brackets, 0 without.
func digits(stored string) int {
	m := regexp.MustCompile(`\(([0-9]+)`).FindStringSubmatch(stored)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return n
}

// shown takes apart what a client shows of a cell: the value's text, and the shape that it has. ok is false for NULL.
func shown(system, stored string, c *Column, line string) (s shape, value string, ok bool, err error) {
	if line == "NULL" {
		return s, "", false, nil
	}
	if line == "'NULL'" && system != "sqlite" { // how the places show a text of these letters
		line = "NULL"
	}
	switch system {
	case "mysql":
		return mysqlShape(stored, c), line, true, nil
	case "postgres":
		return postgresShape(stored, c), line, true, nil
	case "sqlite":
		s, value, err = sqliteShape(stored, c, line)
		return s, value, true, err
	}
	s, value, err = searchShape(stored, c, line)
	return s, value, true, err
}

func mysqlShape(stored string, c *Column) shape {
	word, _, _ := strings.Cut(stored, "(")
	word, _, _ = strings.Cut(word, " ")
	s := shape{form: text, n: c.size, elem: c.kind.elem}
	switch word {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year":
		s.form = number
	case "float", "double":
		s.form = float64s // shown with all digits of a double
	case "bit":
		s.form = bits
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		s.form, s.hex = octets, true
	case "date":
		s.form = date
	case "datetime", "timestamp":
		s.form = moment
	case "time":
		s.form = clock
	case "uuid":
		s.form = uuid
	case "set":
		s.form, s.set = labels, true
	case "char":
		s.form = padded
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection":
		s.form = geometry
	default:
		s.json = true // what has no type of its own there is a document in a text
	}
	return s
}

func postgresShape(stored string, c *Column) shape {
	s := shape{form: text, n: c.size, elem: c.kind.elem}
	word, _, _ := strings.Cut(stored, "(")
	switch strings.TrimSpace(word) {
	case "smallint", "integer", "bigint", "numeric", "money":
		s.form = number
	case "real":
		s.form = float32s
	case "double precision":
		s.form = float64s
	case "boolean":
		s.form = truth
	case "bit", "bit varying":
		s.form = bits
	case "bytea":
		s.form = octets
	case "date":
		s.form = date
	case "timestamp", "timestamp without time zone", "timestamp with time zone":
		s.form = moment
	case "time", "time without time zone":
		s.form = clock
	case "interval":
		s.form = interval
	case "uuid":
		s.form = uuid
	case "json", "jsonb":
		s.form, s.json = document, true
	case "character":
		s.form = padded
	case "geometry":
		s.form = geometry
	}
	if strings.HasSuffix(stored, "[]") {
		s.form = list
	}
	return s
}

// sqliteShape reads 'class:hex'.
func sqliteShape(stored string, c *Column, line string) (s shape, value string, err error) {
	class, rest, ok := strings.Cut(strings.Trim(line, "'"), ":")
	if !ok {
		return s, "", fmt.Errorf("%.60q is no cell of SQLite", line)
	}
	raw, err := hex.DecodeString(rest)
	if err != nil {
		return s, "", fmt.Errorf("%.60q is no cell of SQLite: %w", line, err)
	}
	s = shape{form: text, n: c.size, elem: c.kind.elem, set: true}
	switch class {
	case "integer":
		s.form = number
	case "real":
		// a float is the number of its shortest digits; the client shows more than these
		f, err := strconv.ParseFloat(string(raw), 64)
		if err == nil {
			raw = strconv.AppendFloat(nil, f, 'g', -1, 64)
		}
		s.form, s.real = number, true
	case "blob":
		s.form, s.hex = octets, true
		switch {
		case strings.HasPrefix(stored, "BLOB list"):
			s.form, s.raw = list, true
		case stored == "BLOB geometry":
			s.form, s.wkb = geometry, true
		}
		return s, rest, nil
	}
	return s, string(raw), nil
}

func searchShape(stored string, c *Column, line string) (s shape, value string, err error) {
	s = shape{form: text, n: c.size, elem: c.kind.elem, json: true}
	if s.elem != nil && s.elem.form == octets {
		s.elem = &shape{form: octets} // base64, as those of a column
	}
	if stored == "float" {
		s.form = float32s
	}
	switch {
	case c.kind.form == document:
		return s, line, nil
	case line[0] == '"':
		switch {
		case stored == "binary":
			s.form = octets
		case c.kind.form == bits && c.size <= 64:
			s.form = number // too large for numbers of this server, so digits in a text
		}
		err = json.Unmarshal([]byte(line), &value)
		return s, value, err
	case line[0] == '[', line[0] == '{':
		s.form = list
	case line == "true" || line == "false":
		s.form = truth
	case s.form == text:
		s.form = number
	}
	return s, line, nil
}
