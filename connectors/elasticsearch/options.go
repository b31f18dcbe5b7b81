package elasticsearch

import "encoding/json"

// Connection is how a cluster is reached.
type Connection struct {
	URLs           []string `json:"urls" doc:"Addresses of one or more nodes of the cluster, tried in turn; a node that does not answer is left out for a while." example:"https://es1:9200" required:"true"`
	User           string   `json:"user" doc:"User for basic authentication."`
	Password       string   `json:"password" doc:"Password of the user." secret:"true"`
	APIKey         string   `json:"api_key" doc:"API key in its encoded form (base64 of id:key); instead of user and password." secret:"true"`
	TLS            TLS      `json:"tls" doc:"How the servers of https addresses are trusted."`
	ConnectSeconds int      `json:"connect_seconds" doc:"Seconds to wait for a node to accept a connection." minimum:"1" maximum:"600"`
	AnswerSeconds  int      `json:"answer_seconds" doc:"Seconds to wait for the answer to one request; a bulk request that takes longer counts as lost and is sent again." minimum:"1" maximum:"3600"`
}

// TLS is how a server is trusted. Nothing set: by the system's certificate authorities.
type TLS struct {
	CA          string `json:"ca" doc:"Certificates (PEM) of the authorities to trust instead of the system's." example:"${file:/etc/elasticsearch/ca.pem}"`
	Fingerprint string `json:"fingerprint" doc:"SHA-256 of a certificate that the server must show, in hex with or without colons; trusts that certificate alone."`
	Insecure    bool   `json:"insecure" doc:"Take any certificate. Whoever sits between can read and change everything; shown in every plan."`
	Plain       bool   `json:"plain" doc:"Send user or API key over http to other machines too. Whoever sits between can read them and every row; shown in every plan."`
}

func defaultConnection() Connection {
	return Connection{ConnectSeconds: 10, AnswerSeconds: 120}
}

// WriteOptions are how a dataset is written.
type WriteOptions struct {
	Columns         map[string]Column `json:"columns" doc:"Types and analysers of single columns, by the name of the field."`
	Mapping         json.RawMessage   `json:"mapping" doc:"Fragment merged into the mapping of an index that the run creates. It may add to fields, not change their types, and leaves dynamic at strict."`
	Settings        json.RawMessage   `json:"settings" doc:"Settings of an index that the run creates: analysis, sorting, limits."`
	Shards          int               `json:"shards" doc:"Primary shards of an index that the run creates; 0 leaves it to the server." minimum:"0" maximum:"1024"`
	Replicas        *int              `json:"replicas" doc:"Replicas of an index that the run creates, in place once it is loaded; left out: the server's default." minimum:"0" maximum:"100"`
	Refresh         bool              `json:"refresh" doc:"Make all rows searchable when the run ends."`
	IgnoreAbove     int               `json:"ignore_above" doc:"Characters up to which a text is in its .keyword field; longer ones are found by words only. _source always has all." minimum:"1" maximum:"8191"`
	BulkBytes       int               `json:"bulk_bytes" doc:"Bytes of one bulk request." minimum:"65536" maximum:"67108864"`
	Concurrency     int               `json:"concurrency" doc:"Bulk requests that one shard of the stream sends at the same time." minimum:"1" maximum:"16"`
	PatienceSeconds int               `json:"patience_seconds" doc:"Seconds for which rows that the server is too busy for are offered again before the shard steps back." minimum:"0" maximum:"3600"`
}

// Column is how one column is indexed.
type Column struct {
	Type     string `json:"type" doc:"Elasticsearch type of the field in place of the one chosen from the column's type."`
	Analyzer string `json:"analyzer" doc:"Analyser of a text field."`
	Double   bool   `json:"double" doc:"Adds a subfield .double to a number kept as keyword: it can be sorted and summed, to the nearest double."`
	NoIndex  bool   `json:"no_index" doc:"Keep the field in _source only."`
}

func defaultWriting() WriteOptions {
	return WriteOptions{Refresh: true, IgnoreAbove: 8191, BulkBytes: 2 << 20, Concurrency: 2, PatienceSeconds: 30}
}
