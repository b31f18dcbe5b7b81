package connector

import (
	"encoding/json"

	"github.com/towpath/towpath/internal/option"
)

// Options describes one option struct: the only source of its defaults, docs, JSON Schema and validation.
type Options = option.Spec

// Describe makes the Options of a struct T from its default value and its tags:
//
//	FetchRows int `json:"fetch_rows" doc:"Rows asked of the cursor at a time; more uses more memory." minimum:"1"`
//
// Tags: json (the name; omitempty has no meaning here), doc, minimum, maximum, enum, secret:"true", required:"true", example, path:"file".
func Describe[T any](defaults T) *Options { return option.Describe(defaults) }

// DecodeOptions reads an object into a T over the defaults given to Describe[T]. Unknown names, wrong types and values out of
// bounds are errors of class Config, TOW-001, that name the path below at ("source.options") and offer the nearest known name.
func DecodeOptions[T any](o *Options, raw json.RawMessage, at string) (T, error) {
	var out T
	if problem := o.Decode(raw, &out); problem != nil {
		e := Errorf(Config, "TOW-001", "%s", problem.Text)
		e.Path, e.Hint = problem.PathBelow(at), problem.Hint
		var zero T
		return zero, e
	}
	return out, nil
}
