package hbase_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connectors/hbase"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// cluster is an HBase, and its own Java client, by which tables are made.
type cluster struct {
	server servers.Server
	tool   *hbasetool.Tool
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	server := servers.Need(t, "hbase")
	return &cluster{server, hbasetool.Start(t, server)}
}

// connection is the options of a connection, from the address that the server is known by, and further ones.
func connection(s servers.Server, more map[string]any) json.RawMessage {
	_, quorum, _ := strings.Cut(s.URL, "://")
	o := map[string]any{"quorum": []string{quorum}}
	maps.Copy(o, more)
	return options(o)
}

// options writes options as a job does; nil: there are none.
func options(o map[string]any) json.RawMessage {
	if o == nil {
		return nil
	}
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return raw
}

var tables atomic.Int64

// name returns a table name that nothing uses, and drops what comes to stand there.
func (c *cluster) name(tb hbasetool.TB) string {
	name := fmt.Sprintf("tw_%d_%d", time.Now().UnixNano(), tables.Add(1))
	tb.Cleanup(func() { c.tool.Drop(name) })
	return name
}

// spelt is how the fixtures' columns are written, spelt by hand so that the connector's own table is not trusted.
func spelt(t record.Type) string {
	switch t.Kind {
	case record.Bool:
		return "boolean"
	case record.Int:
		if name, ok := map[int]string{16: "short", 32: "int", 64: "long"}[t.Bits]; ok {
			return name
		}
	case record.Float:
		return map[int]string{32: "float", 64: "double"}[t.Bits]
	case record.Text:
		return "string"
	case record.Bytes:
		return "bytes"
	case record.Decimal:
		if t.Precision == 0 {
			return "decimal"
		}
	case record.Instant:
		return map[int]string{0: "epoch_s", 3: "epoch_ms", 6: "epoch_us"}[t.Precision]
	}
	return "text " + t.String()
}

// written is a cell as a Java program writes it.
func written(tb connectortest.TB, t record.Type, text string) []byte {
	number := func(bits int) uint64 {
		n, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			tb.Fatalf("%v", err)
		}
		return uint64(n)
	}
	switch spelt(t) {
	case "boolean":
		if text == "true" {
			return []byte{0xFF}
		}
		return []byte{0}
	case "short":
		return binary.BigEndian.AppendUint16(nil, uint16(number(16)))
	case "int":
		return binary.BigEndian.AppendUint32(nil, uint32(number(32)))
	case "long":
		return binary.BigEndian.AppendUint64(nil, number(64))
	case "float", "double":
		x, err := strconv.ParseFloat(text, t.Bits)
		if err != nil {
			tb.Fatalf("%v", err)
		}
		if t.Bits == 32 {
			return binary.BigEndian.AppendUint32(nil, math.Float32bits(float32(x)))
		}
		return binary.BigEndian.AppendUint64(nil, math.Float64bits(x))
	case "bytes":
		b, err := hex.DecodeString(text)
		if err != nil {
			tb.Fatalf("%v", err)
		}
		return b
	case "decimal":
		whole, fraction, _ := strings.Cut(text, ".")
		n, ok := new(big.Int).SetString(whole+fraction, 10)
		if !ok {
			tb.Fatalf("%q is no decimal", text)
		}
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(fraction))), twosComplement(n)...)
	case "epoch_s", "epoch_ms", "epoch_us":
		at, err := time.Parse("2006-01-02 15:04:05.999999999Z07:00", strings.Replace(text, "T", " ", 1))
		if err != nil {
			tb.Fatalf("%v", err)
		}
		n := map[int]int64{0: at.Unix(), 3: at.UnixMilli(), 6: at.UnixMicro()}[t.Precision]
		return binary.BigEndian.AppendUint64(nil, uint64(n))
	}
	return []byte(text)
}

// twosComplement is the shortest big-endian form, as BigInteger.toByteArray makes it.
func twosComplement(n *big.Int) []byte {
	bits := n.BitLen()
	if n.Sign() < 0 {
		bits = new(big.Int).Not(n).BitLen()
	}
	size := bits/8 + 1
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return n.FillBytes(make([]byte, size))
}

// rowOf is a row key, of the parts one behind the other: all but the last have a width.
func rowOf(tb connectortest.TB, table connectortest.Table, row connectortest.Row) string {
	var key []byte
	for _, at := range table.Schema.Key() {
		key = append(key, written(tb, table.Schema.Fields[at].Type, row[at].Text)...)
	}
	return string(key)
}

// make makes a table of four regions, and a cell in each row that no column is read from.
func (c *cluster) make(tb connectortest.TB, name string, table connectortest.Table) {
	tb.Helper()
	var rows []string
	for _, row := range table.Rows {
		rows = append(rows, rowOf(tb, table, row))
	}
	slices.Sort(rows)
	var splits []string
	for i := 1; i < 4 && len(rows) > 100; i++ {
		splits = append(splits, rows[i*len(rows)/4])
	}
	c.tool.Create(name, []string{"f", "g"}, splits...)
	for _, row := range table.Rows {
		key := rowOf(tb, table, row)
		cells := []hbasetool.Cell{{Row: key, Family: "g", Qualifier: "there"}}
		for i, f := range table.Schema.Fields {
			if f.Key == 0 && !row[i].Null {
				cells = append(cells, hbasetool.Cell{Row: key, Family: "f", Qualifier: f.Name, Value: string(written(tb, f.Type, row[i].Text))})
			}
		}
		c.tool.Put(name, cells...)
	}
	c.tool.Flush()
}

