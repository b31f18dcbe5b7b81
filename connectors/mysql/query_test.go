package mysql

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/connectors/internal/sqltable"
)

// TestQueryFractions: an own SELECT whose fraction of seconds the server does not know beforehand loses nothing of it.
func TestQueryFractions(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	rows, _ := readtest.All(j.t, j.reader(j.client(nil), connector.Source{Query: "SELECT FROM_UNIXTIME('1577873472.123456') AS a, SEC_TO_TIME('61.25') AS b, NOW(3) > 0 AS c"}), 1)
	if got, want := strings.Join(rows[0], "|"), "2020-01-01 10:11:12.123456|00:01:01.250000|1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestQueryTextKeys: text is the key of an own SELECT only where the server tells the same values apart as we do.
func TestQueryTextKeys(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for i, kc := range []struct {
		ddl    string
		values string
		code   string
	}{
		{"VARCHAR(9) COLLATE utf8mb4_general_ci", "('a'), ('A')", "TOW-434"},
		{"VARCHAR(9) COLLATE utf8mb4_unicode_nopad_ci", "('a'), ('A')", "TOW-434"},
		{"VARCHAR(9) COLLATE utf8mb4_uca1400_as_cs", "('a')", "TOW-434"},
		{"CHAR(9) COLLATE utf8mb4_nopad_bin", "('a'), ('a\\x01')", "TOW-434"},
		{"ENUM('b', 'a') COLLATE utf8mb4_bin", "('a'), ('b')", "TOW-434"},
		{"VARCHAR(9) COLLATE utf8mb4_bin", "('a'), ('a ')", "TOW-439"},
		{"VARCHAR(9) COLLATE utf8mb4_bin", "('a'), ('A'), ('a '), ('b')", "TOW-439"},
		{"VARCHAR(9) COLLATE utf8mb4_bin", "('a'), ('A'), ('ab'), (' '), ('é')", ""},
		{"VARCHAR(9) COLLATE utf8mb4_nopad_bin", "('a'), ('a '), (''), (' '), ('a\\x01')", ""},
		{"CHAR(9) CHARACTER SET ascii COLLATE ascii_bin", "('a'), ('a\\x01'), ('')", ""},
		{"VARBINARY(9)", "('a'), ('A'), ('a ')", ""},
	} {
		name := fmt.Sprintf("t%d", i)
		j.execf("CREATE TABLE %s (k %s)", name, kc.ddl)
		j.execf("INSERT INTO %s VALUES %s", name, strings.ReplaceAll(kc.values, `\x01`, "\x01"))
		query := fmt.Sprintf("SELECT k FROM %s.%s WHERE ${range}", j.db, name)
		r, err := Connector().Read(t.Context(), c, connector.Source{Query: query, Key: []string{"k"}})
		var rows []row
		if err == nil {
			rows, _, err = readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
		}
		if codeOf(err) != kc.code {
			t.Errorf("%s of %s: got %v (%s), want %q", kc.values, kc.ddl, err, codeOf(err), kc.code)
			continue
		}
		if want := strings.Count(kc.values, "("); err == nil && len(rows) != want {
			t.Errorf("%s of %s: got %v, want %d rows", kc.values, kc.ddl, rows, want)
		}
		for i := range rows {
			part := connector.Part{Tag: connector.TagText, Bytes: []byte(rows[i][0])}
			if kc.ddl == "VARBINARY(9)" {
				part.Tag = connector.TagBytes
				part.Bytes, _ = hex.DecodeString(rows[i][0])
			}
			rest, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, sqltable.NewPosition([]connector.Part{part}), nil)
			if err != nil || !slices.EqualFunc(rest, rows[i+1:], slices.Equal) {
				t.Errorf("%s behind %q: got %q, want %q, %v", kc.ddl, rows[i][0], rest, rows[i+1:], err)
			}
		}
	}
}

// TestQueryWarnings: a warning of a changed value is found behind any number of others, or the read is refused.
func TestQueryWarnings(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	harmless := "SELECT seq, seq DIV 0 AS x FROM seq_1_to_%d"
	for _, w := range []struct {
		name, query string
		rows        int
	}{
		{"harmless ones", fmt.Sprintf(harmless, 1000), 1000},
		{"more than the server keeps", fmt.Sprintf(harmless, 70_000), -1},
		{"a cut value behind many", fmt.Sprintf(harmless, 1000) + " UNION ALL SELECT 0, LENGTH(GROUP_CONCAT(REPEAT('x', 100000) SEPARATOR '')) FROM seq_1_to_100", -1},
	} {
		rows, _, err := readtest.Shard(t.Context(), j.reader(c, connector.Source{Query: w.query}), connector.Shard{}, nil, nil)
		if w.rows < 0 && codeOf(err) != "TOW-429" {
			t.Errorf("%s: got %v, want TOW-429", w.name, err)
		}
		if w.rows >= 0 && (err != nil || len(rows) != w.rows) {
			t.Errorf("%s: got %d rows, %v", w.name, len(rows), err)
		}
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
