package elasticsearch

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// maxGroupRows bounds a group. It is also the stretch of ids behind a shard's end in which a longer earlier attempt that was
// cut off can have left documents.
const maxGroupRows = 16384

// leastShare is the number of rows below which a group is not divided further between requests.
const leastShare = 500

// state is what a shard's checkpoint remembers of the index.
type state struct {
	History history `json:"history"`
	Next    int64   `json:"next,omitempty"` // place in the shard of the next row, where ids are made of places
}

// rowState is what became of a row of the group so far.
type rowState uint8

const (
	live       rowState = iota // sent, or to be sent
	refused                    // named in the outcome
	superseded                 // a later row of the same key goes in its place
	waiting                    // insert: an earlier row of the same key goes first
)

// shardWriter sends the groups of one shard under one lease.
type shardWriter struct {
	w      *writer
	state  state
	path   string // of bulk requests
	opener []byte // what stands before the id in an action line
	closer []byte // and after it
	prefix []byte // of ids made of places; nil when rows have a key
	ids    ids
	width  int // bulk requests at a time: halved when the server is busy, raised again one by one

	// The group at hand; memory is kept from one to the next.
	group  []*record.Batch
	first  []int // number of each batch's first row
	rows   []rowState
	links  []int32 // another row of the same key, or -1
	arena  []byte  // ids
	ends   []int32 // of each row's id in arena
	table  []int32 // hash of an id to the row that holds it, +1
	seed   maphash.Seed
	sends  []int32
	bodies chan *bulkBody
	out    connector.Outcome
	holes  []int64 // places of rows rejected since the last commit, where ids are made of places

	mu       sync.Mutex
	failures []failure
	highest  int64 // sequence number
	busy     bool  // the server said so during this group
	err      error
}

// failure is a row that the server did not take.
type failure struct {
	row            int32
	code           record.Code
	column, reason string
}

// bulkBody is the memory of one request.
type bulkBody struct {
	buf  []byte
	rows []int32
	ends []int32 // of each row's lines in buf
}

func newShardWriter(w *writer, s connector.Shard, l connector.Lease, st state) *shardWriter {
	sw := &shardWriter{w: w, state: st, ids: ids{key: w.encode.key}, seed: maphash.MakeSeed(), width: w.options.Concurrency, highest: st.History.Seq,
		path: "/" + escapeName(w.plan.Marker) + "/_bulk?require_alias=true&pipeline=_none&filter_path=errors,items.*._seq_no,items.*.status,items.*.error"}
	if w.sink.Mode == connector.Insert {
		sw.opener, sw.closer = []byte(`{"create":{"_id":`), []byte("}}\n")
	} else {
		// Invariant 3: the stamp outranks every earlier lease's; a worker that wakes up late is refused with 409.
		sw.opener = []byte(`{"index":{"_id":`)
		sw.closer = []byte(`,"version":` + strconv.FormatInt(l.Stamp, 10) + `,"version_type":"external_gte"}}` + "\n")
	}
	if unfenced {
		sw.closer = []byte("}}\n")
	}
	if !w.plan.Keyed {
		sum := sha256.Sum256([]byte(l.Run + "\x00" + s.Stream + "\x00" + s.ID))
		sw.prefix = append(base64.RawURLEncoding.AppendEncode(nil, sum[:15]), '.')
	}
	sw.bodies = make(chan *bulkBody, w.options.Concurrency)
	for range w.options.Concurrency {
		sw.bodies <- new(bulkBody)
	}
	return sw
}

