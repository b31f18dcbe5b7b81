package elasticsearch

import (
	"fmt"
	"strings"

	"github.com/towpath/towpath/connector"
)

// What the plan says of an index whose server answers before its log is on disk, and why one of several shards is refused:
// the highest sequence number is remembered of the index as a whole.
const (
	asyncNote = "a crash of its server can lose documents that it acknowledged; a resume notices and refuses, a run that goes on over the crash may not"
	asyncLoss = "with async and more than one shard, documents that a crash of the server loses would not be missed"
)

// onlyIndex returns the one index that documents can be written to under the name, as they are.
func onlyIndex(name string, there []index) (*index, error) {
	if len(there) > 1 {
		return nil, errUnfit(name, fmt.Sprintf("the alias stands for %d indices", len(there)), "Name one of the indices, or write: replace.")
	}
	x := &there[0]
	if strings.HasPrefix(x.name, ".ds-") {
		return nil, errDataStream(name)
	}
	return x, x.unfit(name)
}

// unfit returns an error when the index would keep documents otherwise than as they are sent, be it there already or made with
// what a template adds.
func (x *index) unfit(name string) error {
	const elsewhere = "Write into another index, or write: replace; an index template may have set it."
	pipeline, mode, source := x.setting("final_pipeline"), x.setting("mode"), x.setting("mapping.source.mode")
	switch {
	case len(x.mapping.Source) > 0:
		return errUnfit(name, "its mapping leaves out _source or parts of it, so rows would be lost", elsewhere)
	case x.mapping.Routing["required"] == true:
		return errUnfit(name, "its mapping requires routing", elsewhere)
	case pipeline != "" && pipeline != "_none":
		return errUnfit(name, "its final pipeline changes the rows", "Take index.final_pipeline off, also from index templates, or write into another index.")
	case source != "" && source != "stored", mode == "logsdb", mode == "time_series":
		return errUnfit(name, "it makes up _source from the index or keeps none, so digits would be lost", elsewhere)
	case x.setting("translog.durability") == "async" && x.setting("number_of_shards") != "1":
		return errUnfit(name, asyncLoss, "Set index.translog.durability to request.")
	}
	return nil
}

func errUnfit(name, why, hint string) error {
	return connector.Errorf(connector.Config, "TOW-517", "write to %s: %s", name, why).WithHint("%s", hint)
}

// checkTypes compares the index's fields with the plan: an index template or another writer may have had its say.
func (w *writer) checkTypes(x *index) error {
	differs := func(format string, args ...any) error {
		return connector.Errorf(connector.Changed, "TOW-513", "prepare index %s: "+format, append([]any{x.name}, args...)...).
			WithHint("An index template or another writer changed the mapping; plan the run anew.")
	}
	own := w.plan.Create != nil
	for _, name := range []string{"mapping.ignore_malformed", "mapping.coerce"} {
		if v := x.setting(name); own && v != "" && v != usual(name) {
			return differs("setting index.%s is %s, the plan does not have it", name, v)
		}
	}
	for i, want := range w.plan.Types {
		name := pathOf(&w.target.Stored.Fields[i])
		got := x.mapping.find(name)
		if got.Type != want {
			return differs("field %s is %q, the plan has %q", name, got.Type, want)
		}
		if own && got.bent() {
			return differs("field %s has ignore_malformed, coerce or format, the plan does not", name)
		}
	}
	return x.unfit(x.name)
}

// bent reports whether a field takes values otherwise than one of its type does by itself.
func (p property) bent() bool {
	is := func(v any, name string) bool { return v != nil && fmt.Sprint(v) != usual(name) }
	return is(p.Malformed, "mapping.ignore_malformed") || is(p.Coerce, "mapping.coerce") || p.Format != ""
}

// usual is the server's own value of a setting that fields inherit.
func usual(name string) string {
	if name == "mapping.coerce" {
		return "true"
	}
	return "false"
}
