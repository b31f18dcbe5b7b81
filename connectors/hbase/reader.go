package hbase

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
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

// described is what the options, and a sample where they do not tell, say of the table.
type described struct {
	fields []record.Field
	byName map[string]int
}

// describe makes the schema: the row key's columns, those of the table, the rest; or those that are asked for, in their order.
func (r *reader) describe(ctx context.Context, asked []string) error {
	sampled := sync.OnceValues(func() (*sample, error) { return r.look(ctx) })
	r.declared = true
	as := "string"
	if r.options.Row.Encoding == "" && len(r.options.Row.Parts) == 0 {
		s, err := sampled()
		if err != nil {
			return err
		}
		r.declared = false
		if !s.key.text || r.options.Row.Salt > 0 || r.options.Row.Reversed {
			as = "bytes"
		}
	}
	key, err := newRowKey(r.options.Row, as)
	if err != nil {
		return err
	}
	all := described{byName: map[string]int{}}
	for _, f := range key.fields() {
		if err := all.add(f, "source.options.row"); err != nil {
			return err
		}
	}
	if r.options.Cells {
		err = r.addCells(&all)
	} else {
		err = r.columns(&all, asked, sampled)
	}
	if err != nil {
		return err
	}
	all.place()
	if asked == nil {
		r.schema = &record.Schema{Fields: all.fields}
		return nil
	}
	return r.choose(&all, asked)
}

// place makes the columns of a family members of an object of its name, but where another column has the name or a dot would make it a path.
func (d *described) place() {
	for i := range d.fields {
		p := d.fields[i].Place
		if p == nil || p.Object == "" {
			continue
		}
		if _, taken := d.byName[p.Object]; taken || strings.Contains(p.Object, ".") {
			d.fields[i].Place = nil
		}
	}
}

