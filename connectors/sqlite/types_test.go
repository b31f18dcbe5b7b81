package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/record"
)

func everyType() []record.Type {
	list := []record.Type{{Kind: record.Bool}, {Kind: record.Float, Bits: 32}, {Kind: record.Float, Bits: 64}, {Kind: record.Decimal, Precision: 12, Scale: 2},
		{Kind: record.Decimal, Precision: 38, Scale: 10}, {Kind: record.Decimal}, {Kind: record.Decimal, Precision: 60, Scale: 3},
		{Kind: record.Text}, {Kind: record.Text, Length: 20}, {Kind: record.Text, Length: 20, Fixed: true}, {Kind: record.Text, Length: 7, Unit: record.Octets},
		{Kind: record.Text, Length: 7, Unit: record.UTF16}, {Kind: record.Bytes}, {Kind: record.Bytes, Length: 9}, {Kind: record.Bytes, Length: 4, Fixed: true},
		{Kind: record.Date}, {Kind: record.Interval}, {Kind: record.Year}, {Kind: record.UUID}, {Kind: record.JSON}, {Kind: record.Document},
		{Kind: record.List, Elem: &record.Type{Kind: record.Int, Bits: 32}}, {Kind: record.Enum, Labels: []string{"a", `b"c`, "d,e"}},
		{Kind: record.Set, Labels: []string{"x", "y"}}, {Kind: record.Bit, Bits: 5}, {Kind: record.Bit, Bits: 100}, {Kind: record.Geometry},
		{Kind: record.Native, Name: "MACADDR"}, {Kind: record.Instant, Precision: 6, Offset: true}}
	for _, bits := range []int{8, 16, 24, 32, 64} {
		list = append(list, record.Type{Kind: record.Int, Bits: bits}, record.Type{Kind: record.Uint, Bits: bits})
	}
	for _, p := range []int{0, 3, 6, 9} {
		list = append(list, record.Type{Kind: record.Time, Precision: p}, record.Type{Kind: record.Datetime, Precision: p}, record.Type{Kind: record.Instant, Precision: p})
	}
	return list
}

// Every logical type comes back from the declared type that SQLite itself reports.
func TestDeclaredTypesComeBack(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "types.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, want := range everyType() {
		decl, stored, loss := declare(want)
		if diff := cmp.Diff(want, stored); diff != "" || loss != "" {
			t.Errorf("%s as %s, loss %q: %s", want, decl, loss, diff)
		}
		var reported string
		if _, err := db.Exec("CREATE TABLE t (c " + decl + ")"); err != nil {
			t.Errorf("%s as %s: %v", want, decl, err)
			continue
		}
		if err := db.QueryRow("SELECT type FROM pragma_table_xinfo('t')").Scan(&reported); err != nil {
			t.Fatal(err)
		}
		if got, _ := readType(reported); cmp.Diff(want, got) != "" {
			t.Errorf("%s: declared %s, reported %s, read as %s", want, decl, reported, got)
		}
		if _, err := db.Exec("DROP TABLE t"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLabelsThatWouldTurnIntoNumbers(t *testing.T) {
	t.Parallel()
	_, stored, loss := declare(record.Type{Kind: record.Enum, Labels: []string{"POINT", "01"}})
	if stored.Kind != record.Text || loss == "" {
		t.Errorf("got %s, loss %q, want plain text and a loss", stored, loss)
	}
}

func TestReadTypeOfOthers(t *testing.T) {
	t.Parallel()
	for decl, want := range map[string]string{
		"INTEGER": "int64", "int": "int64", "BIGINT": "int64", "INT8": "int64", "varchar(30)": "text(30)", "NVARCHAR(5)": "text(5)", "character (3)": "text(3 fixed)",
		"clob": "text", "text": "text", "blob": "bytes", "double precision": "float64", "FLOAT": "float64", "REAL": "float64", "decimal(10, 2)": "decimal(10,2)",
		"NUMERIC": "decimal", "datetime": "datetime(6)", "DATETIME(3)": "datetime(3)", "TIMESTAMP": "datetime(6)", "boolean": "bool", "date": "date",
		"STRING": "decimal", "tinyint unsigned": "uint8", "unsigned big int": "int64",
	} {
		if got, ok := readType(decl); !ok || got.String() != want {
			t.Errorf("%s: got %s, %v, want %s", decl, got, ok, want)
		}
	}
	if _, ok := readType(""); ok {
		t.Error("a column without a declared type has a logical type")
	}
}
