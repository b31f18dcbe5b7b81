package mysql

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/record"
)

// goldenCase is one column of a golden row: what the server sends and what the reader makes of it.
type goldenCase struct {
	typ  string
	def  columnDef
	cell string // hex
	want string
}

func goldenCases() []goldenCase {
	text := columnDef{Type: wireVarString, Charset: 45}
	unsigned := func(typ byte) columnDef { return columnDef{Type: typ, Flags: flagUnsigned} }
	return []goldenCase{
		{"int8", columnDef{Type: wireTiny}, "80", "-128"},
		{"uint8", unsigned(wireTiny), "ff", "255"},
		{"int16", columnDef{Type: wireShort}, "0080", "-32768"},
		{"int24", columnDef{Type: wireInt24}, "000080ff", "-8388608"},
		{"int32", columnDef{Type: wireLong}, "ffffffff", "-1"},
		{"uint32", unsigned(wireLong), "ffffffff", "4294967295"},
		{"int64", columnDef{Type: wireLongLong}, "0000000000000080", "-9223372036854775808"},
		{"uint64", unsigned(wireLongLong), "ffffffffffffffff", "18446744073709551615"},
		{"uint64", columnDef{Type: wireLongLong}, "ffffffffffffffff", "RANGE:-1"},
		{"float32", columnDef{Type: wireFloat}, "0000804b", "16777216"},
		{"float64", columnDef{Type: wireDouble}, "0000000000000080", "-0"},
		{"float64", columnDef{Type: wireDouble}, "ffffffffffffef7f", "1.7976931348623157e+308"},
		{"decimal(10,2)", columnDef{Type: wireDecimal}, "052d302e3031", "-0.01"},
		{"decimal(4,2)", columnDef{Type: wireDecimal}, "0431322e35", "12.50"},
		{"decimal(4,2)", columnDef{Type: wireDecimal}, "063132332e3435", "RANGE:123.45"},
		{"decimal(4,2)", columnDef{Type: wireDecimal}, "0631322e333435", "SCALE:12.345"},
		{"decimal(4,2)", columnDef{Type: wireDecimal}, "0178", "TYPE:x"},
		{"decimal(20,0)", columnDef{Type: wireDecimal}, "143138343436373434303733373039353531363136", "18446744073709551616"},
		{"bit(10)", columnDef{Type: wireBit}, "020203", "1000000011"},
		{"year", unsigned(wireYear), "6b08", "2155"},
		{"date", columnDef{Type: wireDate}, "04ea070102", "2026-01-02"},
		{"date", columnDef{Type: wireDate}, "00", "ZERODATE:0000-00-00"},
		{"date", columnDef{Type: wireDate}, "04ea07021e", "RANGE:2026-02-30"},
		{"datetime(0)", columnDef{Type: wireDatetime}, "04ea070102", "2026-01-02 00:00:00"},
		{"datetime(6)", columnDef{Type: wireDatetime}, "0bea070c1f173b3b3f420f00", "2026-12-31 23:59:59.999999"},
		{"datetime(0)", columnDef{Type: wireDatetime}, "07ea07000f0a0000", "ZERODATE:2026-00-15 10:00:00"},
		{"instant(0)", columnDef{Type: wireTimestamp}, "07b2070101000001", "1970-01-01 00:00:01Z"},
		{"time(0)", columnDef{Type: wireTime}, "080122000000163b3b", "-838:59:59"},
		{"time(6)", columnDef{Type: wireTime}, "0c000000000000000020a10700", "00:00:00.500000"},
		{"time(0)", columnDef{Type: wireTime}, "00", "00:00:00"},
		{"text", text, "04f09fa680", "🦀"},
		{"text", text, "0361ff62", "UTF8:a\xffb"},
		{"text", text, "03ffd6d0", "UTF8:\xff\xd6\xd0"},
		{"text(9)", text, "03ffd6d0", "UTF8:\xd6\xd0"}, // foreign, see TestGoldenRows
		{"text", text, "00", ""},
		{"text", text, "fc0300616263", "abc"},
		{"text", text, "fd030000616263", "abc"},
		{"bytes", columnDef{Type: wireBlob, Charset: 63}, "0300ff7f", "00ff7f"},
		{"json", columnDef{Type: wireJSON}, "027b7d", "{}"},
		{`enum("a","b")`, columnDef{Type: wireString, Flags: flagEnum}, "0162", "b"},
		{"uuid", text, "24" + hex.EncodeToString([]byte("6F9619FF-8B86-D011-B42D-00C04FC964FF")), "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
		{"uuid", text, "0478797a61", "TYPE:xyza"},
		{"geometry", columnDef{Type: wireGeometry}, "19e61000000101000000000000000000f03f0000000000000040", "000010e60101000000000000000000f03f0000000000000040"},
	}
}

func TestGoldenRows(t *testing.T) {
	t.Parallel()
	schema := &record.Schema{}
	d := &decoder{maxCell: 1 << 20}
	var cells []byte
	var want []string
	for i, g := range goldenCases() {
		typ, err := record.ParseType(g.typ)
		if err != nil {
			t.Fatalf("%s: %v", g.typ, err)
		}
		schema.Fields = append(schema.Fields, record.Field{Type: typ})
		raw, err := hex.DecodeString(g.cell)
		if err != nil {
			t.Fatalf("%s: %v", g.typ, err)
		}
		cells = append(cells, raw...)
		want = append(want, g.want)
		c, ok := bind(&schema.Fields[i], g.def)
		if !ok {
			t.Fatalf("%s is not bound to %+v", g.typ, g.def)
		}
		if c.index = i; g.typ == "text(9)" {
			c.decode = decodeForeign
		}
		d.columns = append(d.columns, c)
	}
	for i := range d.columns {
		d.columns[i].field = &schema.Fields[i]
	}
	d.bitmap = (len(d.columns) + 9) / 8
	b := record.NewBatch(schema)
	d.attach(b)
	if err := d.row(append(make([]byte, 1+d.bitmap), cells...)); err != nil {
		t.Fatal(err)
	}
	nulls := make([]byte, 1+d.bitmap)
	for i := 1; i < len(nulls); i++ {
		nulls[i] = 0xFF
	}
	if err := d.row(nulls); err != nil {
		t.Fatal(err)
	}
	b.CheckText()
	got := readtest.RowsOf(b)
	for i, g := range goldenCases() {
		if got[0][i] != g.want || got[1][i] != "<null>" {
			t.Errorf("%s of %s: got %q and %q, want %q and NULL", g.typ, g.cell, got[0][i], got[1][i], g.want)
		}
	}
	// Every shorter row is malformed, never a panic and never a row.
	for n := range len(cells) + 1 + d.bitmap {
		if err := d.row(append(make([]byte, 1+d.bitmap), cells...)[:n]); !errors.Is(err, errMalformed) {
			t.Fatalf("row cut to %d bytes: got %v", n, err)
		}
		b.Truncate(b.Len)
	}
	if err := d.row(append(append(make([]byte, 1+d.bitmap), cells...), 0)); !errors.Is(err, errMalformed) {
		t.Errorf("row with a byte too many: got %v", err)
	}
}

func TestBindRefusesOtherTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ string
		def columnDef
	}{
		{"int32", columnDef{Type: wireLongLong}},
		{"int32", columnDef{Type: wireVarString}},
		{"int64", columnDef{Type: wireLongLong, Flags: flagUnsigned}},
		{"text", columnDef{Type: wireLong}},
		{"date", columnDef{Type: wireDatetime}},
		{"decimal(10,2)", columnDef{Type: wireDouble}},
		{"float64", columnDef{Type: wireDecimal}},
		{"bool", columnDef{Type: wireTiny}},
		{"datetime(0)", columnDef{Type: wireDatetime, Decimals: 6}},
		{"datetime(3)", columnDef{Type: wireTimestamp, Decimals: 4}},
		{"instant(0)", columnDef{Type: wireTimestamp, Decimals: 1}},
		{"time(3)", columnDef{Type: wireTime, Decimals: 6}},
	} {
		typ, err := record.ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := bind(&record.Field{Type: typ}, c.def); ok {
			t.Errorf("%s is bound to wire type %d", c.typ, c.def.Type)
		}
	}
}

