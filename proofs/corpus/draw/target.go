package draw

import "math/rand/v2"

// target draws the type of a column that is there at the target before: narrower, wider or of another kind than the source's.
func target(r *rand.Rand, system string, c *Column) string {
	there := map[string]map[form][]string{"mysql": mysqlTargets(), "postgres": postgresTargets(), "sqlite": sqliteTargets()}[system]
	if list := there[c.kind.form]; len(list) > 0 {
		return list[r.IntN(len(list))]
	}
	return map[string]string{"mysql": "LONGTEXT", "postgres": "text", "sqlite": "TEXT"}[system]
}

func mysqlTargets() map[form][]string {
	numbers := []string{"TINYINT", "SMALLINT UNSIGNED", "INT", "BIGINT", "BIGINT UNSIGNED", "DECIMAL(5,2)", "DECIMAL(30,10)", "DECIMAL(65,30)", "VARCHAR(12)", "TEXT"}
	return map[form][]string{
		number:   numbers,
		float64s: {"DOUBLE", "FLOAT", "DECIMAL(20,5)", "TEXT"}, float32s: {"FLOAT", "DOUBLE", "TEXT"},
		truth: {"TINYINT(1)", "INT", "VARCHAR(5)"}, bits: {"BIT(8)", "BIT(64)", "BIGINT UNSIGNED", "TEXT"},
		date: {"DATE", "DATETIME", "VARCHAR(12)"}, moment: {"DATETIME", "DATETIME(3)", "DATETIME(6)", "VARCHAR(40)"}, clock: {"TIME", "TIME(6)", "VARCHAR(20)"},
		text:   {"VARCHAR(5)", "VARCHAR(200)", "VARCHAR(200) CHARACTER SET latin1", "VARCHAR(200) CHARACTER SET utf8mb3", "VARCHAR(200) CHARACTER SET ascii", "TINYTEXT", "TEXT", "INT", "DATE"},
		padded: {"CHAR(20)", "VARCHAR(40)", "TEXT"}, octets: {"VARBINARY(4)", "BINARY(8)", "BLOB", "TINYBLOB"},
		uuid: {"UUID", "CHAR(36)", "BINARY(16)"}, document: {"JSON", "TEXT"}, interval: {"VARCHAR(30)", "TEXT"},
		labels: {"TEXT", "VARCHAR(10)"}, list: {"JSON"}, geometry: {"GEOMETRY", "BLOB"},
	}
}

func postgresTargets() map[form][]string {
	return map[form][]string{
		number:   {"smallint", "integer", "bigint", "numeric(5,2)", "numeric(40,10)", "numeric", "text", "varchar(8)"},
		float64s: {"double precision", "real", "numeric(20,5)", "numeric", "text"}, float32s: {"real", "double precision", "text"},
		truth: {"boolean", "smallint", "text"}, bits: {"bit(8)", "bit varying(64)", "bigint", "text"},
		date: {"date", "timestamp", "varchar(12)"}, moment: {"timestamp(0)", "timestamp(3)", "timestamp", "text"}, clock: {"time", "time(0)", "interval", "text"},
		text: {"varchar(5)", "varchar(200)", "text", "integer", "date", "uuid"}, padded: {"char(20)", "varchar(40)", "text"}, octets: {"bytea", "uuid"},
		uuid: {"uuid", "text", "bytea"}, document: {"json", "jsonb", "text"}, interval: {"interval", "text"},
		labels: {"text[]", "text", "json"}, list: {"json", "text"},
	}
}

func sqliteTargets() map[form][]string {
	return map[form][]string{
		number:   {"TINYINT", "SMALLINT", "INTEGER", "DECIMAL(10,2)", "TEXT DECIMAL(40,10)", "DOUBLE", "TEXT", "VARCHAR(8)"},
		float64s: {"DOUBLE", "FLOAT32", "TEXT"}, float32s: {"FLOAT32", "DOUBLE"},
		truth: {"BOOLEAN", "INTEGER"}, bits: {`"TEXT bit(8)"`, "INTEGER", "TEXT"},
		date: {"DATE", "DATETIME(0)", "TEXT"}, moment: {"DATETIME(0)", "DATETIME(6)", "TEXT"}, clock: {"TIME(0)", "TIME(6)", "TEXT"},
		text: {"VARCHAR(5)", "VARCHAR(200)", "TEXT", "INTEGER", "DATE", "JSON"}, padded: {"CHAR(20)", "TEXT"}, octets: {"BLOB", "VARBINARY(4)"},
		uuid: {"UUID", "TEXT", "BLOB"}, document: {"JSON", "TEXT", "TEXT JSON"}, interval: {"TEXT INTERVAL", "TEXT"},
		labels: {"TEXT", "JSON"}, list: {"JSON", "TEXT"}, geometry: {"BLOB", "BLOB geometry"},
	}
}
