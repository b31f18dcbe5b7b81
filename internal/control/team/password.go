package team

import (
	"context"
	_ "embed" // the list of known passwords
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/towpath/towpath/connector"
)

// What a password must have. Longer than most is no password but a way to keep the server busy.
const (
	leastPassword = 12   // characters
	leastOwn      = 8    // characters beside the account's name and well-known words
	leastKinds    = 5    // characters that differ
	mostPassword  = 1024 // bytes
)

// known are words that passwords are made of, the longer before those that they hold.
//
//go:embed known.txt
var known string

// CheckPassword refuses a password that is easy to guess: class Config, TOW-265.
func CheckPassword(password, account string) error {
	kinds := map[rune]bool{}
	for _, r := range password {
		kinds[r] = true
	}
	own := strings.ReplaceAll(strings.ToLower(password), strings.ToLower(account), "")
	for word := range strings.Lines(known) {
		own = strings.ReplaceAll(own, strings.TrimSpace(word), "")
	}
	why := ""
	switch {
	case utf8.RuneCountInString(password) < leastPassword:
		why = fmt.Sprintf("has less than %d characters", leastPassword)
	case len(password) > mostPassword:
		why = fmt.Sprintf("has more than %d bytes", mostPassword)
	case utf8.RuneCountInString(own) < leastOwn:
		why = fmt.Sprintf("has less than %d characters beside the account's name and well-known words", leastOwn)
	case len(kinds) < leastKinds:
		why = fmt.Sprintf("has less than %d different characters", leastKinds)
	default:
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-265", "the password %s", why).WithHint("Take several words that nobody else would put together.")
}

// cost of a password's hash: the second recommended option of RFC 9106, section 4, with 64 MiB.
func cost() *argon2id.Params {
	return &argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32}
}

// nobody is a hash of the same cost that no password is known to have.
func nobody() string {
	p, b64 := cost(), base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", p.Memory, p.Iterations, p.Parallelism,
		b64.EncodeToString(make([]byte, p.SaltLength)), b64.EncodeToString(make([]byte, p.KeyLength)))
}

// hash refuses a password that does not fit the account, and hashes one that does.
func (t *Team) hash(ctx context.Context, password, account string) (hash string, err error) {
	if err := CheckPassword(password, account); err != nil {
		return "", err
	}
	wait := t.doors.calculate(ctx, func() { hash, err = argon2id.CreateHash(password, cost()) })
	if wait != nil {
		return "", wait
	}
	return hash, err
}

// matches compares a password with a hash; with "" it takes as long, and does not match.
func (t *Team) matches(ctx context.Context, password, hash string) (same bool, err error) {
	has := hash != "" && len(password) <= mostPassword
	if !has {
		password, hash = "", nobody()
	}
	wait := t.doors.calculate(ctx, func() { same, err = argon2id.ComparePasswordAndHash(password, hash) })
	if wait != nil {
		return false, wait
	}
	return same && has, err
}
