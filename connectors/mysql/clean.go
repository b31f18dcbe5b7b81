package mysql

import (
	"context"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// clean finds staging tables, tables that carry the tag of a run, and checkpoints, and removes what belongs to the named runs.
func (c *Client) clean(ctx context.Context, runs []string, remove bool) ([]connector.Leftover, error) {
	var found []connector.Leftover
	err := c.withSession(ctx, writes, func(s *session) error {
		rows, err := s.query("SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_TYPE <> 'VIEW' AND " +
			"(TABLE_NAME LIKE '%\\_\\_tw\\_%' OR TABLE_NAME = '" + sqltarget.Checkpoints + "' OR TABLE_COMMENT LIKE '" + tagMark + "%') ORDER BY TABLE_SCHEMA, TABLE_NAME")
		if err != nil {
			return err
		}
		var memories []*sqltarget.Memory
		for _, r := range rows {
			n := tableName{r[0].text, r[1].text}
			if n.table == sqltarget.Checkpoints {
				memories = append(memories, &sqltarget.Memory{Table: n.quoted()})
				continue
			}
			l, statement := leftover(n, r[2].text)
			if l.Run == "" {
				continue
			}
			if remove && slices.Contains(runs, l.Run) {
				if err := s.build(statement); err != nil && !gone(err) {
					return err
				}
				l.Removed = true
			}
			found = append(found, l)
		}
		// Checkpoints go last: what they tell of is gone then.
		for _, m := range memories {
			list, err := m.Leftovers(ctx, conn{s}, runs, remove)
			if gone(err) {
				continue
			}
			if err != nil {
				return err
			}
			if found = append(found, list...); remove {
				if err := s.dropIfEmpty(ctx, m); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return found, classify(err, "look for what runs left")
}

// leftover says what a table is that a run left, and the statement that removes it, or takes the tag off a table that stays.
func leftover(n tableName, comment string) (connector.Leftover, string) {
	if run := sqltarget.RunOf(n.table); run != "" {
		return connector.Leftover{Run: run, What: "staging table " + n.String()}, "DROP TABLE " + n.quoted()
	}
	run, _ := strings.CutPrefix(comment, tagMark)
	if strings.ContainsAny(run, " :") {
		run = "" // somebody's own words
	}
	return connector.Leftover{Run: run, What: "tag on table " + n.String()}, "ALTER TABLE " + n.quoted() + " COMMENT = ''"
}

// gone tells whether an error says that a table is there no more: another run may have ended meanwhile.
func gone(err error) bool { return connector.ClassOf(classify(err, "")) == connector.Missing }
