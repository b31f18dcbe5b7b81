package kill

import (
	"fmt"
	"os"
	"path/filepath"
)

// manyShards are more than are at work at once.
const manyShards = 8

// writeJob writes the job of one stream, with so small groups that there are many commits, and the connections that it names. settings are
// further ones, as in ", outage: 1s".
func writeJob(dir, stream, source, target string, shards int, settings string) error {
	for name, text := range map[string]string{
		"job.yaml": "name: kill\nmode: batch\nsource: {connection: source}\ntarget: {connection: target}\nstreams: [{" + stream + "}]\n" +
			fmt.Sprintf("settings: {shards: %d, group_rows: 100, parallel: 4%s}\n", shards, settings),
		"connections.yaml": fmt.Sprintf("source: %s\ntarget: %s\n", source, target),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
