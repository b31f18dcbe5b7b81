package servertest

import (
	"context"
	"testing"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/kill/killtest"
)

// Workers start before there is a database for them, and they and a server without places are killed in turn.
func TestRunsOutliveWorkersAndServers(t *testing.T) {
	source, err := kill.NewFile(context.Background(), kill.Append, t.TempDir(), killtest.SmallRows, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := &kill.Crowd{Harness: killtest.Harness(t), Control: need(t, "postgres"), Name: prefix() + "_crowd", Workers: 2, Pace: 2000, Source: source}
	var so kill.Crowded
	if err := c.Kills(t.Context(), 3, 4, 2, &so); err != nil {
		t.Fatal(err)
	}
	if !so.Good() || so.Jobs < 3 {
		t.Errorf("%d jobs: %+v %q", so.Jobs, so.Verdict, so.Faults)
	}
}
