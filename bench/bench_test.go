package main

import (
	"runtime"
	"testing"
)

func BenchmarkEngine(b *testing.B) {
	runtime.GOMAXPROCS(1)
	for b.Loop() {
		s, err := engineCopy(b.Context(), 20_000_000)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(s.Rows)/s.CPU/1e6, "Mrows/cpu-s")
		b.ReportMetric(float64(s.Allocs)/float64(s.Rows), "allocs/row")
		b.ReportMetric(float64(s.Rows)/s.Seconds/1e6, "Mrows/s")
	}
}
