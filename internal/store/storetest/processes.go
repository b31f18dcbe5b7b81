package storetest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// The variables that make a test binary a worker of Processes.
const (
	placeEnv    = "TOWPATH_STORETEST_PLACE"
	passwordEnv = "TOWPATH_STORETEST_PASSWORD"
)

// Main runs the tests of a package that calls Processes.
func Main(m *testing.M) {
	if place := os.Getenv(placeEnv); place != "" {
		if err := work(place, os.Getenv(passwordEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work leases shard after shard, saves a checkpoint of each and then prints its id.
func work(place, password string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, place, store.Options{Password: password})
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		l, ok, err := LeaseShard(ctx, s, store.LeaseRequest{Worker: "w", TTL: time.Hour})
		if err != nil || !ok {
			return err
		}
		if err := s.CommitCheckpoint(ctx, l.Run, l.Lease.Epoch, Done(l), []store.DirtyRow{{Code: "RANGE"}}); err != nil {
			return err
		}
		fmt.Println(l.Shard.ID)
	}
}

// Done is the checkpoint of a shard that is read to its end: two rows, of which one is dirty.
func Done(l store.Leased) connector.Checkpoint {
	return connector.Checkpoint{Shard: l.Shard.ID, Seq: 1, Done: true, Counts: connector.Counts{Read: 2, Written: 1, Dirty: 1}}
}

// Begin makes a run k1 of so many shards that is running.
func Begin(t *testing.T, s *store.Store, shards int) {
	t.Helper()
	(&fixture{Store: s, ctx: t.Context()}).running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", shards)...)
}

// Processes lets processes work on the database at place and kills one of them in the middle: what it printed is there, each checkpoint has
// its dirty row, and nobody did what another had done. s is open in the same database, which is empty.
func Processes(t *testing.T, s *store.Store, place, password string) {
	t.Helper()
	const shards = 300
	Begin(t, s, shards)
	printed := map[string]bool{}
	victim := start(t, place, password)
	for range shards / 10 {
		if !victim.out.Scan() {
			t.Fatal("the process ended early")
		}
		printed[victim.out.Text()] = true
	}
	others := []process{start(t, place, password), start(t, place, password)}
	if err := victim.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for i, p := range append(others, victim) {
		for p.out.Scan() {
			if printed[p.out.Text()] {
				t.Errorf("shard %s was done twice", p.out.Text())
			}
			printed[p.out.Text()] = true
		}
		if err := p.cmd.Wait(); err != nil && i < len(others) {
			t.Error(err)
		}
	}
	progress, err := s.Progress(t.Context(), "k1")
	must(t, err)
	dirty, err := s.DirtyCount(t.Context(), "k1")
	p := progress[0]
	// The victim may have died between a commit and its print, or between a lease and its commit.
	if err != nil || p.Done < len(printed) || p.Done > len(printed)+1 || p.Done+p.Active != shards || dirty != int64(p.Done) || p.Counts.Read != 2*dirty {
		t.Errorf("%d printed, %d dirty rows, %v, progress %+v", len(printed), dirty, err, p)
	}
}

type process struct {
	cmd *exec.Cmd
	out *bufio.Scanner
}

func start(t *testing.T, place, password string) process {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), placeEnv+"="+place, passwordEnv+"="+password)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return process{cmd, bufio.NewScanner(out)}
}
