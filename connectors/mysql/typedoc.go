package mysql

import (
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/typedoc"
	"github.com/towpath/towpath/record"
)

// parameters of types that are nothing without them.
func exampleOf(name string) string {
	switch name {
	case "decimal":
		return name + "(12,2)"
	case "bit":
		return name + "(8)"
	case "time", "datetime", "timestamp":
		return name + "(6)"
	case "char", "varchar", "binary", "varbinary":
		return name + "(40)"
	case "enum", "set":
		return name + "('a','b')"
	}
	return name
}

// typeDocs is the table of types, and what MariaDB 10.11 gets for logical types.
func typeDocs() []connector.TypeDoc {
	m := &maker{release: release{Maria: true, Number: [3]int{10, 11}}, collations: map[string]string{"utf8mb4_nopad_bin": "utf8mb4", "utf8mb4_bin": "utf8mb4"}, keyBytes: wideKeyBytes}
	var out []connector.TypeDoc
	read := func(text, note string) {
		t, _ := m.fromNative(text, "utf8mb4")
		out = append(out, connector.TypeDoc{From: text, To: logical(t).String(), Note: note})
	}
	for _, r := range types {
		note := ""
		if r.there != nil && !r.there(m.release) {
			note = "on servers that have it"
		}
		read(exampleOf(r.name), note)
		if t := r.read(typeText{name: r.name}); t.Kind == record.Int {
			read(r.name+" unsigned", "")
		}
	}
	out = append(out, connector.TypeDoc{From: "all others", To: record.Native.String(), Note: "the server's text"})
	for _, t := range typedoc.Logical() {
		d := m.column(&record.Field{Name: "c", Type: t, Nullable: true}, false)
		m.settle(&d, &record.Field{Name: "c", Type: t, Nullable: true})
		if t.Kind == record.Float {
			d.lose("%s", record.NewCast(t, logical(d.text), record.CastOptions{}).Loss)
		}
		out = append(out, connector.TypeDoc{From: t.String(), To: d.text.String(), Note: strings.Join(d.losses, "; "), Made: true})
	}
	return out
}
