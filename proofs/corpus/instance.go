package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/towpath/towpath/tools/testservers/ports"
)

// Instances are servers of a proof's own, with their data in its folder and clocks in one time zone.
type Instances struct {
	Servers
	root  string
	names []string
	env   []string
}

// Start starts the servers of those names, as tools/testservers knows them, of which one is a MariaDB, one a PostgreSQL, one a
// search server and perhaps one HBase. They end with this process, or with Stop.
func Start(ctx context.Context, root, dir, zone string, names ...string) (*Instances, error) {
	i := &Instances{root: root, names: names, env: []string{"TZ=" + zone, "TOWPATH_SERVERS_DATA=" + dir, fmt.Sprintf("TOWPATH_SERVERS_GUARD=%d", os.Getpid())}}
	for _, name := range names {
		port, err := ports.Free()
		if err != nil {
			return nil, err
		}
		i.env = append(i.env, fmt.Sprintf("TOWPATH_%s_PORT=%d", strings.ToUpper(name), port))
	}
	if _, err := i.script(ctx, "up"); err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	lines, err := i.script(ctx, "env")
	if err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch strings.TrimPrefix(name, "TOWPATH_TEST_") {
		case "MYSQL":
			i.MySQL.URL = value
		case "MYSQL_CLIENT":
			i.MySQL.Client = value
		case "POSTGRES", "POSTGRES17":
			i.Postgres.URL = value
		case "POSTGRES_CLIENT", "POSTGRES17_CLIENT":
			i.Postgres.Client = value
		case "HBASE":
			i.HBase.URL = value
		case "HBASE_CLIENT":
			i.HBase.Client = value
		case "ELASTICSEARCH8_URL":
			i.Search.URL = value
		}
	}
	if err := i.inZone(ctx, zone); err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	return i, nil
}

// Stop ends the servers and removes nothing.
func (i *Instances) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := i.script(ctx, "kill")
	return err
}

func (i *Instances) script(ctx context.Context, verb string) (string, error) {
	c := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(i.root, "tools", "testservers", "servers.sh"), verb}, i.names...)...)
	c.Env = append(os.Environ(), i.env...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("testservers %s: %w: %s", verb, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), err
}

// inZone asks the SQL servers how far their clocks are from UTC: a proof under a zone that they do not heed would be none.
func (i *Instances) inZone(ctx context.Context, zone string) error {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return err
	}
	_, seconds := time.Now().In(location).Zone()
	want := strconv.Itoa(seconds / 60)
	for connector, question := range map[string]string{"mysql": "SELECT 1 AS id, TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')) AS v", "postgres": "SELECT 1 AS id, setting AS v FROM pg_settings WHERE name = 'log_timezone'"} {
		p, err := (&Runner{Servers: i.Servers, Prefix: "towpath_zone"}).place(connector, "zone")
		if err != nil {
			return err
		}
		got, err := clock(ctx, p, question)
		if err != nil {
			return err
		}
		if expected := map[string]string{"mysql": want, "postgres": zone}[connector]; got != expected && !(zone == "UTC" && got == "Etc/UTC") {
			return fmt.Errorf("the server of %s is in zone %q, want %q", connector, got, expected)
		}
	}
	return nil
}
