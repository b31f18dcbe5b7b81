package mysql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

func TestReleases(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]release{
		"8.4.2":                                 {Number: [3]int{8, 4, 2}},
		"8.0.36-28":                             {Number: [3]int{8, 0, 36}},
		"5.5.9-log":                             {Number: [3]int{5, 5, 9}},
		"10.11.6-MariaDB-0+deb12u1-log":         {Maria: true, Number: [3]int{10, 11, 6}},
		"5.5.5-10.4.32-MariaDB-1:10.4.32+maria": {Maria: true, Number: [3]int{10, 4, 32}},
		"11.8.3-MariaDB":                        {Maria: true, Number: [3]int{11, 8, 3}},
		"":                                      {},
	} {
		if got := parseRelease(version); got != want {
			t.Errorf("%q: got %+v, want %+v", version, got, want)
		}
	}
	old, eleven, eight := release{Maria: true, Number: [3]int{10, 4, 32}}, release{Maria: true, Number: [3]int{11, 0, 1}}, release{Number: [3]int{8, 0, 20}}
	if old.since(10, 7) || !eleven.since(10, 7) || eight.since(5, 5) || !eight.oracle(8, 0, 20) || eight.oracle(8, 0, 21) || !eight.oracle(5, 7, 44) || eleven.oracle(5, 5, 0) {
		t.Error("versions are compared wrongly")
	}
}

// TestDefaultsAsServersWriteThem: MariaDB writes expressions, MySQL values.
func TestDefaultsAsServersWriteThem(t *testing.T) {
	t.Parallel()
	maria, mysql8 := release{Maria: true, Number: [3]int{10, 11, 6}}, release{Number: [3]int{8, 4, 2}}
	for _, c := range []struct {
		text, extra, typ string
		release          release
		want             string // text, "now", "foreign" or "none"
	}{
		{"NULL", "", "text(9)", maria, "none"}, {"'NULL'", "", "text(9)", maria, "NULL"}, {"NULL", "", "text(9)", mysql8, "NULL"},
		{`'it''s \\ x'`, "", "text(20)", maria, `it's \ x`}, {`it's \ x`, "", "text(20)", mysql8, `it's \ x`}, {"''", "", "text(9)", maria, ""}, {"", "", "text(9)", mysql8, ""},
		{"'a?'", "", "text(9)", maria, "foreign"}, {"concat('a','b')", "", "text(9)", maria, "foreign"}, {"concat(_utf8mb4'a')", "DEFAULT_GENERATED", "text(9)", mysql8, "foreign"},
		{"7", "", "int32", maria, "7"}, {"7", "", "int32", mysql8, "7"}, {"(1 + 2)", "", "int32", maria, "foreign"}, {"1.50", "", "decimal(5,2)", maria, "1.50"},
		{"current_timestamp(3)", "on update current_timestamp(3)", "datetime(3)", maria, "now"}, {"CURRENT_TIMESTAMP(3)", "DEFAULT_GENERATED", "datetime(3)", mysql8, "now"},
		{"CURRENT_TIMESTAMP", "", "instant(0)", release{Number: [3]int{5, 7, 44}}, "now"}, {"curdate()", "", "date", maria, "foreign"},
		{"'2020-01-01 00:00:00'", "", "instant(0)", maria, "2020-01-01 00:00:00Z"}, {"2020-01-01 00:00:00", "", "datetime(0)", mysql8, "2020-01-01 00:00:00"},
		{"'0000-00-00 00:00:00'", "", "datetime(0)", maria, "foreign"}, {"b'101'", "", "bit(5)", maria, "00101"}, {"b'1'", "", "bit(1)", mysql8, "1"},
		{"0x00FF", "", "bytes(4)", mysql8, "00ff"}, {"'A'", "", "bytes(4)", maria, "41"}, {"'b'", "", `enum("a","b")`, maria, "b"}, {"'c'", "", `enum("a","b")`, maria, "foreign"},
		{"uuid()", "", "uuid", maria, "foreign"}, {"-1e-10", "", "float64", maria, "-1e-10"},
	} {
		typ, err := record.ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		switch d := parseDefault(c.text, c.extra, &typ, c.release); {
		case d == nil:
		case d.Now:
			got = "now"
		case d.Foreign != "":
			got = "foreign"
		default:
			got = d.Text
		}
		if got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.text, c.typ, got, c.want)
		}
	}
}

