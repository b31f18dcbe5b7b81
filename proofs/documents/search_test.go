package documents

import (
	"strconv"
	"testing"

	"github.com/towpath/towpath/bench/data"
)

// search checks that the index tells values apart, neighbours above all: each query finds as many documents as the server has rows.
func search(t *testing.T, s data.Server, table string, x Index) {
	t.Helper()
	for _, c := range []struct {
		name, where, query string
		none               bool // no row has the value
	}{
		{"the largest key", "id = 18446744073709551615", `{"term":{"id":"18446744073709551615"}}`, false},
		{"one below the largest key", "id = 18446744073709551614", `{"term":{"id":"18446744073709551614"}}`, true},
		{"key 0", "id = 0", `{"term":{"id":"0"}}`, false},
		{"a number in the order", "n BETWEEN 500 AND 599", `{"range":{"n":{"gte":500,"lte":599}}}`, false},
		{"no flag but a number", "flag = -1", `{"term":{"flag":-1}}`, false},
		{"NULL", "small IS NULL", `{"bool":{"must_not":{"exists":{"field":"small"}}}}`, false},
		{"beyond int16", "small = 32768", `{"term":{"small":32768}}`, false},
		{"a price", "price = 9999999999.99", `{"term":{"price":9999999999.99}}`, false},
		{"a cent less", "price = 9999999999.98", `{"term":{"price":9999999999.98}}`, false},
		{"two cents less", "price = 9999999999.97", `{"term":{"price":9999999999.97}}`, true},
		{"30 digits", "exact = 12345678901234567890.1234567891", `{"term":{"exact":"12345678901234567890.1234567891"}}`, false},
		{"the last of 30 digits", "exact = 12345678901234567890.1234567892", `{"term":{"exact":"12345678901234567890.1234567892"}}`, false},
		{"none of 30 digits", "exact = 12345678901234567890.1234567893", `{"term":{"exact":"12345678901234567890.1234567893"}}`, true},
		{"the largest float", "ratio > 3.4e38", `{"term":{"ratio":3.4028234663852886e38}}`, false},
		{"16777216 as a float", "ratio = 16777216", `{"term":{"ratio":16777216}}`, false},
		{"a double of 17 digits", "score = 0.30000000000000004e0", `{"term":{"score":0.30000000000000004}}`, false},
		{"the double below it", "score = 0.3e0", `{"term":{"score":0.3}}`, true},
		{"bits", "mask = 515", `{"term":{"mask":515}}`, false},
		{"a label with quotes", `status = 'it''s "done"'`, `{"term":{"status":"it's \"done\""}}`, false},
		{"a label of a set", "FIND_IN_SET('kühl', tags)", `{"term":{"tags":"kühl"}}`, false},
		{"a day", "born = '2000-02-29'", `{"term":{"born":"2000-02-29"}}`, false},
		{"a day before 1970", "born < '1001-01-01'", `{"range":{"born":{"lt":"1001-01-01"}}}`, false},
		{"a microsecond", "seen = '2024-05-06 07:08:09.123456'", `{"term":{"seen":"2024-05-06T07:08:09.123456"}}`, false},
		{"the microsecond after", "seen = '2024-05-06 07:08:09.123457'", `{"term":{"seen":"2024-05-06T07:08:09.123457"}}`, false},
		{"another microsecond", "seen = '2024-05-06 07:08:09.123458'", `{"term":{"seen":"2024-05-06T07:08:09.123458"}}`, true},
		{"a millisecond", "changed = '2024-03-31 01:30:00.001'", `{"term":{"changed":"2024-03-31T01:30:00.001Z"}}`, false},
		{"a time below zero", "lasts = '-838:59:59.999'", `{"term":{"lasts":"-838:59:59.999"}}`, false},
		{"a year", "built = 2155", `{"term":{"built":2155}}`, false},
		{"a whole text", "note = BINARY '👩‍👩‍👧‍👦🇪🇺'", `{"term":{"note.keyword":"👩‍👩‍👧‍👦🇪🇺"}}`, false},
		{"a composed letter", "note = BINARY 'e\u0301 is not \u00e9'", `{"term":{"note.keyword":"e\u0301 is not \u00e9"}}`, false},
	} {
		text, err := s.Run(t.Context(), "SET time_zone = '+00:00'; SELECT COUNT(*) FROM "+table+" WHERE "+c.where)
		if err != nil {
			t.Fatal(err)
		}
		want, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if (want == 0) != c.none {
			t.Errorf("%s: the table has %d rows of it", c.name, want)
		}
		if got, err := x.Count(t.Context(), c.query); err != nil || got != want {
			t.Errorf("%s: %s finds %d, want %d; %v", c.name, c.query, got, want, err)
		}
	}
	if got, err := x.Count(t.Context(), `{"match":{"note":"towpath"}}`); err != nil || got == 0 {
		t.Errorf("a word of a text finds %d documents, %v", got, err)
	}
}
