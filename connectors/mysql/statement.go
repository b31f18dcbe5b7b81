package mysql

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Column types of the protocol.
const (
	wireTiny       = 1
	wireShort      = 2
	wireLong       = 3
	wireFloat      = 4
	wireDouble     = 5
	wireNull       = 6
	wireTimestamp  = 7
	wireLongLong   = 8
	wireInt24      = 9
	wireDate       = 10
	wireTime       = 11
	wireDatetime   = 12
	wireYear       = 13
	wireVarchar    = 15
	wireBit        = 16
	wireVector     = 0xf2
	wireJSON       = 0xf5
	wireDecimal    = 0xf6
	wireEnum       = 0xf7
	wireSet        = 0xf8
	wireTinyBlob   = 0xf9
	wireMediumBlob = 0xfa
	wireLongBlob   = 0xfb
	wireBlob       = 0xfc
	wireVarString  = 0xfd
	wireString     = 0xfe
	wireGeometry   = 0xff

	flagNotNull  = 1
	flagUnsigned = 32
	flagEnum     = 256
	flagSet      = 2048

	charsetBinary = 63
)

// columnDef is the metadata of a result column.
type columnDef struct {
	Name     string
	Type     byte
	Flags    uint16
	Charset  uint16
	Length   uint32
	Decimals byte
}

func parseColumnDef(p []byte) (columnDef, error) {
	var d columnDef
	at := 0
	for i := range 6 { // catalog, schema, table, original table, name, original name
		var b []byte
		if b, at = lenencBytes(p, at); at < 0 {
			return d, errMalformed
		}
		if i == 4 {
			d.Name = string(b)
		}
	}
	_, at = lenenc(p, at)
	if at < 0 || len(p)-at < 10 {
		return d, errMalformed
	}
	d.Charset = binary.LittleEndian.Uint16(p[at:])
	d.Length = binary.LittleEndian.Uint32(p[at+2:])
	d.Type = p[at+6]
	d.Flags = binary.LittleEndian.Uint16(p[at+7:])
	d.Decimals = p[at+9]
	return d, nil
}

// statement is a prepared statement of one connection.
type statement struct {
	text    string
	id      uint32
	params  int
	columns []columnDef
	typed   *encoder // whose parameter types the server has from an execution before; nil: none
}

