package mysql

import (
	"bytes"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
)

// freezer stands between client and server. Armed, it lets nothing pass from a statement on and leaves the connection as it is: so a process
// looks to the server that stands still, and the server to the process.
type freezer struct {
	port   int
	armed  atomic.Bool
	frozen chan struct{}
}

func newFreezer(t *testing.T, address, statement string) *freezer {
	f := &freezer{frozen: make(chan struct{})}
	thaw := make(chan struct{})
	f.port = listen(t, func(near net.Conn) {
		far, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer far.Close()
		answers := make(chan struct{})
		go func() {
			defer close(answers)
			buf := make([]byte, 64<<10)
			for {
				n, err := far.Read(buf)
				if err != nil { // its session was ended
					near.Close()
					return
				}
				if _, err := near.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
		buf := make([]byte, 64<<10)
		for {
			n, err := near.Read(buf)
			if err != nil {
				break
			}
			if bytes.HasSuffix(buf[:n], []byte("\x03"+statement)) && f.armed.CompareAndSwap(true, false) {
				close(f.frozen)
				<-thaw
				break
			}
			if _, err := far.Write(buf[:n]); err != nil {
				break
			}
		}
		far.Close()
		<-answers
	})
	t.Cleanup(func() { close(thaw) }) // before listen waits
	return f
}

// TestFrozenAmidTake: who stands still within Take, or within the end of a publication, keeps its successor waiting no longer than it takes to
// end its session.
//
// Invariant 3: one owner.
func TestFrozenAmidTake(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprint("first ", first), func(t *testing.T) {
			t.Parallel()
			j := newJudge(t)
			f := newFreezer(t, j.srv.Addr(), "COMMIT")
			sink := connector.Sink{Dataset: "x", Mode: connector.Append, Options: []byte(`{"lock_seconds": 3}`)}
			x := j.start(j.client(map[string]any{"port": f.port}), sink, schemaOfText(t, "id int32", "v text"))
			last := connector.Checkpoint{}
			if !first {
				s := x.take("s", 1)
				x.commit(s, 1, []string{"1", "a"})
				s.Close()
				last = connector.Checkpoint{Shard: "s", Seq: 1}
			}
			f.armed.Store(true)
			ended := make(chan error, 1)
			go func() {
				_, _, err := x.w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: 2}, last)
				ended <- err
			}()
			<-f.frozen
			y := x.again(j.client(nil))
			if err := y.prepare(false); err != nil {
				t.Fatal(err)
			}
			s, cp, err := y.w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: 3}, last)
			if err != nil || cp.Seq != last.Seq {
				t.Fatalf("take behind one that stands still: %+v, %v", cp, err)
			}
			y.commit(s, last.Seq+1, []string{"2", "b"})
			s.Close()
			if err := <-ended; err == nil {
				t.Error("the frozen Take came to its end")
			}
		})
	}
}

// TestFrozenAmidPublish as TestFrozenAmidTake.
func TestFrozenAmidPublish(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	f := newFreezer(t, j.srv.Addr(), "COMMIT")
	x := j.start(j.client(map[string]any{"port": f.port}), connector.Sink{Dataset: "x", Mode: connector.Append}, schemaOfText(t, "id int32", "v text"))
	s := x.take("s", 1)
	x.commit(s, 1, []string{"1", "a"})
	s.Close()
	f.armed.Store(true)
	ended := make(chan error, 1)
	go func() { ended <- x.w.Finish(t.Context(), connector.Publish) }()
	<-f.frozen
	y := x.again(j.client(nil))
	if err := y.prepare(false); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	y.finish(connector.Seal, connector.Publish)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s behind one that stands still", took)
	}
	if err := <-ended; err == nil {
		t.Error("the frozen one came to its end")
	}
}

// TestServerThatStandsStill does not keep a writer that is given up, and its session is ended all the same.
func TestServerThatStandsStill(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	f := newFreezer(t, j.srv.Addr(), "ROLLBACK")
	x := j.start(j.client(map[string]any{"port": f.port}), connector.Sink{Dataset: "x", Mode: connector.Append}, schemaOfText(t, "id int32", "v text"))
	s := x.take("s", 1)
	group, _ := x.group([]string{"1", "a"})
	if _, err := s.Write(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	f.armed.Store(true)
	began := time.Now()
	s.Close()
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("it took %s to give a writer up", took)
	}
	<-f.frozen
	eventually(t, "its transaction is over", func() bool {
		return j.rows("SELECT COUNT(*) FROM information_schema.PROCESSLIST p JOIN information_schema.INNODB_TRX t ON trx_mysql_thread_id = p.ID WHERE DB = '%s'", j.db)[0][0] == "0"
	})
}
