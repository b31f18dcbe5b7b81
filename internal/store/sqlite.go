package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/towpath/towpath/connector"
)

func sqliteDialect() dialect {
	return dialect{
		now: "CAST(ROUND(unixepoch('now', 'subsec') * 1000) AS INTEGER)",
		begin: func(ctx context.Context, c *sql.Conn) error {
			// IMMEDIATE: a transaction that reads first and writes later could otherwise not wait for another writer.
			_, err := c.ExecContext(ctx, "BEGIN IMMEDIATE")
			return err
		},
		together: 1,
		snapshot: "BEGIN",
		goose:    goose.DialectSQLite3,
		open:     openSQLite,
		fault:    sqliteFault,
	}
}

func openSQLite(_ context.Context, s *Store, o Options) error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	// The file holds jobs and dirty rows. SQLite gives its own side files the mode of this one.
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	full, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	v := url.Values{"_txlock": {"immediate"}}
	// busy_timeout comes first: switching to WAL may have to wait already.
	v.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", ms(o.Busy)))
	v.Add("_pragma", "journal_mode(WAL)")
	v.Add("_pragma", "synchronous(FULL)")
	if o.MaxPages > 0 {
		v.Add("_pragma", fmt.Sprintf("max_page_count(%d)", o.MaxPages))
	}
	dsn := (&url.URL{Scheme: "file", Path: filepath.ToSlash(full), RawQuery: v.Encode()}).String()
	if s.write, err = sql.Open("sqlite", dsn); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		return errors.Join(err, s.write.Close())
	}
	s.read.SetMaxOpenConns(4)
	return nil
}

// sqliteFault reads result codes: https://www.sqlite.org/rescode.html
func sqliteFault(err error) (fault, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return fault{}, false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault{connector.Retry, "TOW-201", "control database is locked by another process",
			"Another process holds it for writing; look for a stuck towpath, a backup or an sqlite3 shell, then try again."}, true
	case sqlite3.SQLITE_FULL:
		return fault{connector.Full, "TOW-202", "disk under the control database is full",
			"Make room on its disk, then resume; nothing was lost."}, true
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fault{connector.Config, "TOW-203", "control database cannot be opened for writing",
			"Check path, owner and mode of the file and its folder; both must be writable."}, true
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fault{connector.Config, "TOW-204", "control database is damaged or no database",
			"Restore it from a backup, or name another state folder."}, true
	case sqlite3.SQLITE_IOERR:
		return fault{connector.Retry, "TOW-206", "disk under the control database answers with errors",
			"Check the disk and its file system; network file systems are not fit for it."}, true
	}
	return fault{class: connector.Other, code: "TOW-200"}, true
}
