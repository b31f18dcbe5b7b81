package main

import (
	"runtime"
	"syscall"
	"time"
)

// Sample is one run of one side of a measure.
type Sample struct {
	Rows    int64              `json:"rows"`
	Seconds float64            `json:"seconds"`
	CPU     float64            `json:"cpu"`    // seconds of the process, all threads
	Allocs  uint64             `json:"allocs"` // heap objects made
	RSS     float64            `json:"rss"`    // peak of the process, MB
	Source  float64            `json:"-"`      // CPU seconds of the source's server meanwhile; 0: unknown
	Extra   map[string]float64 `json:"extra,omitempty"`
}

// sampled runs do and takes its time, CPU seconds and allocations; warm-up belongs before it.
func sampled(do func() (rows int64, err error)) (Sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, started := usage(syscall.RUSAGE_SELF), time.Now()
	rows, err := do()
	s := Sample{Rows: rows, Seconds: time.Since(started).Seconds(), CPU: usage(syscall.RUSAGE_SELF).cpu - cpu.cpu}
	runtime.ReadMemStats(&after)
	s.Allocs = after.Mallocs - before.Mallocs
	s.RSS = usage(syscall.RUSAGE_SELF).rss
	return s, err
}

type used struct{ cpu, rss float64 }

// usage asks the kernel for the CPU seconds and the peak memory in MB of a process or of its ended children.
func usage(who int) used {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return used{}
	}
	return usedOf(&u)
}

func usedOf(u *syscall.Rusage) used {
	unit := 1024.0 // Linux counts kilobytes
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return used{cpu: time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds(), rss: float64(u.Maxrss) * unit / (1 << 20)}
}
