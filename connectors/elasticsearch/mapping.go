package elasticsearch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// layout is the columns of a target as fields, in the order of the schema.
type layout struct {
	fields  []*field
	losses  []connector.Loss
	notes   []string
	missing map[string]any // fields that an existing index still lacks
}

// design decides the field of each column. existing is the mapping of the index that is written into; nil for one to be made.
func (w *writer) design(s *record.Schema, existing *mapping) (*layout, error) {
	for name := range w.options.Columns {
		if s.Index(name) < 0 {
			return nil, connector.Errorf(connector.Config, "TOW-512", "choose types: there is no column %q", name).At("target_options.columns." + name)
		}
	}
	if err := checkFieldNames(s); err != nil {
		return nil, err
	}
	l := &layout{missing: map[string]any{}}
	for i := range s.Fields {
		if err := w.designField(l, &s.Fields[i], existing); err != nil {
			return nil, err
		}
	}
	slices.Sort(l.notes)
	l.notes = slices.Compact(l.notes)
	return l, nil
}

func (w *writer) designField(l *layout, col *record.Field, existing *mapping) error {
	option, at := w.options.Columns[col.Name], "target_options.columns."+col.Name+".type"
	esType, policy := option.Type, ""
	if esType != "" {
		policy = at
	}
	var there string
	if existing != nil {
		there = existing.find(pathOf(col)).Type
		if object, why := existing.closed(pathOf(col)); there == "" && why != "" {
			return connector.Errorf(connector.Config, "TOW-513", "match column %s: the index has %s as %s, which takes no field %s", col.Name, object, why, pathOf(col)).
				WithHint("Give the column another name with to:, or write into another index.")
		}
		if there != "" && esType != "" && there != esType {
			return connector.Errorf(connector.Config, "TOW-513", "match column %s: the index has it as %s, the job wants %s", col.Name, there, esType).At(at).
				WithHint("Leave the type out, or write into another index.")
		}
		esType = max(esType, there)
	}
	if esType == "" {
		esType = defaultType(col.Type, w.client.server)
	}
	f := makeField(col.Type, esType)
	switch {
	case f == nil && there != "":
		return connector.Errorf(connector.Config, "TOW-513", "match column %s: the index has it as %s, which cannot hold %s", col.Name, there, col.Type).
			WithHint("Cast the column with type:, leave it out, or write into another index.")
	case f == nil:
		return connector.Errorf(connector.Config, "TOW-512", "map column %s: %q cannot hold %s", col.Name, esType, col.Type).At(at).
			WithHint("keyword holds every type but bytes; the README lists what fits.")
	case len(f.losses) > 0 && policy == "":
		return connector.Errorf(connector.Config, "TOW-513", "match column %s: the index has it as %s: %s", col.Name, esType, f.losses[0]).
			WithHint("To accept that, name the type: columns: {%s: {type: %s}}.", col.Name, esType)
	}
	col.Native, col.Type = esType, f.stored
	f.property(col.Type, option, w.options.IgnoreAbove)
	if err := checkExtras(col, option, esType); err != nil {
		return err
	}
	if option.Double {
		l.losses = append(l.losses, connector.Loss{Column: col.Name, What: "the subfield " + col.Name + ".double holds the nearest double",
			Policy: "target_options.columns." + col.Name + ".double"})
	}
	if there == "" {
		l.lacks(col, f.mapping)
	}
	l.fields = append(l.fields, f)
	l.losses = append(l.losses, f.lossList(col.Name, policy)...)
	l.note(col, f)
	return nil
}

// pathOf is the field of a column as the server names it.
func pathOf(col *record.Field) string {
	switch p := col.Place; {
	case p == nil:
		return col.Name
	case p.Object == "":
		return p.Member
	default:
		return p.Object + "." + p.Member
	}
}

