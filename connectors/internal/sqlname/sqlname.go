// Package sqlname is how people, jobs and SQL statements write names of tables: in parts that may stand in quotes, and as patterns.
// It knows no system: which character quotes a name is its Mark, and what the parts stand for its user knows.
package sqlname

import (
	"path"
	"strings"
)

// Mark is the character that stands around a quoted name; within the name it stands twice.
type Mark byte

// Quote writes a name as an identifier of a statement.
func (m Mark) Quote(name string) string {
	mark := string(rune(m))
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

// Part writes a part of a name as jobs do: as it is, or quoted where it would be read as something else.
func (m Mark) Part(name string) string {
	if name == "" || strings.ContainsAny(name, `.*?[]\ `) || strings.IndexByte(name, byte(m)) >= 0 {
		return m.Quote(name)
	}
	return name
}

// Part is one part of a name or pattern.
type Part struct {
	Text   string
	Quoted bool // it stood in quotes, so that a star in it is a star
}

// Match reports whether the part, as a pattern, stands for the name: * stands for any characters, everything else for itself.
func (p Part) Match(name string) bool {
	if p.Quoted {
		return p.Text == name
	}
	// What path.Match would take for more than a star is escaped, and a slash is no border in names of tables.
	escaped := strings.NewReplacer(`\`, `\\`, `?`, `\?`, `[`, `\[`, "/", "\x00").Replace(p.Text)
	ok, err := path.Match(escaped, strings.ReplaceAll(name, "/", "\x00"))
	return ok && err == nil
}

// IsPattern reports whether the part may stand for several names.
func (p Part) IsPattern() bool { return !p.Quoted && strings.Contains(p.Text, "*") }

// Like is the part as SQL's LIKE takes it, with \ as its escape, and not quoted.
func (p Part) Like() string {
	text := strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(p.Text)
	if p.IsPattern() {
		text = strings.ReplaceAll(text, "*", "%")
	}
	return text
}

// Split cuts a name or pattern at its dots. It returns false when a quote is not closed, or something follows one that is.
func (m Mark) Split(s string) ([]Part, bool) {
	var parts []Part
	for {
		p, rest, ok := m.cut(s)
		if !ok {
			return nil, false
		}
		if parts = append(parts, p); rest == "" {
			return parts, true
		}
		s = rest[1:]
	}
}

// cut takes the first part off; rest is empty or begins with the dot behind it.
func (m Mark) cut(s string) (p Part, rest string, ok bool) {
	if s == "" || s[0] != byte(m) {
		end := strings.IndexByte(s, '.')
		if end < 0 {
			end = len(s)
		}
		return Part{Text: s[:end]}, s[end:], true
	}
	var b strings.Builder
	i := 1
	for ; i < len(s); i++ {
		if s[i] == byte(m) {
			if i+1 >= len(s) || s[i+1] != byte(m) {
				break
			}
			i++
		}
		b.WriteByte(s[i])
	}
	if i >= len(s) || i+1 < len(s) && s[i+1] != '.' {
		return Part{}, "", false
	}
	return Part{b.String(), true}, s[i+1:], true
}
