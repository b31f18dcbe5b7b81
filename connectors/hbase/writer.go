package hbase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// writer writes one table for one run.
type writer struct {
	client  *Client
	sink    connector.Sink
	options WriteOptions
	table   string
	now     func() time.Time

	// Set by Prepare.
	plan   scheme
	layout *layout
}

// scheme is the writer's own part of the plan.
type scheme struct {
	Create    *design    `json:"create,omitempty"` // nil: the table is there
	Columns   []outPlace `json:"columns"`          // in the order of the schema
	Separator []byte     `json:"separator,omitempty"`
}

// outPlace is where a column goes.
type outPlace struct {
	Encoding  string `json:"encoding"`
	Family    string `json:"family,omitempty"` // "": a part of the key
	Qualifier []byte `json:"qualifier,omitempty"`
}

func newWriter(c *Client, s connector.Sink, o WriteOptions) (*writer, error) {
	if s.Run == "" {
		return nil, errors.New("write: the run has no key")
	}
	table, err := tableName(s.Dataset)
	return &writer{client: c, sink: s, options: o, table: table, now: time.Now}, err
}

// mostInGroup is how many rows a commit covers.
const mostInGroup = 8192

// mostKey is how many bytes a row key may have.
const mostKey = 1<<15 - 1

// Plan looks at the table and changes nothing.
func (w *writer) Plan(ctx context.Context, want *record.Schema) (*connector.Target, error) {
	if w.sink.Mode != connector.Upsert && w.sink.Mode != connector.Replace {
		return nil, connector.Errorf(connector.Config, "TOW-820", "HBase tables are written by key alone, not with %s", w.sink.Mode).At("write").
			WithHint("Write with upsert.")
	}
	p := scheme{}
	t := &connector.Target{Dataset: w.sink.Dataset, Mode: w.sink.Mode, Way: connector.WayB, Rows: -1,
		Reason: "the timestamp of each cell is the lease's stamp: a row that is written again replaces itself, and a late writer stays below",
		Remain: "The rows written so far stay in " + w.table + ".",
		Notes:  []string{"the table keeps no sign of a run: nobody notices when it was restored from before the start"},
		Limits: connector.Limits{GroupRows: mostInGroup, GroupBytes: 8 << 20, RowBytes: 64 << 20}}
	var err error
	if t.Stored, t.Key, err = w.stored(want, &p); err != nil {
		return nil, err
	}
	found, err := w.client.look(ctx, w.table)
	if err != nil {
		return nil, err
	}
	needed := p.families()
	if t.Exists = found != nil; t.Exists {
		if w.sink.Mode == connector.Replace {
			return nil, connector.Errorf(connector.Config, "TOW-820", "replace %s: the table is there, and HBase swaps no tables", w.table).At("write").
				WithHint("Write with upsert, into another table, or drop it first.")
		}
		if err := w.planExisting(t, found.families, needed); err != nil {
			return nil, err
		}
	} else if err := w.planCreate(t, &p, needed); err != nil {
		return nil, err
	}
	if w.options.Nulls == "absent" && !w.sink.Distinct {
		t.Notes = append(t.Notes, "should a key come twice in the run, a column that is NULL in the later row keeps the value of the earlier one")
	}
	if w.options.Nulls == "keep" {
		t.Notes = append(t.Notes, "nulls: keep: where a row is NULL an older value of the column stays, and one of a late writer too")
	}
	t.Notes = append(t.Notes, w.client.clocks(ctx, w.now)...)
	hash, err := w.options.keyHash()
	if err != nil {
		return nil, err
	}
	if hash.size > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("row keys begin with %d bytes of %s of the key, so rows do not lie in its order; they are read again with row: {salt: %d}", hash.size, hash.name, hash.size))
	}
	if t.Writer, err = json.Marshal(p); err != nil {
		return nil, err
	}
	_, err = newLayout(t.Stored, &p, w.options)
	return t, err
}

// families lists the families that columns go to, in order.
func (p *scheme) families() []string {
	var out []string
	for _, c := range p.Columns {
		if c.Family != "" && !slices.Contains(out, c.Family) {
			out = append(out, c.Family)
		}
	}
	return out
}

