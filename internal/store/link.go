package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/towpath/towpath/connector"
)

// CreateLink makes a link that lets somebody in once, as an account. Older links of the account end. An unknown or disabled account is
// class Missing, TOW-241. It returns when the link expires.
func (s *Store) CreateLink(ctx context.Context, ticket Ticket, account string, lasts time.Duration, by Entry) (expires int64, err error) {
	err = s.change(ctx, "create link of account "+account, func(ctx context.Context, t *tx) error {
		a, err := t.account(ctx, account)
		if err != nil {
			return err
		}
		if a.Disabled != 0 {
			return noAccount(account)
		}
		if _, err := t.exec(ctx, "DELETE FROM link WHERE account = $1 OR expires <= $2", account, t.now); err != nil {
			return err
		}
		expires = t.now + ms(lasts)
		if _, err := t.exec(ctx, "INSERT INTO link (id, hash, account, created, expires) VALUES ($1, $2, $3, $4, $5)", ticket.ID, ticket.Hash, account, t.now, expires); err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
	return expires, err
}

// LinkAccount returns whom a link that holds lets in. One that is unknown, expired, used, of a disabled account or of another hash is class Missing, TOW-246.
func (s *Store) LinkAccount(ctx context.Context, ticket Ticket) (a Account, err error) {
	a, err = linkAccount(ctx, s.read, s.d.now, ticket)
	return a, s.fail("read link", err)
}

func linkAccount(ctx context.Context, from interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, clock string, ticket Ticket) (a Account, err error) {
	var kept []byte
	var expires, now int64
	err = from.QueryRowContext(ctx, "SELECT "+accountColumns+", l.hash, l.expires, "+clock+` FROM link l JOIN account a ON a.name = l.account
		WHERE l.id = $1 AND a.disabled = 0`, storable(ticket.ID)).Scan(append(a.into(), &kept, &expires, &now)...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Account{}, err
	}
	if err != nil || !ticket.is(kept) || expires <= now {
		return Account{}, noOne("TOW-246", "the link does not hold: it is unknown, used or too old").WithHint("Ask for another one.")
	}
	return a, nil
}

// RedeemLink uses a link up: it sets the hash of the password, which ends all sessions, or with "" leaves that of an account that has one, and begins a session
// of its account. LinkAccount says which links hold.
func (s *Store) RedeemLink(ctx context.Context, ticket Ticket, password string, session Ticket, x Session, l Lasting, by Entry) (a Account, err error) {
	err = s.change(ctx, "redeem link", func(ctx context.Context, t *tx) error {
		if a, err = linkAccount(ctx, t.conn, s.d.now, ticket); err != nil {
			return err
		}
		switch {
		case password != "":
			err = t.setPassword(ctx, a.Name, password) // ends the link too
		case a.HasPassword:
			_, err = t.exec(ctx, "DELETE FROM link WHERE id = $1", ticket.ID)
		default:
			err = connector.Errorf(connector.Config, "TOW-247", "account %s has no password yet", a.Name).WithHint("Give one with the link.")
		}
		if err != nil {
			return err
		}
		x.Account, by.Who, by.Object = a.Name, a.Name, a.Name
		if err := t.beginSession(ctx, session, x, l); err != nil {
			return err
		}
		if a, err = t.account(ctx, a.Name); err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
	return a, err
}
