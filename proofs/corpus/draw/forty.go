package draw

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/towpath/towpath/proofs/corpus"
)

// Forty is a table of MariaDB with forty columns, one of each type, with the values at their ends: a row for each of them, all other columns
// NULL, and rows that are full.
func Forty() *Draw {
	d := &Draw{Way: corpus.Way{From: "mysql", To: "postgres"}, Seed: 40}
	all := mysqlKinds()
	for _, c := range []struct {
		kind, declared string
		with           Column
	}{
		{"tinyint", "TINYINT", Column{size: 8}}, {"tinyint", "TINYINT UNSIGNED", Column{size: 8, unsigned: true}}, {"tinyint", "TINYINT(1)", Column{size: 8}},
		{"smallint", "SMALLINT", Column{size: 16}}, {"smallint", "SMALLINT UNSIGNED", Column{size: 16, unsigned: true}},
		{"mediumint", "MEDIUMINT", Column{size: 24}}, {"mediumint", "MEDIUMINT UNSIGNED", Column{size: 24, unsigned: true}},
		{"int", "INT", Column{size: 32}}, {"int", "INT(8) UNSIGNED ZEROFILL", Column{size: 32, unsigned: true}},
		{"bigint", "BIGINT", Column{size: 64}}, {"bigint", "BIGINT UNSIGNED", Column{size: 64, unsigned: true}},
		{"bit", "BIT(1)", Column{size: 1}}, {"bit", "BIT(64)", Column{size: 64}},
		{"decimal", "DECIMAL(65,30)", Column{size: 65, scale: 30}}, {"decimal", "DECIMAL(10,2)", Column{size: 10, scale: 2}},
		{"float", "FLOAT", Column{}}, {"double", "DOUBLE", Column{}},
		{"date", "DATE", Column{}}, {"datetime", "DATETIME", Column{}}, {"datetime", "DATETIME(6)", Column{size: 6}},
		{"timestamp", "TIMESTAMP NULL", Column{}}, {"timestamp", "TIMESTAMP(6) NULL", Column{size: 6}},
		{"time", "TIME", Column{}}, {"time", "TIME(6)", Column{size: 6}}, {"year", "YEAR", Column{}},
		{"char", "CHAR(10)", Column{size: 10}}, {"varchar", "VARCHAR(200)", Column{size: 200}}, {"varchar", "VARCHAR(50) CHARACTER SET latin1", Column{size: 50}},
		{"text", "TEXT", Column{}}, {"longtext", "LONGTEXT CHARACTER SET gbk", Column{size: 60}},
		{"binary", "BINARY(8)", Column{size: 8}}, {"varbinary", "VARBINARY(40)", Column{size: 40}}, {"blob", "BLOB", Column{size: 200}},
		{"enum", "", Column{labels: []string{"a", "it''s", "c,d", "zurück"}}}, {"set", "", Column{labels: []string{"a", "b", "zurück"}}},
		{"json", "JSON", Column{}}, {"uuid", "UUID", Column{}}, {"inet6", "INET6", Column{}}, {"point", "POINT", Column{}}, {"geometry", "GEOMETRY", Column{}},
	} {
		k := &all[slices.IndexFunc(all, func(k kind) bool { return k.name == c.kind })]
		column := c.with
		column.Name, column.Type, column.kind = fmt.Sprintf("c%d", len(d.Columns)+1), c.declared, k
		if c.declared == "" {
			column.Type = strings.ToUpper(c.kind) + "(" + strings.Join(quoteAll(column.labels), ",") + ") COLLATE utf8mb4_bin"
		}
		d.Columns = append(d.Columns, column)
	}
	d.fill(rand.New(rand.NewPCG(40, 40)))
	return d
}
