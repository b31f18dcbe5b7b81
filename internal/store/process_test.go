package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/store/storetest"
)

// workEnv names the database that this process works on as a child of TestProcesses.
const workEnv = "TOWPATH_STORETEST_DB"

func TestMain(m *testing.M) {
	if path := os.Getenv(workEnv); path != "" {
		if err := work(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work leases shard after shard, saves a checkpoint of each and then prints its id.
func work(path string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, path, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		l, ok, err := storetest.LeaseShard(ctx, s, store.LeaseRequest{Worker: "w", TTL: time.Hour})
		if err != nil || !ok {
			return err
		}
		cp := connector.Checkpoint{Shard: l.Shard.ID, Seq: 1, Done: true, Counts: connector.Counts{Read: 2, Written: 1, Dirty: 1}}
		if err := s.CommitCheckpoint(ctx, l.Run, l.Lease.Epoch, cp, []store.DirtyRow{{Code: "RANGE"}}); err != nil {
			return err
		}
		fmt.Println(l.Shard.ID)
	}
}

// TestProcesses lets processes work on one file and kills one of them in the middle: what it printed is there, each checkpoint has
// its dirty row, and nobody did what another had done.
func TestProcesses(t *testing.T) {
	t.Parallel()
	const shards = 300
	path := filepath.Join(t.TempDir(), "control.db")
	s := open(t, path, store.Options{})
	begin(t, s, shards)
	printed := map[string]bool{}
	victim := start(t, path)
	for range shards / 10 {
		if !victim.out.Scan() {
			t.Fatal("the process ended early")
		}
		printed[victim.out.Text()] = true
	}
	others := []process{start(t, path), start(t, path)}
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
	if err != nil {
		t.Fatal(err)
	}
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

func start(t *testing.T, path string) process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), workEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return process{cmd, bufio.NewScanner(out)}
}
