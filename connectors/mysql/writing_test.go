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
	s.MakeFolding = func(_ connectortest.TB, dataset string, table connectortest.Table) {
		mu.Lock()
		defer mu.Unlock()
		j.makeDataset(dataset, connectortest.Table{Schema: table.Schema}) // its collation folds
	}
	s.Structure = func(_ connectortest.TB, dataset string) *record.Schema {
		mu.Lock()
		defer mu.Unlock()
		return j.structure(dataset)
	}
	return s
}

// structure returns what the catalog says of a table beside its columns.
func (j *judge) structure(dataset string) *record.Schema {
	name, err := parseName(dataset, j.db)
	if err != nil {
		j.t.Fatal(err)
	}
	out := &record.Schema{Comment: j.rows("SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = '%s'", name.database, name.table)[0][0]}
	for _, r := range j.rows("SELECT COLUMN_NAME, COLUMN_DEFAULT, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = '%s' ORDER BY ORDINAL_POSITION",
		name.database, name.table) {
		f := record.Field{Name: r[0], Comment: r[2]}
		if r[1] != "NULL" && r[1] != "<null>" {
			f.Default = &record.Default{Text: strings.ReplaceAll(strings.Trim(r[1], "'"), "''", "'")}
		}
		out.Fields = append(out.Fields, f)
	}
	for _, r := range j.rows("SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, COLLATION FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = '%s' AND INDEX_NAME <> 'PRIMARY' ORDER BY 1, SEQ_IN_INDEX",
		name.database, name.table) {
		if n := len(out.Indexes); n == 0 || out.Indexes[n-1].Name != r[0] {
			out.Indexes = append(out.Indexes, record.Index{Name: r[0], Unique: r[1] == "0"})
		}
		x := &out.Indexes[len(out.Indexes)-1]
		x.Columns = append(x.Columns, record.IndexColumn{Name: r[2], Descending: r[3] == "D"})
	}
	for _, r := range j.rows("SELECT k.CONSTRAINT_NAME, COLUMN_NAME, CONCAT(REFERENCED_TABLE_SCHEMA, '.', k.REFERENCED_TABLE_NAME), REFERENCED_COLUMN_NAME, DELETE_RULE "+
		"FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = TABLE_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME "+
		"WHERE TABLE_SCHEMA = '%s' AND k.TABLE_NAME = '%s' AND REFERENCED_COLUMN_NAME IS NOT NULL ORDER BY 1, ORDINAL_POSITION", name.database, name.table) {
		if n := len(out.References); n == 0 || out.References[n-1].Name != r[0] {
			out.References = append(out.References, record.Reference{Name: r[0], Dataset: r[2], OnDelete: action(r[4])})
		}
		f := &out.References[len(out.References)-1]
		f.Columns, f.Foreign = append(f.Columns, r[1]), append(f.Foreign, r[3])
	}
	return out
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
	s.Types = typesOfOld(s.Types)
	connectortest.Run(t, s)
}

// typesOfOld are the types that MySQL 5.5 has.
func typesOfOld(types []record.Type) []record.Type {
	return slices.DeleteFunc(types, func(t record.Type) bool {
		return t.Kind == record.JSON || t.Kind == record.UUID || t.Kind == record.Geometry || t.Kind == record.Float || (t.Kind == record.Time || t.Kind == record.Datetime || t.Kind == record.Instant) && t.Precision > 0
	})
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
