package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// proof is what `make prove` writes of a part.
type proof struct {
	Part    string          `json:"part"`
	Title   string          `json:"title"`
	Passed  bool            `json:"passed"`
	Commit  string          `json:"commit"`
	Machine string          `json:"machine"`
	Date    string          `json:"date"`
	Seconds float64         `json:"seconds"`
	Seed    json.Number     `json:"seed"`
	Figures json.RawMessage `json:"figures"`
}

// proofsPage shows the figures that are kept in proofs/.
func proofsPage(root string) (string, error) {
	files, err := filepath.Glob(filepath.Join(root, "proofs", "*.json"))
	if err != nil {
		return "", err
	}
	slices.Sort(files)
	var b strings.Builder
	b.WriteString("# Proofs\n\nWritten by `make generate` from `proofs/*.json`, which `make prove PART=NAME` writes. Each part drives the built program against real " +
		"stores\nand judges the result through another path than ours.\n")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		var p proof
		if err := json.Unmarshal(data, &p); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		result := "passed"
		if !p.Passed {
			result = "**failed**"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n%s in %.0f minutes on %s, %s; commit `%.12s`, seed %s.\n\n", p.Part, p.Title, strings.ToUpper(result[:1])+result[1:],
			p.Seconds/60, p.Machine, p.Date[:min(10, len(p.Date))], p.Commit, p.Seed)
		if err := figures(&b, p.Figures, 0); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
	}
	return b.String(), nil
}

// figures writes an object as a list, in the order of the file; "scenes", the same figures once more by scene, is left out.
func figures(b *strings.Builder, raw json.RawMessage, depth int) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if name == "scenes" || string(value) == "null" {
			continue
		}
		if err := figure(b, strings.ReplaceAll(name.(string), "_", " "), value, depth); err != nil {
			return err
		}
	}
	return nil
}

func figure(b *strings.Builder, name string, value json.RawMessage, depth int) error {
	indent := strings.Repeat("  ", depth)
	switch value[0] {
	case '{':
		fmt.Fprintf(b, "%s- %s\n", indent, name)
		return figures(b, value, depth+1)
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(value, &list); err != nil {
			return err
		}
		for i, element := range list {
			if err := figure(b, fmt.Sprintf("%s %d", name, i+1), element, depth); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(b, "%s- %s: %s\n", indent, name, strings.Trim(string(value), `"`))
	return nil
}