// TestLargeCellsBelowTheKeptPart: of a value too large no more is kept than it has, whatever follows it in the row.
func TestLargeCellsBelowTheKeptPart(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"text", "bytes", "geometry"} {
		of, err := record.ParseType(typ)
		if err != nil {
			t.Fatal(err)
		}
		schema := &record.Schema{Fields: []record.Field{{Name: "a", Type: of}, {Name: "b", Type: record.Type{Kind: record.Bytes}}}}
		for _, behind := range []int{0, 1000, markedBytes} {
			d := &decoder{maxCell: 1024, bitmap: 1}
			for i, def := range []columnDef{{Type: wireBlob}, {Type: wireBlob, Charset: charsetBinary}} {
				c, ok := bind(&schema.Fields[i], def)
				if !ok {
					t.Fatalf("%s is not bound", typ)
				}
				c.index = i
				d.columns = append(d.columns, c)
			}
			b := record.NewBatch(schema)
			d.attach(b)
			p := appendLenenc([]byte{0, 0}, 1025)
			p = append(p, bytes.Repeat([]byte("a"), 1025)...)
			p = append(appendLenenc(p, uint64(behind)), bytes.Repeat([]byte("b"), behind)...)
			if err := d.row(slices.Clip(p)); err != nil {
				t.Fatal(err)
			}
			if got := readtest.RowsOf(b)[0][0]; got != "TOOBIG:"+strings.Repeat("a", 1025) {
				t.Errorf("%s before %d bytes: got %d bytes kept, want 1025", typ, behind, len(got)-len("TOOBIG:"))
			}
		}
	}
}

