package job

import "encoding/json"

// Connection is one entry of a connections file: how one cluster or server is reached.
type Connection struct {
	Connector string
	Options   json.RawMessage // an object with sorted keys; ${env:NAME} and ${file:path} stand unresolved in its texts
}
