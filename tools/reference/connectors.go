package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/towpath/towpath/connector"
)

// connectorPages are the pages of all connectors by their paths below docs/reference: each one's guide, then its options.
func connectorPages(set connector.Set) map[string]string {
	pages := map[string]string{}
	for _, c := range set.All() {
		text := "<!-- Written by `make generate` from the connector's README, its table of types and its option structs; not edited by hand. -->\n\n"
		text += strings.TrimSpace(c.Docs) + "\n" + typeTables(c)
		if tables := optionTables(c); tables != "" {
			text += "\n## Options\n" + tables
		}
		pages[filepath.Join("connectors", c.Name+".md")] = text
	}
	return pages
}

// typeTables shows what a connector makes of types: those that it reads, and the columns that it makes.
func typeTables(c connector.Connector) string {
	if c.Types == nil {
		return ""
	}
	var read, made strings.Builder
	for _, d := range c.Types() {
		into := &read
		if d.Made {
			into = &made
		}
		fmt.Fprintf(into, "| %s | %s | %s |\n", typeText(d.From), typeText(d.To), cell(d.Note))
	}
	text := "\n## Mapping of types\n\n[Values](../types.md) says what the logical types are. A conversion that the plan does not call exact or widening is checked: a value that does\nnot fit is dirty, or what the job's policy makes of it.\n"
	if read.Len() > 0 {
		text += "\n### Columns that are read\n\n| declared | logical type | note |\n|---|---|---|\n" + read.String()
	}
	if made.Len() > 0 {
		text += "\n### Columns that are made\n\n| logical type | made as | note |\n|---|---|---|\n" + made.String()
	}
	return text
}

// typeText shows a type as code, and words about types as they are.
func typeText(text string) string {
	for _, words := range []string{"all ", "arrays ", "enums", "domains", "nothing ", "list of ", "enum of ", "by ", "what ", "refused"} {
		if strings.HasPrefix(text, words) {
			return cell(text)
		}
	}
	return code(text)
}
