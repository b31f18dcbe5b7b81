package hbase

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// reader reads one table.
type reader struct {
	client      *Client
	table       string
	options     ReadOptions
	start, stop []byte // of the job
	planned     int64  // ms: cells from here on are not read by a run that is planned now; 0: all are
	key         *rowKey
	conditions  conditions
	asked       []string // columns; nil: all

	mu       sync.Mutex
	schema   *record.Schema // nil: not asked for yet
	declared bool
}

func newReader(ctx context.Context, c *Client, s connector.Source, o ReadOptions) (*reader, error) {
	switch {
	case s.Query != "":
		return nil, connector.Errorf(connector.Config, "TOW-812", "HBase has no language for queries").At("query").WithHint("Name a table as source.")
	case s.Where != "":
		return nil, noWhere()
	case len(s.Key) > 0:
		return nil, connector.Errorf(connector.Config, "TOW-814", "the key of an HBase table is its row key").At("key").WithHint("Describe it by the option row, and leave key out.")
	}
	r := &reader{client: c, options: o, asked: s.Columns}
	var err error
	if r.table, err = tableName(s.Dataset); err != nil {
		return nil, err
	}
	if r.start, err = unescapeOption(o.StartRow, "source.options.start_row"); err != nil {
		return nil, err
	}
	if r.stop, err = unescapeOption(o.StopRow, "source.options.stop_row"); err != nil {
		return nil, err
	}
	if len(r.stop) > 0 && bytes.Compare(r.start, r.stop) >= 0 {
		return nil, connector.Errorf(connector.Config, "TOW-814", "start_row is not before stop_row").At("source.options.start_row")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if r.conditions, err = newConditions(o.Filter, o.Family); err != nil {
		return nil, err
	}
	if o.BeforeStart || o.Versions > 1 { // of several versions the newest must be the same when a shard goes on within a row
		r.planned = time.Now().UnixMilli()
	}
	if err := c.check(ctx, r.table); err != nil {
		return nil, err
	}
	// What a key is taken for without an encoding, text or bytes, is a matter of the schema: it is cut alike.
	r.key, err = newRowKey(o.Row, "string")
	return r, err
}

// checkFamilies has the server look whether the table has all families that columns are read from: cells of others would be missing
// without a word.
func (r *reader) checkFamilies(ctx context.Context) error {
	b, err := r.bind(r.schema)
	if err != nil {
		return err
	}
	if r.options.SkipEmpty && (b.rest || len(b.columns) == 0) {
		return withoutMeaning("skip_empty", "unless columns are chosen, and no rest", "List the columns of which a row has to have one.")
	}
	if err := r.lookAtFamilies(ctx, b.names); err != nil {
		return err
	}
	err = r.lookAtFamilies(ctx, r.conditions.columns)
	if e, ok := errors.AsType[*connector.Error](err); ok {
		return e.At("source.options.filter")
	}
	return err
}

// lookAtFamilies asks for the columns: the server looks at their families before any row.
func (r *reader) lookAtFamilies(ctx context.Context, names []columnName) error {
	s := scan{table: r.table, start: r.start, stop: afterRow(r.start), columns: wanted(names), rows: 1, bytes: metaBytes}
	if len(s.columns) == 0 {
		return nil
	}
	var err error
	if s.filter, err = keysOnly(); err != nil {
		return err
	}
	x := r.client.scanner(s)
	defer x.close()
	for again := true; again && err == nil; {
		var a answer
		a, err = x.next(ctx, nil)
		again = a.again
	}
	return classify(err, "look at the families of %s", r.table)
}

// check refuses options that would have no meaning beside others.
func (o ReadOptions) check() error {
	for _, c := range []struct {
		name  string
		given bool
	}{{"columns", len(o.Columns) > 0}, {"family", o.Family != "" && len(o.Filter) == 0}, {"rest", o.Rest != ""}, {"skip_empty", o.SkipEmpty}} {
		if o.Cells && c.given {
			return withoutMeaning(c.name, "where each cell is a row of its own", "Leave out "+c.name+", or cells.")
		}
	}
	switch {
	case o.Timestamp != defaultReading().Timestamp && !o.Cells && o.Versions == 1:
		return withoutMeaning("timestamp", "where the newest versions alone are read", "Leave it out, or say versions: 0.")
	case o.Row.Bare && len(o.Row.Parts) == 0:
		return withoutMeaning("row.bare_widths", "for a key of one part", "Leave it out, or list the key's parts.")
	}
	return nil
}

func withoutMeaning(option, why, hint string) error {
	return connector.Errorf(connector.Config, "TOW-814", "%s has no meaning %s", option, why).At("source.options."+option).WithHint("%s", hint)
}

// Schema returns the columns. Those that a sample has shown are not declared; nothing is sampled before it is called.
func (r *reader) Schema(ctx context.Context) (*record.Schema, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.schema != nil {
		return r.schema, r.declared, nil
	}
	err := r.describe(ctx, r.asked)
	if err == nil {
		err = r.checkFamilies(ctx)
	}
	if err != nil {
		r.schema = nil
		return nil, false, err
	}
	return r.schema, r.declared, nil
}

// Close does nothing: the client owns the sockets.
func (r *reader) Close() error { return nil }

// Read reads the rows of a shard in the order of their keys, each whole.
func (r *reader) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	return func(yield func(connector.Chunk, error) bool) {
		p, err := r.pager(ctx, q, yield)
		if err == nil {
			err = p.run()
		}
		if err != nil {
			yield(connector.Chunk{}, classify(err, "read %s", r.table))
		}
	}
}