// prepare makes a prepared statement; results come in the binary protocol, which is exact and the server's cheapest.
func (w *wire) prepare(text string) (*statement, error) {
	w.command(comStmtPrepare)
	w.out = append(w.out, text...)
	if err := w.send(); err != nil {
		return nil, err
	}
	p, err := w.answer()
	if err != nil {
		return nil, err
	}
	if p[0] != headOK || len(p) < 9 {
		w.Broken = true
		return nil, fmt.Errorf("%w: answer to prepare", errMalformed)
	}
	s := &statement{text: text, id: binary.LittleEndian.Uint32(p[1:]), params: int(binary.LittleEndian.Uint16(p[7:]))}
	columns := int(binary.LittleEndian.Uint16(p[5:]))
	if s.params > 0 {
		if _, err := w.defs(s.params); err != nil {
			return nil, err
		}
	}
	if columns > 0 {
		if s.columns, err = w.defs(columns); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// defs reads n column definitions and the EOF behind them.
func (w *wire) defs(n int) ([]columnDef, error) {
	defs := make([]columnDef, 0, n)
	for {
		p, err := w.answer()
		if err != nil {
			w.Broken = true
			return nil, err
		}
		if len(defs) == n {
			if !isEOF(p) {
				w.Broken = true
				return nil, fmt.Errorf("%w: no end of column definitions", errMalformed)
			}
			return defs, nil
		}
		d, err := parseColumnDef(p)
		if err != nil {
			w.Broken = true
			return nil, fmt.Errorf("%w: column definition", err)
		}
		defs = append(defs, d)
	}
}

// closeStatement gives a statement back; the server sends no answer.
func (w *wire) closeStatement(s *statement) error {
	w.command(comStmtClose)
	w.out = binary.LittleEndian.AppendUint32(w.out, s.id)
	return w.send()
}

// param is a value bound to a statement, in its own type.
type param struct {
	typ   byte
	flags byte   // 0x80: unsigned
	num   uint64 // wireLongLong; bits of a wireDouble
	bytes []byte // all others: text, or the value as the binary protocol writes it
}

func textParam(s string) param   { return param{typ: wireVarString, bytes: []byte(s)} }
func intParam(n int64) param     { return param{typ: wireLongLong, num: uint64(n)} }
func uintParam(n uint64) param   { return param{typ: wireLongLong, flags: 0x80, num: n} }
func floatParam(f float64) param { return param{typ: wireDouble, num: math.Float64bits(f)} }

// execute runs the statement and returns the definitions of its columns; rows follow until EOF. Without columns the answer is
// read whole.
func (w *wire) execute(s *statement, params []param) ([]columnDef, error) {
	if err := w.sendExecute(s, params); err != nil {
		return nil, err
	}
	return w.resultColumns(s)
}

// sendExecute sends an execution of the statement.
func (w *wire) sendExecute(s *statement, params []param) error {
	if len(params) != s.params {
		return fmt.Errorf("statement takes %d parameters, %d given", s.params, len(params))
	}
	w.command(comStmtExecute)
	w.out = binary.LittleEndian.AppendUint32(w.out, s.id)
	w.out = append(w.out, 0, 1, 0, 0, 0) // no cursor, one execution
	w.out = appendParams(w.out, params)
	return w.send()
}

// resultColumns reads the beginning of the answer to an execution: the definitions of its columns, none for a statement without rows.
func (w *wire) resultColumns(s *statement) ([]columnDef, error) {
	p, err := w.answer()
	if err != nil {
		return nil, err
	}
	if p[0] == headOK {
		_, err := w.parseOK(p)
		return nil, err
	}
	n, at := lenenc(p, 0)
	if at < 0 || n == 0 || n > 4096 {
		w.Broken = true
		return nil, fmt.Errorf("%w: answer to execute", errMalformed)
	}
	// MariaDB can leave the definitions out and says so in a byte behind the number of columns; then those of prepare hold.
	// https://mariadb.com/kb/en/result-set-packets/
	if at < len(p) && p[at] == 0 {
		if len(s.columns) != int(n) {
			w.Broken = true
			return nil, fmt.Errorf("%w: %d columns executed, %d prepared", errMalformed, n, len(s.columns))
		}
		return s.columns, nil
	}
	return w.defs(int(n))
}

func appendParams(b []byte, params []param) []byte {
	if len(params) == 0 {
		return b
	}
	nulls := len(b)
	for range (len(params) + 7) / 8 {
		b = append(b, 0)
	}
	for i := range params {
		if params[i].typ == wireNull {
			b[nulls+i/8] |= 1 << (i % 8)
		}
	}
	b = append(b, 1) // types follow
	for i := range params {
		b = append(b, params[i].typ, params[i].flags)
	}
	for i := range params {
		switch p := &params[i]; p.typ {
		case wireNull:
		case wireLongLong, wireDouble:
			b = binary.LittleEndian.AppendUint64(b, p.num)
		default:
			b = append(appendLenenc(b, uint64(len(p.bytes))), p.bytes...)
		}
	}
	return b
}

// cell is a value of a small result, as text.
type cell struct {
	column string
	text   string
	null   bool
}

func (c cell) int64() int64 {
	n, _ := strconv.ParseInt(c.text, 10, 64)
	return n
}

// cells decodes a row of a small result: numbers and text; other types come as the bytes of the protocol.
func cells(defs []columnDef, p []byte) ([]cell, error) {
	at := 1 + (len(defs)+9)/8
	if len(p) < at {
		return nil, errMalformed
	}
	row := make([]cell, len(defs))
	for i, d := range defs {
		row[i].column = d.Name
		if p[1+(i+2)/8]&(1<<((i+2)%8)) != 0 {
			row[i].null = true
			continue
		}
		width := intWidth(d.Type)
		if width > 0 {
			if len(p)-at < width {
				return nil, errMalformed
			}
			row[i].text = intText(p[at:at+width], d.Flags&flagUnsigned != 0)
			at += width
			continue
		}
		var b []byte
		if b, at = lenencBytes(p, at); at < 0 {
			return nil, errMalformed
		}
		row[i].text = string(b)
	}
	return row, nil
}

func intWidth(typ byte) int {
	switch typ {
	case wireTiny:
		return 1
	case wireShort, wireYear:
		return 2
	case wireLong, wireInt24:
		return 4
	case wireLongLong, wireDouble:
		return 8
	case wireFloat:
		return 4
	}
	return 0
}

func intText(p []byte, unsigned bool) string {
	var n uint64
	for i, b := range p {
		n |= uint64(b) << (8 * i)
	}
	if unsigned {
		return strconv.FormatUint(n, 10)
	}
	shift := 64 - 8*len(p)
	return strconv.FormatInt(int64(n<<shift)>>shift, 10)
}
