package option

import (
	"bytes"
	"encoding/json"
)

// Redacted stands where a secret was.
const Redacted = "***"

// Redact returns the object with its secrets replaced by Redacted. What the struct does not describe (an unknown name, a
// value of the wrong type) is replaced too, as it may be a secret in the wrong place. Missing, null and empty secrets stay.
//
// Invariant 10: no secret leaves.
func (s *Spec) Redact(raw json.RawMessage) json.RawMessage {
	if len(bytes.TrimSpace(raw)) == 0 {
		return json.RawMessage("{}")
	}
	if !json.Valid(raw) {
		return quote(Redacted)
	}
	return s.root.redact(raw)
}

func (n *node) redact(raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if raw[0] == 'n' {
		return raw
	}
	switch n.kind {
	case pointer:
		return n.elem.redact(raw)
	case object, dict:
		return n.redactMembers(raw)
	case array:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return quote(Redacted)
		}
		out := []byte{'['}
		for i, element := range list {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, n.elem.redact(element)...)
		}
		return append(out, ']')
	case free:
		return raw
	case text, duration:
		if raw[0] != '"' {
			return quote(Redacted)
		}
	case boolean:
		if raw[0] != 't' && raw[0] != 'f' {
			return quote(Redacted)
		}
	case integer, number:
		if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
			return quote(Redacted)
		}
	case size:
		if (raw[0] < '0' || raw[0] > '9') && raw[0] != '"' {
			return quote(Redacted)
		}
	}
	return raw
}

func (n *node) redactMembers(raw json.RawMessage) json.RawMessage {
	given, err := readMembers(raw)
	if err != nil {
		return quote(Redacted)
	}
	out := []byte{'{'}
	for i, m := range given {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, quote(m.name)...), ':')
		f := n.field(m.name)
		switch {
		case n.kind == dict:
			out = append(out, n.elem.redact(m.value)...)
		case f == nil || f.secret:
			out = append(out, hide(m.value)...)
		default:
			out = append(out, f.node.redact(m.value)...)
		}
	}
	return append(out, '}')
}

// hide replaces a value, unless it says nothing.
func hide(raw json.RawMessage) json.RawMessage {
	if s := string(raw); s == "null" || s == `""` {
		return raw
	}
	return quote(Redacted)
}

func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always marshal
	}
	return b
}
