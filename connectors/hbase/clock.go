package hbase

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tsuna/gohbase/pb"
)

// mostSkew is how far the clock of a region server may be away from this machine's without a word.
const mostSkew = 5 * time.Second

// statusTime is how long the master may take to answer what a plan can do without.
const statusTime = 2 * time.Second

// statusLife is how long an answer serves: those of large clusters tell of all their regions, and streams are planned side by side.
const statusLife = 2 * time.Second

// reported is what the master has said last.
type reported struct {
	mu     sync.Mutex
	status *pb.ClusterStatus
	err    error
	until  time.Time
}

// status asks the master for what the region servers have last reported; the answer is not to be changed.
func (c *Client) status(ctx context.Context) (*pb.ClusterStatus, error) {
	k := &c.reported
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().Before(k.until) {
		return k.status, k.err
	}
	answer := &pb.GetClusterStatusResponse{}
	k.err = c.master(ctx, "ask how the cluster is", "GetClusterStatus", &pb.GetClusterStatusRequest{}, answer)
	k.status, k.until = answer.GetClusterStatus(), time.Now().Add(statusLife)
	return k.status, k.err
}

// clocks says of each region server whose clock differs from now's what comes of it; nothing where the master does not answer.
func (c *Client) clocks(ctx context.Context, now func() time.Time) (notes []string) {
	ctx, cancel := context.WithTimeoutCause(ctx, statusTime, errEnough)
	defer cancel()
	before := now().Add(-statusLife)
	status, err := c.status(ctx)
	if err != nil {
		return nil
	}
	after := now()
	for _, server := range status.GetLiveServers() {
		name := fmt.Sprintf("%s:%d", server.GetServer().GetHostName(), server.GetServer().GetPort())
		switch skew := skewOf(server.GetServerLoad(), before, after); {
		case skew > mostSkew:
			notes = append(notes, fmt.Sprintf("the clock of region server %s is %v ahead of this machine's: what others write there may hide what this run writes later", name, skew.Round(time.Second)))
		case skew < -mostSkew:
			notes = append(notes, fmt.Sprintf("the clock of region server %s is %v behind this machine's, or it has not reported since: what others write there later may be hidden by what this run has written", name, (-skew).Round(time.Second)))
		}
	}
	return notes
}

// skewOf is by how much a region server's clock is ahead at least, negative when it is behind. A report names the moments between which it was
// made, by the server's clock, and is as old as the time between two reports at most; twice that is allowed for.
func skewOf(load *pb.ServerLoad, before, after time.Time) time.Duration {
	if load.GetReportEndTime() == 0 {
		return 0
	}
	start, end := time.UnixMilli(int64(load.GetReportStartTime())), time.UnixMilli(int64(load.GetReportEndTime()))
	if ahead := end.Sub(after); ahead > 0 {
		return ahead
	}
	oldest := before.Add(-2 * max(0, end.Sub(start)))
	return min(0, end.Sub(oldest))
}
