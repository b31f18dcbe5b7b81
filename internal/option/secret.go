package option

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Check returns the first thing that is wrong with an object, as Decode does, or nil.
func (s *Spec) Check(raw json.RawMessage) *Problem {
	return s.Decode(raw, reflect.New(s.root.typ).Interface())
}

// Secrets are the paths of the options that are secrets: "password", "tls.key". Those within lists and maps have none, and a
// struct that has such panics: who stores secrets apart could not tell one element's from another's.
func (s *Spec) Secrets() []string {
	var paths []string
	for _, f := range s.Fields() {
		if !f.Secret {
			continue
		}
		if strings.Contains(f.Name, "[]") || strings.Contains(f.Name, ".*") || f.Type != text.String() {
			panic(fmt.Sprintf("secret option %s is no single text", f.Name))
		}
		paths = append(paths, f.Name)
	}
	return paths
}

// Divide takes the secrets out of an object that Check finds nothing wrong with. Texts without a character are no secrets and go.
func (s *Spec) Divide(raw json.RawMessage) (open json.RawMessage, secrets map[string]string, err error) {
	tree, err := members(raw)
	if err != nil {
		return nil, nil, err
	}
	secrets = map[string]string{}
	for _, path := range s.Secrets() {
		at, name := walk(tree, path, false)
		if value, ok := at[name].(string); ok && value != "" {
			secrets[path] = value
		}
		delete(at, name)
	}
	open, err = json.Marshal(tree)
	return open, secrets, err
}

// Unite puts secrets back into an object.
func (s *Spec) Unite(open json.RawMessage, secrets map[string]string) (json.RawMessage, error) {
	tree, err := members(open)
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(secrets)) {
		at, name := walk(tree, path, true)
		at[name] = secrets[path]
	}
	return json.Marshal(tree)
}

// members reads an object; numbers keep their digits.
func members(raw json.RawMessage) (map[string]any, error) {
	tree := map[string]any{}
	if len(bytes.TrimSpace(raw)) == 0 {
		return tree, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err := decoder.Decode(&tree)
	if tree == nil { // null
		tree = map[string]any{}
	}
	return tree, err
}

// walk returns the object that a path ends in, nil where there is none and none is to be made, and the last name.
func walk(tree map[string]any, path string, make bool) (at map[string]any, name string) {
	parts := strings.Split(path, ".")
	for _, part := range parts[:len(parts)-1] {
		next, ok := tree[part].(map[string]any)
		if !ok && !make {
			return nil, path
		}
		if !ok {
			next = map[string]any{}
			tree[part] = next
		}
		tree = next
	}
	return tree, parts[len(parts)-1]
}