// TestTablesForOtherReleases: what is made where a release lacks a type, a collation or a clause.
func TestTablesForOtherReleases(t *testing.T) {
	t.Parallel()
	want := schemaOfText(t, "id uuid key", "j json", "ts instant(3) notnull", "d datetime(0)", "v text(20)", "f float64")
	want.Fields[3].Default, want.Fields[4].Default = &record.Default{Now: true}, &record.Default{Text: "it's"}
	want.Indexes = []record.Index{{Name: "i", Columns: []record.IndexColumn{{Name: "v", Descending: true}}}, {Name: "u", Unique: true, Columns: []record.IndexColumn{{Name: "j"}}}}
	for _, c := range []struct {
		version    string
		collations []string
		implicit   bool
		want       string
		index      string
	}{
		{"8.4.2", []string{"utf8mb4_0900_bin", "utf8mb4_bin"}, false,
			"`id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, `j` json NULL, `ts` timestamp(3) NOT NULL, `d` datetime NULL DEFAULT CURRENT_TIMESTAMP, `v` varchar(20) NULL DEFAULT 'it''s', `f` double NULL", "`v` DESC"},
		{"5.7.44", []string{"utf8mb4_bin"}, true,
			"`id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, `j` json NULL, `ts` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), `d` datetime NULL DEFAULT CURRENT_TIMESTAMP, `v` varchar(20) NULL DEFAULT 'it''s', `f` double NULL", "`v`"},
		{"10.4.32-MariaDB", []string{"utf8mb4_nopad_bin", "utf8mb4_bin"}, true,
			"`id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, `j` json NULL, `ts` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), `d` datetime NULL DEFAULT CURRENT_TIMESTAMP, `v` varchar(20) NULL DEFAULT 'it''s', `f` double NULL", "`v`"},
		{"11.8.3-MariaDB", []string{"utf8mb4_nopad_bin", "utf8mb4_bin"}, false,
			"`id` uuid NOT NULL, `j` json NULL, `ts` timestamp(3) NOT NULL, `d` datetime NULL DEFAULT CURRENT_TIMESTAMP, `v` varchar(20) NULL DEFAULT 'it''s', `f` double NULL", "`v` DESC"},
		{"5.5.9", []string{"utf8mb4_bin"}, true,
			"`id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, `ts` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), `d` datetime NULL, `v` varchar(20) NULL DEFAULT 'it''s', `f` double NULL", "`v`"},
	} {
		m := maker{release: parseRelease(c.version), collations: map[string]string{}, implicit: c.implicit, keyBytes: wideKeyBytes, create: connector.Structure{Defaults: true, Indexes: true}}
		for _, name := range c.collations {
			m.collations[name] = "utf8mb4"
		}
		columns := m.define(want, []int{0})
		sql := createTable(tableName{"d", "t"}, columns, []int{0}, m.release, "")
		if !strings.HasPrefix(sql, "CREATE TABLE `d`.`t` ("+c.want+", PRIMARY KEY (`id`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4") {
			t.Errorf("%s: got  %s\nwant %s", c.version, sql, c.want)
		}
		list := m.secondaries(want, columns)
		notes := strings.Join(m.notes, "\n")
		if len(list) != 1 || list[0].SQL != "ADD INDEX `i` ("+c.index+")" || !strings.Contains(notes, "index u is not made: ") ||
			strings.Contains(notes, "index i is made in ascending order") != (c.index == "`v`") {
			t.Errorf("%s: indexes %v, notes %q", c.version, list, notes)
		}
	}
	if last := logical(parseTypeOf("timestamp", "11.8.3-MariaDB")).Limits[1]; last != lastSecondWide {
		t.Errorf("TIMESTAMP ends at %d where it has 32 bits", last)
	}
	if longest := logical(parseTypeOf("time(6)", "8.4.2")).Limits[1]; longest != longestTime {
		t.Errorf("TIME of MySQL ends at %d", longest)
	}
}

func parseTypeOf(text, version string) typeText {
	name, _, _ := strings.Cut(text, "(")
	tt := parseType(name, text)
	tt.release = parseRelease(version)
	return tt
}

// TestForeignKeysAsWritten: nothing of a name is taken for SQL, and what InnoDB does not do is said.
func TestForeignKeysAsWritten(t *testing.T) {
	t.Parallel()
	f := record.Reference{Name: "x", Columns: []string{"a`", "b"}, Foreign: []string{"c", "d"}, OnDelete: record.SetNull, OnUpdate: record.SetDefault}
	sql, why := foreignKey(f, "x`", tableName{"d", "p"})
	if want := "ADD CONSTRAINT `x``` FOREIGN KEY (`a```, `b`) REFERENCES `d`.`p` (`c`, `d`) ON DELETE SET NULL"; sql != want || why == "" {
		t.Errorf("got %s, %q", sql, why)
	}
}

