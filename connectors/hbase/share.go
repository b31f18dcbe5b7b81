package hbase

import "bytes"

// share gives the rows of each region to the parts that lie in it, in equal shares. Parts and regions are in the order of their keys.
func share(rows []float64, parts, regions []region, of func(region) float64) {
	first := 0
	for _, g := range regions {
		for first < len(parts) && len(parts[first].stop) > 0 && bytes.Compare(parts[first].stop, g.start) <= 0 {
			first++
		}
		end := first
		for end < len(parts) && (len(g.stop) == 0 || bytes.Compare(parts[end].start, g.stop) < 0) {
			end++
		}
		for i := first; i < end; i++ {
			rows[i] += of(g) / float64(end-first)
		}
	}
}
