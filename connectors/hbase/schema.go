package hbase

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

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

// addCells adds the columns of a cell. Family and qualifier tell the cells of a row apart, the timestamp the versions of a cell.
func (r *reader) addCells(all *described) error {
	key := len(all.fields)
	for _, f := range []record.Field{
		{Name: "family", Type: record.Type{Kind: record.Text}, Key: key + 1, Native: familyNative},
		{Name: "qualifier", Type: record.Type{Kind: record.Text}, Key: key + 2, Native: qualifierNative},
		r.stamp(key + 3),
		{Name: "value", Type: record.Type{Kind: record.Bytes}, Native: valueNative},
	} {
		if err := all.add(f, "source.options.cells"); err != nil {
			return err
		}
	}
	return nil
}

// stamp is the column of the timestamp, a part of the key, at that place of it, where there is more than one version.
func (r *reader) stamp(key int) record.Field {
	f := record.Field{Name: r.options.Timestamp, Type: record.Type{Kind: record.Int, Bits: 64}, Native: timeNative}
	if r.options.Versions != 1 {
		f.Key = key
	}
	return f
}

// columns adds the table's columns and the rest.
func (r *reader) columns(all *described, asked []string, sampled func() (*sample, error)) error {
	rest := r.options.Rest
	if r.options.Versions != 1 {
		if err := all.add(r.stamp(len(all.fields)+1), "source.options.timestamp"); err != nil {
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
