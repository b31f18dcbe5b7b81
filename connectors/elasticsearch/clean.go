package elasticsearch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// runOfMarker returns the run whose marker an alias is.
func runOfMarker(alias string) (run string, ok bool) {
	name, ok := strings.CutSuffix(alias, "_w")
	if !ok {
		return "", false
	}
	_, run, ok = strings.Cut(name, stagingSign)
	return run, ok && run != ""
}

// clean finds the staging indices, markers and loading settings of runs, and removes those of the named ones.
func (c *client) clean(ctx context.Context, runs []string, remove bool) ([]connector.Leftover, error) {
	found, err := c.resolve(ctx, "*"+stagingSign+"*")
	if err != nil {
		return nil, err
	}
	var out []connector.Leftover
	for i := range found {
		left, err := c.cleanIndex(ctx, &found[i], runs, remove)
		if err != nil {
			return out, err
		}
		out = append(out, left...)
	}
	return out, nil
}

// isLoading reports whether a staging index was never published, whatever aliases an index template gave it: it is hidden and
// has its own run's marker.
func (x *index) isLoading(markers []string) bool {
	return x.setting("hidden") == "true" && slices.ContainsFunc(markers, func(alias string) bool {
		run, _ := runOfMarker(alias)
		return strings.EqualFold(run, x.mark().Run)
	})
}

func (c *client) cleanIndex(ctx context.Context, x *index, runs []string, remove bool) ([]connector.Leftover, error) {
	m := x.mark()
	var markers []string
	named := false // by a name that is not a run's: published, or somebody's own index
	for alias := range x.aliases {
		if _, ours := runOfMarker(alias); ours {
			markers = append(markers, alias)
		} else {
			named = true
		}
	}
	slices.Sort(markers)
	mine := func(run string) bool {
		return remove && slices.ContainsFunc(runs, func(r string) bool { return strings.EqualFold(r, run) })
	}
	if m.Staging && (!named || x.isLoading(markers)) {
		left := connector.Leftover{Run: m.Run, What: "staging index " + x.name, Removed: mine(m.Run)}
		if left.Removed {
			if err := c.remove(ctx, x.name); err != nil {
				return nil, err
			}
		}
		return []connector.Leftover{left}, nil
	}
	var out []connector.Leftover
	for _, alias := range markers {
		run, _ := runOfMarker(alias)
		loading := strings.EqualFold(m.Run, run) && x.setting("refresh_interval") == "-1"
		left := connector.Leftover{Run: run, What: fmt.Sprintf("marker %s on index %s", alias, x.name), Removed: mine(run)}
		if loading {
			left.What += ", and its settings for loading"
		}
		if left.Removed {
			if loading {
				if err := c.endLoading(ctx, x); err != nil {
					return out, err
				}
			}
			if err := c.unalias(ctx, x.name, alias); err != nil {
				return out, err
			}
		}
		out = append(out, left)
	}
	return out, nil
}
