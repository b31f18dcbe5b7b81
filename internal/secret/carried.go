package secret

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
)

// A password as URLs have it: behind a user and a colon, before an @. Some write it before a host as well.
var (
	inURL  = regexp.MustCompile(`(://[^\s/@:]*:)[^\s/@]+@`)
	inHost = regexp.MustCompile(`^[^\s/@:]*:[^\s/@]+@`)
)

// Carried finds a text of an object that carries a password as URLs do, and returns where it stands; "": there is none.
func Carried(raw json.RawMessage) (path string) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var tree any
	if decoder.Decode(&tree) != nil {
		return ""
	}
	return carried(tree, "")
}

func carried(v any, at string) string {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if found := carried(inner, at+"."+name); found != "" {
				return found
			}
		}
	case []any:
		for i, inner := range v {
			if found := carried(inner, at+"["+strconv.Itoa(i)+"]"); found != "" {
				return found
			}
		}
	case string:
		if inURL.MatchString(v) || inHost.MatchString(v) {
			return at
		}
	}
	return ""
}