// lacks notes a field that the index has to get.
func (l *layout) lacks(col *record.Field, field map[string]any) {
	if col.Place == nil || col.Place.Object == "" {
		l.missing[pathOf(col)] = field
		return
	}
	object, found := l.missing[col.Place.Object].(map[string]any)
	if !found {
		object = map[string]any{"properties": map[string]any{}}
		l.missing[col.Place.Object] = object
	}
	object["properties"].(map[string]any)[col.Place.Member] = field
}

// note says of a column what its field brings with it.
func (l *layout) note(col *record.Field, f *field) {
	notes := f.notes
	if col.Type.Kind == record.JSON && col.Nullable && col.Place == nil && familyOf(f.esType) == tree {
		notes = append(notes, "the JSON value null and SQL NULL are both null in _source; as keyword the column tells them apart")
	}
	for _, note := range notes {
		l.notes = append(l.notes, "column "+col.Name+": "+note)
	}
}

// checkExtras refuses what a job adds to a field that has no place for it.
func checkExtras(col *record.Field, option Column, esType string) error {
	if option.Analyzer != "" && esType != "text" {
		return connector.Errorf(connector.Config, "TOW-512", "choose analyser: column %s is a %s field, only text is analysed", col.Name, esType).
			At("target_options.columns." + col.Name + ".analyzer")
	}
	if option.Double && (esType != "keyword" || col.Type.Kind != record.Decimal && col.Type.Kind != record.Uint) {
		return connector.Errorf(connector.Config, "TOW-512", "add double: column %s is no number kept as keyword", col.Name).
			At("target_options.columns." + col.Name + ".double")
	}
	return nil
}

// find returns a field by its path; its type is "" when the mapping lacks it.
func (m *mapping) find(name string) property {
	properties := m.Properties
	for {
		if p, ok := properties[name]; ok {
			if p.Type == "" {
				p.Type = "object"
			}
			return p
		}
		head, rest, dotted := strings.Cut(name, ".")
		if !dotted {
			return property{}
		}
		properties, name = properties[head].Properties, rest
	}
}

// closed returns the object on the way to a field that cannot take it, and what it is; "" when there is none.
func (m *mapping) closed(path string) (object, why string) {
	properties := m.Properties
	for at, letter := range path {
		if letter != '.' {
			continue
		}
		p, there := properties[path[strings.LastIndexByte(path[:at], '.')+1:at]]
		switch {
		case !there:
			return "", ""
		case p.Type != "" && p.Type != "object":
			return path[:at], p.Type
		case p.Enabled != nil && fmt.Sprint(p.Enabled) == "false":
			return path[:at], "an object with enabled: false"
		}
		properties = p.Properties
	}
	return "", ""
}

// deepest is index.mapping.depth.limit where nobody sets it.
const deepest = 20

// checkFieldNames refuses columns that the server would take for something of its own, or for parts of each other.
func checkFieldNames(s *record.Schema) error {
	own := []string{"_id", "_index", "_type", "_source", "_routing", "_field_names", "_ignored", "_meta", "_seq_no", "_version", "_primary_term",
		"_size", "_tier", "_doc_count", "_nested_path", "_feature", "_data_stream_timestamp", "_tsid", "_inference_fields"}
	refuse := func(name, why string) error {
		return connector.Errorf(connector.Config, "TOW-512", "map column %q: %s", name, why).WithHint("Give the column another name with to:.")
	}
	for i := range s.Fields {
		name := pathOf(&s.Fields[i])
		switch {
		case slices.Contains(own, strings.SplitN(name, ".", 2)[0]):
			return refuse(name, "the server keeps the name for itself")
		case strings.Count(name, ".") >= deepest:
			return refuse(name, fmt.Sprintf("it has more than %d parts between dots", deepest))
		case name == "" || slices.ContainsFunc(strings.Split(name, "."), func(part string) bool { return strings.TrimSpace(part) == "" }):
			return refuse(name, "a part of the name between dots is empty")
		}
		for j := range s.Fields {
			switch other := pathOf(&s.Fields[j]); {
			case i != j && other == name:
				return refuse(name, "two columns have it")
			case strings.HasPrefix(other, name+"."):
				return refuse(other, "the dot makes it a part of column "+strconv.Quote(name))
			}
		}
	}
	return nil
}

