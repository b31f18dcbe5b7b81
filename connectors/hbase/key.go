package hbase

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// rowKey takes row keys apart.
type rowKey struct {
	salt      int
	reversed  bool
	separator []byte
	bare      bool // none stands behind parts with a width
	parts     []keyPart
}

// keyPart is a column that is made of a part of the key.
type keyPart struct {
	name string
	as   encoding
	end  int // bytes; 0: up to the separator, or the key's end
}

// newRowKey reads the options; as is the encoding of a key for which none is named.
func newRowKey(o RowKey, as string) (*rowKey, error) {
	separator, err := unescapeOption(o.Separator, "source.options.row.separator")
	if err != nil {
		return nil, err
	}
	k := &rowKey{salt: o.Salt, reversed: o.Reversed, separator: separator, bare: o.Bare}
	parts, at := o.Parts, "source.options.row.parts"
	if len(parts) == 0 {
		if o.Encoding != "" {
			as = o.Encoding
		}
		parts, at = []Part{{Name: o.Name, Encoding: as}}, "source.options.row"
	} else if o.Encoding != "" {
		return nil, connector.Errorf(connector.Config, "TOW-814", "a key of parts has an encoding for each of them, none of its own").At("source.options.row.encoding")
	}
	for i, p := range parts {
		at := at
		if len(o.Parts) > 0 {
			at = fmt.Sprintf("%s.%d", at, i)
		}
		if err := k.add(p, i == len(parts)-1, at); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// add adds a part, the last one or one that another follows.
func (k *rowKey) add(p Part, last bool, at string) error {
	if p.Name == "" {
		return connector.Errorf(connector.Config, "TOW-814", "the row key has a part without a name").At(at + ".name")
	}
	if slices.ContainsFunc(k.parts, func(x keyPart) bool { return x.name == p.Name }) {
		return connector.Errorf(connector.Config, "TOW-814", "the row key has two parts named %q", p.Name).At(at + ".name")
	}
	if p.Encoding == "" {
		p.Encoding = "string"
	}
	as, err := encodingOf(p.Encoding, at+".encoding")
	if err != nil {
		return err
	}
	end := p.Width
	switch {
	case end > 0 && as.width > 0 && end != as.width:
		return connector.Errorf(connector.Config, "TOW-814", "%s has %d bytes, not %d", as.name, as.width, end).At(at + ".width")
	case end == 0:
		end = as.width
	}
	if end == 0 && !last && len(k.separator) == 0 {
		return connector.Errorf(connector.Config, "TOW-814", "nothing tells where part %q of the row key ends", p.Name).At(at).
			WithHint("Give the part a width, or the key a separator.")
	}
	k.parts = append(k.parts, keyPart{p.Name, as, end})
	return nil
}

// fields returns the key's columns.
func (k *rowKey) fields() []record.Field {
	var fields []record.Field
	for i, p := range k.parts {
		fields = append(fields, record.Field{Name: p.name, Type: p.as.typ, Key: i + 1, Native: p.as.name})
	}
	return fields
}

// cut appends the bytes of each part of a row key to parts. A part that is not there is nil: the key then is none of these.
// What is behind the last part has no place and voids it too.
func (k *rowKey) cut(parts [][]byte, row []byte) [][]byte {
	fits := len(row) >= k.salt
	if fits {
		row = row[k.salt:]
	}
	if k.reversed {
		row = slices.Clone(row)
		slices.Reverse(row)
	}
	for i := range k.parts {
		var part []byte
		if fits {
			part, row, fits = k.next(i, row)
		}
		parts = append(parts, part)
	}
	if !fits || len(row) > 0 {
		for i := range k.parts {
			parts[len(parts)-1-i] = nil
		}
	}
	return parts
}

// next takes part i off the front of what is left of a key, with the separator behind it.
func (k *rowKey) next(i int, left []byte) (part, rest []byte, ok bool) {
	end, last := k.parts[i].end, i == len(k.parts)-1
	if end == 0 {
		if end = len(left); !last {
			if end = bytes.Index(left, k.separator); end < 0 {
				return nil, nil, false
			}
		}
	}
	if end > len(left) {
		return nil, nil, false
	}
	part, rest = left[:end:end], left[end:]
	if !last && len(k.separator) > 0 && !(k.bare && k.parts[i].end > 0) {
		rest, ok = bytes.CutPrefix(rest, k.separator)
		return part, rest, ok
	}
	return part, rest, true
}
