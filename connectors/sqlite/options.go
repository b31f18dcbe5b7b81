package sqlite

// Connection is a database file.
type Connection struct {
	Path        string `json:"path" doc:"Path of the database file; relative to the working directory." required:"true" path:"file" example:"/var/lib/shop/shop.db"`
	Mode        string `json:"mode" doc:"auto: created when a run writes to it and it is missing; rw: must exist; ro: opened for reading only." enum:"auto,rw,ro"`
	BusySeconds int    `json:"busy_seconds" doc:"Seconds to wait for a lock that another program holds." minimum:"0" maximum:"3600"`
	Synchronous string `json:"synchronous" doc:"When a commit counts as durable: full waits for the disk; extra also for the directory; normal may lose the last commits at a power cut." enum:"full,extra,normal"`
}

// ReadOptions is how datasets are read: there is nothing to choose.
type ReadOptions struct{}

// WriteOptions is how datasets are written: there is nothing to choose.
type WriteOptions struct{}

func defaultConnection() Connection {
	return Connection{Mode: "auto", BusySeconds: 10, Synchronous: "full"}
}