// createBody makes the body of the request that creates the index, with the job's fragments merged in.
func (w *writer) createBody(l *layout, m mark) (map[string]any, error) {
	mappings := map[string]any{"dynamic": "strict", "properties": map[string]any{}, "_meta": map[string]any{"towpath": m}}
	properties := mappings["properties"].(map[string]any)
	maps.Copy(properties, l.missing)
	if err := mergeMapping(mappings, w.options.Mapping, l); err != nil {
		return nil, err
	}
	settings, err := w.settings()
	if err != nil {
		return nil, err
	}
	if m.Staging {
		settings["index.hidden"] = true
	}
	if err := limitFields(properties, settings, len(l.fields)); err != nil {
		return nil, err
	}
	return map[string]any{"settings": settings, "mappings": mappings}, nil
}

// settings returns the settings fragment with flat names, and the options that are settings.
func (w *writer) settings() (map[string]any, error) {
	flat := map[string]any{}
	if len(w.options.Settings) > 0 && string(w.options.Settings) != "null" {
		var given map[string]any
		if err := json.Unmarshal(w.options.Settings, &given); err != nil {
			return nil, connector.Errorf(connector.Config, "TOW-514", "read settings: not an object").At("target_options.settings")
		}
		flatten(flat, "", given)
	}
	for name := range flat {
		why := ""
		switch {
		case name == "index.hidden" || name == "index.uuid":
			why = "the run sets it itself"
		case strings.HasPrefix(name, "index.mapping.source.") || strings.HasPrefix(name, "index.mapping.synthetic"):
			why = "_source would not keep the values as they are"
		case name == "index.default_pipeline" || name == "index.final_pipeline":
			why = "a pipeline changes the rows"
		case strings.HasPrefix(name, "index.blocks."):
			why = "the rows could not be written"
		case name == "index.mapping.ignore_malformed" || name == "index.mapping.coerce":
			why = "the index would hold less than the rows"
		}
		if why != "" {
			return nil, connector.Errorf(connector.Config, "TOW-514", "merge settings: %s: %s", name, why).At("target_options.settings")
		}
	}
	for name, value := range map[string]int{"index.number_of_shards": w.options.Shards, "index.number_of_replicas": value(w.options.Replicas)} {
		if name == "index.number_of_shards" && w.options.Shards == 0 || name == "index.number_of_replicas" && w.options.Replicas == nil {
			continue
		}
		if _, twice := flat[name]; twice {
			return nil, connector.Errorf(connector.Config, "TOW-514", "merge settings: %s is given as an option too", name).At("target_options.settings")
		}
		flat[name] = value
	}
	if n, ok := flat["index.number_of_shards"]; ok && flat["index.translog.durability"] == "async" && fmt.Sprint(n) != "1" {
		return nil, connector.Errorf(connector.Config, "TOW-514", "merge settings: index.translog.durability: %s", asyncLoss).At("target_options.settings")
	}
	return flat, nil
}

