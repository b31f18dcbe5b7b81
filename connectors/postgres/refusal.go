package postgres

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// refusalCode tells whether a refused statement is the fault of one of its rows, and which: "" when it is not
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func refusalCode(e *serverError) record.Code {
	switch e.Code {
	case "22003", "22008": // out of range; datetime field overflow
		return record.Range
	case "22001": // right truncation
		return record.Trunc
	case "22021": // not in repertoire: bytes, or U+0000
		if strings.Contains(e.Message, "0x00") {
			return record.NUL
		}
		return record.UTF8
	case "22P05": // untranslatable character, or the escape of U+0000 in jsonb
		if strings.Contains(e.Message, "Unicode escape") {
			return record.NUL
		}
		return record.UTF8
	case "2202E", "22023": // array subscript; a parameter of a type, such as the SRID of a geometry
		return record.Shape
	case "22P03", "22P04": // the binary form is another than the column's: the table has changed
		return ""
	}
	class := e.Code[:min(len(e.Code), 2)]
	switch class {
	case "22":
		return record.WrongType
	case "23", "44": // integrity constraints; a view's condition
		return record.Constraint
	case "54": // program limits: the row is too wide for a page or its key for an index
		return record.TooBig
	case "P0", "09", "38", "39", "2F": // functions of the table: raise, triggered actions, external routines
		return record.Rejected
	}
	if !slices.Contains(strings.Fields(standardClasses), class) {
		return record.Rejected // a code that a function of the table has made up
	}
	return ""
}

// standardClasses are the classes of the server's own codes.
const standardClasses = "00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX"

// refusal reads a refused statement as the refusal of one of the rows from from on; nil: it is not a row's fault. relation is the table that
// was copied to; "": rows were only converted. column finds the column that a name stands for.
func refusal(e *serverError, from int, relation string, column func(name string) string) *sqltarget.Refusal {
	line, name, found := 0, "", false
	if relation != "" {
		line, name, found = copyLine(e.Where, relation)
	}
	code := refusalCode(e)
	// Types of extensions often say no more than that, at a value; a table that is damaged says so without one.
	if e.Code == "XX000" && (relation == "" || name != "") {
		code = record.Rejected
	}
	if code == "" {
		return nil
	}
	r := &sqltarget.Refusal{Row: -1, Code: code, Reason: e.Error()}
	if found {
		r.Row = from + line - 1
	}
	r.Column = column(cmp.Or(e.Column, name))
	return r
}

// copyLine finds where a binary COPY stood: "COPY orders, line 5, column note". The words may be of another language.
func copyLine(where, relation string) (line int, column string, ok bool) {
	for text := range strings.Lines(where) {
		rest, found := strings.CutPrefix(text, "COPY "+relation+", ")
		if !found {
			continue
		}
		start := strings.IndexFunc(rest, digit)
		if start < 0 {
			continue
		}
		rest = rest[start:]
		end := strings.IndexFunc(rest, func(r rune) bool { return !digit(r) })
		if end < 0 {
			end = len(rest)
		}
		n, err := strconv.Atoi(rest[:end])
		if err != nil {
			continue
		}
		_, column, _ = strings.Cut(strings.TrimLeft(rest[end:], ", "), " ")
		return n, strings.TrimSuffix(column, "\n"), true
	}
	return 0, "", false
}

func digit(r rune) bool { return r >= '0' && r <= '9' }

// mergeRefusals puts refusals of different looks at one group into the order of rows, one for each row.
func mergeRefusals(lists ...[]sqltarget.Refusal) []sqltarget.Refusal {
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b sqltarget.Refusal) int { return a.Row - b.Row })
	return slices.CompactFunc(all, func(a, b sqltarget.Refusal) bool { return a.Row == b.Row })
}

// int8s writes numbers as an array constant.
func int8s(list []int) string {
	var b bytes.Buffer
	b.WriteString("'{")
	for i, n := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(n))
	}
	b.WriteString("}'::int8[]")
	return b.String()
}

// classifyWrite is classify for statements of sessions that write: they are ours, so what is wrong with one is wrong with the table, or
// with what it calls on.
func classifyWrite(err error, doing string) error {
	e, ok := errors.AsType[*serverError](err)
	if _, known := errors.AsType[*connector.Error](err); !ok || known {
		return classify(err, doing)
	}
	switch {
	case e.Code == "57014":
		return connector.Errorf(connector.Retry, "TOW-723", "%s: %w", doing, err).WithHint("Somebody has ended the statement.")
	case e.Code == "22P03", e.Code == "22P04", e.Code == "08P01" && strings.Contains(e.Where, "COPY "), // the binary form of a value, or of the rows
		e.Where == "" && (e.Code == "42804" || e.Code == "42P10"): // of our own INSERT: a type that does not become the column's; no such key
		return connector.Errorf(connector.Changed, "TOW-764", "%s: the columns or keys are not those of the plan: %w", doing, err).WithHint("The table was altered after the plan was made: plan again.")
	case e.Code == "42501", e.Code == "42P01", e.Code == "3F000", e.Code == "42703":
	case slices.Contains(strings.Fields("0A 20 21 22 23 2B 2F 38 39 3F 42 44 54 P0"), e.Code[:min(len(e.Code), 2)]):
		return connector.Errorf(connector.Config, "TOW-760", "%s: %w", doing, err).
			WithHint("Look at what the table calls on: triggers, defaults, checks, and the functions of its indexes.")
	}
	return classify(err, doing)
}
