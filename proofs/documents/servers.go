package documents

import (
	"context"
	"os"
	"strings"

	"github.com/towpath/towpath/bench/data"
	"github.com/towpath/towpath/proofs/machine"
)

// Servers lists the kinds of search servers that the proof runs on.
func Servers() []string { return []string{"elasticsearch7", "elasticsearch8", "opensearch"} }

// mariadb is the shared server, or the one whose address is set. It stays up.
func mariadb(ctx context.Context, m machine.Machine) (data.Server, error) {
	s, err := m.Shared(ctx, "mariadb")
	return data.Server{Client: s.Client, URL: s.URL}, err
}

// searchServer starts a search server of the proof's own with its data in dir, or takes the one whose address is set, and returns its URL. It
// is down after stop, or when this process ends.
func searchServer(ctx context.Context, m machine.Machine, name, dir string) (address string, stop func() error, err error) {
	if address := os.Getenv("TOWPATH_TEST_" + strings.ToUpper(name) + "_URL"); address != "" {
		return address, func() error { return nil }, nil
	}
	i, err := m.Private(ctx, name, dir)
	if err != nil {
		return "", nil, err
	}
	return i.URL.String(), func() error { return i.Wipe(context.WithoutCancel(ctx)) }, nil
}
