package faults

import (
	"fmt"
	"strings"
)

// jobText is a job from a MariaDB table into an index. Options are further connection options, as in "read_seconds: 2".
type jobText struct {
	mode, write        string
	source             origin
	table              string
	sourceAt, targetAt string // address to use instead, as a proxy's
	sourceOptions      string
	target             search
	index              string
	targetOptions      string // of the connection
	streamOptions      string // of the stream
	settings           string
}

func (j jobText) String() string {
	host, port := j.source.Host(), j.source.Port()
	if j.sourceAt != "" {
		host, port, _ = strings.Cut(j.sourceAt, ":")
	}
	url := j.target.base
	if j.targetAt != "" {
		url = "http://" + j.targetAt
	}
	stream := "source: " + j.source.Database() + "." + j.table + ", target: " + j.index
	if j.write != "" {
		stream += ", write: " + j.write
	}
	if j.mode == "" {
		j.mode = "full"
	}
	return fmt.Sprintf(`name: faults
mode: %s
source: {connector: mysql, host: %s, port: %s, user: %s, password: towpath%s}
target: {connector: elasticsearch, urls: [%q]%s}
streams: [{%s%s}]
settings: {%s}
`, j.mode, host, port, j.source.User(), more(j.sourceOptions), url, more(j.targetOptions), stream, more(j.streamOptions), j.settings)
}

func more(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}