// FuzzRow: whatever a server sends, the decoder takes whole rows or says malformed; columns never fall out of step.
func FuzzRow(f *testing.F) {
	schema := &record.Schema{}
	var columns []decodeColumn
	var cells []byte
	for _, g := range goldenCases() {
		typ, err := record.ParseType(g.typ)
		if err != nil {
			f.Fatal(err)
		}
		schema.Fields = append(schema.Fields, record.Field{Type: typ})
		raw, _ := hex.DecodeString(g.cell)
		cells = append(cells, raw...)
	}
	for i, g := range goldenCases() {
		c, _ := bind(&schema.Fields[i], g.def)
		c.index, c.key = i, i%3
		columns = append(columns, c)
	}
	bitmap := (len(columns) + 9) / 8
	f.Add(append(make([]byte, 1+bitmap), cells...))
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) == 0 {
			return // the wire yields no empty packet
		}
		d := &decoder{columns: slices.Clone(columns), bitmap: bitmap, maxCell: 1 << 16, keys: make([][]byte, 3)}
		b := record.NewBatch(schema)
		d.attach(b)
		if err := d.row(p); err != nil {
			if !errors.Is(err, errMalformed) || b.Len != 0 {
				t.Fatalf("got %v and %d rows", err, b.Len)
			}
			b.Truncate(0)
		}
		for i, v := range b.Cols {
			if v.Len != b.Len {
				t.Fatalf("column %d has %d cells in %d rows", i, v.Len, b.Len)
			}
		}
		readtest.RowsOf(b)
	})
}

// FuzzAnswers: packets of metadata and errors are read or refused, never a panic.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("\x03def\x01d\x01t\x01t\x01c\x01c\x0c\x2d\x00\x50\x00\x00\x00\xfd\x00\x00\x00\x00\x00"))
	f.Add([]byte("\xff\x15\x04#28000Access denied"))
	f.Fuzz(func(t *testing.T, p []byte) {
		_, _ = parseColumnDef(p)
		_ = parseServerError(p).Error()
		_, _ = cells([]columnDef{{Type: wireLong}, {Type: wireVarString}}, p)
		_, _ = parseLabels(string(p))
		for at := range len(p) + 1 {
			if b, next := lenencBytes(p, at); next >= 0 && (next > len(p) || next <= at || len(b) > next-at) {
				t.Fatalf("at %d of %d: %d bytes, next %d", at, len(p), len(b), next)
			}
		}
	})
}