func (w *writer) planExisting(t *connector.Target, found map[string]string, needed []string) error {
	for _, name := range needed {
		versions, there := found[name]
		if !there {
			return tableError("NoSuchColumnFamilyException", "table %s has no family %q", w.table, name)
		}
		if versions != "1" {
			t.Notes = append(t.Notes, fmt.Sprintf("family %s keeps %s versions: a row that is written again after a cut adds one", name, versions))
		}
	}
	return nil
}

func (w *writer) planCreate(t *connector.Target, p *scheme, needed []string) error {
	d := &design{Families: needed, Attributes: map[string]string{"VERSIONS": "1", "COMPRESSION": strings.ToUpper(w.options.Compression), "BLOOMFILTER": "ROW"}}
	if len(needed) == 0 {
		d.Families = []string{w.options.Family}
	}
	if w.options.TTLSeconds > 0 {
		d.Attributes["TTL"] = fmt.Sprint(w.options.TTLSeconds)
	}
	for i, text := range w.options.Splits {
		key, err := unescapeOption(text, fmt.Sprintf("target_options.splits.%d", i))
		if err != nil {
			return err
		}
		d.Splits = append(d.Splits, key)
	}
	if len(d.Splits) == 0 {
		for bucket := 1; bucket < w.options.SaltBuckets; bucket++ {
			d.Splits = append(d.Splits, []byte{byte(bucket)})
		}
	}
	p.Create, t.Owned = d, w.table
	if w.sink.Mode == connector.Replace {
		t.Notes = append(t.Notes, "the new table is filled under its own name: rows can be seen as they come")
	}
	var families []string
	for _, name := range d.Families {
		families = append(families, fmt.Sprintf("{NAME => '%s', VERSIONS => 1, COMPRESSION => '%s'}", name, d.Attributes["COMPRESSION"]))
	}
	step := fmt.Sprintf("create '%s', %s", w.table, strings.Join(families, ", "))
	if len(d.Splits) > 0 {
		step += fmt.Sprintf(", in %d regions", len(d.Splits)+1)
	}
	t.Steps = append(t.Steps, step)
	return nil
}

// stored returns the schema as written, and the names of its key, and plans where its columns go.
func (w *writer) stored(want *record.Schema, p *scheme) (*record.Schema, []string, error) {
	key := w.sink.Key
	if key == nil {
		for _, i := range want.Key() {
			key = append(key, want.Fields[i].Name)
		}
	}
	if len(key) == 0 {
		return nil, nil, connector.Errorf(connector.Config, "TOW-821", "make row keys: the rows have no key").At("key").WithHint("Name it: key: [id].")
	}
	s := &record.Schema{Fields: slices.Clone(want.Fields)}
	for _, name := range key {
		if s.Index(name) < 0 {
			return nil, nil, connector.Errorf(connector.Config, "TOW-821", "make row keys: the key's column %q is not among the columns", name).At("key")
		}
	}
	taken := map[string]string{}
	for i := range s.Fields {
		f := &s.Fields[i]
		f.Key = slices.Index(key, f.Name) + 1
		c, err := w.placeOf(f)
		if err != nil {
			return nil, nil, err
		}
		if c.Family != "" {
			at := c.Family + ":" + string(c.Qualifier)
			switch {
			case len(c.Qualifier) == 0:
				return nil, nil, connector.Errorf(connector.Config, "TOW-813", "column %s would have no qualifier, which is that of rows without cells", f.Name).At("target_options.columns")
			case taken[at] != "":
				return nil, nil, connector.Errorf(connector.Config, "TOW-813", "columns %s and %s would both be %s", taken[at], f.Name, at).At("target_options.columns")
			}
			taken[at] = f.Name
		}
		p.Columns = append(p.Columns, c)
	}
	var err error
	p.Separator, err = unescapeOption(w.options.Separator, "target_options.separator")
	return s, key, err
}

