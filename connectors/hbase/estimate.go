package hbase

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tsuna/gohbase/filter"

	"github.com/towpath/towpath/connector"
)

// What is spent on telling how many rows there are: so much time in all, and so many rows that are counted one by one.
const (
	estimateTime = 2 * time.Second
	countTime    = time.Second
	countedRows  = 20_000
	countedOnce  = 1000 // in one answer
)

// errEnough ends what an estimate is made of.
var errEnough = errors.New("enough time is spent on an estimate")

// estimate fills in how many rows the shards of parts have, and their bytes. Small tables are counted. Of others the first rows are, and the
// servers tell the sizes of regions, which a few rows tell the size of a row to. What cannot be found out stays as low as it was counted,
// for nothing but what people see hangs on it.
func (r *reader) estimate(ctx context.Context, shards []connector.Shard, parts, regions []region, before int64) {
	ctx, cancel := context.WithTimeoutCause(ctx, estimateTime, errEnough)
	defer cancel()
	counts, whole := r.countFirst(ctx, parts, before)
	mean := r.rowBytes(ctx, within(regions, parts[0].start, parts[len(parts)-1].stop), before)
	rows := make([]float64, len(parts))
	if whole < len(parts) && mean > 0 {
		sizes, err := r.client.regionBytes(ctx, r.table)
		if err == nil {
			share(rows, parts, regions, func(g region) float64 { return float64(sizes[string(g.start)]) / mean })
		}
	}
	for i := range shards {
		shards[i].Rows = counts[i]
		if i >= whole {
			shards[i].Rows = max(counts[i], int64(rows[i]))
		}
		shards[i].Bytes = int64(float64(shards[i].Rows) * mean)
	}
}

// countFirst counts the first rows of parts, which lie one behind the other; the counts of the first whole of them are exact.
func (r *reader) countFirst(ctx context.Context, parts []region, before int64) (counts []int64, whole int) {
	counts = make([]int64, len(parts))
	ctx, cancel := context.WithTimeoutCause(ctx, countTime, errEnough)
	defer cancel()
	one, err := keysOnly()
	if r.options.Cells { // each is a row
		one, err = filter.NewKeyOnlyFilter(false).ConstructPBFilter()
	}
	if err != nil {
		return counts, 0
	}
	at, total := 0, 0
	s := scan{table: r.table, start: parts[0].start, stop: parts[len(parts)-1].stop, filter: one, before: before, rows: countedOnce, bytes: metaBytes}
	err = r.client.each(ctx, s, func(x cell) error {
		for len(parts[at].stop) > 0 && bytes.Compare(x.row, parts[at].stop) >= 0 {
			at++
		}
		counts[at]++
		if total++; total == countedRows {
			return errEnough
		}
		return nil
	})
	if err == nil {
		at = len(parts)
	}
	return counts, at
}

// How rows are looked at to learn their size.
const (
	sizedRows  = 100
	sizedBytes = 1 << 20
)

// rowBytes returns the mean size of rows at the beginning of up to samplePlaces regions, as stores keep them; 0: none was seen.
func (r *reader) rowBytes(ctx context.Context, regions []region, before int64) float64 {
	size, rows := 0, 0
	places := min(samplePlaces, len(regions))
	for i := range places {
		at := regions[i*len(regions)/places]
		x := r.client.scanner(scan{table: r.table, start: at.start, stop: at.stop, before: before, rows: sizedRows, bytes: sizedBytes})
		var last []byte
		for seen := 0; !x.done && seen == 0; { // an answer may be without rows
			a, err := x.next(ctx, nil)
			if err != nil {
				break
			}
			for b := a.cells; len(b) > 0; {
				var c cell
				whole := len(b)
				if c, b, err = cutCell(b); err != nil {
					break
				}
				size += whole - len(b)
				if r.options.Cells || last == nil || !bytes.Equal(c.row, last) {
					seen, last = seen+1, c.row
				}
			}
			rows += seen
		}
		x.close()
	}
	if rows == 0 {
		return 0
	}
	return float64(size) / float64(rows)
}

// regionBytes returns the sizes of a table's regions, by the keys at which they begin: of their files, before these are compressed, and of what
// is in memory alone. The servers report them to the master every few seconds, in whole MB.
func (c *Client) regionBytes(ctx context.Context, table string) (map[string]int64, error) {
	status, err := c.status(ctx)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, server := range status.GetLiveServers() {
		for _, load := range server.GetServerLoad().GetRegionLoads() {
			start, ok := regionStart(table, string(load.GetRegionSpecifier().GetValue()))
			if !ok {
				continue
			}
			files := load.GetStoreUncompressedSize_MB()
			if files == 0 {
				files = load.GetStorefileSize_MB()
			}
			sizes[start] += int64(files+load.GetMemstoreSize_MB()) << 20
		}
	}
	return sizes, nil
}

// regionStart is the key at which a table's region begins, by its name: TABLE,START,ID.HASH. and the key may have commas.
func regionStart(table, name string) (start string, ok bool) {
	rest, ok := strings.CutPrefix(name, table+",")
	end := strings.LastIndexByte(rest, ',')
	if !ok || end < 0 {
		return "", false
	}
	return rest[:end], true
}
