package elasticsearch

import (
	"encoding/json"
	"strings"

	"github.com/towpath/towpath/connector"
)

// role is a role of Elasticsearch, as PUT /_security/role/NAME and the role_descriptors of an API key take it.
type role struct {
	Cluster []string    `json:"cluster"`
	Indices []privilege `json:"indices"`
}

type privilege struct {
	Names      []string `json:"names"`
	Privileges []string `json:"privileges"`
}

// grants returns the role that writes the datasets. Each index is written by its name and, until it is complete, under a name with the run's sign.
func grants(_ json.RawMessage, u connector.Use) (string, error) {
	if !u.Write {
		return "", connector.Errorf(connector.Config, "TOW-510", "name rights to read: nothing is read here")
	}
	datasets := u.Datasets
	if len(datasets) == 0 {
		datasets = []string{"*"}
	}
	p := privilege{Privileges: []string{"create_index", "delete_index", "manage", "read", "view_index_metadata", "write"}}
	for _, d := range datasets {
		// A pattern is checked as one of the names it stands for: what follows a slash, for one, would be a regular expression in a role.
		if err := checkName(strings.ReplaceAll(d, "*", "x")); err != nil {
			return "", err
		}
		p.Names = append(p.Names, d, d+stagingSign+"*")
	}
	text, err := json.MarshalIndent(role{Cluster: []string{"monitor"}, Indices: []privilege{p}}, "", "  ")
	return string(text) + "\n", err
}
