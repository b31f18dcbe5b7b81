package cli

import (
	"cmp"
	"context"
	"strconv"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

type auditCmd struct {
	List   auditListCmd   `cmd:"" help:"List who did what, newest first."`
	Verify auditVerifyCmd `cmd:"" help:"Check that the record is what was written."`
}

type auditListCmd struct {
	Workspace string `help:"Only entries of this workspace." placeholder:"NAME"`
	Who       string `help:"Only those of this account." placeholder:"NAME"`
	Before    int64  `help:"Only those before the one of this number." placeholder:"N"`
	Most      int    `help:"How many to list." default:"20" placeholder:"N"`
}

// Run lists entries of the record.
func (c *auditListCmd) Run(s *session) error {
	return s.asOwner("", func(ctx context.Context, t *team.Team, a team.Actor) error {
		entries, err := t.Record(ctx, a, store.AuditFilter{Workspace: c.Workspace, Who: c.Who, Before: c.Before, Limit: c.Most})
		if err != nil {
			return err
		}
		list, rows := make([]client.Entry, len(entries)), make([][]string, len(entries))
		for i, e := range entries {
			list[i] = view.Entry(e)
			rows[i] = []string{strconv.FormatInt(e.Number, 10), when(e.At), cmp.Or(e.Workspace, "-"), cmp.Or(e.Who, "-"), e.Via, e.Action, cmp.Or(e.Object, "-"), e.Detail}
		}
		return s.answer(list, func() {
			if len(rows) == 0 {
				s.printf("no entries\n")
				return
			}
			s.table([]string{"NUMBER", "WHEN", "WORKSPACE", "WHO", "VIA", "ACTION", "OBJECT", "DETAIL"}, rows)
		})
	})
}

type auditVerifyCmd struct{}

// Help is the long help of audit verify.
func (c *auditVerifyCmd) Help() string {
	return `Each entry has a hash of the one before. Note number and hash of the newest entry where nobody who has the control database can change them: an entry with this
number and another hash, or none, shows that the record was written anew or cut off.`
}

// Run checks the record.
func (c *auditVerifyCmd) Run(s *session) error {
	return s.asOwner("", func(ctx context.Context, t *team.Team, a team.Actor) error {
		newest, err := t.VerifyRecord(ctx, a)
		if err != nil {
			return err
		}
		e := view.Entry(newest)
		return s.answer(map[string]any{"entries": e.Number, "hash": e.Hash}, func() {
			if e.Number == 0 {
				s.printf("no entries\n")
				return
			}
			s.printf("all %s entries are as they were written; the hash of the newest, %d, is\n%s\n", full(e.Number), e.Number, e.Hash)
		})
	})
}
