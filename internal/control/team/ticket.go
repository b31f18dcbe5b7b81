package team

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/towpath/towpath/internal/store"
)

// The kinds of texts that let somebody in. Each is KIND_ID_SECRET: the id is shown in lists, the secret is 32 random bytes.
const (
	tokenKind   = "tw_pat_"
	sessionKind = "tw_ses_"
	linkKind    = "tw_link_"
)

// newTicket makes a text, and what is kept of it.
func newTicket(kind string) (text string, k store.Ticket) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		panic(err) // never on a supported system, says crypto/rand
	}
	id := strings.ToLower(rand.Text()[:12])
	text = kind + id + "_" + hex.EncodeToString(secret)
	return text, keep(id, text)
}

func keep(id, text string) store.Ticket {
	hash := sha256.Sum256([]byte(text))
	return store.Ticket{ID: id, Hash: hash[:]}
}

// ticketOf is what would be kept of a text; one of another kind is no ticket that there is.
func ticketOf(kind, text string) store.Ticket {
	rest, _ := strings.CutPrefix(text, kind)
	id, _, _ := strings.Cut(rest, "_")
	return keep(id, text)
}
