package connector

import (
	"fmt"
	"slices"
	"strings"
)

// Set is a list of connectors by name.
type Set struct{ list []Connector }

// NewSet returns the set of the connectors, ordered by name; two of one name are a programmer's error.
func NewSet(list ...Connector) Set {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Connector) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(list); i++ {
		if list[i].Name == list[i-1].Name {
			panic(fmt.Sprintf("two connectors are named %q", list[i].Name))
		}
	}
	return Set{list}
}

// All returns the connectors in the order of their names.
func (s Set) All() []Connector { return s.list }

// Get returns the named connector, or an error of class Config that names those there are.
func (s Set) Get(name string) (Connector, error) {
	names := make([]string, len(s.list))
	for i, c := range s.list {
		if c.Name == name {
			return c, nil
		}
		names[i] = c.Name
	}
	return Connector{}, Errorf(Config, "TOW-002", "no connector %q", name).WithHint("Connectors are: %s.", strings.Join(names, ", "))
}
