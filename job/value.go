package job

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span, written as in 90s, 5m, 1h30m.
type Duration time.Duration

// Std returns the span as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes the span without zero parts: 5m, not 5m0s.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText writes the span as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a span; negative ones are refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a time span like 90s, 5m or 1h30m", text)
	}
	*d = Duration(v)
	return nil
}

// Size is a number of bytes, written as a number or as in 64kB, 32MiB, 1GiB.
type Size int64

var sizeUnits = [...]struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

// String writes the size in the largest binary unit that holds it exactly.
func (s Size) String() string {
	for _, u := range sizeUnits[:4] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalJSON writes the size as a text, as String does.
func (s Size) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads a number of bytes or a text with a unit.
func (s *Size) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		text = string(b)
	}
	v, err := ParseSize(text)
	*s = v
	return err
}

// ParseSize reads 1048576, 64kB, 32MiB or 1.5GiB; KiB, MiB, GiB and TiB are powers of 1,024, kB, MB, GB and TB of 1,000.
func ParseSize(text string) (Size, error) {
	bad := fmt.Errorf("%q is not a size like 1048576, 500kB or 32MiB", text)
	number, unit := text, int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimRight(rest, " "), u.bytes
			break
		}
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
		if whole < 0 || whole > math.MaxInt64/unit {
			return 0, bad
		}
		return Size(whole * unit), nil
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v >= 0) || strings.ContainsAny(number, "eExXpPnN_+") || v*float64(unit) >= 1<<62 {
		return 0, bad
	}
	return Size(v * float64(unit)), nil
}
