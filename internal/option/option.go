// Package option reads option structs: one description gives defaults, docs, JSON Schema and strict validation.
// It knows no connector and no job.
package option

import "encoding/json"

// Spec is a described option struct.
type Spec struct{}

// Problem is what is wrong with an object.
type Problem struct {
	Path string // below the object: "hosts[0].port"
	Text string
	Hint string
}

// PathBelow returns the path with a prefix.
func (p *Problem) PathBelow(at string) string { return at + "." + p.Path }

// Describe makes a Spec.
func Describe(defaults any) *Spec { return nil }

// Decode reads an object over the defaults.
func (s *Spec) Decode(raw json.RawMessage, into any) *Problem { return nil }
