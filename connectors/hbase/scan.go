package hbase

import (
	"bytes"
	"context"
	"time"

	"github.com/tsuna/gohbase/filter"
	"github.com/tsuna/gohbase/hrpc"
	"github.com/tsuna/gohbase/pb"
	"google.golang.org/protobuf/proto"
)

// scan is what is read: the rows of a table from start on and before stop, nil being an open end.
type scan struct {
	table       string
	start, stop []byte
	columns     []*pb.Column // nil: all
	filter      *pb.Filter
	before      int64 // ms: only cells with an older timestamp; 0: all
	versions    int   // of each cell, the newest first; 0: one
	rows        int   // of an answer
	bytes       int   // of an answer
}

// keysOnly lets the server send the first cell of each row, without its value.
func keysOnly() (*pb.Filter, error) {
	return filter.NewList(filter.MustPassAll, filter.NewFirstKeyOnlyFilter(), filter.NewKeyOnlyFilter(false)).ConstructPBFilter()
}

// answer is a part of a scan's rows, in order.
type answer struct {
	cells  []byte   // KeyValues behind one another; the receiver's
	counts []uint32 // cells of each result
	parts  []bool   // whether the row of the result goes on in the next one
	// again: the scan begins anew behind the last row that the receiver had whole; what it has of another is void.
	again bool
	// border: the rows of a region end here, the last one too.
	border bool
}

// scanner is a scan on its way from region to region. The library's own may lose rows: it repeats a request whose answer was lost,
// while the server has gone on. Here requests are numbered, which the server checks, and a scanner that is gone is opened again behind the last row.
type scanner struct {
	client *Client
	scan   scan
	start  []byte // of the next region's rows, or behind the last whole row
	end    []byte // of the region that is scanned; nil: the table's
	id     uint64
	open   bool
	seq    uint64 // of the next request to the open scanner
	fails  int    // in a row
	done   bool
}

func (c *Client) scanner(s scan) *scanner { return &scanner{client: c, scan: s, start: s.start} }

// Reopening a scanner that is gone ends after so many times without an answer, about half a minute.
const (
	mostReopens = 40
	reopenPause = 50 * time.Millisecond
	longPause   = time.Second
)

// next returns the next answer; done is set behind the last one. behind is the last row that the receiver has whole; nil: it has none.
func (s *scanner) next(ctx context.Context, behind []byte) (answer, error) {
	a, err := s.ask(ctx)
	if err == nil {
		s.fails = 0
		return a, nil
	}
	if !lost(err) || s.fails == mostReopens {
		return answer{}, err
	}
	s.fails++
	s.open = false
	if behind != nil && bytes.Compare(behind, s.start) >= 0 {
		s.start = afterRow(behind)
	}
	if err := pause(ctx, min(reopenPause<<min(s.fails, 10), longPause)); err != nil {
		return answer{}, err
	}
	return answer{again: true}, nil
}

