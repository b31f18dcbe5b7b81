package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/towpath/towpath/connector"
)

// tables are all that a backup holds, each a table of one line of columns and a line for each row.
var tables = []string{
	"run", "event", "plan", "stream", "shard", "target", "dirty", "step",
	"workspace", "connection", "sealed", "job", "job_version", "job_alias", "run_connection", "sync_check", "audit", "account", "member", "token",
}

// passing are the tables that a backup leaves out: who was signed in when it was made must not be so when it comes back.
var passing = []string{"session", "link"}

// Saved is what a backup holds.
type Saved struct {
	Form int64 // of the database, the number of its newest migration
	At   int64 // ms of the database's clock
	Runs int64
	Rows int64 // of all tables
}

// The lines of a backup, compressed by gzip: a head; of each table its name and columns, and the values of each row; the number of all rows. A
// backup without the last line is one that was cut off.
type (
	headLine  struct{ Towpath, Form, At int64 } // Towpath is backupFormat
	tableLine struct {
		Table   string
		Columns []string
	}
	endLine struct{ End int64 }
	// blob stands for bytes, base64
	blob struct{ B string }
)

const backupFormat = 1

// Backup writes all that the database holds, as it is at one moment. Others go on working meanwhile.
func (s *Store) Backup(ctx context.Context, w io.Writer) (Saved, error) {
	const doing = "back up the control database"
	var saved Saved
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return saved, s.fail(doing, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, s.d.snapshot); err != nil {
		return saved, s.fail(doing, err)
	}
	defer rollback(ctx, conn)
	t := &tx{conn: conn}
	err = t.row(ctx, "SELECT "+s.d.now+", (SELECT MAX(version_id) FROM towpath_version), (SELECT COUNT(*) FROM run)").Scan(&saved.At, &saved.Form, &saved.Runs)
	if err != nil {
		return saved, s.fail(doing, err)
	}
	packed := gzip.NewWriter(w)
	lines := json.NewEncoder(packed)
	lines.SetEscapeHTML(false)
	err = lines.Encode(headLine{backupFormat, saved.Form, saved.At})
	for _, table := range tables {
		if err == nil {
			err = t.save(ctx, table, lines, &saved.Rows)
		}
	}
	if err == nil {
		err = lines.Encode(endLine{saved.Rows})
	}
	if err == nil {
		err = packed.Close()
	}
	return saved, s.fail(doing, err)
}

// save writes the rows of a table.
func (t *tx) save(ctx context.Context, table string, lines *json.Encoder, saved *int64) error {
	rows, err := t.conn.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if err := lines.Encode(tableLine{table, columns}); err != nil {
		return err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range values {
			switch x := v.(type) {
			case nil, int64, string:
			case []byte:
				values[i] = blob{base64.StdEncoding.EncodeToString(x)}
			default:
				return fmt.Errorf("column %s of table %s holds a %T", columns[i], table, v)
			}
		}
		if err := lines.Encode(values); err != nil {
			return err
		}
		*saved++
	}
	return rows.Err()
}

// Restore puts a backup into a database that holds nothing yet, all of it or nothing. One of a newer form than this program's is class Config, TOW-205;
// one that is damaged or cut off TOW-225; a database that is in use TOW-226.
func (s *Store) Restore(ctx context.Context, r io.Reader) (Saved, error) {
	const doing = "restore the control database"
	var saved Saved
	err := s.changeAlone(ctx, doing, func(ctx context.Context, t *tx) error {
		var used bool
		var form int64
		err := t.row(ctx, `SELECT EXISTS (SELECT 1 FROM run) OR EXISTS (SELECT 1 FROM target) OR EXISTS (SELECT 1 FROM workspace) OR EXISTS (SELECT 1 FROM account)
			OR EXISTS (SELECT 1 FROM audit), (SELECT MAX(version_id) FROM towpath_version)`).Scan(&used, &form)
		if err != nil {
			return err
		}
		if used {
			return connector.Errorf(connector.Config, "TOW-226", doing+": %s is in use already", s.path).WithHint("Name an empty one by --state.")
		}
		saved, err = t.restore(ctx, r, form)
		return err
	})
	if err == nil {
		s.analyze(ctx)
	}
	return saved, err
}

