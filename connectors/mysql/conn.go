package mysql

import (
	"context"
	"fmt"
)

// conn runs the statements of sqltarget in a session, each prepared once.
type conn struct{ *session }

// Exec implements sqltarget.Conn.
func (c conn) Exec(_ context.Context, text string, args ...any) (int64, error) {
	if _, err := c.start(text, args); err != nil {
		return 0, err
	}
	d, err := c.done()
	return int64(d.affected), err
}

// Query implements sqltarget.Conn.
func (c conn) Query(_ context.Context, text string, args ...any) ([][][]byte, error) {
	st, err := c.start(text, args)
	if err != nil {
		return nil, err
	}
	defs, err := c.resultColumns(st)
	if err != nil {
		return nil, err
	}
	var out [][][]byte
	for len(defs) > 0 {
		p, err := c.answer()
		if err != nil {
			return nil, err
		}
		if isEOF(p) {
			break
		}
		row, err := cells(defs, p)
		if err != nil {
			c.Broken = true
			return nil, err
		}
		values := make([][]byte, len(row))
		for i, x := range row {
			if !x.null {
				values[i] = []byte(x.text)
			}
		}
		out = append(out, values)
	}
	return out, nil
}

// start sends the execution of a statement.
func (c conn) start(text string, args []any) (*statement, error) {
	st, err := c.standing(text)
	if err != nil {
		return nil, err
	}
	params := make([]param, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			params[i] = param{typ: wireVarString, bytes: []byte(a)}
		case []byte:
			params[i] = param{typ: wireBlob, bytes: a}
		case int64:
			params[i] = intParam(a)
		default:
			return nil, fmt.Errorf("parameter %d of %q is of type %T", i+1, text, a)
		}
	}
	return st, c.sendExecute(st, params)
}
