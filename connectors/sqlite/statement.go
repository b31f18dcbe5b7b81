package sqlite

import (
	"strings"

	"github.com/towpath/towpath/connector"
)

// oneStatement refuses text of a job that would end the SELECT it becomes a part of: the library runs whatever statements follow, also those
// that open or write other files. Quotes and comments are those of https://www.sqlite.org/lang_keywords.html and lang_comment.html; what
// they hide here, they hide from SQLite.
func oneStatement(what, text string) error {
	for rest := text; ; {
		at := strings.IndexAny(rest, ";'\"`[-/")
		if at < 0 {
			return nil
		}
		end := ""
		switch rest = rest[at:]; {
		case rest[0] == ';':
			return connector.Errorf(connector.Config, "TOW-310", "read %s: it has a semicolon outside of texts and comments", what).
				WithHint("A query is one SELECT, a where one condition.")
		case rest[0] == '[':
			end = "]"
		case strings.HasPrefix(rest, "--"):
			end = "\n"
		case strings.HasPrefix(rest, "/*"):
			end, rest = "*/", rest[1:]
		case rest[0] == '-' || rest[0] == '/':
			rest = rest[1:]
			continue
		default:
			end = rest[:1] // one that is doubled ends a text and begins the next
		}
		_, rest, _ = strings.Cut(rest[1:], end)
	}
}
