package cli

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// short writes a number in three digits: 999, 24.1k, 1.50M. Below 10,000 it is exact.
func short(n int64) string {
	if n < 10_000 {
		return strconv.FormatInt(n, 10)
	}
	v, units := float64(n)/1e3, []string{"k", "M", "G", "T"}
	for v >= 999.5 && len(units) > 1 {
		v, units = v/1e3, units[1:]
	}
	return digits(v) + units[0]
}

// digits writes three of them: 1.50, 24.1, 412.
func digits(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// full writes a number with commas: 3,000,000.
func full(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// size writes bytes: 88 MB.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 10_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n < 10_000_000_000:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// span writes a time span: 42s, 1m03s, 2h05m.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// lasted is span, with tenths below ten seconds.
func lasted(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return span(d)
}

// when writes a time of the control database for people.
func when(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).Local().Format("2006-01-02 15:04:05")
}

// whenText writes a time of package client for people.
func whenText(text string) string {
	t := moment(text)
	if t.IsZero() {
		return "-"
	}
	return when(t.UnixMilli())
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
