package engine

import (
	"context"
	"errors"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/internal/transform"
	"github.com/towpath/towpath/record"
)

// Pipe copies shards of one stream. It is immutable and used by many goroutines.
type Pipe struct {
	Stream string
	Reader connector.Reader
	Writer connector.Writer
	Schema *record.Schema // as read, frozen
	Target *connector.Target
	Stage  *transform.Stage
	Gate   Gate
	Seed   uint64        // of row hashes
	Answer time.Duration // how long a commit's answer may take before groups shrink; 0: one second
	Rows   int           // rows of a group at most; 0: as the target says
	// Snapshot is the token of the snapshot that the run's rows are read in; nil: there is none.
	Snapshot []byte
}

// item is a batch on its way from reader to writer.
type item struct {
	read, out *record.Batch // the same rows, as read and as stored; nil when only the position moved
	hashes    []record.Hash
	dirty     []DirtyRow
	rows      int // rows read, dirty ones included
	bytes     int
	after     connector.Position
}

// release gives the item's batches and the item itself back.
func (c *copier) release(i *item) {
	i.out.Release()
	i.read.Release()
	*i = item{hashes: i.hashes[:0]}
	select {
	case c.spare <- i:
	default:
	}
}

func (c *copier) newItem() *item {
	select {
	case i := <-c.spare:
		return i
	default:
		return new(item)
	}
}

// queued is the most items between reader and writer; their rows and bytes are bounded by ahead.
const queued = 16

// errHalted ends the reading of a shard whose run pauses.
var errHalted = errors.New("halted")

// Work is one attempt at a shard.
type Work struct {
	Shard  connector.Shard
	Lease  connector.Lease
	Last   connector.Checkpoint // newest that the control database knows
	Ledger Ledger
	Pool   *record.Pool // of the worker; its budget bounds the rows under way
}

// Copy copies what the shard still has under the lease, from the newest checkpoint that target or control database knows.
// When halt ends, the group in hand is committed and Copy returns the checkpoint with Done false and no error.
// When ctx ends, nothing more is written.
//
// Invariant 3: the writer's Take makes the lease's epoch the only one that can write.
func (p *Pipe) Copy(ctx, halt context.Context, w Work) (connector.Checkpoint, error) {
	at, err := p.copy(ctx, halt, w)
	if ctx.Err() != nil && !(err == nil && at.Done) { // what was cut short failed for this: its cause decides what becomes of the shard
		err = errors.Join(context.Cause(ctx), err)
	}
	return at, err
}

func (p *Pipe) copy(ctx, halt context.Context, w Work) (connector.Checkpoint, error) {
	sh := w.Shard
	crashpoint.At(sh.ID, crashpoint.Leased)
	defer crashpoint.At(sh.ID, crashpoint.Elsewhere)
	sw, at, err := p.Writer.Take(ctx, sh, w.Lease, w.Last)
	if err != nil {
		return w.Last, err
	}
	defer sw.Close()
	if w.Lease.Epoch > 1 { // an earlier attempt may have stored dirty rows and not committed
		if err := w.Ledger.Forget(ctx, at.Seq); err != nil {
			return at, err
		}
	}
	at.Shard, at.Rev, at.Range = sh.ID, sh.Rev, sh.Range
	if at.Done {
		return at, w.Ledger.Checkpoint(ctx, at, nil)
	}
	limit := p.groupLimit(w.Pool.Budget())
	c := &copier{Pipe: p, Work: w, writer: sw, at: at, known: w.Last.Seq, limit: limit, ahead: newAhead(limit), spare: make(chan *item, 2*queued)}
	c.age = time.NewTimer(groupAge)
	defer c.age.Stop()
	return c.run(ctx, halt)
}

// copier is one attempt at a shard.
type copier struct {
	*Pipe
	Work
	writer connector.ShardWriter
	at     connector.Checkpoint // newest committed
	known  int64                // Seq of the newest that the ledger has
	heard  time.Time            // when the ledger last heard of it
	limit  *groupLimit
	ahead  *ahead
	spare  chan *item // to be used again

	// of the group in the making; memory is kept from one to the next
	age     *time.Timer
	group   []*item
	sent    []*item         // those with rows to write
	batches []*record.Batch // theirs

	// of the commit in the making
	sofar   connector.Checkpoint
	dirty   []DirtyRow
	ordinal int64            // of the next dirty row
	told    connector.Counts // what the gate knows of it
}

func (c *copier) run(ctx, halt context.Context) (connector.Checkpoint, error) {
	readCtx, stop := context.WithCancel(halt)
	defer stop()
	items := make(chan *item, queued)
	var readErr error
	go func() {
		defer close(items)
		readErr = c.read(readCtx, items)
	}()
	err := c.write(ctx, halt, items)
	stop()
	for it := range items { // the reader ends within a second and closes items
		c.release(it)
	}
	if err == nil && readErr != nil && halt.Err() == nil {
		err = readErr
	}
	if ctx.Err() != nil {
		return c.at, err
	}
	return c.at, errors.Join(err, c.tell(ctx, true))
}

