package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/connectors/internal/sqltable"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec(`CREATE TABLE t (id int PRIMARY KEY, g int, v numeric(5,2), s varchar(20), b bytea, d timestamp(3));
		INSERT INTO t SELECT i, i % 3, i / 90.0, 's' || i, '\x00ff', '2026-01-02 03:04:05.678' FROM generate_series(1, 9000) i;
		CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2'`)
	c := j.client(nil)
	const query = "SELECT g, sum(v) AS total, count(*) AS n, max(d) AS d, encode((array_agg(b))[1], 'hex') AS b, avg(id) AS a, array_agg(id ORDER BY id) FILTER (WHERE id < 9) AS list, ROW(1, 'x') AS pair, twice(g) AS tw FROM t GROUP BY g ORDER BY g"
	rows, shards := readtest.All(j.t, j.reader(c, connector.Source{Query: query + ";"}), 7)
	want := j.rows("%s", "SELECT g, total, n, d, b, a, replace(replace(list::text, '{', '['), '}', ']'), pair, tw FROM ("+query+") q")
	for i := range want {
		if want[i][3] += ".000"; strings.Contains(want[i][3], ".678") {
			want[i][3] = strings.TrimSuffix(want[i][3], ".000") + "000" // max() says nothing of the fraction's digits
		}
		if !slices.Equal(rows[i], want[i]) {
			t.Errorf("got %v, want %v", rows[i], want[i])
		}
	}
	if len(shards) != 1 || shards[0].Replay != connector.None {
		t.Errorf("got %+v", shards)
	}
	rows, _ = readtest.All(j.t, j.reader(c, connector.Source{Query: "SELECT id, s, v FROM t -- all", Columns: []string{"s", "id"}, Where: "twice(id) BETWEEN 10 AND 12"}), 1)
	if len(rows) != 2 || strings.Join(rows[0], " ") != "s5 5" {
		t.Errorf("got %v", rows)
	}
	for _, more := range []connector.Source{{Where: "true"}, {Columns: []string{"id"}}} {
		more.Query, more.Key = "SELECT id FROM t WHERE ${range}", []string{"id"}
		if _, err := Connector().Read(t.Context(), c, more); codeOf(err) != "TOW-735" {
			t.Errorf("a range within a query that is wrapped: got %v", err)
		}
	}
	r := j.reader(c, connector.Source{Query: "SELECT id, g, s FROM t WHERE g > 0 AND ${range} UNION ALL SELECT id + 100000 AS id, 9, 'x' FROM t WHERE false AND ${range}", Key: []string{"id"}})
	if s, _, _ := r.Schema(t.Context()); s.Fields[0].Key != 1 {
		t.Errorf("got key %+v", s.Fields[0])
	}
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 4})
	if err != nil || len(shards) != 1 || shards[0].Replay != connector.Exact {
		t.Fatalf("got %+v, %v", shards, err)
	}
	all, after, err := readtest.Shard(t.Context(), r, shards[0], nil, nil)
	if err != nil || len(all) != 6000 {
		t.Fatalf("got %d rows, %v", len(all), err)
	}
	first := slices.IndexFunc(after, func(p connector.Position) bool { return string(p) != string(after[0]) })
	rest, _, err := readtest.Shard(t.Context(), r, shards[0], after[0], nil)
	if err != nil || len(rest) != len(all)-first {
		t.Errorf("got %d rows behind %d of %d, %v", len(rest), first, len(all), err)
	}
	keyed := j.reader(c, connector.Source{Query: "SELECT id, g FROM t WHERE ${range}", Key: []string{"id"}})
	if s, _, _ := keyed.Schema(t.Context()); s.Fields[0].Nullable || !s.Fields[1].Nullable {
		t.Errorf("got %+v, want the key to be NOT NULL as the table says", s.Fields)
	}
}

