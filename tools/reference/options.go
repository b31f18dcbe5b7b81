package main

import (
	"fmt"
	"strings"

	"github.com/towpath/towpath/connector"
)

// optionsPage lists the options of a connection, of reading and of writing, for each connector.
func optionsPage(set connector.Set) string {
	var b strings.Builder
	b.WriteString("# Options of the connectors\n\nWritten by `make generate` from the option structs; not edited by hand.\n")
	for _, c := range set.All() {
		fmt.Fprintf(&b, "\n## %s\n", c.Name)
		for _, part := range []struct {
			title   string
			options *connector.Options
		}{{"A connection", c.Connection}, {"Reading", c.Reading}, {"Writing", c.Writing}} {
			if part.options == nil || len(part.options.Fields()) == 0 {
				continue
			}
			fmt.Fprintf(&b, "\n### %s\n\n| option | type | default | meaning |\n|---|---|---|---|\n", part.title)
			for _, f := range part.options.Fields() {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, code(f.Default), cell(meaning(f.Doc, f.Enum, f.Min, f.Max, f.Secret, f.Required)))
			}
		}
	}
	return b.String()
}

func meaning(doc string, enum []string, low, high string, secret, required bool) string {
	parts := []string{doc}
	if required {
		parts = append(parts, "Required.")
	}
	if len(enum) > 0 {
		parts = append(parts, "One of `"+strings.Join(enum, "`, `")+"`.")
	}
	if low != "" {
		parts = append(parts, "At least "+low+".")
	}
	if high != "" {
		parts = append(parts, "At most "+high+".")
	}
	if secret {
		parts = append(parts, "Secret: shown as `***`.")
	}
	return strings.Join(parts, " ")
}

func code(text string) string {
	if text == "" || text == `""` || text == "null" {
		return ""
	}
	return "`" + cell(text) + "`"
}

// cell makes a text fit for a table's cell.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", `\|`), "\n", " ")
}