// read runs the reader and the transform. It returns nil only when the shard's end was reached.
func (c *copier) read(ctx context.Context, items chan<- *item) error {
	hasher := record.NewHasher(c.Target.Stored, c.Seed)
	q := connector.Query{Shard: c.Shard, From: c.at.At, Schema: c.Schema, Batches: c.Pool, Snapshot: c.Snapshot}
	if c.Shard.Replay == connector.None {
		q.From = nil
	}
	for chunk, err := range c.Reader.Read(ctx, q) {
		if err != nil {
			return c.snapshotLost(err)
		}
		it := c.convert(hasher, chunk)
		err := c.Gate.Pass(ctx, it.rows, it.bytes)
		if err == nil && !c.ahead.enter(ctx, it) {
			err = errHalted
		}
		if err == nil {
			select {
			case items <- it:
				continue
			case <-ctx.Done():
				err = errHalted
			}
		}
		c.release(it)
		return err
	}
	if ctx.Err() != nil {
		return errHalted
	}
	end := c.newItem()
	end.rows = -1 // reading returned nothing more
	items <- end
	return nil
}

// snapshotLost makes an error that pauses the run of one that says the snapshot is gone: reading the rest at another instant is a person's
// decision.
func (c *copier) snapshotLost(err error) error {
	if c.Snapshot == nil || connector.ClassOf(err) != connector.Lost {
		return err
	}
	return connector.Errorf(connector.Full, "TOW-147", "read shard %s: the snapshot that the run reads in is gone: %w", c.Shard.ID, err).
		WithHint("Resume to go on without it: rows that are read from then on are as they are at that moment. Or stop the run and start another.")
}

// convert makes an item of a chunk: the rows as stored, their hashes, and the dirty rows taken out of both batches.
func (c *copier) convert(hasher *record.Hasher, chunk connector.Chunk) *item {
	it := c.newItem()
	it.after, it.read = chunk.After, chunk.Batch
	for _, bad := range chunk.Bad {
		it.rows++
		it.bytes += len(bad.Raw)
		it.dirty = append(it.dirty, DirtyRow{Code: string(bad.Code), Reason: bad.Reason, Row: quoteRaw(bad.Raw)})
	}
	if it.read == nil {
		return it
	}
	it.read.Settle()
	it.rows += it.read.Len
	it.bytes += it.read.Size
	var marks []record.Mark
	it.out, marks = c.Stage.Apply(c.Pool, it.read)
	it.out.Settle()
	if len(marks) > 0 {
		var drop []int
		for _, m := range marks {
			if len(drop) > 0 && drop[len(drop)-1] == m.Row {
				continue
			}
			drop = append(drop, m.Row)
			it.dirty = append(it.dirty, dirtyMark(it, m))
		}
		record.DropRows(drop, it.read, it.out)
	}
	it.hashes = hasher.Rows(it.out, it.hashes)
	return it
}

func (c *copier) write(ctx, halt context.Context, items <-chan *item) error {
	c.begin()
	defer c.giveUp()
	for {
		crashpoint.At(c.Shard.ID, crashpoint.Reading)
		group, end := c.gather(ctx, halt, items)
		if len(group) == 0 && !end {
			return ctx.Err()
		}
		started := time.Now()
		err := c.send(ctx, group)
		if err == nil && (end || c.Shard.Replay != connector.None) {
			err = c.commit(ctx, end)
		}
		for _, it := range group {
			c.release(it)
		}
		if err != nil || end || halt.Err() != nil {
			return err
		}
		c.limit.took(time.Since(started))
	}
}

// gather collects a group: until it is large or old enough, the shard ends, or reading stops. The group is complete in
// memory before the target is touched.
func (c *copier) gather(ctx, halt context.Context, items <-chan *item) (group []*item, end bool) {
	var age <-chan time.Time
	rows, bytes := 0, 0
	group = c.group[:0]
	defer func() { c.group = group }()
	for rows < c.limit.rows && bytes < c.limit.bytes {
		var starved <-chan struct{}
		if len(group) > 0 && len(items) == 0 { // only this group can give the reader its memory back
			starved = c.Pool.Starved()
		}
		select {
		case <-starved:
			return group, false
		case it, ok := <-items:
			if !ok {
				return group, false
			}
			if it.rows < 0 {
				c.release(it)
				return group, true
			}
			c.ahead.leave(it)
			group = append(group, it)
			rows += it.rows
			bytes += it.bytes
			if age == nil {
				c.age.Reset(groupAge)
				age = c.age.C
			}
		case <-age:
			return group, false
		case <-halt.Done(): // what is still queued is read again
			return group, false
		case <-ctx.Done():
			for _, it := range group {
				c.release(it)
			}
			return nil, false
		}
	}
	return group, false
}