func damaged(err error) error {
	return connector.Errorf(connector.Config, "TOW-225", "read the backup: it is damaged, cut off, or none: %w", err).WithHint("Take another one.")
}

func (t *tx) restore(ctx context.Context, r io.Reader, form int64) (saved Saved, err error) {
	packed, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return saved, damaged(err)
	}
	lines := json.NewDecoder(packed)
	var head headLine
	if err := lines.Decode(&head); err != nil {
		return saved, damaged(err)
	}
	switch {
	case head.Towpath == 0:
		return saved, damaged(errors.New("it has no head"))
	case head.Towpath > backupFormat || head.Form > form:
		return saved, connector.Errorf(connector.Config, "TOW-205", "the backup has form %d, this towpath knows %d", head.Form, form).WithHint("Use the newer towpath that wrote it.")
	}
	saved.Form, saved.At = head.Form, head.At
	var rows *adder
	var table string
	for {
		var line json.RawMessage
		if err := lines.Decode(&line); err != nil {
			return saved, damaged(err)
		}
		if line[0] == '[' && rows != nil {
			values, err := valuesOf(line)
			if err == nil && len(values) != rows.columns {
				err = fmt.Errorf("%d values for %d columns", len(values), rows.columns)
			}
			if err != nil {
				return saved, damaged(fmt.Errorf("a row of table %s: %w", table, err))
			}
			if err := rows.add(ctx, values...); err != nil {
				return saved, refused(packed, err)
			}
			saved.Rows++
			if table == "run" {
				saved.Runs++
			}
			continue
		}
		if rows != nil {
			if err := rows.close(ctx, nil); err != nil {
				return saved, refused(packed, err)
			}
		}
		var next struct {
			tableLine
			End *int64
		}
		if err := json.Unmarshal(line, &next); err != nil {
			return saved, damaged(err)
		}
		if next.End != nil {
			if *next.End != saved.Rows {
				return saved, damaged(fmt.Errorf("it has %d rows of %d", saved.Rows, *next.End))
			}
			if _, err := io.Copy(io.Discard, packed); err != nil { // the checksum stands at the end
				return saved, damaged(err)
			}
			return saved, nil
		}
		if rows, err = t.tableOf(ctx, next.tableLine); err != nil {
			return saved, err
		}
		table = next.Table
	}
}

// refused is why the database does not take a row: where the checksum, at the end, says that the backup is damaged, that is why.
func refused(packed io.Reader, err error) error {
	if _, turned := io.Copy(io.Discard, packed); turned != nil {
		return damaged(turned)
	}
	return err
}

// tableOf adds to a table that there is, in columns that it has: names of a backup come into no statement unseen.
func (t *tx) tableOf(ctx context.Context, line tableLine) (*adder, error) {
	if !slices.Contains(tables, line.Table) {
		return nil, damaged(fmt.Errorf("there is no table %q", line.Table))
	}
	rows, err := t.conn.QueryContext(ctx, "SELECT * FROM "+line.Table+" WHERE 1 = 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	list := ""
	for i, name := range line.Columns {
		if !slices.Contains(columns, name) {
			return nil, damaged(fmt.Errorf("table %s has no column %q", line.Table, name))
		}
		if i > 0 {
			list += ", "
		}
		list += name
	}
	return t.adder(line.Table, list), rows.Err()
}

// valuesOf reads a row.
func valuesOf(line []byte) ([]any, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, err
	}
	values := make([]any, len(raw))
	for i, x := range raw {
		var err error
		switch {
		case bytes.Equal(x, []byte("null")):
		case x[0] == '"':
			var text string
			err = json.Unmarshal(x, &text)
			values[i] = text
		case x[0] == '{':
			var b blob
			if err = json.Unmarshal(x, &b); err == nil {
				values[i], err = base64.StdEncoding.DecodeString(b.B)
			}
		default:
			var n int64
			err = json.Unmarshal(x, &n)
			values[i] = n
		}
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}
