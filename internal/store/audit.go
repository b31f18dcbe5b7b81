package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/towpath/towpath/connector"
)

// Entry says who did what. It is written in the transaction of what was done.
type Entry struct {
	Workspace string // "": the whole installation
	Who       string // account
	Via       string // session, token, link, command or server
	Action    string // as connection.change
	Object    string // what it was done to
	Detail    string // in words or JSON; never a secret
}

// AuditEntry is an entry as it stands in the record.
type AuditEntry struct {
	Number int64 // gapless, from 1
	At     int64
	Entry
	Hash []byte // of the hash of the entry before, and of this entry
}

// chained is the hash of an entry behind another.
func (e AuditEntry) chained(previous []byte) []byte {
	fields, err := json.Marshal([]any{e.Number, e.At, e.Workspace, e.Who, e.Via, e.Action, e.Object, e.Detail})
	if err != nil {
		panic(err) // numbers and texts alone
	}
	hash := sha256.New()
	hash.Write(previous)
	hash.Write(fields)
	return hash.Sum(nil)
}

// audit adds an entry to the record. Writers come one after another, so that each finds the newest.
func (t *tx) audit(ctx context.Context, e Entry) error {
	var previous []byte
	entry := AuditEntry{At: t.now, Entry: e}
	err := t.row(ctx, "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").Scan(&entry.Number, &previous)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	entry.Number++
	for _, text := range []*string{&entry.Workspace, &entry.Who, &entry.Via, &entry.Action, &entry.Object, &entry.Detail} {
		*text = storable(*text) // what is hashed is what is stored
	}
	_, err = t.exec(ctx, "INSERT INTO audit (number, at, workspace, who, via, action, object, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		entry.Number, entry.At, entry.Workspace, entry.Who, entry.Via, entry.Action, entry.Object, entry.Detail, entry.chained(previous))
	return err
}

// Audit adds an entry for what changes nothing here: a test of a connection, a refused sign-in.
func (s *Store) Audit(ctx context.Context, e Entry) error {
	return s.change(ctx, "record "+e.Action, func(ctx context.Context, t *tx) error { return t.audit(ctx, e) })
}

const selectAudit = "SELECT number, at, workspace, who, via, action, object, detail, hash FROM audit"

func scanAudit(scan func(...any) error) (e AuditEntry, err error) {
	err = scan(&e.Number, &e.At, &e.Workspace, &e.Who, &e.Via, &e.Action, &e.Object, &e.Detail, &e.Hash)
	return e, err
}

// AuditFilter selects entries, newest first.
type AuditFilter struct {
	Workspace string // "": of all
	Who       string // "": of all
	Before    int64  // number of the last entry of the page before; 0: the newest
	Limit     int    // 0: 100
}

// AuditEntries returns entries of the record, newest first.
func (s *Store) AuditEntries(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	rows, err := s.read.QueryContext(ctx, selectAudit+` WHERE (CAST($1 AS TEXT) = '' OR workspace = $1) AND (CAST($2 AS TEXT) = '' OR who = $2)
		AND (CAST($3 AS BIGINT) = 0 OR number < $3) ORDER BY number DESC LIMIT $4`, f.Workspace, f.Who, f.Before, f.Limit)
	if err != nil {
		return nil, s.fail("read the record", err)
	}
	entries, err := collect(rows, scanAudit)
	return entries, s.fail("read the record", err)
}

// auditPage is how many entries VerifyAudit reads at a time.
const auditPage = 1000

// VerifyAudit reads the whole record and returns its newest entry; that of an empty record is zero. One that was changed, taken out or put in since it was written
// is class Changed, TOW-230, which names it, and the entry before it comes back.
func (s *Store) VerifyAudit(ctx context.Context) (newest AuditEntry, err error) {
	behind := int64(math.MinInt64) // what was put in before the first is seen too
	for {
		rows, err := s.read.QueryContext(ctx, selectAudit+" WHERE number > $1 ORDER BY number LIMIT $2", behind, auditPage)
		if err != nil {
			return newest, s.fail("verify the record", err)
		}
		page, err := collect(rows, scanAudit)
		if err != nil {
			return newest, s.fail("verify the record", err)
		}
		for _, e := range page {
			if e.Number != newest.Number+1 || !bytes.Equal(e.Hash, e.chained(newest.Hash)) {
				return newest, connector.Errorf(connector.Changed, "TOW-230", "entry %d of the record is not what was written", newest.Number+1).
					WithHint("Somebody changed the control database by hand. Entries before it are as they were.")
			}
			newest, behind = e, e.Number
		}
		if len(page) < auditPage {
			return newest, nil
		}
	}
}

// noOne is the answer of a lookup that found nothing.
func noOne(code, format string, args ...any) *connector.Error {
	return connector.Errorf(connector.Missing, code, "%s", fmt.Sprintf(format, args...))
}
