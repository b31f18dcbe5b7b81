package draw

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// form is what a value is, whatever the store: the same value has one normal form. Normal forms are made of what stores' own clients
// show, by the standard library alone.
type form int

const (
	text     form = iota
	padded        // text whose blanks at the end do not count
	number        // any whole or decimal number; NaN and infinities of PostgreSQL's
	float64s      // all 64 bits
	float32s
	truth
	bits // a string of 0 and 1
	date
	moment // wall clock or instant, whichever the column says: both have one form
	clock  // time of day, and longer ones
	interval
	octets
	uuid
	document // exact text
	labels   // of a set
	list
	geometry
)

// shape is the form of what a client shows, with what it takes to read it.
type shape struct {
	form form
	n    int    // digits of bits
	elem *shape // of a list
	json bool   // a list that is shown as JSON
	raw  bool   // a list that is shown in towpath's own form, in hex
	hex  bool   // bytes that are shown in hex; else in base64, or as PostgreSQL's \x
	set  bool   // labels joined by commas; else as JSON, or an array of PostgreSQL
	real bool   // a number that is kept as a float of 64 bits
	wkb  bool   // a geometry of four bytes of SRID and WKB, in hex; else SRID;hex
}

// null stands for NULL among normal forms; no other has a zero byte.
const null = "\x00NULL"

// normal returns the normal form of a value that is a want and shown as a shape; an error says that it is none.
func normal(want form, s shape, shown string) (string, error) {
	switch want {
	case text:
		return asText(s, shown)
	case padded:
		t, err := asText(s, shown)
		return strings.TrimRight(t, " "), err
	case number:
		return asNumber(s, shown)
	case float64s, float32s:
		return asFloat(want, s, shown)
	case truth:
		return asTruth(shown)
	case bits:
		return asBits(s, shown)
	case date:
		return asDate(shown)
	case moment:
		return asMoment(shown)
	case clock:
		return asClock(shown)
	case interval:
		return asInterval(shown)
	case octets:
		return asBytes(s, shown)
	case uuid:
		return asUUID(s, shown)
	case document:
		return shown, nil
	case labels:
		return asLabels(s, shown)
	case list:
		return asList(s, shown)
	case geometry:
		return asGeometry(s, shown)
	}
	return "", fmt.Errorf("no form %d", want)
}

func asText(s shape, shown string) (string, error) {
	if s.form == octets {
		raw, err := plainBytes(s, shown)
		return string(raw), err
	}
	return shown, nil
}

// names of values that are no digits, in any spelling of the stores.
func special(shown string) string {
	switch strings.ToLower(strings.TrimPrefix(shown, "+")) {
	case "nan":
		return "NaN"
	case "inf", "infinity", "9e999", "9.0e+999", "9.0e999":
		return "+Inf"
	case "-inf", "-infinity", "-9e999", "-9.0e+999", "-9.0e999":
		return "-Inf"
	}
	return ""
}

func asNumber(s shape, shown string) (string, error) {
	if x := special(shown); x != "" {
		return x, nil
	}
	switch shown {
	case "t", "true":
		shown = "1"
	case "f", "false":
		shown = "0"
	}
	if s.form == bits {
		n, ok := new(big.Int).SetString("0"+shown, 2)
		if !ok {
			return "", fmt.Errorf("%.60q is no string of bits", shown)
		}
		return n.String(), nil
	}
	// SetString takes fractions and other bases, too
	if !regexp.MustCompile(`^[-+]?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?$`).MatchString(shown) {
		return "", fmt.Errorf("%.60q is no number", shown)
	}
	r, ok := new(big.Rat).SetString(shown)
	if !ok {
		return "", fmt.Errorf("%.60q is no number", shown)
	}
	return r.RatString(), nil
}

