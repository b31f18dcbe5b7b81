package hbase

// Connection is how a cluster is reached.
type Connection struct {
	Quorum         []string `json:"quorum" doc:"ZooKeeper servers of the cluster, host or host:port; port 2181 where none is written." required:"true" example:"zk1"`
	Root           string   `json:"root" doc:"The cluster's node in ZooKeeper, zookeeper.znode.parent in its configuration."`
	User           string   `json:"user" doc:"Name under which calls are made. Simple authentication believes it."`
	Authentication string   `json:"authentication" doc:"How the cluster checks users; kerberos is not spoken and refused." enum:"simple,kerberos"`
	ConnectSeconds int      `json:"connect_seconds" doc:"Seconds to wait for ZooKeeper's answer." minimum:"1" maximum:"60"`
	AnswerSeconds  int      `json:"answer_seconds" doc:"Seconds to wait for the answer to one call, moves of its region included." minimum:"1" maximum:"3600"`
}

func defaultConnection() Connection {
	return Connection{Root: "/hbase", User: "towpath", Authentication: "simple", ConnectSeconds: 8, AnswerSeconds: 60}
}

// ReadOptions is how a table is read.
type ReadOptions struct {
	Row         RowKey      `json:"row" doc:"What row keys are made of."`
	Columns     []Column    `json:"columns" doc:"Columns to read and their encodings, in this order. Left out: those that a sample of rows shows."`
	Family      string      `json:"family" doc:"Family whose columns are named without it."`
	Rest        string      `json:"rest" doc:"Name of a json column that takes the cells which no other column takes, by family and qualifier. Left out: rest where columns are found by a sample, none where they are listed."`
	Versions    int         `json:"versions" doc:"Versions of each cell to read. 1: the newest. More, or 0 for all that the table keeps: each moment at which cells of a row were written is a row of its own." minimum:"0" maximum:"2147483647"`
	Cells       bool        `json:"cells" doc:"Read each cell as a row of its own, of row key, family, qualifier, timestamp and value. Rows of any width are read in parts."`
	Timestamp   string      `json:"timestamp" doc:"Name of the column with the timestamp of a version or a cell."`
	Filter      []Condition `json:"filter" doc:"Conditions that the server checks: rows are read that meet all of them."`
	SkipEmpty   bool        `json:"skip_empty" doc:"Leave out rows that have none of the columns; the server then sends these columns alone. Otherwise every row is read."`
	SampleRows  int         `json:"sample_rows" doc:"Rows that are looked at to find columns and encodings." minimum:"1" maximum:"100000"`
	StartRow    string      `json:"start_row" doc:"First row key to read, bytes beyond ASCII written \\xNN as the HBase shell does."`
	StopRow     string      `json:"stop_row" doc:"Row key before which reading ends, written alike."`
	BeforeStart bool        `json:"before_start" doc:"Read only cells whose timestamp is before the moment at which the run was planned."`
	FetchRows   int         `json:"fetch_rows" doc:"Rows asked for at a time." minimum:"1" maximum:"100000"`
	FetchBytes  int         `json:"fetch_bytes" doc:"Bytes of an answer; rows beyond it come in parts." minimum:"4096" maximum:"67108864"`
	RowMax      int         `json:"row_max" doc:"Bytes of a row beyond which it is dirty (TOOBIG)." minimum:"4096" maximum:"536870912"`
}

// RowKey is what row keys are made of.
type RowKey struct {
	Name      string `json:"name" doc:"Name of the key's column."`
	Encoding  string `json:"encoding" doc:"Encoding of the key. Left out: string or bytes, by a sample."`
	Salt      int    `json:"salt" doc:"Bytes in front of each key that spread rows over regions; they are left out." minimum:"0" maximum:"64"`
	Reversed  bool   `json:"reversed" doc:"The key, behind its salt, is stored with its bytes in reverse order."`
	Separator string `json:"separator" doc:"What stands between the parts of a key; bytes beyond ASCII written \\xNN."`
	Bare      bool   `json:"bare_widths" doc:"No separator stands behind parts that have a width, as Phoenix makes keys."`
	Parts     []Part `json:"parts" doc:"Parts of a composite key, in their order, each a column of its own."`
}

