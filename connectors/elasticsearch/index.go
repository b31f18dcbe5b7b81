package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// index is what the server says of an index.
type index struct {
	name     string
	aliases  map[string]json.RawMessage
	mapping  mapping
	settings map[string]any // flat: index.number_of_shards
}

// mapping is the part of an index's mapping that matters here.
type mapping struct {
	Dynamic    any                        `json:"dynamic"`
	Meta       map[string]json.RawMessage `json:"_meta"`
	Source     map[string]any             `json:"_source"`
	Routing    map[string]any             `json:"_routing"`
	Properties map[string]property        `json:"properties"`
}

// property is a field of a mapping.
type property struct {
	Type       string              `json:"type"`
	Malformed  any                 `json:"ignore_malformed"`
	Coerce     any                 `json:"coerce"`
	Format     string              `json:"format"`
	Enabled    any                 `json:"enabled"`
	Properties map[string]property `json:"properties"`
}

// mark is what an index made by a run says of it, under _meta.towpath.
type mark struct {
	Run      string             `json:"run"`
	Staging  bool               `json:"staging,omitempty"`
	Settings map[string]*string `json:"settings,omitempty"` // as they were before loading; null: not set
}

func (x *index) setting(name string) string {
	s, _ := x.settings["index."+name].(string)
	return s
}

func (x *index) uuid() string { return x.setting("uuid") }

// mark returns what a run wrote into the index that it made; the zero mark when none did.
func (x *index) mark() mark {
	var m mark
	_ = json.Unmarshal(x.mapping.Meta["towpath"], &m) // what is not ours is no mark
	return m
}

// resolve returns the indices that a name stands for: itself, or those behind an alias; none when nothing has the name.
func (c *client) resolve(ctx context.Context, name string) ([]index, error) {
	found, err := c.look(ctx, name)
	if err != nil || len(found) > 0 {
		return found, err
	}
	// A cluster that has just started knows no index until it has recovered its state, so it is asked again behind that.
	if err := c.recovered(ctx); err != nil {
		return nil, err
	}
	return c.look(ctx, name)
}

// recovered returns an error that a later try may not meet while the cluster is recovering its state. Who may not look, or has
// something in between that does not let the question through, takes it for recovered.
func (c *client) recovered(ctx context.Context) error {
	var state struct {
		Blocks struct {
			Global map[string]struct {
				Retryable   bool
				Description string
			}
		}
	}
	if err := c.get(ctx, "/_cluster/state/blocks?filter_path=blocks.global", &state); err != nil {
		if c := connector.ClassOf(err); c == connector.Retry || c == connector.Busy || ctx.Err() != nil {
			return err
		}
		return nil
	}
	for _, b := range state.Blocks.Global {
		if b.Retryable {
			return connector.Errorf(connector.Retry, "TOW-500", "reach cluster: it is starting: %s", b.Description)
		}
	}
	return nil
}

func (c *client) look(ctx context.Context, name string) ([]index, error) {
	var found map[string]struct {
		Aliases  map[string]json.RawMessage
		Mappings mapping
		Settings map[string]any
	}
	err := c.get(ctx, "/"+escapeName(name)+"?flat_settings=true&expand_wildcards=all", &found)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []index
	for _, key := range slices.Sorted(maps.Keys(found)) {
		x := found[key]
		out = append(out, index{name: key, aliases: x.Aliases, mapping: x.Mappings, settings: x.Settings})
	}
	return out, nil
}

// one returns the index of exactly this name, nil when there is none.
func (c *client) one(ctx context.Context, name string) (*index, error) {
	found, err := c.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if found[i].name == name {
			return &found[i], nil
		}
	}
	return nil, nil
}

// escapeName keeps the wildcards that Clean asks with.
func escapeName(name string) string { return strings.ReplaceAll(url.PathEscape(name), "%2A", "*") }

