package mysql

import (
	"context"
	"slices"
	"strconv"
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
		var tables []tagged
		for _, r := range rows {
			n := tableName{r[0].text, r[1].text}
			if n.table != sqltarget.Checkpoints {
				tables = append(tables, tagged{n, r[2].text})
				continue
			}
			ours, err := s.remembers(n)
			if err != nil {
				return err
			}
			if ours {
				memories = append(memories, &sqltarget.Memory{Table: n.quoted()})
			}
		}
		// What was replaced goes before the tag by which its replacement is known.
		slices.SortStableFunc(tables, func(a, b tagged) int { return a.rank() - b.rank() })
		for _, t := range tables {
			l, err := s.leftover(t, tables, runs, remove)
			if err != nil {
				return err
			}
			if l.Run != "" {
				found = append(found, l)
			}
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

// remembers tells whether a table has the columns of the table of checkpoints.
func (s *session) remembers(n tableName) (bool, error) {
	rows, err := s.query("SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = " + quoteText(n.database) + " AND TABLE_NAME = " + quoteText(n.table) +
		" AND COLUMN_NAME IN (" + sqltarget.CheckpointColumns + ")")
	return strconv.Itoa(len(rows)) == sqltarget.CheckpointWidth, err
}

// tagged is a table with its comment.
type tagged struct {
	tableName
	comment string
}

func (t tagged) rank() int {
	switch {
	case strings.HasSuffix(t.table, oldMark):
		return 0
	case sqltarget.RunOf(t.table) != "":
		return 1
	}
	return 2
}

// leftover says what a table is that a run left, and with remove removes it if it is one of the runs, or takes the tag off a table that
// stays.
func (s *session) leftover(t tagged, all []tagged, runs []string, remove bool) (l connector.Leftover, err error) {
	name, old := strings.CutSuffix(t.table, oldMark)
	work := func() (bool, error) { return true, s.build("DROP TABLE " + t.quoted()) }
	switch l.Run = sqltarget.RunOf(name); {
	case l.Run == "":
		if l.Run, _ = strings.CutPrefix(t.comment, tagMark); strings.ContainsAny(l.Run, " :") {
			l.Run = "" // somebody's own words
		}
		l.What = "tag on table " + t.String()
		work = func() (bool, error) { return true, s.build("ALTER TABLE " + t.quoted() + " COMMENT = ''") }
	case old:
		l.What = "rows of a table that was being replaced, in " + t.String()
		work = func() (bool, error) { return s.clearOld(t.tableName, l.Run, all) }
	default:
		l.What = "staging table " + t.String()
	}
	if remove && slices.Contains(runs, l.Run) {
		if l.Removed, err = work(); gone(err) {
			l.Removed, err = true, nil
		}
	}
	return l, err
}

// clearOld removes a table that was replaced, once another one is in its place. While there is none, it goes back there. Where somebody
// made another table there, or the name is not to be told, it stays, as its rows are nowhere else.
func (s *session) clearOld(n tableName, run string, all []tagged) (done bool, err error) {
	for _, t := range all {
		if t.comment == tagMark+run && t.old(run) == n {
			return true, s.dropOld(t.tableName, run)
		}
	}
	target := tableName{n.database, strings.TrimSuffix(strings.TrimSuffix(n.table, oldMark), sqltarget.Staging("", run, 0))}
	if target.old(run) != n {
		return false, nil
	}
	if _, there, err := s.commentOf(target); err != nil || there {
		return false, err
	}
	return true, s.build("RENAME TABLE " + n.quoted() + " TO " + target.quoted())
}

// gone tells whether an error says that a table is there no more: another run may have ended meanwhile.
func gone(err error) bool { return connector.ClassOf(classify(err, "")) == connector.Missing }