// TestForeignKeysAsRead out of a definition: with odd names, other databases and rules, and nothing else taken for one.
func TestForeignKeysAsRead(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"CONSTRAINT `x` FOREIGN KEY (`a`, `b``c`) REFERENCES `p` (`c`, `d`) ON DELETE CASCADE ON UPDATE SET NULL,": "{x [a b`c] db.p [c d] cascade set null} true",
		"CONSTRAINT `x` FOREIGN KEY (`a`) REFERENCES `other`.`p.q` (`c`)":                                          "{x [a] other.`p.q` [c]  } true",
		"CONSTRAINT `x` FOREIGN KEY (`a`) REFERENCES `p` (`c`) ON UPDATE CASCADE":                                  "{x [a] db.p [c]  cascade} true",
		"CONSTRAINT `x` FOREIGN KEY (`a`) REFERENCES `p` (`c`) ON DELETE NO ACTION":                                "{x [a] db.p [c]  } true",
		"CONSTRAINT `x` CHECK (`a` > 1)":                                                                           "false",
		"`c` int COMMENT 'CONSTRAINT `x` FOREIGN KEY (`a`)',":                                                      "false",
		"CONSTRAINT `x` FOREIGN KEY (`a`) REFERENCES `p` (`c`":                                                     "false",
		"CONSTRAINT `x` FOREIGN KEY (`a`,`b`) REFERENCES `p` ()":                                                   "false",
		"CONSTRAINT `": "false",
	} {
		f, ok := parseReference(line, "db")
		got := fmt.Sprint(ok)
		if ok {
			got = fmt.Sprint(f, " ", ok)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

// TestPlanSaysItsSteps in the words of the server.
func TestPlanSaysItsSteps(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE shop (id INT PRIMARY KEY, v VARCHAR(20), n INT)")
	j.exec("INSERT INTO shop VALUES (1, 'a', 1), (2, 'b', 2)")
	x, err := j.plan(j.client(nil), connector.Sink{Dataset: "shop", Mode: connector.Replace, Run: "r7"}, swapSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, s := range x.target.Steps[1:] {
		steps = append(steps, strings.ReplaceAll(s, j.db, "DB"))
	}
	want := []string{"CREATE TABLE `DB`.`shop__tw_r7` LIKE `DB`.`shop`", "RENAME TABLE `DB`.`shop` TO `DB`.`shop__tw_r7_old`, `DB`.`shop__tw_r7` TO `DB`.`shop`", "DROP TABLE `DB`.`shop__tw_r7_old`"}
	if !slices.Equal(steps, want) {
		t.Errorf("got %q, want %q", steps, want)
	}
	if got := strings.ReplaceAll(fmt.Sprint(x.target.Removes), j.db, "DB"); got != "[the 2 rows that DB.shop holds]" {
		t.Errorf("removes %s", got)
	}
	if x.target.Way != connector.WayC || x.target.Inner != connector.WayA || x.target.Owned != j.db+".shop__tw_r7" {
		t.Errorf("way %s over %s, owned %s", x.target.Way, x.target.Inner, x.target.Owned)
	}
}

// TestNamesOfOneTable: whatever they are, a job sees that they are one table.
func TestNamesOfOneTable(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.shared()
	for _, caseless := range []bool{false, true} {
		c.caseless = caseless
		for dataset, want := range map[string]string{"shop.orders": "shop.orders", "`shop`.`orders`": "shop.orders", "`a.b`.c": "`a.b`.c", "orders": j.db + ".orders", "`orders`": j.db + ".orders",
			"Shop.`Orders`": "Shop.Orders", "a.b.c": "a.b.c"} {
			if caseless {
				want = strings.ToLower(want)
			}
			if got := Connector().Fold(c, dataset); got != want {
				t.Errorf("caseless %t: %s folds to %s, want %s", caseless, dataset, got, want)
			}
		}
	}
	if other := j.client(map[string]any{"database": ""}); Connector().Fold(other, "orders") != "orders" {
		t.Error("a table of no database has one")
	}
}

// TestZeroDatesOfAnotherTable are kept where the job says so, in tables that are there and in such as are made.
func TestZeroDatesOfAnotherTable(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	j.exec("CREATE TABLE there (id INT PRIMARY KEY, d DATE NOT NULL, t DATETIME DEFAULT '0000-00-00 00:00:00', s TIMESTAMP NULL)")
	c := j.client(nil)
	want, _, err := j.reader(c, connector.Source{Dataset: "there"}).Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"there", "made"} {
		for _, mode := range []connector.Mode{connector.Upsert, connector.Replace} {
			x := j.start(c, connector.Sink{Dataset: table, Mode: mode, Run: "r" + string(mode)}, want)
			s := x.take("s", 1)
			x.commit(s, 1, []string{"1", "ZERODATE:0000-00-00", "ZERODATE:2026-00-15 00:00:00", "ZERODATE:0000-00-00 00:00:00"}, []string{"2", "2026-01-02", "NULL", "NULL"})
			x.commit(s, 2, []string{"3", "2026-01-03", "NULL", "NULL"})
			s.Close()
			x.finish(connector.Seal, connector.Publish, connector.Drop)
			if got := fmt.Sprint(j.rows("SELECT * FROM %s ORDER BY id", table)); got !=
				"[[1 0000-00-00 2026-00-15 00:00:00 0000-00-00 00:00:00] [2 2026-01-02 <null> <null>] [3 2026-01-03 <null> <null>]]" {
				t.Errorf("%s into %s: got %s", mode, table, got)
			}
		}
	}
}