// Write sends the group as several bulk requests, some at a time, and returns when each row's answer is known.
func (s *shardWriter) Write(ctx context.Context, group []*record.Batch) (connector.Outcome, error) {
	s.begin(group)
	s.check()
	if s.prefix == nil {
		s.makeIDs()
	}
	s.sends = s.sends[:0]
	for row, st := range s.rows {
		if st == live {
			s.sends = append(s.sends, int32(row))
		}
	}
	for len(s.sends) > 0 {
		if err := s.send(ctx); err != nil {
			return connector.Outcome{}, err
		}
		s.settle()
	}
	s.conclude()
	if s.busy {
		s.width = max(1, s.width/2)
	} else {
		s.width = min(s.w.options.Concurrency, s.width+1)
	}
	s.noteHoles()
	s.state.Next += int64(len(s.rows))
	return s.out, nil
}

// begin takes the group up.
func (s *shardWriter) begin(group []*record.Batch) {
	s.group, s.first = group, s.first[:0]
	n := 0
	for _, b := range group {
		s.first = append(s.first, n)
		n += b.Len
	}
	s.rows = slices.Grow(s.rows[:0], n)[:n]
	clear(s.rows)
	s.out.Rejected, s.out.Superseded = nil, nil
	s.err, s.busy = nil, false
}

// ref turns a row's number into its place in the group.
func (s *shardWriter) ref(row int) connector.RowRef {
	at, found := slices.BinarySearch(s.first, row)
	if !found {
		at--
	}
	for at+1 < len(s.first) && s.first[at+1] <= row { // empty batches share a number
		at++
	}
	return connector.RowRef{Batch: at, Row: row - s.first[at]}
}

func (s *shardWriter) reject(row int, code record.Code, column, reason string) {
	if s.rows[row] == refused {
		return
	}
	s.rows[row] = refused
	s.out.Rejected = append(s.out.Rejected, connector.Rejected{RowRef: s.ref(row), Code: code, Column: column, Reason: reason})
}

// check looks at the cells that the fields cannot hold, a column at a time.
func (s *shardWriter) check() {
	for bi, b := range s.group {
		for i := range s.w.encode.columns {
			c := &s.w.encode.columns[i]
			if c.check == nil {
				continue
			}
			c.check(b.Cols[c.at], func(row int, code record.Code, reason string) {
				s.reject(s.first[bi]+row, code, s.w.encode.names[c.at], reason)
			})
		}
	}
}

// makeIDs makes the ids of the group's rows and finds those that share one: of an upsert the last row goes, of an insert the first.
func (s *shardWriter) makeIDs() {
	n := len(s.rows)
	s.arena, s.ends = s.arena[:0], s.ends[:0]
	s.links = slices.Grow(s.links[:0], n)[:n]
	size := 1
	for size < 2*n {
		size <<= 1
	}
	s.table = slices.Grow(s.table[:0], size)[:size]
	clear(s.table)
	row := 0
	for _, b := range s.group {
		for r := range b.Len {
			s.links[row] = -1
			if s.rows[row] == live {
				if col := s.ids.null(b, r); col >= 0 {
					s.reject(row, record.KeyNull, s.w.encode.names[col], "a document's _id cannot be made of NULL")
				} else {
					s.arena = s.ids.append(s.arena, b, r)
				}
			}
			s.ends = append(s.ends, int32(len(s.arena)))
			if s.rows[row] == live {
				s.link(row, size-1)
			}
			row++
		}
	}
}

func (s *shardWriter) id(row int) []byte {
	from := int32(0)
	if row > 0 {
		from = s.ends[row-1]
	}
	return s.arena[from:s.ends[row]]
}

// link enters a row into the table of ids.
func (s *shardWriter) link(row, mask int) {
	id := s.id(row)
	for at := int(maphash.Bytes(s.seed, id)) & mask; ; at = (at + 1) & mask {
		other := int(s.table[at]) - 1
		switch {
		case other < 0:
			s.table[at] = int32(row + 1)
			return
		case string(s.id(other)) != string(id):
			continue
		}
		s.table[at] = int32(row + 1)
		if s.w.sink.Mode == connector.Insert {
			s.links[other], s.rows[row] = int32(row), waiting
		} else {
			s.links[row], s.rows[other] = int32(other), superseded
		}
		return
	}
}

