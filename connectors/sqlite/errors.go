package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// codeOf returns the extended result code of an error of SQLite; 0 for other errors.
func codeOf(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code()
	}
	return 0
}

// classify gives an error of the driver its class and code. Errors that have one, and the end of a context, stay as they are.
func classify(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*connector.Error](err); ok {
		return err
	}
	doing := fmt.Sprintf(format, args...)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	class, code, hint := classOf(codeOf(err))
	e := connector.Errorf(class, code, "%s: %w", doing, err)
	e.Hint = hint
	return e
}

// classOf maps a result code (https://www.sqlite.org/rescode.html) to class, code and hint.
func classOf(result int) (connector.Class, string, string) {
	switch result & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return connector.Busy, "TOW-304", "Another program holds the file's lock; raise connection.busy_seconds if it holds it for long."
	case lib.SQLITE_FULL:
		return connector.Full, "TOW-305", "Make room on the disk or raise the file's max_page_count, then resume."
	case lib.SQLITE_READONLY, lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return connector.Denied, "TOW-303", "Give the account that runs towpath the right to write the file and its folder."
	case lib.SQLITE_CANTOPEN:
		return connector.Missing, "TOW-302", "Check connection.path, and that the folder may be written."
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return connector.Other, "TOW-306", "The file is damaged or no SQLite database; PRAGMA integrity_check tells more."
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG:
		return connector.Row, "TOW-307", ""
	case lib.SQLITE_SCHEMA:
		return connector.Changed, "TOW-308", "The table was altered meanwhile; plan again."
	case lib.SQLITE_IOERR, lib.SQLITE_INTERRUPT, lib.SQLITE_NOMEM, lib.SQLITE_PROTOCOL:
		return connector.Retry, "TOW-309", ""
	case lib.SQLITE_ERROR:
		return connector.Config, "TOW-310", "SQLite refuses the statement; check names and the job's own predicate or query."
	}
	return connector.Other, "TOW-309", ""
}

// rejection returns why a single row was refused; ok false: the error is not a row's fault.
func rejection(err error) (code record.Code, ok bool) {
	switch codeOf(err) & 0xff {
	case lib.SQLITE_CONSTRAINT:
		return record.Constraint, true
	case lib.SQLITE_MISMATCH:
		return record.WrongType, true
	case lib.SQLITE_TOOBIG:
		return record.TooBig, true
	}
	return "", false
}