func (d *described) add(f record.Field, at string) error {
	if _, twice := d.byName[f.Name]; twice {
		return connector.Errorf(connector.Config, "TOW-813", "two columns are named %q", f.Name).At(at).WithHint("Give one of them a name of its own.")
	}
	d.byName[f.Name] = len(d.fields)
	d.fields = append(d.fields, f)
	return nil
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

// addCells adds the columns of a cell. Family and qualifier tell the cells of a row apart, the timestamp the versions of a cell.
func (r *reader) addCells(all *described) error {
	key := len(all.fields)
	when := r.stamp()
	if when.Key > 0 {
		when.Key = key + 3
	}
	for _, f := range []record.Field{
		{Name: "family", Type: record.Type{Kind: record.Text}, Key: key + 1, Native: familyNative},
		{Name: "qualifier", Type: record.Type{Kind: record.Text}, Key: key + 2, Native: qualifierNative},
		when,
		{Name: "value", Type: record.Type{Kind: record.Bytes}, Native: valueNative},
	} {
		if err := all.add(f, "source.options.cells"); err != nil {
			return err
		}
	}
	return nil
}

// stamp is the column of the timestamp, a part of the key where there is more than one version.
func (r *reader) stamp() record.Field {
	f := record.Field{Name: r.options.Timestamp, Type: record.Type{Kind: record.Int, Bits: 64}, Native: timeNative}
	if r.options.Versions != 1 {
		f.Key = 1
	}
	return f
}

// columns adds the table's columns and the rest.
func (r *reader) columns(all *described, asked []string, sampled func() (*sample, error)) error {
	rest := r.options.Rest
	if r.options.Versions != 1 {
		f := r.stamp()
		f.Key = len(all.fields) + 1
		if err := all.add(f, "source.options.timestamp"); err != nil {
			return err
		}
	}
	for i, c := range r.options.Columns {
		at := fmt.Sprintf("source.options.columns.%d", i)
		f, err := r.listed(c, at)
		if err != nil {
			return err
		}
		if err := all.add(f, at); err != nil {
			return err
		}
	}
	unknown := func(name string) bool {
		_, found := all.byName[name]
		return !found && name != rest
	}
	if len(r.options.Columns) == 0 || slices.ContainsFunc(asked, unknown) {
		s, err := sampled()
		if err != nil {
			return err
		}
		r.declared = false
		if len(r.options.Columns) == 0 {
			rest = restOr(rest)
		}
		if err := r.addFound(all, s, asked); err != nil {
			return err
		}
	}
	if rest == "" {
		return nil
	}
	return all.add(record.Field{Name: rest, Type: record.Type{Kind: record.JSON}, Nullable: true, Native: restNative, Place: &record.Place{Member: rest}}, "source.options.rest")
}

// The source types of columns that are no column of the table.
const (
	restNative      = "other cells"
	timeNative      = "timestamp"
	familyNative    = "family"
	qualifierNative = "qualifier"
	valueNative     = "value"
)

func restOr(name string) string {
	if name == "" {
		return "rest"
	}
	return name
}

// addFound adds columns that a sample shows: all of them where none is listed, else those that are asked for.
func (r *reader) addFound(all *described, s *sample, asked []string) error {
	if len(r.options.Columns) == 0 {
		for _, c := range s.found() {
			name := c.text(r.options.Family)
			f, err := s.field(name, c)
			if err != nil {
				return err
			}
			if err := all.add(f, "source.options.columns"); err != nil {
				return err
			}
		}
	}
	for _, name := range asked {
		if _, found := all.byName[name]; found || name == restOr(r.options.Rest) {
			continue
		}
		c, ok := parseColumn(name, r.options.Family)
		if !ok {
			return connector.Errorf(connector.Missing, "TOW-813", "table %s has no column %q", r.table, name).WithHint("Columns are named family:qualifier.")
		}
		f, err := s.field(name, c)
		if err != nil {
			return err
		}
		if err := all.add(f, "columns"); err != nil {
			return err
		}
	}
	return nil
}

// listed is a column of the options.
func (r *reader) listed(c Column, at string) (record.Field, error) {
	column, ok := parseColumn(c.Column, r.options.Family)
	if !ok {
		return record.Field{}, connector.Errorf(connector.Config, "TOW-813", "%q is no column", c.Column).At(at + ".column").WithHint("Write family:qualifier.")
	}
	if c.Encoding == "" {
		c.Encoding = "string"
	}
	as, err := encodingOf(c.Encoding, at+".encoding")
	if err != nil {
		return record.Field{}, err
	}
	f := record.Field{Name: cmp.Or(c.Name, c.Column), Type: as.typ, Nullable: true, Native: as.name}
	f.Place = column.place(f.Name)
	return f, nil
}

// choose makes the schema of the columns that are asked for. Without all of the key's columns it has no key.
func (r *reader) choose(all *described, asked []string) error {
	r.schema = new(record.Schema)
	keys := 0
	for i := range all.fields {
		keys += count(all.fields[i].Key > 0)
	}
	for _, name := range asked {
		at, found := all.byName[name]
		if !found {
			return connector.Errorf(connector.Missing, "TOW-813", "table %s has no column %q", r.table, name)
		}
		f := all.fields[at]
		keys -= count(f.Key > 0)
		r.schema.Fields = append(r.schema.Fields, f)
	}
	if keys > 0 {
		for i := range r.schema.Fields {
			r.schema.Fields[i].Key = 0
		}
	}
	return nil
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

// filling is what a column of a schema is filled from.
type filling int

const (
	fromColumn filling = iota
	fromKey
	fromRest
	fromTime
	fromFamily
	fromQualifier
	fromValue
)

// place is where the cells of a column of a schema come from.
type place struct {
	from filling
	as   encoding // fromColumn, fromKey
	part int      // fromKey: of the row key
}

// binding is where the cells of a table go in the batches of a frozen schema.
type binding struct {
	places  []place
	columns map[string]int // family, a zero byte, qualifier
	names   []columnName   // by place; the zero name where it is no column
	rest    bool           // other cells are kept
}

// bind reads a schema that this reader, or one of an earlier process, has made.
func (r *reader) bind(s *record.Schema) (*binding, error) {
	b := &binding{columns: map[string]int{}}
	special := map[string]filling{restNative: fromRest, timeNative: fromTime, familyNative: fromFamily, qualifierNative: fromQualifier, valueNative: fromValue}
	for i := range s.Fields {
		f := &s.Fields[i]
		at := place{from: special[f.Native], part: slices.IndexFunc(r.key.parts, func(p keyPart) bool { return p.name == f.Name })}
		b.rest = b.rest || at.from == fromRest
		var column columnName
		if at.from == fromColumn {
			name, _, _ := strings.Cut(f.Native, nativeNote)
			var err error
			if at.as, err = encodingOf(name, "source.options"); err != nil {
				return nil, err
			}
			if at.part >= 0 {
				at.from = fromKey
			} else if column, err = r.bindColumn(b, s, i); err != nil {
				return nil, err
			}
		}
		b.places, b.names = append(b.places, at), append(b.names, column)
	}
	return b, nil
}

// bindColumn notes which column of the table fills one of the schema.
func (r *reader) bindColumn(b *binding, s *record.Schema, i int) (columnName, error) {
	column := r.columnOf(s.Fields[i].Name)
	at := column.family + "\x00" + column.qualifier
	if other, twice := b.columns[at]; twice {
		return column, connector.Errorf(connector.Config, "TOW-813", "columns %s and %s are both %s", s.Fields[other].Name, s.Fields[i].Name, column.text("")).
			At("source.options.columns").WithHint("Read it once, and take it twice by the job's columns.")
	}
	b.columns[at] = i
	return column, nil
}

// columnOf is the column that is read under a name.
func (r *reader) columnOf(name string) columnName {
	for _, c := range r.options.Columns {
		if c.Name == name {
			name = c.Column
			break
		}
	}
	column, _ := parseColumn(name, r.options.Family) // it was parsed when the schema was made
	return column
}