// send sends the rows of s.sends and collects their failures.
func (s *shardWriter) send(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.failures = s.failures[:0]
	held := s.hold()
	var flying sync.WaitGroup
	var body *bulkBody
	flush := func() {
		full := body
		body = nil
		flying.Go(func() { s.fly(ctx, full, cancel) })
	}
	share := max((len(s.sends)+s.width-1)/s.width, leastShare) // so that a small group keeps all requests busy too
	for _, row := range s.sends {
		if body == nil {
			body = <-s.bodies
			body.buf, body.rows, body.ends = body.buf[:0], body.rows[:0], body.ends[:0]
			if ctx.Err() != nil {
				break
			}
		}
		s.appendRow(body, int(row))
		if len(body.buf) >= s.w.options.BulkBytes || len(body.rows) >= share {
			flush()
		}
	}
	if body != nil && ctx.Err() == nil {
		flush()
	}
	flying.Wait()
	if body != nil {
		s.bodies <- body
	}
	for _, b := range held {
		s.bodies <- b
	}
	if s.err != nil {
		return s.err
	}
	return context.Cause(ctx)
}

// hold takes the bodies beyond the present width out of use.
func (s *shardWriter) hold() []*bulkBody {
	var held []*bulkBody
	for range s.w.options.Concurrency - s.width {
		held = append(held, <-s.bodies)
	}
	return held
}

// fly delivers a body, gives its memory back, and ends the group on the first error.
func (s *shardWriter) fly(ctx context.Context, full *bulkBody, cancel context.CancelCauseFunc) {
	err := s.deliver(ctx, view{full.buf, full.rows, full.ends, 0})
	s.bodies <- full
	if err == nil {
		return
	}
	cancel(err)
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
}

// appendRow appends the two lines of a row.
func (s *shardWriter) appendRow(b *bulkBody, row int) {
	ref := s.ref(row)
	b.buf = append(b.buf, s.opener...)
	if s.prefix != nil {
		b.buf = append(append(b.buf, '"'), s.prefix...)
		b.buf = append(strconv.AppendInt(b.buf, s.state.Next+int64(row), 10), '"')
	} else {
		b.buf = appendQuoted(b.buf, s.id(row))
	}
	b.buf = append(b.buf, s.closer...)
	b.buf = s.w.encode.appendDoc(b.buf, s.group[ref.Batch], ref.Row)
	b.rows = append(b.rows, int32(row))
	b.ends = append(b.ends, int32(len(b.buf)))
}

// settle turns the failures of a round into rejected rows; another row of a failed one's key gets its turn in the next round.
func (s *shardWriter) settle() {
	s.sends = s.sends[:0]
	for _, f := range s.failures {
		s.reject(int(f.row), f.code, f.column, f.reason)
		if s.prefix != nil {
			continue
		}
		if next := s.links[f.row]; next >= 0 {
			s.rows[next] = live
			s.sends = append(s.sends, next)
		}
	}
	slices.Sort(s.sends)
}

// conclude names the rows that others of their key stand for.
func (s *shardWriter) conclude() {
	for row, st := range s.rows {
		switch st {
		case superseded:
			s.out.Superseded = append(s.out.Superseded, s.ref(row))
		case waiting:
			s.reject(row, record.Constraint, "", "the key is there already: an earlier row of this run has it")
		}
	}
}

// Commit has nothing left to make durable: the server answered for each row after writing its log. It returns the state that
// a later Take compares the index with.
func (s *shardWriter) Commit(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
	if err := s.fillHoles(ctx); err != nil {
		return nil, err
	}
	if c.Done && s.prefix != nil {
		if err := s.purge(ctx); err != nil {
			return nil, err
		}
	}
	s.state.History.Seq = max(s.state.History.Seq, s.highest)
	return json.Marshal(s.state)
}

// Close has nothing to give back.
func (s *shardWriter) Close() error { return nil }
