package record

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseType reads a type as Type.String writes it, for instance int64, decimal(12,2), text(40 bytes fixed), datetime(6),
// list(int32), enum("a","b"). Short names are int, uint, float, double and real, string, timestamp and boolean; moments
// without a precision have microseconds.
func ParseType(s string) (Type, error) {
	s = strings.TrimSpace(s)
	name, args, hasArgs := strings.Cut(s, "(")
	if hasArgs {
		var ok bool
		if args, ok = strings.CutSuffix(args, ")"); !ok {
			return Type{}, fmt.Errorf("parse type %q: no closing parenthesis", s)
		}
	}
	t, ok := namedType(strings.ToLower(strings.TrimSpace(name)))
	if !ok {
		return Type{}, fmt.Errorf("parse type %q: unknown type", s)
	}
	if err := t.parseArgs(args, hasArgs); err != nil {
		return Type{}, fmt.Errorf("parse type %q: %w", s, err)
	}
	return t, nil
}

// namedType returns the type that a name without parameters means.
func namedType(name string) (Type, bool) {
	switch name {
	case "boolean":
		return Type{Kind: Bool}, true
	case "int", "uint", "float":
		name += "64"
	case "double":
		name = "float64"
	case "real":
		name = "float32"
	case "string":
		name = "text"
	case "timestamp":
		name = "instant"
	}
	for _, k := range [...]Kind{Int, Uint, Float} {
		if text, ok := strings.CutPrefix(name, k.String()); ok {
			bits, err := strconv.Atoi(text)
			if err != nil {
				continue // interval
			}
			return Type{Kind: k, Bits: bits}, bits == 64 || bits == 32 || k != Float && (bits == 8 || bits == 16 || bits == 24)
		}
	}
	var k Kind
	if k.UnmarshalText([]byte(name)) != nil {
		return Type{}, false
	}
	t := Type{Kind: k}
	switch k {
	case Time, Datetime, Instant:
		t.Precision = 6
	case Bit:
		t.Bits = 1
	}
	return t, true
}

func (t *Type) parseArgs(args string, has bool) error {
	if !has {
		return nil
	}
	switch t.Kind {
	case Decimal:
		return t.parseDecimal(args)
	case Text, Bytes:
		return t.parseLength(args)
	case Time, Datetime, Instant:
		digits, offset := strings.CutSuffix(args, " offset")
		t.Offset = offset
		n, err := strconv.Atoi(strings.TrimSpace(digits))
		if err != nil || n < 0 || n > 9 || offset && t.Kind != Instant {
			return fmt.Errorf("precision %q is not 0 to 9", args)
		}
		t.Precision = n
	case Bit:
		n, err := strconv.Atoi(strings.TrimSpace(args))
		if err != nil || n < 1 {
			return fmt.Errorf("length %q is not a positive number", args)
		}
		t.Bits = n
	case List:
		elem, err := ParseType(args)
		if err != nil {
			return err
		}
		t.Elem = &elem
	case Enum, Set:
		return t.parseLabels(args)
	case Native:
		t.Name = args
	default:
		return fmt.Errorf("%s has no parameters", t.Kind)
	}
	return nil
}

func (t *Type) parseDecimal(args string) error {
	precision, scale, hasScale := strings.Cut(args, ",")
	var err error
	if t.Precision, err = strconv.Atoi(strings.TrimSpace(precision)); err != nil || t.Precision < 1 || t.Precision > 1000 {
		return fmt.Errorf("precision %q is not 1 to 1000", precision)
	}
	if !hasScale {
		return nil
	}
	if t.Scale, err = strconv.Atoi(strings.TrimSpace(scale)); err != nil || t.Scale < -1000 || t.Scale > 1000 {
		return fmt.Errorf("scale %q is not -1000 to 1000", scale)
	}
	return nil
}

func (t *Type) parseLength(args string) error {
	words := strings.Fields(args)
	for i, word := range words {
		switch {
		case i == 0:
			n, err := strconv.ParseInt(word, 10, 64)
			if err != nil || n < 1 {
				return fmt.Errorf("length %q is not a positive number", word)
			}
			t.Length = n
		case word == "fixed" && i == len(words)-1:
			t.Fixed = true
		case word == "chars" && i == 1 && t.Kind == Text:
			t.Unit = Chars
		case word == "bytes" && i == 1 && t.Kind == Text:
			t.Unit = Octets
		case word == "utf16" && i == 1 && t.Kind == Text:
			t.Unit = UTF16
		default:
			return fmt.Errorf("unknown word %q", word)
		}
	}
	if len(words) == 0 {
		return fmt.Errorf("no length between the parentheses")
	}
	return nil
}

func (t *Type) parseLabels(args string) error {
	for rest := strings.TrimSpace(args); rest != ""; {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return fmt.Errorf("labels are quoted and separated by commas")
		}
		label, err := strconv.Unquote(quoted)
		if err != nil {
			return fmt.Errorf("read label %s: %w", quoted, err)
		}
		t.Labels = append(t.Labels, label)
		rest = strings.TrimSpace(rest[len(quoted):])
		if rest == "" {
			break
		}
		var ok bool
		if rest, ok = strings.CutPrefix(rest, ","); !ok || strings.TrimSpace(rest) == "" {
			return fmt.Errorf("labels are quoted and separated by commas")
		}
		rest = strings.TrimSpace(rest)
	}
	return nil
}
