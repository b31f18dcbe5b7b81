package option

import (
	"encoding/json"
	"fmt"
)

// MapFiles returns the object with each path of a file of this machine replaced by what f makes of it; option is where it stands
// ("path", "parts[0].file"). Values of a wrong type stay, for Decode to refuse. An error of f ends it.
func (s *Spec) MapFiles(raw json.RawMessage, f func(option, path string) (string, error)) (json.RawMessage, error) {
	tree, err := members(raw)
	if err != nil {
		return nil, err
	}
	if _, err := s.root.mapFiles(tree, "", false, f); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

func (n *node) mapFiles(value any, at string, file bool, f func(option, path string) (string, error)) (out any, err error) {
	for n.kind == pointer {
		n = n.elem
	}
	switch value := value.(type) {
	case string:
		if file && n.kind == text {
			return f(at, value)
		}
	case []any:
		for i := range value {
			if n.kind == array && err == nil {
				value[i], err = n.elem.mapFiles(value[i], fmt.Sprintf("%s[%d]", at, i), file, f)
			}
		}
	case map[string]any:
		for name, inner := range value {
			below, within := n.elem, file // of a map
			if field := n.field(name); field != nil {
				below, within = field.node, field.file
			}
			if below != nil && err == nil {
				value[name], err = below.mapFiles(inner, join(at, name), within, f)
			}
		}
	}
	return value, err
}
