package hbase

import (
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

const (
	defaultNamespace = "default"
	systemNamespace  = "hbase"
)

// tableName is a table's name as calls carry it: without the default namespace.
func tableName(dataset string) (string, error) {
	name := strings.TrimPrefix(dataset, defaultNamespace+":")
	namespace, table, found := strings.Cut(name, ":")
	if !found {
		namespace, table = defaultNamespace, name
	}
	if !plainName(namespace) || !plainName(table) {
		return "", connector.Errorf(connector.Config, "TOW-803", "no table can be named %q", dataset).
			WithHint("Write table or namespace:table, of letters, digits, _, - and full stops.")
	}
	return name, nil
}

// plainName reports whether HBase takes the word as the name of a table or a namespace.
func plainName(word string) bool {
	for _, c := range []byte(word) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return word != ""
}

// matches reports whether the table's name fits the pattern, in which * stands for any characters of namespace or table. Tables of the
// system are matched only by a pattern that names their namespace.
func matches(pattern, name string) bool {
	pattern = strings.TrimPrefix(pattern, defaultNamespace+":")
	if pattern == "" {
		pattern = "*"
	}
	if strings.HasPrefix(name, systemNamespace+":") && !strings.HasPrefix(pattern, systemNamespace+":") {
		return false
	}
	if rest, any := strings.CutPrefix(pattern, "*:"); any && !strings.Contains(name, ":") { // the default namespace is one of all
		pattern = rest
	}
	slashes := strings.NewReplacer(":", "/")
	ok, err := path.Match(slashes.Replace(pattern), slashes.Replace(name))
	return err == nil && ok
}

// escape writes bytes as the HBase shell shows them: printable ASCII as it is, all else as \xNN.
func escape(b []byte) string { return string(appendEscaped(nil, b)) }

func appendEscaped(dst, b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range b {
		if c >= ' ' && c <= '~' && c != '\\' {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
	}
	return dst
}

// unescape reads what escape wrote; ok is false for a backslash that begins no \xNN. Text beyond ASCII stands for its UTF-8.
func unescape(text string) (b []byte, ok bool) {
	for len(text) > 0 {
		if text[0] != '\\' {
			b, text = append(b, text[0]), text[1:]
			continue
		}
		if len(text) < 4 || text[1] != 'x' {
			return nil, false
		}
		c, err := hex.DecodeString(text[2:4])
		if err != nil {
			return nil, false
		}
		b, text = append(b, c[0]), text[4:]
	}
	return b, true
}

// unescapeOption is unescape for an option at a path; the empty text is nil.
func unescapeOption(text, at string) ([]byte, error) {
	b, ok := unescape(text)
	if !ok {
		return nil, connector.Errorf(connector.Config, "TOW-813", "%q has a backslash that begins no byte", text).At(at).
			WithHint(`Write bytes as \xNN, a backslash as \x5C.`)
	}
	return b, nil
}

// columnName is a column: a family, and a qualifier of any bytes.
type columnName struct{ family, qualifier string }

// parseColumn reads family:qualifier, both as escape writes them, or a qualifier of the family that needs no name.
func parseColumn(name, family string) (c columnName, ok bool) {
	first, second, found := strings.Cut(name, ":")
	if !found {
		first, second = family, name
	}
	q, ok := unescape(second)
	return columnName{first, string(q)}, ok && first != ""
}

// text is the name under which the column is read, when its family needs no name or does.
func (c columnName) text(family string) string {
	q := escape([]byte(c.qualifier))
	if c.family == family && !strings.Contains(q, ":") {
		return q
	}
	return c.family + ":" + q
}

// place is where documents hold the column that is read under a name: in an object of its family, unless the name is one of its own.
func (c columnName) place(name string) *record.Place {
	if name != c.text("") {
		return nil
	}
	return &record.Place{Object: c.family, Member: escape([]byte(c.qualifier))}
}

// mostParts is into how many parts dots may divide a qualifier that is a member.
const mostParts = 15

// member reports whether the qualifier can be a member of a document's object: its parts between dots are few, and none is blank.
func (c columnName) member() bool {
	parts := strings.Split(escape([]byte(c.qualifier)), ".")
	return len(parts) <= mostParts && !slices.ContainsFunc(parts, func(part string) bool { return strings.TrimSpace(part) == "" })
}

// afterRow is the first key behind a row.
func afterRow(row []byte) []byte { return append(append(make([]byte, 0, len(row)+1), row...), 0) }
