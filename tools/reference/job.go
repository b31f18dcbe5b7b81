package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/job"
)

// member is one key of an object of the job's JSON Schema, in the schema's order.
type member struct {
	name  string
	value json.RawMessage
}

// schema is what the page shows of a JSON Schema.
type schema struct {
	Type        any               `json:"type"`
	Description string            `json:"description"`
	Enum        []any             `json:"enum"`
	Required    []string          `json:"required"`
	Properties  json.RawMessage   `json:"properties"`
	Items       *schema           `json:"items"`
	OneOf       []json.RawMessage `json:"oneOf"`
	Minimum     *float64          `json:"minimum"`
	Maximum     *float64          `json:"maximum"`
	Examples    []string          `json:"examples"`
}

// jobPage lists the keys of job documents, as their JSON Schema has them.
func jobPage() (string, error) {
	var b strings.Builder
	b.WriteString("# Job documents\n\nWritten by `make generate` from the structs that jobs are read into; not edited by hand. `towpath job schema` prints the same as a\nJSON Schema for editors, `towpath job check FILE` checks a document. YAML or JSON; unknown keys are refused.\n")
	err := section(&b, "", []json.RawMessage{job.Schema()})
	return b.String(), err
}

// section writes the keys of one object, which may take several forms, and below it those of the objects within it.
func section(b *strings.Builder, path string, forms []json.RawMessage) error {
	title := "The document"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(b, "\n## %s\n\n| key | takes | meaning |\n|---|---|---|\n", title)
	var below []func() error
	for _, form := range forms {
		var s schema
		if err := json.Unmarshal(form, &s); err != nil {
			return err
		}
		members, err := ordered(s.Properties)
		if err != nil {
			return err
		}
		for _, m := range members {
			var p schema
			if err := json.Unmarshal(m.value, &p); err != nil {
				return err
			}
			doc := p.Description
			if len(forms) == 1 && slices.Contains(s.Required, m.name) {
				doc += " Required."
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", m.name, cell(takes(&p)), cell(doc))
			if suffix, inner := objects(m.value); inner != nil {
				at := strings.TrimPrefix(path+"."+m.name, ".") + suffix
				below = append(below, func() error { return section(b, at, inner) })
			}
		}
	}
	for _, write := range below {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// objects are the schemas below one that have keys of their own: itself, what a list has ([] is the suffix of its path), the
// forms that either may take.
func objects(raw json.RawMessage) (suffix string, forms []json.RawMessage) {
	var s struct {
		Properties json.RawMessage   `json:"properties"`
		Items      json.RawMessage   `json:"items"`
		OneOf      []json.RawMessage `json:"oneOf"`
	}
	if json.Unmarshal(raw, &s) != nil {
		return "", nil
	}
	if s.Items != nil {
		suffix, forms = objects(s.Items)
		return "[]" + suffix, forms
	}
	if s.Properties != nil {
		forms = append(forms, raw)
	}
	for _, one := range s.OneOf {
		_, inner := objects(one)
		forms = append(forms, inner...)
	}
	return "", forms
}

// takes says in words what a key takes.
func takes(s *schema) string {
	text := ""
	switch t := s.Type.(type) {
	case string:
		text = t
	case []any:
		var names []string
		for _, name := range t {
			names = append(names, fmt.Sprint(name))
		}
		text = strings.Join(names, " or ")
	}
	if s.Items != nil {
		if of := takes(s.Items); of != "" {
			text = "array of " + of
		}
	}
	if len(s.OneOf) > 0 {
		text = ""
		for i, raw := range s.OneOf {
			var one schema
			if json.Unmarshal(raw, &one) == nil {
				if of := takes(&one); i == 0 {
					text = of
				} else if of != text {
					text += " or " + of
				}
			}
		}
	}
	if len(s.Enum) > 0 {
		text = ""
		for i, value := range s.Enum {
			if i > 0 {
				text += ", "
			}
			text += fmt.Sprintf("`%v`", value)
		}
	}
	if s.Minimum != nil {
		text += fmt.Sprintf(" from %v", *s.Minimum)
	}
	if s.Maximum != nil {
		text += fmt.Sprintf(" to %v", *s.Maximum)
	}
	if len(s.Examples) > 0 {
		text += ", as in `" + strings.Join(s.Examples, "`, `") + "`"
	}
	return text
}

// ordered reads the members of an object in the order of its text.
func ordered(raw json.RawMessage) ([]member, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var list []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: fmt.Sprint(name)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}
