package draw

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// infinite is the normal form of PostgreSQL's infinite dates; "" when it is none.
func infinite(shown string) string {
	if shown == "infinity" || shown == "-infinity" {
		return shown
	}
	return ""
}

// year returns the year of the calendar that has a year 0, which 1 BC is.
func year(digits string, bc bool) (string, error) {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return "", err
	}
	if bc {
		n = 1 - n
	}
	return strconv.FormatInt(n, 10), nil
}

func asDate(shown string) (string, error) {
	if x := infinite(shown); x != "" {
		return x, nil
	}
	plain, bc := strings.CutSuffix(shown, " BC")
	m := regexp.MustCompile(`^([-+]?[0-9]{4,})-([0-9]{2})-([0-9]{2})(?:[ T]00:00:00(?:\.0+)?)?$`).FindStringSubmatch(plain)
	if m == nil {
		return "", fmt.Errorf("%.60q is no date", shown)
	}
	y, err := year(m[1], bc)
	return y + "-" + m[2] + "-" + m[3], err
}

// asMoment reads wall clocks and instants; the latter are shown in UTC, with or without a sign of it.
func asMoment(shown string) (string, error) {
	if x := infinite(shown); x != "" {
		return x, nil
	}
	plain, bc := strings.CutSuffix(shown, " BC")
	m := regexp.MustCompile(`^([-+]?[0-9]{4,}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?(?:Z|\+00)?)?$`).FindStringSubmatch(plain)
	if m == nil {
		return "", fmt.Errorf("%.60q is no moment", shown)
	}
	if bc {
		m[1] += " BC"
	}
	day, err := asDate(m[1])
	if m[2] == "" {
		m[2] = "00:00:00"
	}
	return day + " " + m[2] + "." + strings.TrimRight(m[3], "0"), err
}

// asClock reads hours that may pass a day; an interval of them alone is one, too. The form is microseconds.
func asClock(shown string) (string, error) {
	if strings.HasPrefix(shown, "P") {
		x, err := asInterval(shown)
		rest, ok := strings.CutPrefix(x, "0 0 ")
		if err == nil && !ok {
			err = fmt.Errorf("%.60q has days", shown)
		}
		return rest, err
	}
	m := regexp.MustCompile(`^(-?)([0-9]{2,}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?$`).FindStringSubmatch(shown)
	if m == nil {
		return "", fmt.Errorf("%.60q is no time", shown)
	}
	micros, err := microseconds(m[2], m[3], m[4]+m[5])
	if m[1] == "-" {
		micros.Neg(micros)
	}
	return micros.RatString(), err
}

func microseconds(hours, minutes, seconds string) (*big.Rat, error) {
	sum := new(big.Rat)
	for _, part := range []struct {
		text   string
		weight int64
	}{{hours, 3_600_000_000}, {minutes, 60_000_000}, {seconds, 1_000_000}} {
		if part.text == "" {
			continue
		}
		x, ok := new(big.Rat).SetString(part.text)
		if !ok {
			return sum, fmt.Errorf("%q is no number", part.text)
		}
		sum.Add(sum, x.Mul(x, big.NewRat(part.weight, 1)))
	}
	return sum, nil
}

// asInterval reads ISO 8601's durations with signs: months, days and microseconds.
func asInterval(shown string) (string, error) {
	if x := infinite(shown); x != "" {
		return x, nil
	}
	const n = `(?:(-?[0-9.]+)`
	m := regexp.MustCompile(`^P` + n + `Y)?` + n + `M)?` + n + `D)?(?:T` + n + `H)?` + n + `M)?` + n + `S)?)?$`).FindStringSubmatch(shown)
	if m == nil {
		return "", fmt.Errorf("%.60q is no interval", shown)
	}
	whole := func(text string) int64 {
		n, err := strconv.ParseInt("0"+strings.TrimPrefix(text, "-"), 10, 64)
		if err != nil {
			return 0
		}
		if strings.HasPrefix(text, "-") {
			return -n
		}
		return n
	}
	micros, err := microseconds(m[4], m[5], m[6])
	return fmt.Sprintf("%d %d %s", 12*whole(m[1])+whole(m[2]), whole(m[3]), micros.RatString()), err
}