// Part is a part of a composite row key.
type Part struct {
	Name     string `json:"name" doc:"Name of the part's column." required:"true"`
	Encoding string `json:"encoding" doc:"Encoding of the part; string when left out."`
	Width    int    `json:"width" doc:"Bytes of the part. 0: as many as its encoding always has, else up to the separator, and for the last part up to the key's end." minimum:"0" maximum:"32767"`
}

// Column is a column of the table.
type Column struct {
	Column   string `json:"column" doc:"family:qualifier; bytes beyond ASCII written \\xNN." required:"true"`
	Name     string `json:"name" doc:"Name under which it is read; family:qualifier when left out."`
	Encoding string `json:"encoding" doc:"How its values are written: string, bytes, boolean, short, int, long, float, double, decimal (as Java's Bytes does), epoch_s, epoch_ms, epoch_us (a long), phoenix_TYPE for a type of Apache Phoenix, as in phoenix_bigint, or text TYPE for text of a logical type, as in text date. string when left out."`
}

// Condition is one on a column's newest value.
type Condition struct {
	Column   string `json:"column" doc:"family:qualifier; bytes beyond ASCII written \\xNN. A row without it does not meet the condition." required:"true"`
	Is       string `json:"is" doc:"How the value compares, byte by byte; there: the column is there, whatever it holds." enum:"=,!=,<,<=,>,>=,there" required:"true"`
	Value    string `json:"value" doc:"What it is compared with, in the text of the encoding's type; bytes written \\xNN."`
	Encoding string `json:"encoding" doc:"How values of the column are written, as of columns that are read; string when left out. Order is asked for of string, bytes and those of Phoenix alone."`
}

func defaultReading() ReadOptions {
	return ReadOptions{Row: RowKey{Name: "row"}, Versions: 1, Timestamp: "timestamp", SampleRows: 1000, FetchRows: 2000, FetchBytes: 2 << 20, RowMax: 64 << 20}
}

// WriteOptions is how a table is written.
type WriteOptions struct {
	Family      string      `json:"family" doc:"Family of columns that are named without one."`
	Columns     []OutColumn `json:"columns" doc:"Where single columns go, and in what encoding; others by their names, in the usual encoding of their types."`
	Nulls       string      `json:"nulls" doc:"What NULL writes: absent, the end of an older value; keep, nothing, so that an older value stays; empty, an empty value." enum:"absent,keep,empty"`
	Separator   string      `json:"separator" doc:"What stands between the parts of a composite key; bytes beyond ASCII written \\xNN."`
	Bare        bool        `json:"bare_widths" doc:"No separator stands behind parts whose encoding has a width, as Phoenix makes keys."`
	Reversed    bool        `json:"key_reversed" doc:"The key is stored with its bytes in reverse order, behind what salt or hash puts before it: counters spread over regions then."`
	SaltBuckets int         `json:"salt_buckets" doc:"Spreads rows over so many buckets: a byte before each key, made of its hash. 0: none." minimum:"0" maximum:"256"`
	KeyHash     string      `json:"key_hash" doc:"A hash of the key that stands before it and spreads rows over regions: md5, its 16 bytes; md5_hex, its 32 hexadecimal digits; murmur3, 4 bytes." enum:"none,md5,md5_hex,murmur3"`
	HashBytes   int         `json:"key_hash_bytes" doc:"So many bytes of the hash alone, the first. 0: all." minimum:"0" maximum:"32"`
	Splits      []string    `json:"splits" doc:"Row keys at which the regions of a table that the run makes begin, bytes beyond ASCII written \\xNN. Left out: the salt's buckets, else one region."`
	TTLSeconds  int         `json:"ttl_seconds" doc:"Seconds after which cells of a table that the run makes go. 0: never." minimum:"0"`
	Compression string      `json:"compression" doc:"Of a table that the run makes." enum:"none,snappy,gz,lz4,zstd"`
}

// OutColumn is where a column goes.
type OutColumn struct {
	Name     string `json:"name" doc:"Name of the column." required:"true"`
	Column   string `json:"column" doc:"family:qualifier; the column's name when left out."`
	Encoding string `json:"encoding" doc:"How its values are written; as of columns that are read."`
}

func defaultWriting() WriteOptions {
	return WriteOptions{Family: "f", Nulls: "absent", Separator: `\x00`, KeyHash: "none", Compression: "none"}
}
