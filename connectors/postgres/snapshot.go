package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
)

// snapshotKind names the layout of a snapshot's token: host:port of the server, the server's name of the snapshot.
const snapshotKind = "postgres.snapshot"

// snapshot is one instant of a database: a transaction that reads only, whose view other sessions join.
type snapshot struct {
	client *Client
	token  []byte

	mu      sync.Mutex
	session *session // nil: closed
}

// snapshot begins the transaction and exports its view. Its tables are locked against being emptied or rewritten, which no view
// survives (TRUNCATE, most of ALTER TABLE), as dumps do; rows are written as ever.
func (c *Client) snapshot(ctx context.Context, datasets []string) (connector.Snapshot, error) {
	s, err := c.take(ctx, reads)
	if err != nil {
		return nil, err
	}
	release := s.until(ctx)
	name, err := s.export(c.dialer.options.Schema, datasets)
	release()
	if err != nil || s.Stopped() {
		if s.state != stateIdle {
			s.Broken = true
		}
		c.give(s)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, classify(err, "make a snapshot")
	}
	token := connector.NewPosition(snapshotKind, connector.Part{Tag: connector.TagText, Bytes: []byte(s.address)},
		connector.Part{Tag: connector.TagText, Bytes: []byte(name)})
	return &snapshot{client: c, token: token, session: s}, nil
}

// export begins the transaction. Locks are taken before its first query, with which its view begins: what another session did to a
// table until then is seen as done.
func (s *session) export(schema string, datasets []string) (name string, err error) {
	lock, other, err := s.lockable(schema, datasets)
	if err != nil {
		return "", err
	}
	text := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0"
	if len(lock) > 0 {
		text += "; LOCK TABLE " + strings.Join(lock, ", ") + " IN ACCESS SHARE MODE"
	}
	if err := s.exec(text); err != nil {
		return "", err
	}
	for _, n := range other {
		if _, err := s.query("SELECT FROM " + n + " LIMIT 0"); err != nil {
			return "", err
		}
	}
	rows, err := s.query("SELECT pg_export_snapshot()")
	if err != nil {
		return "", err
	}
	return rows[0][0].text, nil
}

// lockable sorts datasets into tables, which can be locked, and materialized views, whose locks come with being read. Foreign tables
// are read from their own servers, which know nothing of the snapshot.
func (s *session) lockable(schema string, datasets []string) (lock, other []string, err error) {
	rows, err := s.query("SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')")
	if err != nil {
		return nil, nil, err
	}
	kinds := make(map[tableName]string, len(rows))
	for _, r := range rows {
		kinds[tableName{r[0].text, r[1].text}] = r[2].text
	}
	for _, d := range datasets {
		n, err := parseName(d, schema)
		if err != nil {
			return nil, nil, err
		}
		switch kinds[n] {
		case "":
			return nil, nil, connector.Errorf(connector.Missing, "TOW-711", "make a snapshot: no such table: %s", n)
		case "f":
			return nil, nil, connector.Errorf(connector.Config, "TOW-733", "make a snapshot: %s is a foreign table, whose server knows nothing of it", n).
				WithHint("Read it in a job of its own, or with consistency: fuzzy.")
		case "m":
			other = append(other, n.quoted())
		default:
			lock = append(lock, n.quoted())
		}
	}
	return lock, other, nil
}

// Token implements connector.Snapshot. Other processes can join, with the same server.
func (s *snapshot) Token() (token []byte, anywhere bool) { return s.token, true }

// Locked implements connector.Snapshot. Rows could be written all the while.
func (s *snapshot) Locked() time.Duration { return 0 }

// Close ends the instant. Who has joined reads on.
func (s *snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	release := s.session.until(ctx)
	_ = s.session.exec("ROLLBACK") // when it cannot be said, closing the connection says it
	release()
	s.client.give(s.session)
	s.session = nil
	return nil
}

// parseToken reads a snapshot's token.
func parseToken(token []byte) (address, name string, err error) {
	parts, err := connector.Position(token).Parts(snapshotKind)
	if err != nil {
		return "", "", err
	}
	if len(parts) != 2 || strings.Trim(string(parts[1].Bytes), "0123456789ABCDEFabcdef-") != "" {
		return "", "", connector.Errorf(connector.Changed, "TOW-105", "%s record is malformed", snapshotKind)
	}
	return string(parts[0].Bytes), string(parts[1].Bytes), nil
}

// join makes the session see the snapshot until its transaction ends.
func (s *session) join(name string) error {
	err := s.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + literal(name))
	if e, ok := errors.AsType[*serverError](err); ok && (e.Code == "22023" || e.Code == "55000" || e.Code == "42704" || e.Code == "58P01") {
		return connector.Errorf(connector.Lost, "TOW-733", "join the snapshot: the transaction that held it is gone: %w", err)
	}
	return err
}
