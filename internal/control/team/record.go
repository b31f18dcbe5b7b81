package team

import (
	"context"

	"github.com/towpath/towpath/internal/store"
)

// Record returns entries of the record, newest first: those of the actor's workspace, and to an administrator of the installation those that the filter says.
func (t *Team) Record(ctx context.Context, a Actor, f store.AuditFilter) ([]store.AuditEntry, error) {
	if err := a.May(SeeRecord); err != nil {
		return nil, err
	}
	if !a.Admin {
		f.Workspace = a.Workspace
	}
	return t.Store.AuditEntries(ctx, f)
}

// VerifyRecord checks the chain of the whole record and returns its newest entry. One that is not what was written is class Changed, TOW-230.
func (t *Team) VerifyRecord(ctx context.Context, a Actor) (store.AuditEntry, error) {
	if err := a.May(ManageServer); err != nil {
		return store.AuditEntry{}, err
	}
	return t.Store.VerifyAudit(ctx)
}
