package secret

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Values returns the texts and numbers of an object that stand at the paths, for a Scrubber. Paths are named as fields of
// option.Spec are: "password", "hosts[].password", "headers". All that stands below a path belongs to it.
func Values(raw json.RawMessage, paths []string) []String {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var tree any
	if decoder.Decode(&tree) != nil {
		return nil
	}
	var values []String
	for _, path := range paths {
		values = collect(values, tree, strings.Split(strings.ReplaceAll(path, "[]", ""), "."))
	}
	return values
}

// collect goes through lists without a step of the path.
func collect(values []String, v any, path []string) []String {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			switch {
			case len(path) == 0:
				values = collect(values, inner, nil)
			case path[0] == "*" || path[0] == name:
				values = collect(values, inner, path[1:])
			}
		}
	case []any:
		for _, inner := range v {
			values = collect(values, inner, path)
		}
	case string:
		if len(path) == 0 {
			values = append(values, New(v))
		}
	case json.Number:
		if len(path) == 0 {
			values = append(values, New(v.String()))
		}
	}
	return values
}
