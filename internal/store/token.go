package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"time"
)

// Token lets a program in, as an account, with a role in one workspace.
type Token struct {
	ID, Name           string
	Account, Workspace string
	Role               string
	Created, Expires   int64
	Used               int64 // last, to the minute; 0: never
	Revoked            int64 // 0: it is not
}

// Ticket is what is kept of a text that lets somebody in: the id that stands in it, and the hash of the whole.
type Ticket struct {
	ID   string
	Hash []byte
}

// is reports whether the kept hash is that of the ticket, in a time that does not tell how much of it is.
func (k Ticket) is(kept []byte) bool { return subtle.ConstantTimeCompare(kept, k.Hash) == 1 }

// usedEvery is how far apart two notes of a use are: not every request is a write.
const usedEvery = time.Minute

// CreateToken makes a token that lasts for a time. An unknown account is class Missing, TOW-241.
func (s *Store) CreateToken(ctx context.Context, ticket Ticket, k Token, lasts time.Duration, by Entry) (Token, error) {
	k.ID = ticket.ID
	err := s.change(ctx, "create token "+k.ID, func(ctx context.Context, t *tx) error {
		if _, err := t.account(ctx, k.Account); err != nil {
			return err
		}
		k.Created, k.Expires = t.now, t.now+ms(lasts)
		_, err := t.exec(ctx, "INSERT INTO token (id, hash, name, account, workspace, role, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			k.ID, ticket.Hash, k.Name, k.Account, k.Workspace, k.Role, k.Created, k.Expires)
		if err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
	return k, err
}

const tokenColumns = "k.id, k.name, k.account, k.workspace, k.role, k.created, k.expires, k.used, k.revoked"

func (k *Token) into() []any {
	return []any{&k.ID, &k.Name, &k.Account, &k.Workspace, &k.Role, &k.Created, &k.Expires, &k.Used, &k.Revoked}
}

// UseToken returns a token that holds, with its account, and notes the use. One that is unknown, expired, revoked, of a disabled account or of another hash is
// class Missing, TOW-244.
func (s *Store) UseToken(ctx context.Context, ticket Ticket) (k Token, a Account, err error) {
	var kept []byte
	var now int64
	err = s.read.QueryRowContext(ctx, "SELECT "+tokenColumns+", "+accountColumns+", k.hash, "+s.d.now+` FROM token k JOIN account a ON a.name = k.account
		WHERE k.id = $1 AND k.revoked = 0 AND a.disabled = 0`, storable(ticket.ID)).Scan(append(append(k.into(), a.into()...), &kept, &now)...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Token{}, Account{}, s.fail("read token", err)
	}
	if err != nil || !ticket.is(kept) || k.Expires <= now {
		return Token{}, Account{}, noToken(ticket.ID)
	}
	if k.Used+ms(usedEvery) <= now {
		k.Used = now
		s.note(ctx, "token", "UPDATE token SET used = $2 WHERE id = $1", ticket.ID, now)
	}
	return k, a, nil
}

// note writes that a ticket was used. Who comes in does not hang on it: on a full disk, say, one wants to look.
func (s *Store) note(ctx context.Context, what, statement string, args ...any) {
	_ = s.change(ctx, "note the use of a "+what, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, statement, args...)
		return err
	})
}

func noToken(id string) error { return noOne("TOW-244", "no token %s", id) }

// TokenFilter selects tokens.
type TokenFilter struct{ Workspace, Account string } // "": of all

// Tokens returns tokens, those that hold no more too, newest first.
func (s *Store) Tokens(ctx context.Context, f TokenFilter) ([]Token, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+tokenColumns+` FROM token k WHERE (CAST($1 AS TEXT) = '' OR k.workspace = $1) AND (CAST($2 AS TEXT) = '' OR k.account = $2)
		ORDER BY k.created DESC, k.id`, f.Workspace, f.Account)
	if err != nil {
		return nil, s.fail("list tokens", err)
	}
	all, err := collect(rows, func(scan func(...any) error) (k Token, err error) {
		err = scan(k.into()...)
		return k, err
	})
	return all, s.fail("list tokens", err)
}

// RevokeToken ends a token of a workspace, of an account or with "" of any. One that is not there, or revoked already, is class Missing, TOW-244.
func (s *Store) RevokeToken(ctx context.Context, workspace, account, id string, by Entry) error {
	return s.change(ctx, "revoke token "+id, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "UPDATE token SET revoked = $4 WHERE id = $1 AND workspace = $2 AND (CAST($3 AS TEXT) = '' OR account = $3) AND revoked = 0", id, workspace, account, t.now)
		if err != nil {
			return err
		}
		if n == 0 {
			return noToken(id)
		}
		return t.audit(ctx, by)
	})
}