// asFloat returns all bits of a float of 64, to which one of 32 is widened: its digits are read as they are meant.
func asFloat(want form, s shape, shown string) (string, error) {
	if x := special(shown); x != "" {
		return x, nil
	}
	width := 64
	if s.form == float32s || want == float32s && s.form != float64s {
		width = 32
	}
	f, err := strconv.ParseFloat(shown, width)
	if err != nil {
		return "", fmt.Errorf("%.60q is no float of %d bits", shown, width)
	}
	return fmt.Sprintf("%016x", math.Float64bits(f)), nil
}

func asTruth(shown string) (string, error) {
	switch shown {
	case "t", "true", "1":
		return "true", nil
	case "f", "false", "0":
		return "false", nil
	}
	return "", fmt.Errorf("%.60q is neither true nor false", shown)
}

func asBits(s shape, shown string) (string, error) {
	if s.form == number {
		n, ok := new(big.Int).SetString(shown, 10)
		if !ok || n.Sign() < 0 {
			return "", fmt.Errorf("%.60q is no number of bits", shown)
		}
		return fmt.Sprintf("%0*s", s.n, n.Text(2)), nil
	}
	if strings.Trim(shown, "01") != "" {
		return "", fmt.Errorf("%.60q is no string of bits", shown)
	}
	return shown, nil
}

func plainBytes(s shape, shown string) ([]byte, error) {
	switch {
	case s.form != octets:
		return []byte(shown), nil
	case strings.HasPrefix(shown, `\x`):
		return hex.DecodeString(shown[2:])
	case s.hex:
		return hex.DecodeString(shown)
	}
	return base64.StdEncoding.DecodeString(shown)
}

func asBytes(s shape, shown string) (string, error) {
	if s.form == uuid {
		return asUUID(s, shown)
	}
	raw, err := plainBytes(s, shown)
	return hex.EncodeToString(raw), err
}

func asUUID(s shape, shown string) (string, error) {
	if s.form == octets {
		raw, err := plainBytes(s, shown)
		if err != nil || len(raw) != 16 {
			return "", fmt.Errorf("%d bytes are no uuid", len(raw))
		}
		shown = hex.EncodeToString(raw)
	}
	digits := strings.ToLower(strings.ReplaceAll(shown, "-", ""))
	if len(digits) != 32 || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%.60q is no uuid", shown)
	}
	return digits, nil
}

func asLabels(s shape, shown string) (string, error) {
	var all []string
	switch {
	case (s.set || s.form == text) && shown != "":
		all = strings.Split(shown, ",")
	case s.set || s.form == text:
	case strings.HasPrefix(shown, "{"):
		a, err := parseArray(shown)
		if err != nil || len(a.dims) > 1 {
			return "", fmt.Errorf("%.60q is no array of labels", shown)
		}
		for _, e := range a.elements {
			all = append(all, e.text)
		}
	default:
		if err := json.Unmarshal([]byte(shown), &all); err != nil {
			return "", fmt.Errorf("%.60q is no list of labels", shown)
		}
	}
	b, err := json.Marshal(append([]string{}, all...))
	return string(b), err
}

func asGeometry(s shape, shown string) (string, error) {
	srid, wkb := "0", shown
	if s.form == octets {
		raw, err := plainBytes(s, shown)
		if err != nil {
			return "", err
		}
		wkb = hex.EncodeToString(raw)
	}
	switch {
	case s.wkb:
		if len(shown) < 8 {
			return "", fmt.Errorf("%.60q is no geometry", shown)
		}
		n, err := strconv.ParseUint(shown[:8], 16, 32)
		if err != nil {
			return "", err
		}
		srid, wkb = strconv.FormatUint(n, 10), shown[8:]
	case strings.Contains(shown, ";"):
		srid, wkb, _ = strings.Cut(strings.TrimPrefix(shown, "SRID="), ";")
	}
	raw, err := hex.DecodeString(wkb)
	if err != nil {
		return "", fmt.Errorf("%.60q is no geometry", shown)
	}
	w := &wkbReader{b: raw}
	shape := w.shape(&srid)
	if w.bad || len(w.b) > 0 {
		return "", fmt.Errorf("%.60q is no geometry", shown)
	}
	return srid + ";" + shape, nil
}
