package main

import (
	"context"
	"fmt"
	"slices"
)

// Figure is what one measure gave, as it is printed.
type Figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Peer   string  `json:"peer"`  // what it was compared with; "" where that is not installed or there is nothing to compare
	Ratio  float64 `json:"ratio"` // times as fast as the peer; 0 without one
	CPU    float64 `json:"cpu_s_per_mrow"`
	Source float64 `json:"source_cpu_s_per_mrow,omitempty"` // what the source's server took for them meanwhile; 0: unknown
	Allocs float64 `json:"allocs_per_row"`
	RSS    float64 `json:"peak_rss_mb"`
	Runs   int     `json:"runs"`
}

func tableHeading() string {
	return fmt.Sprintf("%-18s %14s  %-10s %8s  %-22s %10s %10s %10s %8s", "measure", "value", "unit", "ratio", "against", "CPU s/Mrow", "source's", "allocs/row", "RSS MB")
}

func (f Figure) line() string {
	ratio := "-"
	if f.Peer != "" {
		ratio = fmt.Sprintf("%.2f", f.Ratio)
	}
	source := "-"
	if f.Source > 0 {
		source = fmt.Sprintf("%.3f", f.Source)
	}
	value := fmt.Sprintf("%.3f", f.Value)
	if f.Value >= 1000 {
		value = fmt.Sprintf("%.0f", f.Value)
	}
	return fmt.Sprintf("%-18s %14s  %-10s %8s  %-22s %10.3f %10s %10.4f %8.0f", f.Name, value, f.Unit, ratio, f.Peer, f.CPU, source, f.Allocs, f.RSS)
}

// contender is one side of a comparison.
type contender struct {
	name string
	once func(ctx context.Context) (Sample, error)
}

// interleave runs the contenders in turn, A B A B ..., so that what else the machine does meets all of them, and returns the
// samples of each.
func (b *bench) interleave(ctx context.Context, contenders ...contender) ([][]Sample, error) {
	samples := make([][]Sample, len(contenders))
	for n := range b.runs {
		for i, c := range contenders {
			s, err := c.once(ctx)
			if err != nil {
				return nil, fmt.Errorf("run %s: %w", c.name, err)
			}
			fmt.Fprintf(b.log, "  %d/%d %-24s %10.3f s  %6.2f s CPU  %12.0f rows/s\n", n+1, b.runs, c.name, s.Seconds, s.CPU, s.rate())
			samples[i] = append(samples[i], s)
		}
	}
	return samples, nil
}

// median returns the middle of what of takes from each sample; of an even number the mean of the two in the middle.
func median(samples []Sample, of func(Sample) float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// rate is rows a second of wall time.
func (s Sample) rate() float64 { return over(float64(s.Rows), s.Seconds) }

func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// figureOf makes the figure of ours against peer: rows a second, and what our process took for them. Without a peer its name is "".
func figureOf(name string, ours []Sample, peerName string, peer []Sample) Figure {
	f := Figure{Name: name, Unit: "rows/s", Value: median(ours, Sample.rate), Peer: peerName,
		CPU:    median(ours, func(s Sample) float64 { return over(s.CPU, float64(s.Rows)/1e6) }),
		Source: median(ours, func(s Sample) float64 { return over(s.Source, float64(s.Rows)/1e6) }),
		Allocs: median(ours, func(s Sample) float64 { return over(float64(s.Allocs), float64(s.Rows)) }),
		RSS:    median(ours, func(s Sample) float64 { return s.RSS })}
	if peerName != "" {
		f.Ratio = over(f.Value, median(peer, Sample.rate))
	}
	return f
}