// placeOf is where a column goes and how it is written; its type becomes that of the encoding.
func (w *writer) placeOf(f *record.Field) (outPlace, error) {
	switch f.Type.Kind {
	case record.Document, record.List, record.Geometry:
		return outPlace{}, connector.Errorf(connector.Config, "TOW-822", "column %s is a %s, which has no form in HBase", f.Name, f.Type).At("columns").
			WithHint("Name the type json or text for it.")
	}
	column, name, at := f.Name, "", "target_options.columns"
	for i, c := range w.options.Columns {
		if c.Name == f.Name {
			at = fmt.Sprintf("%s.%d", at, i)
			name = c.Encoding
			if c.Column != "" {
				column = c.Column
			}
		}
	}
	if name == "" {
		name = usual(f.Type)
	}
	as, err := encodingOf(name, at+".encoding")
	if err != nil {
		return outPlace{}, err
	}
	unbounded := as.name == "string" || as.name == "bytes" || as.name == "decimal" || as.name == phoenixPrefix+"decimal"
	if !unbounded || as.typ.Kind != f.Type.Kind { // what the encoding has no room for is found before it is written
		f.Type = as.typ
	}
	if f.Key > 0 {
		return outPlace{Encoding: name}, nil
	}
	c, ok := parseColumn(column, w.options.Family)
	if !ok {
		return outPlace{}, connector.Errorf(connector.Config, "TOW-813", "%q is no column", column).At(at + ".column").WithHint("Write family:qualifier.")
	}
	return outPlace{Encoding: name, Family: c.family, Qualifier: []byte(c.qualifier)}, nil
}

// usual is the encoding in which a type is written unless the job names one: Java's own, or the text of the type.
func usual(t record.Type) string {
	switch t.Kind {
	case record.Bool:
		return "boolean"
	case record.Text, record.Native:
		return "string"
	case record.Bytes:
		return "bytes"
	case record.Float:
		if t.Bits == 32 {
			return "float"
		}
		return "double"
	case record.Decimal:
		return "decimal"
	case record.Int:
		switch {
		case t.Bits <= 16:
			return "short"
		case t.Bits <= 32:
			return "int"
		}
		return "long"
	case record.Uint:
		switch {
		case t.Bits <= 8:
			return "short"
		case t.Bits <= 24:
			return "int"
		case t.Bits <= 32:
			return "long"
		}
	case record.Instant:
		if name := map[int]string{0: "epoch_s", 3: "epoch_ms", 6: "epoch_us"}[t.Precision]; name != "" && !t.Offset {
			return name
		}
	}
	return textPrefix + t.String()
}

// Prepare makes the table, or checks that it is there. The target remembers no checkpoints.
func (w *writer) Prepare(ctx context.Context, t *connector.Target, fresh bool, _ func(connector.Checkpoint) error) error {
	if err := json.Unmarshal(t.Writer, &w.plan); err != nil {
		return fmt.Errorf("read plan of %s: %w", t.Dataset, err)
	}
	var err error
	if w.layout, err = newLayout(t.Stored, &w.plan, w.options); err != nil {
		return err
	}
	found, err := w.client.look(ctx, w.table)
	if err != nil {
		return err
	}
	if found == nil {
		if w.plan.Create == nil || !fresh {
			return connector.Errorf(connector.Changed, "TOW-823", "prepare table %s: it is not there any more", w.table).WithHint("Stop this run and start it anew.")
		}
		return w.client.create(ctx, w.table, w.sink.Run, w.plan.Create)
	}
	if w.plan.Create != nil && found.run != w.sink.Run {
		return connector.Errorf(connector.Changed, "TOW-823", "prepare table %s: somebody else has made it since the plan", w.table).WithHint("Plan the run anew.")
	}
	for _, name := range w.plan.families() {
		if _, there := found.families[name]; !there {
			return connector.Errorf(connector.Changed, "TOW-823", "prepare table %s: family %s is gone", w.table, name).WithHint("Plan the run anew.")
		}
	}
	return w.client.check(ctx, w.table)
}

// Take makes a writer under the lease. The fence is the lease's stamp, the timestamp of every cell: a read of one version never sees an
// older one.
//
// Invariant 3: a process that wakes up late writes below what its successor wrote.
func (w *writer) Take(ctx context.Context, _ connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, last, err
	}
	stamp := l.Stamp
	if unfenced {
		stamp = 1 << 40
	}
	return &shardWriter{w: w, stamp: stamp}, last, nil
}

// Finish has nothing to do in any phase: rows are where they belong as they are written.
func (w *writer) Finish(ctx context.Context, _ connector.Phase) error { return ctx.Err() }

// Close does nothing: the client owns the sockets.
func (w *writer) Close() error { return nil }
