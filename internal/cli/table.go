package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// endless is the width of texts where there is no terminal: other programs read them by line.
const endless = 1 << 20

// longestLine is the width that texts on wide terminals wrap at.
const longestLine = 140

// narrowest is the least that a column of a table is clipped to.
const narrowest = 12

// table writes rows in columns within the terminal's width: the last column wraps below itself, and where that is not enough the
// widest others are clipped. Without a terminal nothing is clipped or wrapped, so that other programs can read it.
func (s *session) table(head []string, rows [][]string) {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	last, room := len(widths)-1, endless
	if isTerminal(s.Out) {
		room = fit(widths, widthOf(s.Out, endless))
	}
	indent := 0
	for _, w := range widths[:last] {
		indent += w + 2
	}
	for _, row := range append([][]string{head}, rows...) {
		line := ""
		for i, text := range row[:last] {
			line += fmt.Sprintf("%-*s  ", widths[i], clip(text, widths[i]))
		}
		for i, part := range wrap(row[last], "", room) {
			if i > 0 {
				line = strings.Repeat(" ", indent)
			}
			fmt.Fprintln(s.Out, strings.TrimRight(line+part, " "))
		}
	}
}

// fit narrows all columns but the last until that has room: a third of the width, or what it wants if that is less. It returns the room.
func fit(widths []int, width int) int {
	last := len(widths) - 1
	want := min(widths[last], max(width/3, narrowest))
	for {
		used, widest := 0, 0
		for i, w := range widths[:last] {
			used += w + 2
			if w > widths[widest] {
				widest = i
			}
		}
		if room := width - 1 - used; room >= want || widths[widest] <= narrowest {
			return max(room, narrowest)
		}
		widths[widest]--
	}
}

// paragraph writes a text wrapped at the terminal's width; lines after the first begin with indent.
func (s *session) paragraph(text, indent string) {
	for _, line := range wrap(text, indent, textWidth(s.Out)) {
		s.printf("%s\n", line)
	}
}

// textWidth is the width that texts for w wrap at.
func textWidth(w io.Writer) int {
	if width := widthOf(w, endless); width < endless {
		return min(width, longestLine)
	}
	return endless
}

// wrap breaks a text at spaces into lines of at most width characters; lines after the first begin with indent. A word that is
// longer stays whole.
func wrap(text, indent string, width int) []string {
	var lines []string
	for utf8.RuneCountInString(text) > width {
		lead := len(text) - len(strings.TrimLeft(text, " "))
		at, n := -1, 0
		for i, r := range text {
			if r == ' ' && i > lead && (n <= width || at < 0) {
				at = i
			}
			if n++; n > width && at >= 0 {
				break
			}
		}
		if at < 0 {
			break
		}
		lines = append(lines, strings.TrimRight(text[:at], " "))
		text = indent + strings.TrimLeft(text[at:], " ")
	}
	return append(lines, text)
}
