package mysql

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

// shown is how the judge selects a column, so that its text is that of the type.
func shown(f record.Field) string {
	c := quote(f.Name)
	switch t := f.Type; t.Kind {
	case record.Float:
		return c + " + 0e0" // a FLOAT with all its digits
	case record.Bytes:
		return "LOWER(HEX(" + c + "))"
	case record.Geometry:
		return "CONCAT(LPAD(LOWER(HEX(ST_SRID(" + c + "))), 8, '0'), LOWER(HEX(ST_AsWKB(" + c + "))))"
	case record.Bit:
		return fmt.Sprintf("LPAD(BIN(%s), %d, '0')", c, t.Bits)
	case record.Year:
		return "LPAD(" + c + ", 4, '0')"
	case record.Instant:
		return "CONCAT(" + c + ", 'Z')"
	}
	return c
}

// readBack returns the rows of a table by the judge's own connection.
func (j *judge) readBack(dataset string, s *record.Schema) []connectortest.Row {
	var items []string
	for _, f := range s.Fields {
		items = append(items, "IF("+quote(f.Name)+" IS NULL, 'NULL', CONCAT('=', HEX(CONVERT("+shown(f)+" USING utf8mb4))))")
	}
	name, err := parseName(dataset, j.db)
	if err != nil {
		j.t.Fatal(err)
	}
	var out []connectortest.Row
	for _, r := range j.rows("SELECT %s FROM %s", strings.ReplaceAll(strings.Join(items, ", "), "%", "%%"), name.quoted()) {
		row := make(connectortest.Row, len(r))
		for i, text := range r {
			if text == "NULL" {
				row[i].Null = true
				continue
			}
			raw, _ := hex.DecodeString(text[1:])
			row[i].Text = string(raw)
			if t := s.Fields[i].Type; t.Kind == record.Float { // in the package's own digits
				v := record.NewVector(record.FormFloat64)
				if code := record.AppendParsed(v, &record.Type{Kind: record.Float, Bits: 64}, raw); code != "" {
					j.t.Fatalf("%q: %s", raw, code)
				}
				row[i].Text = string(record.AppendText(nil, &t, v, 0))
			}
		}
		out = append(out, row)
	}
	return out
}

// writingSuite is what the suites of both ways have in common.
func (j *judge) writingSuite() connectortest.Suite {
	var mu sync.Mutex
	s := j.suite(&mu)
	s.Connector.Read = nil
	s.ReadBack = func(_ connectortest.TB, dataset string, schema *record.Schema) []connectortest.Row {
		mu.Lock()
		defer mu.Unlock()
		return j.readBack(dataset, schema)
	}
	return s
}

// TestWriting: what the contract promises of writing, with checkpoints at the target.
func TestWriting(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	s := j.writingSuite()
	s.Modes = []connector.Mode{connector.Insert, connector.Upsert, connector.Append, connector.Replace}
	loss := newCommitLoser(t, j.srv.Addr())
	s.Connection = func(connectortest.TB) json.RawMessage { return j.options(map[string]any{"port": loss.port}) }
	s.LoseCommit = func(_ connectortest.TB, applied bool) { loss.arm(applied) }
	connectortest.Run(t, s)
}

// TestWritingWithoutCheckpoints: an account that may not make the table of checkpoints writes by the key.
func TestWritingWithoutCheckpoints(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	user := "u" + j.db[3:]
	j.execf("CREATE USER %s@'%%' IDENTIFIED BY 'secret'", user)
	t.Cleanup(func() { j.exec("DROP USER " + user) })
	j.exec("CREATE TABLE nothing (id INT)")
	j.execf("GRANT SELECT ON %s.nothing TO %s", j.db, user) // a right to the database at all
	s := j.writingSuite()
	s.Modes, s.Fence, s.Unmarked = []connector.Mode{connector.Upsert}, connectortest.Unfenced, true
	s.Connection = func(connectortest.TB) json.RawMessage {
		return j.options(map[string]any{"user": user, "password": "secret"})
	}
	newName := s.NewName
	s.NewName = func(tb connectortest.TB) string {
		name := newName(tb)
		j.execf("GRANT CREATE, ALTER, SELECT, INSERT, UPDATE, DELETE ON %s TO %s", name, user)
		return name
	}
	connectortest.Run(t, s)
}

// TestWritingToMySQL: Oracle's own server, which has no bulk execution.
func TestWritingToMySQL(t *testing.T) {
	t.Parallel()
	j := judgeAt(t, "mysql55")
	s := j.writingSuite()
	s.Modes = []connector.Mode{connector.Insert, connector.Upsert, connector.Append, connector.Replace}
	s.Types = slices.DeleteFunc(s.Types, func(t record.Type) bool {
		return t.Kind == record.JSON || t.Kind == record.UUID || t.Kind == record.Geometry || t.Kind == record.Float || (t.Kind == record.Time || t.Kind == record.Datetime || t.Kind == record.Instant) && t.Precision > 0
	})
	connectortest.Run(t, s)
}

// commitLoser stands between client and server and loses a commit, or the answer to it.
type commitLoser struct {
	port  int
	armed atomic.Int32 // 1: the answer, 2: the commit itself
}

func newCommitLoser(t *testing.T, address string) *commitLoser {
	l := &commitLoser{}
	l.port = listen(t, func(near net.Conn) {
		far, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer far.Close()
		var lost atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			buf := make([]byte, 64<<10)
			for {
				n, err := far.Read(buf)
				if err != nil || lost.Load() {
					near.Close()
					return
				}
				if _, err := near.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
		commit := []byte("\x07\x00\x00\x00\x03COMMIT")
		buf := make([]byte, 64<<10)
		for {
			n, err := near.Read(buf)
			if err != nil {
				break
			}
			if bytes.HasSuffix(buf[:n], commit) {
				if what := l.armed.Swap(0); what > 0 {
					lost.Store(true)
					if what == 2 {
						break
					}
				}
			}
			if _, err := far.Write(buf[:n]); err != nil {
				break
			}
		}
		far.Close()
		near.Close()
		<-done
	})
	return l
}

func (l *commitLoser) arm(applied bool) {
	if applied {
		l.armed.Store(1)
	} else {
		l.armed.Store(2)
	}
}
