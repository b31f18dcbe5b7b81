package connector

// TypeDoc is a line of the table in which a connector says what it makes of types, for people. Connectors make it of the table
// that they work by.
type TypeDoc struct {
	From string // the type as the system writes it; with Made, the logical type
	To   string // the logical type; with Made, the type of a column that a run makes
	Note string // what the column does not keep or takes otherwise; "" nothing
	Made bool
}
