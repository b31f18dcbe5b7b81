package main

import (
	"path/filepath"
	"strings"

	"github.com/towpath/towpath/connector"
)

// connectorPages are the pages of all connectors by their paths below docs/reference: each one's guide, then its options.
func connectorPages(set connector.Set) map[string]string {
	pages := map[string]string{}
	for _, c := range set.All() {
		text := "<!-- Written by `make generate` from the connector's README and option structs; not edited by hand. -->\n\n"
		text += strings.TrimSpace(c.Docs) + "\n"
		if tables := optionTables(c); tables != "" {
			text += "\n## Options\n" + tables
		}
		pages[filepath.Join("connectors", c.Name+".md")] = text
	}
	return pages
}
