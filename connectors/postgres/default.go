package postgres

import (
	"strings"

	"github.com/towpath/towpath/record"
)

// parseDefault reads a column's default as the server writes it (pg_get_expr): a literal, perhaps with a sign or a cast, the time of the
// statement, the next number of a sequence that belongs to the column. All else is an expression of the server's own language.
func parseDefault(text string, t record.Type, ownsSequence bool) (d *record.Default, numbered bool) {
	if ownsSequence && strings.HasPrefix(text, "nextval('") {
		return nil, true
	}
	foreign := &record.Default{Foreign: text}
	word := bareCast(text)
	switch strings.ToLower(word) {
	case "null":
		return nil, false
	case "now()", "current_timestamp", "transaction_timestamp()", "statement_timestamp()", "localtimestamp":
		if t.Kind == record.Datetime || t.Kind == record.Instant {
			return &record.Default{Now: true}, false
		}
		return foreign, false
	case "current_date", "('now'::text)::date":
		if t.Kind == record.Date {
			return &record.Default{Now: true}, false
		}
		return foreign, false
	}
	value, ok := literalValue(word)
	if !ok || !holds(t, value) {
		return foreign, false
	}
	if value = spelled(t, value); value == "" && t.Kind != record.Text {
		return foreign, false
	}
	return &record.Default{Text: value}, false
}

// bareCast takes casts off the end, and brackets around: ('-1'::integer)::bigint.
func bareCast(text string) string {
	for {
		text = strings.TrimSpace(text)
		if inner, ok := brackets(text); ok {
			text = inner
			continue
		}
		at := strings.LastIndex(text, "::")
		if at < 0 || strings.ContainsAny(text[at:], `'`) || !typeName(text[at+2:]) || !whole(text[:at]) {
			return text
		}
		text = text[:at]
	}
}

// brackets takes off a pair that encloses all.
func brackets(text string) (inner string, ok bool) {
	if !strings.HasPrefix(text, "(") || !strings.HasSuffix(text, ")") {
		return text, false
	}
	return text[1 : len(text)-1], whole(text[1 : len(text)-1])
}

// whole tells that quotes are closed and brackets balanced in every beginning of the text.
func whole(text string) bool {
	depth, quoted := 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0 && !quoted
}

// typeName tells that the text can be nothing but the name of a type.
func typeName(text string) bool {
	return text != "" && strings.Trim(text, `abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"., ()[]`) == ""
}

// literalValue reads 'it”s', -1.50, true.
func literalValue(text string) (string, bool) {
	switch {
	case len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'':
		body := text[1 : len(text)-1]
		if strings.Contains(strings.ReplaceAll(body, "''", ""), "'") {
			return "", false
		}
		return strings.ReplaceAll(body, "''", "'"), true
	case text == "":
		return "", false
	case text == "true" || text == "false":
		return text, true
	}
	digits := strings.TrimLeft(strings.TrimPrefix(text, "-"), " ")
	if digits == "" || strings.Trim(digits, "0123456789.eE+-") != "" || digits[0] < '.' || digits[0] > '9' {
		return "", false
	}
	return strings.ReplaceAll(text, " ", ""), true
}

// holds tells whether the text is one of a value of the type.
func holds(t record.Type, text string) bool {
	switch t.Kind {
	case record.List, record.Bytes, record.Geometry, record.Document, record.Interval, record.Native:
		return false // their text forms are others than the server's
	}
	v := record.NewVector(t.Form())
	return record.AppendParsed(v, &t, []byte(text)) == ""
}

// spelled writes the value in the text form of its type.
func spelled(t record.Type, text string) string {
	v := record.NewVector(t.Form())
	record.AppendParsed(v, &t, []byte(text))
	return string(record.AppendText(nil, &t, v, 0))
}
