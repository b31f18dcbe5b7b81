package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// ReadURL turns a URL into the name of a connector, its connection options and a dataset; connectors know how.
type ReadURL func(u *url.URL) (connectorName string, options map[string]any, dataset string, err error)

// FromCopy makes the full-mode job of one stream that copies source to target. Each is an alias and a dataset (shop:shop.orders)
// or a URL (scheme://user@host/shop.orders); a target without a dataset takes the source's name. Options of URLs may hold
// secrets; errors never do.
func FromCopy(source, target string, aliases map[string]Connection, read ReadURL) (*Job, error) {
	from, dataset, err := copyEnd("source", source, aliases, read)
	if err != nil {
		return nil, err
	}
	to, name, err := copyEnd("target", target, aliases, read)
	if err != nil {
		return nil, err
	}
	if dataset == "" {
		return nil, connector.Errorf(connector.Config, "TOW-611", "read source: no dataset is named").
			WithHint("Write alias:dataset, or put the dataset at the end of the URL.")
	}
	j := &Job{Mode: Full, Source: from, Target: to, Streams: []Stream{{Source: dataset, Target: name}}}
	j.normalise("copy")
	if err := j.Validate(); err != nil {
		return nil, err
	}
	return j, nil
}

func copyEnd(side, spec string, aliases map[string]Connection, read ReadURL) (Endpoint, string, error) {
	var e Endpoint
	if scheme, isURL := schemeOf(spec, aliases); isURL {
		u, err := url.Parse(spec)
		if err != nil {
			// The cause quotes the URL, which may hold a password.
			return e, "", connector.Errorf(connector.Config, "TOW-611", "read %s: the %s URL is not well-formed", side, scheme).
				WithHint("Characters like @, / and # in user names and passwords are written as %%40, %%2F and %%23.")
		}
		name, options, dataset, err := read(u)
		if known, ok := errors.AsType[*connector.Error](err); err != nil && u.Opaque != "" && (!ok || known.Code == "TOW-002") {
			return e, "", noAlias(side, scheme, aliases) // alias:dataset is more likely than the URL of no connector
		}
		if err != nil {
			return e, "", fmt.Errorf("read %s: %w", side, err)
		}
		raw, err := json.Marshal(options)
		if err != nil {
			return e, "", fmt.Errorf("read %s: %w", side, err)
		}
		if options == nil {
			raw = []byte("{}")
		}
		return Endpoint{Connector: name, Options: raw}, dataset, nil
	}
	alias, dataset, _ := strings.Cut(spec, ":")
	if _, known := aliases[alias]; !known {
		return e, "", noAlias(side, alias, aliases)
	}
	return Endpoint{Connection: alias}, dataset, nil
}

func noAlias(side, alias string, aliases map[string]Connection) error {
	return connector.Errorf(connector.Config, "TOW-611", "read %s: no connection %q", side, alias).
		WithHint("%s", aliasHint(alias, slices.Collect(maps.Keys(aliases))))
}

// schemeOf tells URLs from aliases with a dataset: scheme://..., and scheme:path where no alias has that name.
func schemeOf(spec string, aliases map[string]Connection) (scheme string, isURL bool) {
	if scheme, _, isURL = strings.Cut(spec, "://"); isURL {
		return scheme, true
	}
	scheme, _, isURL = strings.Cut(spec, ":")
	_, known := aliases[scheme]
	return scheme, isURL && !known
}

func aliasHint(alias string, known []string) string {
	if near := nearestHint(alias, known); near != "" {
		return near
	}
	if len(known) == 0 {
		return "Write a URL, or name a connection in the connections file."
	}
	slices.Sort(known)
	return "Connections are: " + strings.Join(known, ", ") + "."
}