// reading says how a table of the fixtures is to be read.
func reading(table connectortest.Table) json.RawMessage {
	var parts, columns []map[string]any
	for _, f := range table.Schema.Fields {
		if f.Key > 0 {
			parts = append(parts, map[string]any{"name": f.Name, "encoding": spelt(f.Type)})
			continue
		}
		columns = append(columns, map[string]any{"column": "f:" + f.Name, "name": f.Name, "encoding": spelt(f.Type)})
	}
	return options(map[string]any{"row": map[string]any{"parts": parts}, "columns": columns, "fetch_rows": 50})
}

// types are those that pass unchanged.
func types() []record.Type {
	all := []record.Type{{Kind: record.Bool}, {Kind: record.Text}, {Kind: record.Bytes}, {Kind: record.Decimal}, {Kind: record.Decimal, Precision: 12, Scale: 2},
		{Kind: record.Date}, {Kind: record.Datetime, Precision: 6}, {Kind: record.Time, Precision: 6}, {Kind: record.UUID}, {Kind: record.JSON}, {Kind: record.Year},
		{Kind: record.Uint, Bits: 64}, {Kind: record.Int, Bits: 8}, {Kind: record.Float, Bits: 32}, {Kind: record.Float, Bits: 64}}
	for _, bits := range []int{16, 32, 64} {
		all = append(all, record.Type{Kind: record.Int, Bits: bits})
	}
	for _, digits := range []int{0, 3, 6} {
		all = append(all, record.Type{Kind: record.Instant, Precision: digits})
	}
	return all
}

func TestConformance(t *testing.T) {
	c := newCluster(t)
	connectortest.Run(t, connectortest.Suite{
		Connector:   hbase.Connector(),
		Connection:  func(connectortest.TB) json.RawMessage { return connection(c.server, nil) },
		NewName:     func(tb connectortest.TB) string { return c.name(tb) },
		MakeDataset: c.make,
		ReadingOf:   reading,
		ReadBack:    c.readBack,
		Fence:       connectortest.Outranks,
		Unmarked:    true,
		Keys:        []connectortest.Key{connectortest.IntKey, connectortest.CompositeKey, connectortest.TextKey},
		Types:       types(),
		Values:      values,
	})
}

// usually is how a run writes a type unless its job says otherwise, spelt by hand too.
func usually(t record.Type) string {
	switch {
	case t.Kind == record.Int && t.Bits == 8:
		return "short"
	case t.Kind == record.Decimal:
		return "decimal"
	}
	return spelt(t)
}

// text is a cell in the suite's form.
func text(tb connectortest.TB, t record.Type, value string) string {
	b := []byte(value)
	v := record.NewVector(t.Form())
	size := map[string]int{"boolean": 1, "short": 2, "int": 4, "float": 4, "long": 8, "double": 8, "epoch_s": 8, "epoch_ms": 8, "epoch_us": 8}[usually(t)]
	if size > 0 && len(b) != size {
		tb.Fatalf("%x is no %s", b, usually(t))
	}
	switch usually(t) {
	case "boolean":
		v.AppendBool(b[0] == 0xFF)
	case "short":
		v.AppendInt64(int64(int16(binary.BigEndian.Uint16(b))))
	case "int":
		v.AppendInt64(int64(int32(binary.BigEndian.Uint32(b))))
	case "long":
		v.AppendInt64(int64(binary.BigEndian.Uint64(b)))
	case "float":
		v.AppendFloat64(float64(math.Float32frombits(binary.BigEndian.Uint32(b))))
	case "double":
		v.AppendFloat64(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case "epoch_s":
		v.AppendInt64(int64(binary.BigEndian.Uint64(b)) * 1_000_000)
	case "epoch_ms":
		v.AppendInt64(int64(binary.BigEndian.Uint64(b)) * 1000)
	case "epoch_us":
		v.AppendInt64(int64(binary.BigEndian.Uint64(b)))
	case "bytes":
		return hex.EncodeToString(b)
	case "decimal":
		n := new(big.Int).SetBytes(b[4:])
		if b[4]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b[4:]))))
		}
		digits, scale := new(big.Int).Abs(n).String(), int(binary.BigEndian.Uint32(b))
		if missing := scale + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		if scale > 0 {
			digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
		}
		if n.Sign() < 0 {
			digits = "-" + digits
		}
		return digits
	default:
		return value
	}
	return string(record.AppendText(nil, &t, v, 0))
}

// readBack reads a table whose key is one long, and whose columns are in the family f.
func (c *cluster) readBack(tb connectortest.TB, dataset string, s *record.Schema) (rows []connectortest.Row) {
	tb.Helper()
	if !slices.Contains(c.tool.Tables(), dataset) {
		return nil
	}
	last := ""
	for _, cell := range c.tool.Scan(dataset) {
		if len(rows) == 0 || cell.Row != last {
			last = cell.Row
			row := make(connectortest.Row, len(s.Fields))
			for i, f := range s.Fields {
				row[i].Null = f.Key == 0
				if f.Key > 0 {
					row[i].Text = text(tb, f.Type, cell.Row)
				}
			}
			rows = append(rows, row)
		}
		if i := s.Index(cell.Qualifier); i >= 0 && cell.Family == "f" {
			rows[len(rows)-1][i] = connectortest.Cell{Text: text(tb, s.Fields[i].Type, cell.Value)}
		}
	}
	return rows
}

// values are those that a BigDecimal and a moment of 1970 can be: years of four digits.
func values(t record.Type) []string {
	all := connectortest.Values(t)
	return slices.DeleteFunc(all, func(text string) bool {
		switch t.Kind {
		case record.Decimal:
			return strings.ContainsAny(text, "NI")
		case record.Instant:
			_, err := time.Parse("2006-01-02 15:04:05.999999999Z07:00", strings.Replace(text, "T", " ", 1))
			return err != nil
		}
		return false
	})
}
