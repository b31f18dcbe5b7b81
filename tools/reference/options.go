package main

import (
	"fmt"
	"strings"

	"github.com/towpath/towpath/connector"
)

// optionTables lists the options of a connector's connection, of reading and of writing.
func optionTables(c connector.Connector) string {
	var b strings.Builder
	for _, part := range []struct {
		title   string
		options *connector.Options
	}{{"A connection", c.Connection}, {"Reading: `source_options`", c.Reading}, {"Writing: `target_options`", c.Writing}} {
		if part.options == nil || len(part.options.Fields()) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n| option | type | default | meaning |\n|---|---|---|---|\n", part.title)
		for _, f := range part.options.Fields() {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, code(f.Default), cell(meaning(f.Doc, f.Enum, f.Min, f.Max, f.Secret, f.Required)))
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