func value(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// flatten writes nested settings under dotted names that begin with index.
func flatten(into map[string]any, prefix string, given map[string]any) {
	for name, v := range given {
		full := prefix + name
		if inner, ok := v.(map[string]any); ok {
			flatten(into, full+".", inner)
			continue
		}
		if !strings.HasPrefix(full, "index.") {
			full = "index." + full
		}
		into[full] = v
	}
}

// mergeMapping merges the job's fragment and refuses what would change what the plan says of a column.
func mergeMapping(into map[string]any, fragment json.RawMessage, l *layout) error {
	if len(fragment) == 0 || string(fragment) == "null" {
		return nil
	}
	refuse := func(format string, args ...any) error {
		return connector.Errorf(connector.Config, "TOW-514", "merge mapping: "+format, args...).At("target_options.mapping")
	}
	var given map[string]any
	if err := json.Unmarshal(fragment, &given); err != nil {
		return refuse("not an object")
	}
	if inner, ok := given["mappings"].(map[string]any); ok && len(given) == 1 {
		given = inner
	}
	if d, ok := given["dynamic"]; ok && fmt.Sprint(d) != "strict" {
		return refuse("dynamic is strict, so that no field appears that the plan does not name")
	}
	for _, name := range []string{"_source", "_routing", "dynamic_templates", "_data_stream_timestamp"} {
		if _, ok := given[name]; ok {
			return refuse("%s cannot be set", name)
		}
	}
	if meta, ok := given["_meta"].(map[string]any); ok && meta["towpath"] != nil {
		return refuse("_meta.towpath is the run's own")
	}
	properties, _ := given["properties"].(map[string]any)
	if why := bends(properties, l.missing, "properties."); why != "" {
		return refuse("%s", why)
	}
	deepMerge(into, given)
	return nil
}

// bends says what of a fragment would change a planned field; "" when nothing does. Names with dots are paths.
func bends(given, planned map[string]any, at string) string {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		ours := planned
		parts := strings.Split(name, ".")
		for i, part := range parts {
			if ours, _ = ours[part].(map[string]any); ours != nil && i < len(parts)-1 {
				ours, _ = ours["properties"].(map[string]any)
			}
		}
		if whole, found := planned[name].(map[string]any); found {
			ours = whole
		}
		added, _ := given[name].(map[string]any)
		if ours == nil {
			continue
		}
		members, object := ours["properties"].(map[string]any)
		usual := map[string]any{"type": "object", "enabled": true}
		for _, key := range []string{"type", "enabled", "dynamic"} {
			if v, ok := added[key]; ok && v != ours[key] && !(object && v == usual[key]) {
				return fmt.Sprintf("%s%s.%s: the plan has %v; change it under columns", at, name, key, cmp.Or(ours[key], usual[key]))
			}
		}
		for _, key := range []string{"ignore_malformed", "coerce", "format"} {
			if _, ok := added[key]; ok {
				return fmt.Sprintf("%s%s.%s: it would let the index hold something else than the row", at, name, key)
			}
		}
		inner, _ := added["properties"].(map[string]any)
		if why := bends(inner, members, at+name+".properties."); why != "" {
			return why
		}
	}
	return ""
}

func deepMerge(into, from map[string]any) {
	for name, v := range from {
		a, okA := into[name].(map[string]any)
		b, okB := v.(map[string]any)
		if okA && okB {
			a = maps.Clone(a)
			deepMerge(a, b)
			into[name] = a
			continue
		}
		into[name] = v
	}
}

// usualLimit is index.mapping.total_fields.limit where nobody sets it.
const usualLimit = 1000

// limitFields refuses more columns than the index takes fields. Where it is the subfields and objects that are too many for the server's usual limit, it sets
// another one, with room for a tenth more.
func limitFields(properties, settings map[string]any, columns int) error {
	const name = "index.mapping.total_fields.limit"
	n, limit := countFields(properties), usualLimit
	if v, given := settings[name]; given {
		limit, _ = strconv.Atoi(strings.TrimSuffix(fmt.Sprint(v), ".0"))
	} else if columns <= limit && n > limit {
		limit = n + n/10
		settings[name] = limit
	}
	if n <= limit {
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-512", "map columns: %d fields are more than the index takes (%d)", n, limit).At("target_options.settings").
		WithHint("Pick fewer columns, or set %s.", name)
}

// countFields counts fields, subfields and objects, also those that the dots of a name make.
func countFields(properties map[string]any) int {
	n := 0
	objects := map[string]bool{}
	for name, p := range properties {
		n++
		for at, letter := range name {
			if letter == '.' {
				objects[name[:at]] = true
			}
		}
		if m, ok := p.(map[string]any); ok {
			for _, below := range []string{"fields", "properties"} {
				if inner, ok := m[below].(map[string]any); ok {
					n += countFields(inner)
				}
			}
		}
	}
	return n + len(objects)
}
