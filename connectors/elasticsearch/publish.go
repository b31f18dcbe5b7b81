package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/towpath/towpath/connector"
)

// loadingSettings are the settings that loading changes.
func loadingSettings() []string { return []string{"refresh_interval", "number_of_replicas"} }

// startLoading turns refreshes and replicas off on an index that this run made. What they were is written into the index
// first, so that whoever finds it after a crash can put them back.
func (w *writer) startLoading(ctx context.Context, x *index) error {
	m := x.mark()
	if m.Settings == nil {
		m.Settings = map[string]*string{}
		for _, name := range loadingSettings() {
			m.Settings[name] = nil
			if v, ok := x.settings["index."+name].(string); ok {
				m.Settings[name] = &v
			}
		}
		meta := map[string]any{}
		for name, v := range x.mapping.Meta {
			meta[name] = v
		}
		meta["towpath"] = m
		if err := w.client.do(ctx, http.MethodPut, "/"+escapeName(x.name)+"/_mapping", map[string]any{"_meta": meta}, nil); err != nil {
			return err
		}
		raw, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("encode mark of %s: %w", x.name, err)
		}
		x.mapping.Meta["towpath"] = raw
	}
	if x.setting("refresh_interval") == "-1" && x.setting("number_of_replicas") == "0" {
		return nil
	}
	return w.client.putSettings(ctx, x.name, map[string]any{"refresh_interval": "-1", "number_of_replicas": 0})
}

// endLoading puts the settings back that startLoading changed; on any other index it does nothing.
func (w *writer) endLoading(ctx context.Context, x *index) error {
	if w.plan.Create == nil || x.mark().Run != w.sink.Run {
		return nil
	}
	return w.client.endLoading(ctx, x)
}

func (c *client) endLoading(ctx context.Context, x *index) error {
	m := x.mark()
	back := map[string]any{}
	for _, name := range loadingSettings() {
		was, recorded := m.Settings[name]
		is, set := x.settings["index."+name].(string)
		switch {
		case !recorded, was == nil && !set, was != nil && set && *was == is:
		case was == nil:
			back[name] = nil
		default:
			back[name] = *was
		}
	}
	if len(back) == 0 {
		return nil
	}
	return c.putSettings(ctx, x.name, back)
}

// isPublished reports whether the target's name stands for the staging index in place of those that it stood for. The alias
// alone does not say so: an index template may have given it.
func (w *writer) isPublished(ctx context.Context, x *index) (bool, error) {
	if _, named := x.aliases[w.sink.Dataset]; !w.plan.Staging || !named || x.setting("hidden") == "true" {
		return false, nil
	}
	there, err := w.client.resolve(ctx, w.sink.Dataset)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(there, func(o index) bool { return w.oldPlace(&o) >= 0 }), nil
}

// oldPlace returns the place in the plan of an index that the new one replaces, -1 for any other.
func (w *writer) oldPlace(o *index) int {
	return slices.IndexFunc(w.plan.Old, func(r replaced) bool { return r.Name == o.name && r.UUID == o.uuid() })
}

// unname takes the target's name off a staging index that is not published: an index template gave it.
func (w *writer) unname(ctx context.Context, x *index) error {
	if _, named := x.aliases[w.sink.Dataset]; !w.plan.Staging || !named {
		return nil
	}
	return w.client.unalias(ctx, x.name, w.sink.Dataset)
}

// publish gives the target's name to the staging index in one call, which the server carries out as a whole or not at all.
func (w *writer) publish(ctx context.Context, x *index) error {
	published, err := w.isPublished(ctx, x)
	if err != nil || published {
		return err
	}
	old, err := w.client.resolve(ctx, w.sink.Dataset)
	if err != nil {
		return err
	}
	if err := w.client.putSettings(ctx, x.name, map[string]any{"hidden": false}); err != nil {
		return err
	}
	actions := []map[string]any{action("add", x.name, w.sink.Dataset, nil)}
	for i := range old {
		o := &old[i]
		if o.name == x.name {
			continue
		}
		at := w.oldPlace(o)
		if at < 0 {
			return connector.Errorf(connector.Changed, "TOW-507", "publish %s: the name stands for index %s, which the plan does not know", w.sink.Dataset, o.name).
				WithHint("The name was given to another index while the run went on. Give it back, or stop this run and start it anew.")
		}
		if !w.plan.Old[at].Remove {
			actions = append(actions, action("remove", o.name, w.sink.Dataset, nil))
			continue
		}
		carried, err := carryOver(o, x.name, w.sink.Dataset)
		if err != nil {
			return err
		}
		actions = append(append(actions, carried...), action("remove_index", o.name, "", nil))
	}
	if err := w.client.aliases(ctx, actions...); err != nil {
		return w.unlessPublished(ctx, x.name, err)
	}
	return nil
}

// unlessPublished returns the error of a swap unless it was carried out: when an answer is lost, another node is asked the same
// again and finds the old index gone.
func (w *writer) unlessPublished(ctx context.Context, name string, failed error) error {
	x, err := w.client.one(ctx, name)
	if err != nil || x == nil {
		return failed
	}
	if published, err := w.isPublished(ctx, x); err != nil || !published {
		return failed
	}
	return nil
}

// carryOver returns actions that give the other aliases of an index that goes, with their filters and routing, to the new one.
func carryOver(old *index, to, except string) ([]map[string]any, error) {
	var actions []map[string]any
	for alias, raw := range old.aliases {
		if _, ours := runOfMarker(alias); ours || alias == except {
			continue
		}
		var more map[string]any
		if err := json.Unmarshal(raw, &more); err != nil {
			return nil, fmt.Errorf("read alias %s: %w", alias, err)
		}
		actions = append(actions, action("add", to, alias, more))
	}
	return actions, nil
}
