package option

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time, written "90s", "5m", "1h30m" or "7d".
type Duration int64

// Std returns the duration in the form of the standard library.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes the duration without its zero parts: "5m".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the form that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a duration; a number without a unit is refused, but for 0.
func (d *Duration) UnmarshalText(b []byte) error {
	if days, ok := strings.CutSuffix(string(b), "d"); ok {
		n, err := strconv.ParseInt(days, 10, 64)
		if err != nil || n > math.MaxInt64/int64(24*time.Hour) || n < -math.MaxInt64/int64(24*time.Hour) {
			return fmt.Errorf("%q is not a duration", b)
		}
		*d = Duration(n * int64(24*time.Hour))
		return nil
	}
	parsed, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration", b)
	}
	*d = Duration(parsed)
	return nil
}

// Bytes is a size in bytes, written "32MiB", "1.5GiB", "500kB" or as a plain number.
type Bytes int64

// units are looked up by their text in lower case; the longest are first.
func units() []struct {
	name  string
	bytes int64
} {
	return []struct {
		name  string
		bytes int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}
}

// String writes the size in the largest unit of 1024 that divides it: "32MiB".
func (b Bytes) String() string {
	for _, u := range units()[:4] {
		if b != 0 && int64(b)%u.bytes == 0 {
			return strconv.FormatInt(int64(b)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText writes the form that UnmarshalText reads.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads a size that is a whole number of bytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	digits, factor := string(text), int64(1)
	for _, u := range units() {
		if n := len(digits) - len(u.name); n > 0 && strings.EqualFold(digits[n:], u.name) {
			digits, factor = strings.TrimSpace(digits[:n]), u.bytes
			break
		}
	}
	if digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return fmt.Errorf("%q is not a size", text)
	}
	r, ok := new(big.Rat).SetString(digits)
	if !ok {
		return fmt.Errorf("%q is not a size", text)
	}
	r.Mul(r, new(big.Rat).SetInt64(factor))
	if !r.IsInt() || !r.Num().IsInt64() {
		return fmt.Errorf("%q is not a size", text)
	}
	*b = Bytes(r.Num().Int64())
	return nil
}
