package job

import (
	"reflect"

	"github.com/towpath/towpath/connector"
)

// Create says what is made at the target; nil: not said here. Parse fills those of streams from the settings and the defaults.
type Create struct {
	Missing     *bool `json:"missing,omitempty" doc:"A target that does not exist; false refuses the stream then. Default true."`
	Indexes     *bool `json:"indexes,omitempty" doc:"The source's indexes, on targets that the run makes, once all rows are there."`
	ForeignKeys *bool `json:"foreign_keys,omitempty" doc:"The source's foreign keys between targets of the run that it makes, once all of them are complete."`
	Defaults    *bool `json:"defaults,omitempty" doc:"The defaults of columns, where they are literals or the time of a statement."`
	Comments    *bool `json:"comments,omitempty" doc:"The comments of tables and columns."`
}

// Structure is what a target that is made gets beside columns and key.
func (c Create) Structure() connector.Structure {
	return connector.Structure{Indexes: said(c.Indexes), References: said(c.ForeignKeys), Defaults: said(c.Defaults), Comments: said(c.Comments)}
}

// Never reports whether a target that does not exist is refused.
func (c Create) Never() bool { return c.Missing != nil && !*c.Missing }

func said(b *bool) bool { return b != nil && *b }

// over returns c with what it does not say taken from the settings, then from the defaults.
func (c Create) over(settings Create) Create {
	pick := func(own, set *bool, otherwise bool) *bool {
		switch {
		case own != nil:
			return own
		case set != nil:
			return set
		}
		return &otherwise
	}
	return Create{Missing: pick(c.Missing, settings.Missing, true), Indexes: pick(c.Indexes, settings.Indexes, false),
		ForeignKeys: pick(c.ForeignKeys, settings.ForeignKeys, false), Defaults: pick(c.Defaults, settings.Defaults, false),
		Comments: pick(c.Comments, settings.Comments, false)}
}

// createWords are the words that stand for an object, and what they say of missing targets.
func createWords() map[string]bool { return map[string]bool{"missing": true, "never": false} }

// create reads one of the words, or an object in which a key alone means true.
func (d *decoder) create(n *node, into *Create, path string) {
	if n.kind == isText {
		missing, known := createWords()[n.text]
		if !known {
			d.add(n.at, path, "TOW-603", nearestHint(n.text, []string{"missing", "never"}), "%q is none of missing, never, nor an object", n.text)
			return
		}
		into.Missing = &missing
		return
	}
	if n.kind == isObject {
		for _, item := range n.items {
			if item.kind == isNull {
				item.kind, item.text, item.raw = isBool, "true", "true"
			}
		}
	}
	d.object(n, reflect.ValueOf(into).Elem(), path)
}

// createSchema is the JSON Schema of what create reads.
func createSchema() members {
	object := structSchema(reflect.TypeFor[Create]())
	for i := range object {
		if object[i].name != "properties" {
			continue
		}
		for _, property := range object[i].value.(members) {
			property.value.(members)[0].value = []string{"boolean", "null"}
		}
	}
	return members{{"oneOf", []any{members{{"type", "string"}, {"enum", []string{"missing", "never"}}}, object}}}
}