// checkName refuses what the server would refuse or read as something else than one name.
func checkName(name string) error {
	bad := ""
	switch {
	case name == "":
		bad = "it is empty"
	case name != strings.ToLower(name):
		bad = "it has upper-case letters"
	case strings.ContainsAny(name, "\\/*?\"<>| ,#:"):
		bad = `it has one of \ / * ? " < > | , # : or a blank`
	case strings.ContainsAny(name[:1], "-_+."):
		bad = "it begins with - _ + or ."
	case len(name) > 200:
		bad = "it is longer than 200 bytes"
	}
	if bad == "" {
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-510", "name index %q: %s", name, bad).
		WithHint("Name the target in the stream: to: %s.", strings.ToLower(strings.Trim(strings.NewReplacer(" ", "_", "/", "_", ":", "_").Replace(name), "-_+.")))
}

// history is what tells an index from an earlier state of itself.
type history struct {
	UUID   string   `json:"uuid"`
	Shards []string `json:"shards"` // history uuid of each primary shard, in order: new after a restore
	Seq    int64    `json:"seq"`    // highest sequence number that was acknowledged
}

// history asks for the index's present history.
func (c *client) history(ctx context.Context, name string) (history, error) {
	var answer struct {
		Indices map[string]struct {
			UUID   string
			Shards map[string][]struct {
				Routing struct{ Primary bool }
				Commit  struct {
					Data map[string]string `json:"user_data"`
				}
				Seq struct {
					Max int64 `json:"max_seq_no"`
				} `json:"seq_no"`
			}
		}
	}
	const filter = "indices.*.uuid,indices.*.shards.*.routing.primary,indices.*.shards.*.seq_no.max_seq_no,indices.*.shards.*.commit.user_data.history_uuid"
	err := c.get(ctx, "/"+escapeName(name)+"/_stats/docs?level=shards&filter_path="+filter, &answer)
	if err != nil {
		return history{}, err
	}
	x, ok := answer.Indices[name]
	if !ok {
		return history{}, connector.Errorf(connector.Missing, "TOW-507", "look at index %s: it is not there", name)
	}
	h := history{UUID: x.UUID, Seq: -1}
	for _, shard := range slices.Sorted(maps.Keys(x.Shards)) {
		for _, copied := range x.Shards[shard] {
			if copied.Routing.Primary {
				h.Shards = append(h.Shards, shard+":"+copied.Commit.Data["history_uuid"])
				h.Seq = max(h.Seq, copied.Seq.Max)
			}
		}
	}
	return h, nil
}

// follows reports in what way h is not a later state of the remembered history; "" when it is. missing: a primary shard is
// away, so that nothing can be said of it.
func (h history) follows(old history) (why string, missing bool) {
	if h.UUID != old.UUID {
		return "it is another index of the same name", false
	}
	for _, was := range old.Shards {
		shard, _, _ := strings.Cut(was, ":")
		at := slices.IndexFunc(h.Shards, func(is string) bool { return strings.HasPrefix(is, shard+":") })
		switch {
		case at < 0:
			missing = true
		case h.Shards[at] != was:
			return "it was restored from a snapshot, or a stale copy of a shard was made the primary", false
		}
	}
	if !missing && h.Seq < old.Seq {
		return fmt.Sprintf("its last write is number %d, but number %d was acknowledged before", h.Seq, old.Seq), false
	}
	return "", missing
}

// putSettings changes dynamic settings of an index.
func (c *client) putSettings(ctx context.Context, name string, settings map[string]any) error {
	return c.do(ctx, http.MethodPut, "/"+escapeName(name)+"/_settings", map[string]any{"index": settings}, nil)
}

// aliases runs alias actions, all or none.
func (c *client) aliases(ctx context.Context, actions ...map[string]any) error {
	return c.do(ctx, http.MethodPost, "/_aliases", map[string]any{"actions": actions}, nil)
}

// unalias takes an alias off an index. One that is not there is off: a request whose answer was lost is repeated.
func (c *client) unalias(ctx context.Context, name, alias string) error {
	if err := c.aliases(ctx, action("remove", name, alias, nil)); err != nil && !isMissing(err) {
		return err
	}
	return nil
}

// remove removes an index; one that is not there is gone.
func (c *client) remove(ctx context.Context, name string) error {
	if err := c.do(ctx, http.MethodDelete, "/"+escapeName(name), nil, nil); err != nil && !isMissing(err) {
		return err
	}
	return nil
}

func action(kind, index, alias string, more map[string]any) map[string]any {
	inner := map[string]any{"index": index}
	if alias != "" {
		inner["alias"] = alias
	}
	maps.Copy(inner, more)
	return map[string]any{kind: inner}
}

// compactJSON encodes v on one line, without HTML escapes.
func compactJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err)) // maps and structs of this package only
	}
	return bytes.TrimSpace(b.Bytes())
}
