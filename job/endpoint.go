package job

import (
	"encoding/json"
	"maps"
)

// MarshalJSON writes the endpoint as in a document: the options stand beside the connector's name.
func (e Endpoint) MarshalJSON() ([]byte, error) {
	if !e.Inline() {
		return json.Marshal(map[string]string{"connection": e.Connection})
	}
	all := map[string]json.RawMessage{}
	if len(e.Options) > 0 {
		if err := json.Unmarshal(e.Options, &all); err != nil {
			return nil, err
		}
	}
	name, err := json.Marshal(e.Connector)
	if err != nil {
		return nil, err
	}
	all["connector"] = name
	return json.Marshal(all)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Endpoint) UnmarshalJSON(b []byte) error {
	var head struct{ Connection, Connector string }
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	*e = Endpoint{Connection: head.Connection, Connector: head.Connector}
	if !e.Inline() {
		return nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return name == "connector" })
	options, err := json.Marshal(all)
	e.Options = options
	return err
}
