package mysql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// harmless are warnings of statements that stored what was sent: of things to be given up in later versions, and of statements that
// a replica could understand otherwise.
var harmless = []string{"1287", "1592", "1681", "3719"}

// refusalOf says whose fault an error of a statement is: a row's, or, with nil, not that of a row. Row is where the server says the
// row is, counted from 0 in the statement; -1: it does not say.
func (n *inserter) refusalOf(e *serverError) *sqltarget.Refusal {
	code := rowCode(int(e.Number), e.State)
	if code == "" {
		return nil
	}
	return n.refusal(code, int(e.Number), e.Message)
}

// refusalOfWarning is the refusal of a row that the server stored otherwise than it was sent. w is a row of SHOW WARNINGS: level,
// number, text.
func (n *inserter) refusalOfWarning(w []cell) *sqltarget.Refusal {
	number, _ := strconv.Atoi(w[1].text)
	code := rowCode(number, "")
	if code == "" {
		code = record.Rejected
	}
	return n.refusal(code, number, w[2].text)
}

func (n *inserter) refusal(code record.Code, number int, message string) *sqltarget.Refusal {
	r := &sqltarget.Refusal{Row: rowIn(message), Code: code, Column: n.columnIn(message), Reason: message + " (" + strconv.Itoa(number) + ")"}
	at := n.stored.Index(r.Column)
	if at < 0 {
		return r
	}
	f := &n.stored.Fields[at]
	labelled := strings.HasPrefix(f.Native, "enum") || strings.HasPrefix(f.Native, "set")
	switch {
	case number == 1366 && f.Charset == "" && f.Type.Kind != record.JSON:
		r.Code = record.WrongType // no text: a number, a date
	case number == 1265 && labelled:
		r.Code = record.WrongType
	case number == 1265 && f.Type.Kind != record.Text && f.Type.Kind != record.Bytes:
		r.Code = record.Scale
	case number == 4025 && f.Type.Kind == record.JSON:
		r.Code = record.WrongType // the check json_valid of the column
	}
	return r
}

// rowCode returns the code of a row that the server refuses by an error number; "" where the error is no row's fault.
// https://dev.mysql.com/doc/mysql-errors/9.1/en/server-error-reference.html
func rowCode(number int, state string) record.Code {
	switch number {
	case 1264, 1292, 1690, 3616, 3617:
		return record.Range
	case 1265, 1406:
		return record.Trunc
	case 1366:
		return record.UTF8
	case 1411, 1416, 1525, 3140, 3141, 3037, 4079, 4080:
		return record.WrongType
	case 3157:
		return record.Shape
	case 1118:
		return record.TooBig
	case 1062, 1586, 1452, 1216, 1451, 1217, 1048, 3819, 4025, 1526:
		return record.Constraint
	case 1364, 1136:
		return "" // of the statement, not of a row
	}
	switch {
	case strings.HasPrefix(state, "22"), state == "45000":
		return record.Rejected // other data exceptions, and what a trigger signals
	case strings.HasPrefix(state, "23"):
		return record.Constraint
	}
	return ""
}

// rowIn finds the row in "Out of range value for column 'a' at row 3".
func rowIn(message string) int {
	at := strings.LastIndex(message, " at row ")
	if at < 0 {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(message[at+len(" at row "):]))
	if err != nil {
		return -1
	}
	return n - 1
}

// columnIn finds the column that a message names: as 'a', `a` or `db`.`t`.`a`, by a check of a column, `t.a`, by a foreign key over it
// alone, or by a unique key over it alone; "" when it names none, or several.
func (n *inserter) columnIn(message string) string {
	if _, rest, ok := strings.Cut(message, " for key '"); ok {
		key := strings.TrimSuffix(rest, "'")
		return n.column(n.keys[key[strings.LastIndexByte(key, '.')+1:]]) // MySQL puts the table in front
	}
	for _, lead := range []string{"FOREIGN KEY (", "column ", "Column ", "CONSTRAINT "} {
		_, rest, ok := strings.Cut(message, lead)
		if !ok {
			continue
		}
		name := ""
		switch {
		case strings.HasPrefix(rest, "'"):
			name, _, _ = strings.Cut(rest[1:], "'")
		case strings.HasPrefix(rest, "`"):
			end := strings.IndexAny(rest, " )")
			if parts, ok := mark.Split(rest[:max(end, 0)]); ok {
				name = parts[len(parts)-1].Text
			}
		}
		if c := n.column(name); c != "" {
			return c
		}
		if _, column, ok := strings.Cut(name, "."); ok {
			return n.column(column)
		}
	}
	return ""
}

// column is a column of the table under the name that it has there.
func (n *inserter) column(name string) string {
	if i := slices.IndexFunc(n.stored.Fields, func(f record.Field) bool { return strings.EqualFold(f.Name, name) }); i >= 0 {
		return n.stored.Fields[i].Name
	}
	return ""
}
