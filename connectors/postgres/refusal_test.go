package postgres

import (
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// TestCopyLine: where a COPY stood is found in every language, and in nothing else.
func TestCopyLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		where, relation string
		line            int
		column          string
	}{
		{"COPY x, line 5, column note", "x", 5, "note"},
		{"COPY x, line 5", "x", 5, ""},
		{"COPY x, Zeile 17, Spalte my column", "x", 17, "my column"},
		{"COPY x, 行 9, 列 a", "x", 9, "a"},
		{"PL/pgSQL function f() line 1 at RAISE\nCOPY x, line 12, column b\nmore", "x", 12, "b"},
		{"COPY a, b, line 3, column c", "a, b", 3, "c"},
		{"COPY y, line 5, column note", "x", 0, ""},
		{"PL/pgSQL function f() line 1 at RAISE", "x", 0, ""},
		{"COPY x, line 99999999999999999999, column c", "x", 0, ""},
		{"", "x", 0, ""},
	} {
		line, column, ok := copyLine(c.where, c.relation)
		if line != c.line || column != c.column || ok != (c.line > 0) {
			t.Errorf("%q: got %d %q %t, want %d %q", c.where, line, column, ok, c.line, c.column)
		}
	}
}

// TestRefusalCode: what is a row's fault, and what is not.
func TestRefusalCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state, message string
		want           record.Code
		class          connector.Class // of what is no row's fault
	}{
		{"22003", "", record.Range, 0}, {"22008", "", record.Range, 0}, {"22001", "", record.Trunc, 0}, {"22021", "invalid byte sequence for encoding \"UTF8\": 0x00", record.NUL, 0},
		{"22021", "invalid byte sequence for encoding \"UTF8\": 0xff", record.UTF8, 0}, {"22P05", "character with byte sequence 0xe2", record.UTF8, 0}, {"22P02", "", record.WrongType, 0}, {"23505", "", record.Constraint, 0},
		{"23503", "", record.Constraint, 0}, {"23514", "", record.Constraint, 0}, {"23502", "", record.Constraint, 0}, {"23P01", "", record.Constraint, 0}, {"54000", "", record.TooBig, 0}, {"P0001", "", record.Rejected, 0},
		{"ZX123", "", record.Rejected, 0}, {"22P03", "", "", connector.Changed}, {"40001", "", "", connector.Retry}, {"40P01", "", "", connector.Retry}, {"55P03", "", "", connector.Retry}, {"57P01", "", "", connector.Retry},
		{"53300", "", "", connector.Busy}, {"53200", "", "", connector.Busy}, {"53100", "", "", connector.Full}, {"25006", "", "", connector.Retry}, {"42501", "", "", connector.Denied}, {"42P01", "", "", connector.Missing},
		{"42883", "", "", connector.Config}, {"XX001", "", "", connector.Other}, {"57014", "", "", connector.Retry}, {"0A000", "", "", connector.Config},
	} {
		e := &serverError{Code: c.state, Message: c.message}
		if got := refusalCode(e); got != c.want {
			t.Errorf("%s: got %q, want %q", c.state, got, c.want)
		}
		if got := connector.ClassOf(classifyWrite(e, "write")); c.want == "" && got != c.class {
			t.Errorf("%s: class %s, want %s", c.state, got, c.class)
		}
	}
}

// TestSafeType: nothing but the name of a type, its digits and brackets comes through.
func TestSafeType(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"int": "int", "character varying(10)": "character varying(10)", "numeric(5,-2)": "numeric(5,-2)", "timestamp(3) with time zone": "timestamp(3) with time zone", "integer[]": "integer[]", "integer[][]": "integer[][]",
		`public."my type"`: `public."my type"`, `"a""b".c(Point,4326)`: `"a""b".c(Point,4326)`, "interval day to second(3)": "interval day to second(3)", "": "", "int; DROP TABLE x": "", "int)": "", "(int": "", "int --": "",
		"enum('a','b')": "", `"open`: "", "int/**/": "", "f((1))": "", "a::b": "", "x = 1": "", "int[3]": "", "int\n": "", "$1": "", "a(b.c)": "",
	} {
		got, ok := safeType(in)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q %t, want %q", in, got, ok, want)
		}
	}
}
