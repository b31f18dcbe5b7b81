package mysql

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
)

// TestQueryFractions: an own SELECT whose fraction of seconds the server does not know beforehand loses nothing of it.
func TestQueryFractions(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	rows, _ := j.everything(j.reader(j.client(nil), connector.Source{Query: "SELECT FROM_UNIXTIME('1577873472.123456') AS a, SEC_TO_TIME('61.25') AS b, NOW(3) > 0 AS c"}), 1)
	if got, want := strings.Join(rows[0], "|"), "2020-01-01 10:11:12.123456|00:01:01.250000|1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestUTF8Collations: every collation of the server is taken for UTF-8 when it is of such a charset, and only then.
func TestUTF8Collations(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	list := j.rows("SELECT ID, FULL_COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE CHARACTER_SET_NAME <> 'binary'")
	if len(list) < 1000 {
		t.Fatalf("the server lists %d collations", len(list))
	}
	for _, c := range list {
		id, err := strconv.ParseUint(c[0], 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		got, want := onlyUTF8([]columnDef{{Type: wireVarString, Charset: uint16(id)}}), slices.Contains([]string{"ascii", "utf8mb3", "utf8mb4"}, c[2])
		if got != want {
			t.Errorf("%s (%d): got %v, want %v", c[1], id, got, want)
		}
	}
}
