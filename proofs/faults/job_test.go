package faults

import (
	"cmp"
	"fmt"
)

// jobText is a job of one table. Options are further ones, as in "read_seconds: 2".
type jobText struct {
	mode, write        string
	source             side
	table              string
	sourceAt, targetAt string // address to use instead, as a proxy's
	sourceOptions      string // of the connection
	target             side
	into               string
	targetOptions      string // of the connection
	streamOptions      string // of the stream
	settings           string
}

func (j jobText) String() string {
	stream := "source: " + j.source.dataset(j.table) + ", target: " + j.target.dataset(j.into)
	if j.write != "" {
		stream += ", write: " + j.write
	}
	return fmt.Sprintf(`name: faults
mode: %s
source: %s
target: %s
streams: [{%s%s}]
settings: {%s}
`, cmp.Or(j.mode, "full"), j.source.connection(j.sourceAt, j.sourceOptions), j.target.connection(j.targetAt, j.targetOptions), stream, more(j.streamOptions), j.settings)
}

func more(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}
