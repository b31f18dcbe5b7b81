package cli

import (
	"cmp"
	"strconv"

	"github.com/towpath/towpath/client"
)

type auditCmd struct {
	List   auditListCmd   `cmd:"" help:"List who did what, newest first."`
	Verify auditVerifyCmd `cmd:"" help:"Check that the record is what was written."`
}

type auditListCmd struct {
	Who    string `help:"Only those of this account." placeholder:"NAME"`
	Before int64  `help:"Only those before the one of this number." placeholder:"N"`
	Most   int    `help:"How many to list." default:"20" placeholder:"N"`
}

// Run lists entries of the record.
func (c *auditListCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	after := ""
	if c.Before > 0 {
		after = strconv.FormatInt(c.Before, 10)
	}
	list, rows := []client.Entry{}, [][]string{}
	for e, err := range client.All(c.Most, func(p client.Part) (client.Page[client.Entry], error) {
		p.After = cmp.Or(p.After, after)
		return b.Audit(ctx, c.Who, p)
	}) {
		if err != nil {
			return err
		}
		list = append(list, e)
		rows = append(rows, []string{strconv.FormatInt(e.Number, 10), whenText(e.At), cmp.Or(e.Workspace, "-"), cmp.Or(e.Who, "-"), e.Via, e.Action, cmp.Or(e.Object, "-"), e.Detail})
	}
	return s.answer(list, func() {
		if len(rows) == 0 {
			s.printf("no entries\n")
			return
		}
		s.table([]string{"NUMBER", "WHEN", "WORKSPACE", "WHO", "VIA", "ACTION", "OBJECT", "DETAIL"}, rows)
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
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	e, err := b.VerifyAudit(ctx)
	if err != nil {
		return err
	}
	return s.answer(map[string]any{"entries": e.Number, "hash": e.Hash}, func() {
		if e.Number == 0 {
			s.printf("no entries\n")
			return
		}
		s.printf("all %s entries are as they were written; the hash of the newest, %d, is\n%s\n", full(e.Number), e.Number, e.Hash)
	})
}
