package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
)

// Formats of parameters and result columns.
const (
	formatText   = 0
	formatBinary = 1
)

// param is a parameter of a statement.
type param struct {
	oid    uint32 // of its type; 0: the server finds it
	format uint16
	null   bool
	bytes  []byte
}

func textParam(s string) param { return param{oid: oidText, bytes: []byte(s)} }

func intParam(n int64) param {
	return param{oid: oidInt8, format: formatBinary, bytes: binary.BigEndian.AppendUint64(nil, uint64(n))}
}

// oidsParam is an array of oid, modsParam one of int4.
func oidsParam(oids []uint32) param { return arrayParam(oidOIDs, oidOID, oids) }

func modsParam(mods []int32) param { return arrayParam(oidInt4s, oidInt4, mods) }

func arrayParam[T uint32 | int32](array, elem uint32, list []T) param {
	var b []byte
	for _, x := range [...]uint32{1, 0, elem, uint32(len(list)), 1} { // dimensions, no NULLs, type; length and lower bound
		b = binary.BigEndian.AppendUint32(b, x)
	}
	for _, x := range list {
		b = binary.BigEndian.AppendUint32(b, 4)
		b = binary.BigEndian.AppendUint32(b, uint32(x))
	}
	return param{oid: array, format: formatBinary, bytes: b}
}

func oidParam(oid uint32) param {
	return param{oid: oidOID, format: formatBinary, bytes: binary.BigEndian.AppendUint32(nil, oid)}
}

// columnDef is what the server says of a result column.
type columnDef struct {
	Name   string
	Table  uint32 // it comes from; 0: an expression
	Column uint16 // number of the column there
	Type   uint32
	Mod    int32 // of the type; -1: none
	Format uint16
}

func parseColumnDefs(body []byte) ([]columnDef, error) {
	if len(body) < 2 {
		return nil, fmt.Errorf("%w: description of rows", errMalformed)
	}
	n := int(binary.BigEndian.Uint16(body))
	body = body[2:]
	defs := make([]columnDef, 0, min(n, 1664))
	for range n {
		end := bytes.IndexByte(body, 0)
		if end < 0 || len(body) < end+19 {
			return nil, fmt.Errorf("%w: description of rows", errMalformed)
		}
		name := string(body[:end])
		body = body[end+1:]
		defs = append(defs, columnDef{Name: name, Table: binary.BigEndian.Uint32(body), Column: binary.BigEndian.Uint16(body[4:]),
			Type: binary.BigEndian.Uint32(body[6:]), Mod: int32(binary.BigEndian.Uint32(body[12:])), Format: binary.BigEndian.Uint16(body[16:])})
		body = body[18:]
	}
	return defs, nil
}

// checkText refuses statements that the protocol cannot carry.
func checkText(text string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return connector.Errorf(connector.Config, "TOW-714", "a statement holds the character U+0000")
	}
	return nil
}

// parse appends a Parse message of the unnamed statement. Its plan is made anew for the values it is run with.
func (w *wire) parse(text string, params []param) { w.parseNamed("", text, params) }

// parseNamed appends a Parse message of a statement that the session keeps.
func (w *wire) parseNamed(name, text string, params []param) {
	at := w.begin(msgParse)
	w.text(name)
	w.text(text)
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(params)))
	for _, p := range params {
		w.out = binary.BigEndian.AppendUint32(w.out, p.oid)
	}
	w.end(at)
}

// bind appends a Bind message of the unnamed portal and statement; formats are those of the result columns, none: text.
func (w *wire) bind(params []param, formats []uint16) { w.bindNamed("", params, formats) }

func (w *wire) bindNamed(name string, params []param, formats []uint16) {
	at := w.begin(msgBind)
	w.text("")
	w.text(name)
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(params)))
	for _, p := range params {
		w.out = binary.BigEndian.AppendUint16(w.out, p.format)
	}
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(params)))
	for _, p := range params {
		if p.null {
			w.out = binary.BigEndian.AppendUint32(w.out, ^uint32(0))
			continue
		}
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(len(p.bytes)))
		w.out = append(w.out, p.bytes...)
	}
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(formats)))
	for _, f := range formats {
		w.out = binary.BigEndian.AppendUint16(w.out, f)
	}
	w.end(at)
}

// describeMessage appends a Describe message of the unnamed statement ('S') or portal ('P').
func (w *wire) describeMessage(what byte) {
	at := w.begin(msgDescribe)
	w.out = append(w.out, what)
	w.text("")
	w.end(at)
}

// executeMessage appends an Execute message that asks for all rows.
func (w *wire) executeMessage() {
	at := w.begin(msgExecute)
	w.text("")
	w.out = append(w.out, 0, 0, 0, 0)
	w.end(at)
}

