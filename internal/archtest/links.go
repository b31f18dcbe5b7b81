package archtest

import (
	"fmt"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// patentPage maps the words of the method to rooms; each of its lines leads there.
const patentPage = "docs/patent.md"

// links checks that links within the tree lead somewhere: to a file or folder, and behind # to a heading.
func links(t *Tree) []Finding {
	var found []Finding
	for _, page := range slices.Sorted(maps.Keys(t.Other)) {
		if path.Ext(page) != ".md" {
			continue
		}
		for number, line := range prose(t.Other[page]) {
			to := targets(line)
			for _, link := range to {
				if text := t.leads(page, link); text != "" {
					found = append(found, Finding{page, number, text})
				}
			}
			if page == patentPage && len(to) == 0 && isRow(line) {
				found = append(found, Finding{page, number, "this line leads nowhere"})
			}
		}
	}
	return found
}

// leads says what is wrong with a link of a page, "" for nothing. Those to other hosts are left alone.
func (t *Tree) leads(page, link string) string {
	if regexp.MustCompile(`^[a-z]+:`).MatchString(link) {
		return ""
	}
	name, anchor, _ := strings.Cut(link, "#")
	to := page
	if name != "" {
		to = path.Join(path.Dir(page), name)
	}
	if path.IsAbs(name) || to == ".." || strings.HasPrefix(to, "../") {
		return fmt.Sprintf("link %s leads out of the tree", link)
	}
	if _, err := os.Stat(filepath.Join(t.Root, filepath.FromSlash(to))); err != nil {
		return fmt.Sprintf("link %s: there is no %s", link, to)
	}
	if anchor != "" && !headings(t.Other[to])[anchor] {
		return fmt.Sprintf("link %s: %s has no such heading", link, to)
	}
	return ""
}

// targets are where the links of a line lead.
func targets(line string) []string {
	var found []string
	line = regexp.MustCompile("`[^`]*`").ReplaceAllString(line, "")
	for _, m := range regexp.MustCompile(`\]\(<?([^)\s>]+)|^\[[^\]]+\]:\s*(\S+)`).FindAllStringSubmatch(line, -1) {
		found = append(found, m[1]+m[2])
	}
	return found
}

// prose yields the lines of a page that are no code, with their numbers from 1.
func prose(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		code := false
		for i, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
			} else if !code && !yield(i+1, line) {
				return
			}
		}
	}
}

// isRow reports whether a line is one of a table, heads and rules aside.
func isRow(line string) bool {
	return strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| word |") && strings.Trim(line, "|-: ") != ""
}

// headings are the anchors of a page, as GitHub makes them.
func headings(text string) map[string]bool {
	found := map[string]bool{}
	for _, line := range prose(text) {
		title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !is || !strings.HasPrefix(line, "#") {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title))
		for name, n := anchor, 1; ; n++ {
			if !found[name] {
				found[name] = true
				break
			}
			name = fmt.Sprintf("%s-%d", anchor, n)
		}
	}
	return found
}
