package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// view is a part of a bulk body: rows and where each one's lines end.
type view struct {
	buf  []byte
	rows []int32
	ends []int32
	from int32 // where the first row's lines begin
}

func (v view) body() []byte { return v.buf[v.from:v.ends[len(v.ends)-1]] }

func (v view) lines(i int) []byte {
	from := v.from
	if i > 0 {
		from = v.ends[i-1]
	}
	return v.buf[from:v.ends[i]]
}

// halves splits the view.
func (v view) halves() (view, view) {
	m := len(v.rows) / 2
	return view{v.buf, v.rows[:m], v.ends[:m], v.from}, view{v.buf, v.rows[m:], v.ends[m:], v.ends[m-1]}
}

// only copies the rows at the places into a view of their own.
func (v view) only(places []int) view {
	var out view
	for _, i := range places {
		out.buf = append(out.buf, v.lines(i)...)
		out.rows = append(out.rows, v.rows[i])
		out.ends = append(out.ends, int32(len(out.buf)))
	}
	return out
}

// The first wait of rows that the server is too busy for, and the longest; each doubles the last, with jitter.
const (
	firstWait = 100 * time.Millisecond
	longWait  = 10 * time.Second
)

// deliver sends a view until each of its rows is written or has failed for a reason of its own. What the server is too busy
// for is offered again, and nothing else.
func (s *shardWriter) deliver(ctx context.Context, v view) error {
	patience := time.Duration(s.w.options.PatienceSeconds) * time.Second
	give := time.Now().Add(patience)
	cuts := 0
	for wait := firstWait; ; wait = min(2*wait, longWait) {
		r, err := s.w.client.nodes.send(ctx, http.MethodPost, s.path, "application/x-ndjson", v.body())
		if err != nil {
			if cuts++; !s.tooLong(ctx, v, err) {
				return err
			}
			if len(v.rows) > 1 || cuts == mostCuts {
				return s.split(ctx, v)
			}
			if err := sleep(ctx, wait); err != nil {
				return err
			}
			continue
		}
		var busy error
		switch {
		case r.status == http.StatusOK:
			var again []int
			if again, busy, err = s.read(ctx, v, r); err != nil || len(again) == 0 {
				return err
			}
			v = v.only(again)
		case r.status == http.StatusRequestEntityTooLarge:
			return s.split(ctx, v)
		default:
			f := readFault(r)
			busy = classify("write to "+s.w.plan.Index, r.status, f, r.header)
			if connector.ClassOf(busy) == connector.Missing {
				return s.w.missing(ctx, s.w.plan.Marker, s.changed(f.text()))
			}
			if c := connector.ClassOf(busy); c != connector.Busy && c != connector.Retry {
				return busy
			}
		}
		s.mu.Lock()
		s.busy = true
		s.mu.Unlock()
		pause := max(wait/2+rand.N(wait), retryAfter(r.header))
		if time.Now().Add(pause).After(give) {
			return busy
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Bytes of a body that every server and proxy takes, and how often a longer one of a single row is offered to a node that lives.
const (
	sureBytes = 1 << 20
	mostCuts  = 3
)

// tooLong reports whether a body's length may be why its connection was cut: a proxy that answers 413 before it has read the
// body resets the connection, and its answer is lost.
func (s *shardWriter) tooLong(ctx context.Context, v view, err error) bool {
	cut := slices.ContainsFunc([]error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed}, func(e error) bool { return errors.Is(err, e) })
	if !cut || len(v.body()) <= sureBytes {
		return false
	}
	return len(v.rows) > 1 || s.w.client.get(ctx, "/", nil) == nil
}

// split sends the view in halves; a row that is too large alone has failed.
func (s *shardWriter) split(ctx context.Context, v view) error {
	if len(v.rows) == 1 {
		s.fail(failure{row: v.rows[0], code: record.TooBig, reason: fmt.Sprintf("the server takes no document of %d bytes", len(v.body()))})
		return nil
	}
	a, b := v.halves()
	if err := s.deliver(ctx, a); err != nil {
		return err
	}
	return s.deliver(ctx, b)
}

func (s *shardWriter) fail(f failure) {
	s.mu.Lock()
	s.failures = append(s.failures, f)
	s.mu.Unlock()
}

func (s *shardWriter) saw(seq int64) {
	s.mu.Lock()
	s.highest = max(s.highest, seq)
	s.mu.Unlock()
}

func (s *shardWriter) changed(why string) error {
	return connector.Errorf(connector.Changed, "TOW-507", "write to %s: %s", s.w.plan.Index, why).
		WithHint("The index was removed or changed while the run went on. Stop this run and start it anew.")
}

// item is the answer for one row.
type item struct {
	Status int    `json:"status"`
	Seq    int64  `json:"_seq_no"`
	Error  *fault `json:"error"`
}

// read goes through the answers for the rows of a view. It returns the places of rows to offer again, with the error to give
// up with; err ends the group.
func (s *shardWriter) read(ctx context.Context, v view, r reply) (again []int, busy, err error) {
	if bytes.HasPrefix(r.body, []byte(`{"errors":false,`)) && bytes.Count(r.body, []byte(`"status":2`)) == len(v.rows) {
		s.readClean(r.body)
		return nil, nil, nil
	}
	var answer struct{ Items []map[string]item }
	if err := json.Unmarshal(r.body, &answer); err != nil {
		return nil, nil, connector.Errorf(connector.Retry, "TOW-509", "write to %s: read answer: %w", s.w.plan.Index, err)
	}
	if len(answer.Items) != len(v.rows) {
		return nil, nil, s.miscounted(len(answer.Items), len(v.rows))
	}
	var taken []int
	for i, x := range answer.Items {
		if len(x) != 1 {
			return nil, nil, s.miscounted(i, len(v.rows))
		}
		for kind, it := range x {
			switch {
			case it.Status == 0:
				return nil, nil, s.miscounted(i, len(v.rows))
			case kind == "delete" && it.Status == http.StatusNotFound && it.Error == nil: // gone already: its answer was lost
				s.saw(it.Seq)
				continue
			case it.Status >= 200 && it.Status < 300:
				s.saw(it.Seq)
				continue
			case it.Error == nil:
				it.Error = &fault{Reason: "status " + strconv.Itoa(it.Status)}
			}
			switch {
			case it.Status == http.StatusConflict && s.w.sink.Mode == connector.Insert:
				taken = append(taken, i)
			case it.Error.isFull() || it.Status != http.StatusTooManyRequests && it.Status < 500:
				if err := s.readFailure(ctx, v.rows[i], it); err != nil {
					return nil, nil, err
				}
			default:
				again = append(again, i)
				busy = classify("write to "+s.w.plan.Index, it.Status, *it.Error, r.header)
			}
		}
	}
	if len(taken) > 0 {
		err = s.compare(ctx, v, taken)
	}
	return again, busy, err
}

// readClean reads an answer without failures.
func (s *shardWriter) readClean(body []byte) {
	label := []byte(`"_seq_no":`)
	highest := int64(-1)
	for {
		at := bytes.Index(body, label)
		if at < 0 {
			break
		}
		body = body[at+len(label):]
		n := int64(0)
		for _, c := range body {
			if c < '0' || c > '9' {
				break
			}
			n = n*10 + int64(c-'0')
		}
		highest = max(highest, n)
	}
	s.saw(highest)
}

func (s *shardWriter) miscounted(got, want int) error {
	return connector.Errorf(connector.Retry, "TOW-509", "write to %s: the server answered for %d of %d rows", s.w.plan.Index, got, want)
}

// readFailure decides about a row that the server will not take however often it is offered.
func (s *shardWriter) readFailure(ctx context.Context, row int32, it item) error {
	f := failure{row: row, code: record.Rejected, reason: it.Error.text()}
	switch {
	case it.Status == http.StatusNotFound:
		return s.w.missing(ctx, s.w.plan.Marker, s.changed(f.reason))
	case it.Error.Type == "strict_dynamic_mapping_exception":
		return s.changed(f.reason)
	case it.Error.isFull(), it.Status == http.StatusUnauthorized, it.Status == http.StatusForbidden, it.Error.Type == "index_closed_exception":
		return classify("write to "+s.w.plan.Index, it.Status, *it.Error, nil)
	case it.Status == http.StatusConflict:
		f.reason = "the index holds a newer version of this document: " + f.reason
	case it.Status == http.StatusRequestEntityTooLarge:
		f.code = record.TooBig
	default:
		f.column = s.columnOf(f.reason)
	}
	s.fail(f)
	return nil
}

// columnOf finds the column that a reason speaks of, in the words of the servers: failed to parse field [age] of type [long];
// immense term in field="note". It is "" when none is named.
func (s *shardWriter) columnOf(reason string) string {
	for _, mark := range [...]struct{ open, close string }{{"field [", "]"}, {`field="`, `"`}} {
		_, rest, ok := strings.Cut(reason, mark.open)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, mark.close)
		for name != "" {
			if at := slices.Index(s.w.encode.paths, name); at >= 0 {
				return s.w.encode.names[at]
			}
			name = name[:max(strings.LastIndexByte(name, '.'), 0)] // a subfield
		}
	}
	return ""
}

// compare looks at the documents that an insert found in place. One with the very content of ours is the trace of an earlier
// try of this row, or as good as one; any other keeps its key.
func (s *shardWriter) compare(ctx context.Context, v view, places []int) error {
	wanted := make([]string, len(places))
	for i, at := range places {
		wanted[i] = s.idText(v.rows[at])
	}
	var answer struct {
		Docs []struct {
			Found  bool
			Source json.RawMessage `json:"_source"`
			Error  *fault
		}
	}
	if err := s.w.client.do(ctx, http.MethodPost, "/"+escapeName(s.w.plan.Index)+"/_mget", map[string]any{"ids": wanted}, &answer); err != nil {
		return err
	}
	if len(answer.Docs) != len(places) {
		return s.miscounted(len(answer.Docs), len(places))
	}
	for i, at := range places {
		_, doc, _ := bytes.Cut(v.lines(at), []byte("\n"))
		d := answer.Docs[i]
		if d.Error != nil {
			return s.unread(d.Error)
		}
		if d.Found && bytes.Equal(bytes.TrimSpace(doc), d.Source) {
			continue
		}
		s.fail(failure{row: v.rows[at], code: record.Constraint, reason: "a document with this key is there already"})
	}
	return nil
}

// unread is the error of a document whose shard did not answer.
func (s *shardWriter) unread(f *fault) error {
	return connector.Errorf(connector.Retry, "TOW-500", "look at documents of %s: %s", s.w.plan.Index, f.text())
}

// idText returns the id of a row as text.
func (s *shardWriter) idText(row int32) string {
	if s.prefix != nil {
		return string(strconv.AppendInt(slices.Clone(s.prefix), s.state.Next+int64(row), 10))
	}
	return string(s.id(int(row)))
}