func (w *wire) syncMessage() { w.end(w.begin(msgSync)) }

// prepare lets the server look at a statement and returns its result columns; none: it returns no rows.
func (w *wire) prepare(text string, params []param) ([]columnDef, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	w.parse(text, params)
	w.describeMessage('S')
	w.syncMessage()
	if err := w.send(); err != nil {
		return nil, err
	}
	if _, err := w.expect(gotParse); err != nil {
		return nil, err
	}
	if _, err := w.expect(gotParams); err != nil {
		return nil, err
	}
	defs, err := w.description()
	if err != nil {
		return nil, err
	}
	_, err = w.expect(gotReady)
	return defs, err
}

// description reads what the server says of the result's columns.
func (w *wire) description() ([]columnDef, error) {
	kind, body, err := w.answer()
	switch {
	case err != nil:
		return nil, err
	case kind == gotNoData:
		return nil, nil
	case kind != gotDescription:
		return nil, w.unexpected(kind)
	}
	defs, err := parseColumnDefs(body)
	if err != nil {
		w.Broken = true
	}
	return defs, err
}

// execute runs a statement in one go and returns its result columns. The caller reads the rows by row until their end.
func (w *wire) execute(text string, params []param, formats []uint16) ([]columnDef, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	w.parse(text, params)
	w.bind(params, formats)
	w.describeMessage('P')
	w.executeMessage()
	w.syncMessage()
	if err := w.send(); err != nil {
		return nil, err
	}
	if _, err := w.expect(gotParse); err != nil {
		return nil, err
	}
	if _, err := w.expect(gotBind); err != nil {
		return nil, err
	}
	return w.description()
}

// row returns the next row of a statement, a view; nil: there are no more, and the answer is read to its end.
func (w *wire) row() ([]byte, error) {
	kind, body, err := w.answer()
	switch {
	case err != nil:
		return nil, err
	case kind == gotRow:
		return body, nil
	case kind == gotComplete, kind == gotEmpty:
		_, err := w.expect(gotReady)
		return nil, err
	}
	return nil, w.unexpected(kind)
}

// exec runs statements of ours that return nothing anyone looks at; several are one transaction.
func (w *wire) exec(text string) error {
	at := w.begin(msgQuery)
	w.text(text)
	w.end(at)
	if err := w.send(); err != nil {
		return err
	}
	for {
		kind, _, err := w.answer()
		if err != nil || kind == gotReady {
			return err
		}
		switch kind {
		case gotComplete, gotEmpty, gotDescription, gotRow:
		default:
			return w.unexpected(kind)
		}
	}
}

// cell is a value of a small result, in the server's text.
type cell struct {
	text string
	null bool
}

func (c cell) int64() int64 {
	n, _ := strconv.ParseInt(c.text, 10, 64)
	return n
}

func (c cell) oid() uint32 {
	n, _ := strconv.ParseUint(c.text, 10, 32)
	return uint32(n)
}

func (c cell) bool() bool { return c.text == "t" }

// query runs a statement with a small result.
func (w *wire) query(text string, params ...param) ([][]cell, error) {
	defs, err := w.execute(text, params, nil)
	if err != nil {
		return nil, err
	}
	return w.cells(defs)
}

// cells reads the rows of a small result.
func (w *wire) cells(defs []columnDef) ([][]cell, error) {
	var rows [][]cell
	for {
		body, err := w.row()
		if err != nil || body == nil {
			return rows, err
		}
		row := make([]cell, 0, len(defs))
		if err := eachCell(body, func(b []byte, null bool) { row = append(row, cell{string(b), null}) }); err != nil {
			w.Broken = true
			return nil, err
		}
		rows = append(rows, row)
	}
}

// eachCell calls f for every cell of a row.
func eachCell(body []byte, f func(b []byte, null bool)) error {
	if len(body) < 2 {
		return fmt.Errorf("%w: a row of %d bytes", errMalformed, len(body))
	}
	n := int(binary.BigEndian.Uint16(body))
	body = body[2:]
	for range n {
		if len(body) < 4 {
			return fmt.Errorf("%w: a row is cut short", errMalformed)
		}
		length := int32(binary.BigEndian.Uint32(body))
		body = body[4:]
		if length < 0 {
			f(nil, true)
			continue
		}
		if int(length) > len(body) {
			return fmt.Errorf("%w: a row is cut short", errMalformed)
		}
		f(body[:length:length], false)
		body = body[length:]
	}
	if len(body) > 0 {
		return fmt.Errorf("%w: %d bytes behind the last column of a row", errMalformed, len(body))
	}
	return nil
}
