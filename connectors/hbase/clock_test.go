package hbase

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tsuna/gohbase/pb"
	"google.golang.org/protobuf/proto"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

func TestSkew(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name                      string
		start, end, before, after int64 // seconds
		want                      time.Duration
	}{
		{"same clock, a report of now", 1000, 1003, 1003, 1004, 0},
		{"same clock, a report that is about to be followed by the next", 1000, 1003, 1006, 1007, 0},
		{"ahead", 1000, 1003, 980, 981, 22 * time.Second},
		{"behind", 1000, 1003, 1030, 1031, -21 * time.Second},
		{"a call that took long", 1000, 1003, 1001, 1060, 0},
		{"no report", 0, 0, 1000, 1001, 0},
		{"a report whose moments are turned around", 1003, 1000, 1009, 1010, -9 * time.Second},
	} {
		load := &pb.ServerLoad{ReportStartTime: proto.Uint64(uint64(test.start * 1000)), ReportEndTime: proto.Uint64(uint64(test.end * 1000))}
		if got := skewOf(load, time.Unix(test.before, 0), time.Unix(test.after, 0)); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestClocks: a plan names the region servers whose clocks are not this machine's, and none of those that are.
func TestClocks(t *testing.T) {
	server := servers.Need(t, "hbase")
	_, quorum, _ := strings.Cut(server.URL, "://")
	o := defaultConnection()
	o.Quorum = []string{quorum}
	c, err := open(t.Context(), o, new(net.Dialer))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	schema := &record.Schema{Fields: []record.Field{{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1}}}
	for _, test := range []struct {
		away time.Duration // of this machine's clock
		want string
	}{{0, ""}, {-time.Minute, " ahead of this machine's"}, {time.Minute, " behind this machine's"}} {
		w, err := newWriter(c, connector.Sink{Dataset: "unmade", Mode: connector.Upsert, Run: "abcde"}, defaultWriting())
		if err != nil {
			t.Fatal(err)
		}
		w.now = func() time.Time { return time.Now().Add(test.away) }
		plan, err := w.Plan(t.Context(), schema)
		if err != nil {
			t.Fatal(err)
		}
		of := slices.DeleteFunc(slices.Clone(plan.Notes), func(n string) bool { return !strings.HasPrefix(n, "the clock of region server 127.0.0.1:") })
		if test.want == "" && len(of) > 0 || test.want != "" && (len(of) != 1 || !strings.Contains(of[0], test.want)) {
			t.Errorf("away by %v: %q", test.away, plan.Notes)
		}
	}
}