// Every day that four bytes can name is the day of the calendar, or none.
func TestDays(t *testing.T) {
	t.Parallel()
	for year := range 10_100 {
		for month := range 15 {
			for _, day := range []int{0, 1, 15, 28, 29, 30, 31, 32, 255} {
				b := append(binary.LittleEndian.AppendUint16(nil, uint16(year)), byte(month), byte(day))
				days, ok := daysOf(b)
				c := dateOf(b)
				if fault := c.fault(); ok != (fault == "") {
					t.Fatalf("%d-%d-%d: %t, but its fault is %q", year, month, day, ok, fault)
				}
				if want := record.DaysFromCivil(year, month, day); ok && days != want {
					t.Fatalf("%d-%d-%d: day %d, want %d", year, month, day, days, want)
				}
			}
		}
	}
}

// TestShortDecimals: the quick way reads what the exact parser reads, and leaves all else to it.
func TestShortDecimals(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		scale := r.IntN(9)
		typ := record.Type{Kind: record.Decimal, Precision: min(scale+1+r.IntN(10), 18), Scale: scale}
		text := make([]byte, 0, 24)
		if r.IntN(2) == 0 {
			text = append(text, '-')
		}
		for range 1 + r.IntN(10) {
			text = append(text, '0'+byte(r.IntN(10)))
		}
		if scale > 0 {
			text = append(text, '.')
			for range scale + r.IntN(8)/7 {
				text = append(text, '0'+byte(r.IntN(10)))
			}
		}
		if r.IntN(10) == 0 {
			text[r.IntN(len(text))] = " ./:+-e\x00\xff"[r.IntN(9)]
		}
		behind := bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(20)) // the rest of the packet
		packet := slices.Clip(append(slices.Clip(text), behind...))
		c, ok := bind(&record.Field{Type: typ}, columnDef{Type: wireDecimal})
		if !ok || typ.Form() != record.FormInt64 {
			t.Fatalf("%s is no decimal of 64 bits", typ)
		}
		got, want := record.NewBatch(&record.Schema{Fields: []record.Field{{Type: typ}}}), record.NewVector(record.FormInt64)
		c.vector = got.Cols[0]
		whole := c.decode(&decoder{batch: got}, &c, packet[:len(text)])
		code := record.AppendParsed(want, &typ, text)
		marked := len(got.Marks) == 1 && got.Marks[0].Code == code
		if !whole || (code != "") != marked || code == "" && got.Cols[0].Int64[0] != want.Int64[0] {
			t.Fatalf("%q as %s: got %d %v, want %v %q", text, typ, got.Cols[0].Int64, got.Marks, want.Int64, code)
		}
	}
}

func TestWire(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer ours.Close()
	w := newWire(ours, 0)
	long := make([]byte, 2*maxPayload+5)
	for i := range long {
		long[i] = byte(i * 7)
	}
	go func() {
		defer theirs.Close()
		seq := byte(0)
		for rest := long; ; seq++ {
			n := min(len(rest), maxPayload)
			head := binary.LittleEndian.AppendUint32(nil, uint32(n)|uint32(seq)<<24)
			_, _ = theirs.Write(head)
			_, _ = theirs.Write(rest[:n])
			if rest = rest[n:]; n < maxPayload {
				break
			}
		}
		_, _ = theirs.Write([]byte{1, 0, 0, 3, 42})
		_, _ = theirs.Write([]byte{1, 0, 0, 9, 42})
	}()
	p, err := w.packet()
	if err != nil || !slices.Equal(p, long) {
		t.Fatalf("got %d bytes, %v, want %d", len(p), err, len(long))
	}
	if p, err = w.packet(); err != nil || len(p) != 1 || p[0] != 42 {
		t.Errorf("got %v, %v", p, err)
	}
	if _, err = w.packet(); !errors.Is(err, errMalformed) || !w.Broken {
		t.Errorf("packet out of order: got %v", err)
	}
}

func TestKeyValuesComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind record.Kind
		def  columnDef
		raw  string
		want string // the parameter: type, flags, value
	}{
		{record.Int, columnDef{Type: wireTiny}, "80", "08 00 80ffffffffffffff"},
		{record.Int, columnDef{Type: wireLongLong}, "0000000000000080", "08 00 0000000000000080"},
		{record.Uint, columnDef{Type: wireLongLong, Flags: flagUnsigned}, "ffffffffffffffff", "08 80 ffffffffffffffff"},
		{record.Float, columnDef{Type: wireFloat}, "cdcccc3d", "05 00 000000a09999b93f"},
		{record.Decimal, columnDef{Type: wireDecimal}, "042d312e35", "f6 00 042d312e35"},
		{record.Text, columnDef{Type: wireVarString}, "026120", "fd 00 026120"},
		{record.Bytes, columnDef{Type: wireVarString}, "0300ff00", "fc 00 0300ff00"},
		{record.Date, columnDef{Type: wireDate}, "00", "0a 00 00"},
		{record.Datetime, columnDef{Type: wireDatetime}, "07ea07000f0a0000", "0c 00 07ea07000f0a0000"},
		{record.Time, columnDef{Type: wireTime}, "080122000000163b3b", "0b 00 080122000000163b3b"},
		{record.Bit, columnDef{Type: wireBit}, "020203", "08 80 0302000000000000"},
	} {
		col := &column{Field: record.Field{Name: "k", Type: record.Type{Kind: c.kind}}}
		raw, _ := hex.DecodeString(c.raw)
		part, err := keyPart(col, c.def, raw)
		if err != nil {
			t.Fatal(err)
		}
		// Through a stored position and back.
		parts, err := connector.NewPosition("k", part).Parts("k")
		if err != nil {
			t.Fatal(err)
		}
		p, err := keyParam(col, parts[0])
		if err != nil {
			t.Fatal(err)
		}
		sent := appendParams(nil, []param{p})
		got := hex.EncodeToString(sent[2:3]) + " " + hex.EncodeToString(sent[3:4]) + " " + hex.EncodeToString(sent[4:])
		if got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.kind, c.raw, got, c.want)
		}
	}
	if _, err := keyPart(&column{Field: record.Field{Type: record.Type{Kind: record.Text}}}, columnDef{Type: wireVarString}, []byte{1, 0xff}); connector.ClassOf(err) != connector.Row {
		t.Errorf("key that is no text: got %v", err)
	}
}

func TestParseType(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"int(10) unsigned zerofill":              "uint32",
		"int unsigned":                           "uint32",
		"bigint":                                 "int64",
		"decimal(65,30) unsigned":                "decimal(65,30)",
		"datetime(6)":                            "datetime(6)",
		"timestamp":                              "instant(0)",
		`enum('a','b''c','d\\e','\n','x,y)','')`: `enum("a","b'c","d\\e","\n","x,y)","")`,
		"set('unsigned','b')":                    `set("unsigned","b")`,
		"vector(3)":                              "bytes",
		"newfangled(3)":                          "native(newfangled)",
		"float unsigned":                         "float32",
		"bit(64)":                                "bit(64)",
		"year(4)":                                "year",
		"geomcollection":                         "geometry",
	} {
		name, _, _ := strings.Cut(strings.Fields(text)[0], "(")
		if got := logical(parseType(name, text)).String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for _, c := range []struct {
		def  columnDef
		want string
	}{
		{columnDef{Type: wireDecimal, Length: 12, Decimals: 2}, "decimal(10,2)"},
		{columnDef{Type: wireDecimal, Length: 10, Flags: flagUnsigned}, "decimal(10,0)"},
		{columnDef{Type: wireVarString, Length: 80, Charset: 45}, "text(20)"},
		{columnDef{Type: wireBlob, Length: 65535, Charset: 63}, "bytes(65535)"},
		{columnDef{Type: wireDatetime, Decimals: 3}, "datetime(3)"},
		{columnDef{Type: wireDatetime, Decimals: 39}, "datetime(6)"},
		{columnDef{Type: wireTime, Decimals: 31}, "time(6)"},
	} {
		if got := ofDefinition(c.def).String(); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.def, got, c.want)
		}
	}
}
