package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Session is a sign-in of a person that has not ended.
type Session struct {
	ID, Account    string
	Address, Agent string // where it was begun, and with which program
	Created, Used  int64  // Used: to the minute
	Expires        int64  // at the latest
}

// Lasting is how long a session holds.
type Lasting struct {
	Idle time.Duration // without a use
	Most time.Duration
}

// CreateSession begins a session for who has shown the password that is proven: its hash, which is still that of the account.
// Otherwise, and for a disabled account, it is class Missing, TOW-241. Sessions that ended by themselves are forgotten on the way.
func (s *Store) CreateSession(ctx context.Context, ticket Ticket, x Session, l Lasting, proven string, by Entry) error {
	return s.change(ctx, "begin session of "+x.Account, func(ctx context.Context, t *tx) error {
		var same bool
		err := t.row(ctx, "SELECT disabled = 0 AND password = $2 FROM account WHERE name = $1", x.Account, proven).Scan(&same)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !same {
			return noAccount(x.Account)
		}
		if err != nil {
			return err
		}
		if err := t.beginSession(ctx, ticket, x, l); err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
}

func (t *tx) beginSession(ctx context.Context, ticket Ticket, x Session, l Lasting) error {
	if _, err := t.exec(ctx, "DELETE FROM session WHERE idle_until <= $1 OR expires <= $1", t.now); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO session (id, hash, account, address, agent, created, used, idle_until, expires) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)`,
		ticket.ID, ticket.Hash, x.Account, x.Address, x.Agent, t.now, t.now+ms(l.Idle), t.now+ms(l.Most))
	return err
}

const sessionColumns = "x.id, x.account, x.address, x.agent, x.created, x.used, x.expires"

func (x *Session) into() []any {
	return []any{&x.ID, &x.Account, &x.Address, &x.Agent, &x.Created, &x.Used, &x.Expires}
}

func noSession(id string) error { return noOne("TOW-245", "no session %s", id) }

// UseSession returns a session that has not ended, with its account, and lets it last on from this use. One that is unknown, has ended or has another hash is
// class Missing, TOW-245.
func (s *Store) UseSession(ctx context.Context, ticket Ticket, l Lasting) (x Session, a Account, err error) {
	var kept []byte
	var idle, now int64
	err = s.read.QueryRowContext(ctx, "SELECT "+sessionColumns+", "+accountColumns+", x.hash, x.idle_until, "+s.d.now+` FROM session x JOIN account a ON a.name = x.account
		WHERE x.id = $1 AND a.disabled = 0`, storable(ticket.ID)).Scan(append(append(x.into(), a.into()...), &kept, &idle, &now)...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Session{}, Account{}, s.fail("read session", err)
	}
	if err != nil || !ticket.is(kept) || min(idle, x.Expires) <= now {
		return Session{}, Account{}, noSession(ticket.ID)
	}
	if x.Used+ms(min(usedEvery, l.Idle/2)) <= now {
		x.Used = now
		s.note(ctx, "session", "UPDATE session SET used = $2, idle_until = $3 WHERE id = $1", ticket.ID, now, now+ms(l.Idle))
	}
	return x, a, nil
}

// Sessions returns the sessions of an account that have not ended, newest first.
func (s *Store) Sessions(ctx context.Context, account string) ([]Session, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+sessionColumns+" FROM session x WHERE x.account = $1 AND x.idle_until > "+s.d.now+" AND x.expires > "+s.d.now+
		" ORDER BY x.created DESC, x.id", account)
	if err != nil {
		return nil, s.fail("list sessions of "+account, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (x Session, err error) {
		err = scan(x.into()...)
		return x, err
	})
	return all, s.fail("list sessions of "+account, err)
}

// EndSession ends a session of an account. One that is not there is class Missing, TOW-245.
func (s *Store) EndSession(ctx context.Context, account, id string, by Entry) error {
	return s.change(ctx, "end session of "+account, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "DELETE FROM session WHERE account = $1 AND id = $2", account, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return noSession(id)
		}
		return t.audit(ctx, by)
	})
}
