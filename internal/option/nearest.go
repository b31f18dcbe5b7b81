package option

import (
	"fmt"
	"slices"
	"strings"
)

func (n *node) hint(name string) string {
	names := make([]string, len(n.fields))
	for i, f := range n.fields {
		names[i] = f.name
	}
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	if len(names) == 0 {
		return "There are no options here."
	}
	return "Options are: " + strings.Join(names, ", ") + "."
}

// Nearest returns the known name that a misspelt one most likely means, or "".
func Nearest(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, k := range known {
		d := distance(strings.ToLower(name), strings.ToLower(k))
		// Of equally near names, the one of the same letters: int46 means int64 rather than int16.
		if d < least || d == least && best != "" && letters(k) == letters(name) {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of bytes to insert, drop or change, two swapped neighbours counting once.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func letters(name string) string {
	all := []byte(strings.ToLower(name))
	slices.Sort(all)
	return string(all)
}
