package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/towpath/towpath/connector"
)

// Account is somebody, or something, that may come in.
type Account struct {
	Name        string
	Admin       bool // of the whole installation
	HasPassword bool
	Created     int64
	PasswordSet int64
	Disabled    int64 // since when; 0: it is not
}

// CreateAccount makes an account without a password. A name that is taken is class Config, TOW-240.
func (s *Store) CreateAccount(ctx context.Context, name string, admin bool, by Entry) (a Account, err error) {
	err = s.change(ctx, "create account "+name, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "INSERT INTO account (name, admin, created) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING", name, bit(admin), t.now)
		if err != nil {
			return err
		}
		if n == 0 {
			return connector.Errorf(connector.Config, "TOW-240", "there is an account %s already", name).WithHint("Take another name.")
		}
		if a, err = t.account(ctx, name); err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
	return a, err
}

const accountColumns = "a.name, a.admin, a.password <> '', a.created, a.password_set, a.disabled"

// into is where the columns of an account go.
func (a *Account) into() []any {
	return []any{&a.Name, &a.Admin, &a.HasPassword, &a.Created, &a.PasswordSet, &a.Disabled}
}

func scanAccount(scan func(...any) error) (a Account, err error) {
	err = scan(a.into()...)
	return a, err
}

func noAccount(name string) error { return noOne("TOW-241", "no account %s", name) }

func (t *tx) account(ctx context.Context, name string) (Account, error) {
	a, err := scanAccount(t.row(ctx, "SELECT "+accountColumns+" FROM account a WHERE a.name = $1", name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return a, noAccount(name)
	}
	return a, err
}

// Account returns an account and the hash of its password, "" for none. An unknown one is class Missing, TOW-241.
func (s *Store) Account(ctx context.Context, name string) (a Account, password string, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT "+accountColumns+", a.password FROM account a WHERE a.name = $1", storable(name)).Scan(append(a.into(), &password)...)
	if errors.Is(err, sql.ErrNoRows) {
		return a, "", noAccount(name)
	}
	return a, password, s.fail("read account "+name, err)
}

// Accounts returns all accounts by name.
func (s *Store) Accounts(ctx context.Context) ([]Account, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+accountColumns+" FROM account a ORDER BY a.name")
	if err != nil {
		return nil, s.fail("list accounts", err)
	}
	all, err := collect(rows, scanAccount)
	return all, s.fail("list accounts", err)
}

// SetPassword replaces the hash of an account's password, and ends its sessions and links.
func (s *Store) SetPassword(ctx context.Context, name, password string, by Entry) error {
	return s.change(ctx, "set password of account "+name, func(ctx context.Context, t *tx) error {
		if err := t.setPassword(ctx, name, password); err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
}

func (t *tx) setPassword(ctx context.Context, name, password string) error {
	n, err := t.exec(ctx, "UPDATE account SET password = $2, password_set = $3 WHERE name = $1", name, password, t.now)
	if err != nil {
		return err
	}
	if n == 0 {
		return noAccount(name)
	}
	return t.endAll(ctx, name)
}

// endAll ends the sessions and links of an account.
func (t *tx) endAll(ctx context.Context, name string) error {
	if _, err := t.exec(ctx, "DELETE FROM session WHERE account = $1", name); err != nil {
		return err
	}
	_, err := t.exec(ctx, "DELETE FROM link WHERE account = $1", name)
	return err
}

// SetDisabled disables an account, which ends its sessions and links, or enables it again. The last administrator stays: class Config, TOW-242.
func (s *Store) SetDisabled(ctx context.Context, name string, disabled bool, by Entry) error {
	return s.changeAccount(ctx, name, by, func(ctx context.Context, t *tx) error {
		if !disabled {
			_, err := t.exec(ctx, "UPDATE account SET disabled = 0 WHERE name = $1", name)
			return err
		}
		if _, err := t.exec(ctx, "UPDATE account SET disabled = $2 WHERE name = $1 AND disabled = 0", name, t.now); err != nil {
			return err
		}
		return t.endAll(ctx, name)
	})
}

// SetAdmin makes an account an administrator of the installation, or no more. The last one stays one: class Config, TOW-242.
func (s *Store) SetAdmin(ctx context.Context, name string, admin bool, by Entry) error {
	return s.changeAccount(ctx, name, by, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "UPDATE account SET admin = $2 WHERE name = $1", name, bit(admin))
		return err
	})
}

// changeAccount changes an account unless that takes the last administrator who can come in.
func (s *Store) changeAccount(ctx context.Context, name string, by Entry, change func(context.Context, *tx) error) error {
	return s.change(ctx, "change account "+name, func(ctx context.Context, t *tx) error {
		was, err := t.account(ctx, name)
		if err != nil {
			return err
		}
		if err := change(ctx, t); err != nil {
			return err
		}
		is, err := t.account(ctx, name)
		if err != nil {
			return err
		}
		if was.Admin && was.Disabled == 0 && !(is.Admin && is.Disabled == 0) {
			var left bool
			err := t.row(ctx, "SELECT EXISTS (SELECT 1 FROM account WHERE admin = 1 AND disabled = 0 AND password <> '')").Scan(&left)
			if err != nil {
				return err
			}
			if !left {
				return connector.Errorf(connector.Config, "TOW-242", "%s is the last administrator who can sign in", name).WithHint("Make another account one first, with a password.")
			}
		}
		return t.audit(ctx, by)
	})
}
