package served_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/towpath/towpath/proofs/served"
	"github.com/towpath/towpath/proofs/served/servedtest"
)

// TestSecretsStayInside with the control database in a file, of which all bytes are looked at.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	servedtest.KeepsSecrets(t, &served.Canary{Site: servedtest.Opened(t, servedtest.Site(t), 1)})
}

// TestLeaksAreFound, in each form.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]func(secret string) string{
		"plain":                    func(s string) string { return "before" + s + "behind" },
		"hex":                      func(s string) string { return hex.EncodeToString([]byte("before" + s)) },
		"HEX":                      func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
		"base64":                   func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s + "behind")) },
		"base64, one byte before":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte("b" + s)) },
		"base64, two bytes before": func(s string) string { return base64.URLEncoding.EncodeToString([]byte("be" + s)) },
	} {
		var c served.Canaries
		secret := c.New("door")
		c.Look("answers", "here", []byte(form(secret)))
		if leaks := c.Leaks(); len(leaks) != 1 {
			t.Errorf("%s: leaks are %q", name, leaks)
		}
		c.Look("answers", "here", []byte("nothing"))
		if leaks := c.Leaks("answers"); len(leaks) != 2 {
			t.Errorf("%s: without the mark, leaks are %q", name, leaks)
		}
	}
}
