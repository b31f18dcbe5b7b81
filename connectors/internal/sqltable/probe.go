package sqltable

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/towpath/towpath/connector"
)

// probeRows is the length of a sample: cells with no more rows are counted exactly.
const probeRows = 128

// probes is the number of samples of a cell.
const probes = 8

// Probe estimates the rows between two values of an integer key, as Source.Rows must for sources without statistics of
// their own: it looks at probes places how many values 128 rows span. least and greatest are the ends of the range; the
// caller has counted more than probeRows rows in it.
func Probe(ctx context.Context, src Source, r Range, least, greatest connector.Part) (int64, error) {
	h := &halver{src, least.Tag, r}
	first, last := ordinal(least), ordinal(greatest)
	stride := (last-first)/probes + 1
	var sum float64
	var places int
	for at := first; at <= last; at += stride {
		density, err := h.density(ctx, at, min(stride-1, last-at)+1)
		if err != nil {
			return 0, err
		}
		sum += density
		places++
		if at > math.MaxUint64-stride {
			break
		}
	}
	estimate := sum / float64(places) * (float64(last-first) + 1)
	return int64(min(max(estimate, probeRows+1), 1<<62)), nil
}

// density returns rows per value over the window of width values that begins at the ordinal at.
func (h *halver) density(ctx context.Context, at, width uint64) (float64, error) {
	window := h.between(at, at+width-1)
	key, err := h.src.KeyAt(ctx, window, probeRows-1)
	if err != nil {
		return 0, err
	}
	if key != nil {
		return probeRows / (float64(ordinal(key[0])-at) + 1), nil
	}
	// Fewer rows than a sample in the whole window: their number is between none and a sample, and too small to matter.
	return probeRows / 2 / float64(width), nil
}

// sortCells puts cells in the order of their values.
func sortCells(list cells) {
	slices.SortFunc(list, func(a, b cell) int { return cmp.Compare(a.first, b.first) })
}
