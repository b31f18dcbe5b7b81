package hbase

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tsuna/gohbase/pb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/towpath/towpath/connector"
)

// metaTable is HBase's own table of tables and regions.
const metaTable = "hbase:meta"

// How meta is asked: its rows are few.
const (
	metaRows  = 1000
	metaBytes = 1 << 20
)

// meta hands f the cells of a family of meta's rows.
func (c *Client) meta(ctx context.Context, start, stop []byte, family string, f func(cell) error) error {
	return c.each(ctx, scan{table: metaTable, start: start, stop: stop, columns: []*pb.Column{{Family: []byte(family)}}, rows: metaRows, bytes: metaBytes}, f)
}

// region is the rows [start, stop) of a table, the empty key being an open end.
type region struct{ start, stop []byte }

// regions returns the regions of a table, in order. They meet without a gap: while a split or a merge is on its way meta is read again.
func (c *Client) regions(ctx context.Context, table string) ([]region, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience(), errMeeting)
	defer cancel()
	for {
		found, err := c.regionsOnce(ctx, table)
		if err != nil && !errors.Is(err, errMeeting) {
			return nil, err
		}
		if err == nil && meet(found) {
			return found, nil
		}
		if cause := pause(ctx, 200*time.Millisecond); cause != nil {
			if !errors.Is(cause, errMeeting) {
				return nil, cause
			}
			return nil, connector.Errorf(connector.Retry, "TOW-810", "the %d regions of table %s do not meet", len(found), table).
				WithHint("A region is missing or split at the moment; hbck2 of HBase tells which.")
		}
	}
}

var errMeeting = errors.New("regions do not meet")

// regionsOnce reads the regions of a table that are not parts of a finished split or merge. Rows of meta are named TABLE,START,ID and
// are ordered by these three, so that they lie between TABLE,, and the name followed by a blank
// (org.apache.hadoop.hbase.ClientMetaTableAccessor).
func (c *Client) regionsOnce(ctx context.Context, table string) ([]region, error) {
	var found []region
	err := c.meta(ctx, []byte(table+",,"), []byte(table+" ,,"), "info", func(x cell) error {
		if string(x.qualifier) != "regioninfo" {
			return nil
		}
		body, ok := bytes.CutPrefix(x.value, pbMagic)
		var info pb.RegionInfo
		if !ok || proto.Unmarshal(body, &info) != nil {
			return connector.Errorf(connector.Other, "TOW-810", "read the regions of table %s: row %q of %s holds none", table, x.row, metaTable)
		}
		if !info.GetOffline() && !info.GetSplit() {
			found = append(found, region{info.GetStartKey(), info.GetEndKey()})
		}
		return nil
	})
	return found, classify(err, "read the regions of table %s", table)
}

// meet reports whether regions cover all keys, each once.
func meet(regions []region) bool {
	var border []byte
	for i, r := range regions {
		if !bytes.Equal(r.start, border) || i > 0 && len(border) == 0 {
			return false
		}
		border = r.stop
	}
	return len(regions) > 0 && len(border) == 0
}

// tableStates are the states of a table by their numbers in the message TableState of HBase's Table.proto.
var tableStates = []string{"enabled", "disabled", "being disabled", enabling}

const enabling = "being enabled"

// tableState reads the message's one field; a state that is not known is not enabled.
func tableState(message []byte) string {
	number, kind, n := protowire.ConsumeTag(message)
	if n < 0 || number != 1 || kind != protowire.VarintType {
		return "in no known state"
	}
	state, n := protowire.ConsumeVarint(message[n:])
	if n < 0 || state >= uint64(len(tableStates)) {
		return "in no known state"
	}
	return tableStates[state]
}

// check returns an error when the table is missing or not enabled. One that is just being enabled, as a new one is, it waits for.
func (c *Client) check(ctx context.Context, table string) error {
	for end := time.Now().Add(c.patience()); ; {
		state, err := c.stateOf(ctx, table)
		switch {
		case err != nil:
			return err
		case state == "":
			return tableError("TableNotFoundException", "no table %q", table)
		case state == tableStates[0]:
			return nil
		case state != enabling || time.Now().After(end):
			return tableError("TableNotEnabledException", "table %s is %s", table, state)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// stateOf returns the state of a table; "": there is none.
func (c *Client) stateOf(ctx context.Context, table string) (state string, err error) {
	err = c.meta(ctx, []byte(table), afterRow([]byte(table)), "table", func(x cell) error {
		if string(x.qualifier) == "state" {
			state = tableState(x.value)
		}
		return nil
	})
	return state, classify(err, "look up table %s", table)
}

// countedAtATime is how many regions are counted side by side.
const countedAtATime = 4

// count counts rows: the server reads and sends each one's first key.
func (c *Client) count(ctx context.Context, dataset, where string) (int64, error) {
	if where != "" {
		return 0, noWhere()
	}
	table, err := tableName(dataset)
	if err != nil {
		return 0, err
	}
	if err := c.check(ctx, table); err != nil {
		return 0, err
	}
	regions, err := c.regions(ctx, table)
	if err != nil {
		return 0, err
	}
	first, err := keysOnly()
	if err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", table, err)
	}
	var total atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(countedAtATime)
	for _, r := range regions {
		g.Go(func() error {
			n, err := c.countRange(ctx, scan{table: table, start: r.start, stop: r.stop, filter: first, rows: 10_000, bytes: 2 << 20})
			total.Add(n)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, classify(err, "count rows of %s", table)
	}
	return total.Load(), nil
}

func (c *Client) countRange(ctx context.Context, s scan) (n int64, err error) {
	err = c.each(ctx, s, func(cell) error { // one cell a row
		n++
		return nil
	})
	return n, err
}

func noWhere() error {
	return connector.Errorf(connector.Config, "TOW-812", "HBase has no language for where").At("where").
		WithHint("Use the options start_row and stop_row, or a filter of the job.")
}