// pause waits, or returns the cause of ctx's end.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ask opens a scanner at start, or asks the open one for more.
func (s *scanner) ask(ctx context.Context) (answer, error) {
	opening := !s.open
	if opening && len(s.start) > 0 && bytes.Equal(s.start, s.scan.stop) {
		// the server would take it for a Get, and send the row that is not to be read
		s.done = true
		return answer{border: true}, nil
	}
	request := &pb.ScanRequest{
		NumberOfRows:            proto.Uint32(uint32(s.scan.rows)),
		ClientHandlesPartials:   proto.Bool(true),
		ClientHandlesHeartbeats: proto.Bool(true),
	}
	if opening {
		request.Scan = &pb.Scan{Column: s.scan.columns, Filter: s.scan.filter, StartRow: s.start, StopRow: s.scan.stop,
			MaxResultSize: proto.Uint64(uint64(s.scan.bytes)), CacheBlocks: proto.Bool(false)}
		if s.scan.versions > 0 {
			request.Scan.MaxVersions = proto.Uint32(uint32(s.scan.versions))
		}
		if s.scan.before > 0 {
			request.Scan.TimeRange = &pb.TimeRange{From: proto.Uint64(0), To: proto.Uint64(uint64(s.scan.before))}
		}
	} else {
		request.ScannerId, request.NextCallSeq = proto.Uint64(s.id), proto.Uint64(s.seq)
	}
	var call *scanCall
	message, err := s.client.send(ctx, "scan "+s.scan.table, s.client.patience(), func(ctx context.Context) (hrpc.Call, error) {
		inner, err := hrpc.NewScanRange(ctx, []byte(s.scan.table), s.start, s.scan.stop)
		call = &scanCall{Scan: inner, request: request}
		return call, err
	})
	if err != nil {
		return answer{}, err
	}
	response := message.(*pb.ScanResponse)
	if opening {
		s.open, s.id, s.seq, s.end = true, response.GetScannerId(), 0, call.Region().StopKey()
	} else {
		s.seq++
	}
	a := answer{cells: call.cells, counts: response.GetCellsPerResult(), parts: response.GetPartialFlagPerResult()}
	if len(response.GetResults()) > 0 || len(a.parts) != len(a.counts) {
		return answer{}, malformed("is not what was asked for: results without a block of cells")
	}
	if response.MoreResultsInRegion == nil || response.GetMoreResultsInRegion() && (response.MoreResults == nil || response.GetMoreResults()) {
		return a, nil
	}
	a.border = true
	s.leave()
	return a, nil
}

// leave goes on to the next region, if rows are wanted there. That the server says it has no more results is never taken for the end of
// the table: the borders decide.
func (s *scanner) leave() {
	s.open = false
	if len(s.end) == 0 || len(s.scan.stop) > 0 && bytes.Compare(s.end, s.scan.stop) >= 0 {
		s.done = true
		return
	}
	s.start = s.end
}

// closeTime is how long closing a scanner may take; after it the server's own lease ends it.
const closeTime = 2 * time.Second

// close gives the server's scanner up.
func (s *scanner) close() {
	if !s.open {
		return
	}
	s.open = false
	request := &pb.ScanRequest{ScannerId: proto.Uint64(s.id), NumberOfRows: proto.Uint32(0), CloseScanner: proto.Bool(true)}
	s.client.behind.Go(func() {
		_, _ = s.client.send(context.Background(), "close a scanner", closeTime, func(ctx context.Context) (hrpc.Call, error) {
			inner, err := hrpc.NewScanRange(ctx, []byte(s.scan.table), s.start, s.scan.stop)
			return &scanCall{Scan: inner, request: request}, err
		})
	})
}

// each hands the cells of all rows to f, in order. The rows fit an answer: none comes in parts.
func (c *Client) each(ctx context.Context, s scan, f func(cell) error) error {
	x := c.scanner(s)
	defer x.close()
	var last []byte
	for !x.done {
		a, err := x.next(ctx, last)
		if err != nil {
			return err
		}
		for b := a.cells; len(b) > 0; {
			var one cell
			if one, b, err = cutCell(b); err != nil {
				return err
			}
			if err := f(one); err != nil {
				return err
			}
			last = one.row
		}
	}
	return nil
}

// scanCall is a request to a scanner, whose cells are left as they come.
type scanCall struct {
	*hrpc.Scan
	request *pb.ScanRequest
	cells   []byte
}

// ToProto returns the request for the region that the library has found.
func (c *scanCall) ToProto() proto.Message {
	c.request.Region = &pb.RegionSpecifier{Type: pb.RegionSpecifier_REGION_NAME.Enum(), Value: c.Region().Name()}
	return c.request
}

// DeserializeCellBlocks takes the block as it is.
func (c *scanCall) DeserializeCellBlocks(_ proto.Message, block []byte) (uint32, error) {
	c.cells = block
	return uint32(len(block)), nil
}