// TestQueryKeys: a key of an own SELECT tells rows apart as the server does, or is refused.
func TestQueryKeys(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.extend("citext")
	j.exec("CREATE TYPE level AS ENUM ('z', 'a'); CREATE COLLATION case_blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)")
	c := j.client(nil)
	for i, kc := range []struct {
		ddl    string
		values string
		code   string
	}{
		{"text", "'a', 'A', 'ab', ' ', 'é', 'Z'", ""},
		{`text COLLATE "de-x-icu"`, "'a', 'A', 'ab', ' ', 'é', 'Z'", ""},
		{"text COLLATE case_blind", "'a'", "TOW-734"},
		{"citext", "'a'", "TOW-734"},
		{"text", "'a', 'a'", "TOW-739"},
		{"text", "'a', NULL", "TOW-732"},
		{"char(3)", "'a', 'b', 'ab'", ""},
		{"varchar(3)", "'a', 'a ', 'b'", ""},
		{"int", "1, 2, -1", ""},
		{"int", "1, 1", "TOW-739"},
		{"numeric", "1.0, 1.00", "TOW-739"},
		{"numeric", "1.0, 2, -1e40, 'NaN'", ""},
		{"float8", "0.0, '-0'", "TOW-739"},
		{"float8", "'NaN', 'NaN'", "TOW-739"},
		{"float4", "'NaN', 0.1, -0.1, '-0', 1", ""},
		{"bytea", `'\x00', '\x', '\xff'`, ""},
		{"uuid", "'6f9619ff-8b86-d011-b42d-00c04fc964ff', '00000000-0000-0000-0000-000000000000'", ""},
		{"timestamptz", "'2026-01-01', 'infinity', '-infinity'", ""},
		{"level", "'z', 'a'", ""},
		{"level", "'z', 'z'", "TOW-739"},
		{"bool", "true, false", ""},
		{"inet", "'10.0.0.1'", "TOW-734"},
		{"json", "'1'", "TOW-734"},
		{"interval", "'1 day'", "TOW-734"},
		{"int[]", "'{1}'", "TOW-734"},
	} {
		name := fmt.Sprintf("t%d", i)
		j.execf("CREATE TABLE %s (k %s)", name, kc.ddl)
		j.exec("INSERT INTO " + name + " VALUES (" + strings.ReplaceAll(kc.values, ", ", "), (") + ")")
		r, err := Connector().Read(t.Context(), c, connector.Source{Query: fmt.Sprintf("SELECT k FROM %s WHERE ${range}", name), Key: []string{"k"}})
		var rows []row
		if err == nil {
			rows, _, err = readtest.Shard(t.Context(), r, connector.Shard{}, nil, nil)
		}
		if codeOf(err) != kc.code {
			t.Errorf("%s of %s: got %v (%s), want %q", kc.values, kc.ddl, err, codeOf(err), kc.code)
			continue
		}
		if err != nil {
			continue
		}
		if want := strings.Count(kc.values, ",") + 1; len(rows) != want {
			t.Errorf("%s of %s: got %v, want %d rows", kc.values, kc.ddl, rows, want)
		}
		// Behind each row, by the key as the server sent it, are those that followed it.
		keys, err := (&borders{reader: r.(*reader)}).readKeys(t.Context(), sqltable.Statement{SQL: fmt.Sprintf("SELECT k FROM %s.%s ORDER BY k", j.schema, name)})
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range keys {
			rest, _, err := readtest.Shard(t.Context(), r, connector.Shard{}, sqltable.NewPosition(key), nil)
			if err != nil || !slices.EqualFunc(rest, rows[i+1:], slices.Equal) {
				t.Errorf("%s behind %q: got %q, want %q, %v", kc.ddl, rows[i][0], rest, rows[i+1:], err)
			}
		}
	}
}

// TestQueryLeavesNothing: what the text of a job does to a session's settings ends with it.
func TestQueryLeavesNothing(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.fill("t", 10)
	c := j.client(map[string]any{"connections": 2})
	for _, s := range []connector.Source{{Query: "SELECT set_config('TimeZone', 'Asia/Kolkata', false) AS a"}, {Dataset: "t", Where: "set_config('DateStyle', 'German', false) IS NOT NULL"}} {
		if _, _, err := readtest.Shard(t.Context(), j.reader(c, s), connector.Shard{}, nil, nil); err != nil {
			t.Fatal(err)
		}
		err := c.with(t.Context(), func(s *session) error {
			rows, err := s.query("SELECT current_setting('TimeZone') || current_setting('DateStyle') || current_setting('search_path')")
			if err == nil && rows[0][0].text != "UTCISO, YMDpg_catalog, pg_temp" {
				t.Errorf("got %s", rows[0][0].text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
