//go:build crashpoint

package crashpoint

import (
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Slots is the size of the file in bytes: one for each slot.
const Slots = 256

// page maps the file that TOWPATH_CRASHPOINTS names; what is written there is seen by others after a kill -9.
var page = sync.OnceValue(func() []byte {
	path := os.Getenv("TOWPATH_CRASHPOINTS")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if err := f.Truncate(Slots); err != nil {
		panic(err)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, Slots, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return mapped
})

// dwell is the point at which TOWPATH_CRASHPOINT_DWELL ("5") makes the process stay for up to 20 ms, so that kills hit it.
var dwell = sync.OnceValue(func() Point {
	n, _ := strconv.Atoi(os.Getenv("TOWPATH_CRASHPOINT_DWELL"))
	return Point(n)
})

// At records that the slot (a shard's ID) stands at the point.
func At(slot string, p Point) {
	pages := page()
	if pages == nil {
		return
	}
	h := fnv.New32a()
	h.Write([]byte(slot))
	pages[h.Sum32()%Slots] = byte(p)
	if p == dwell() {
		time.Sleep(rand.N(20 * time.Millisecond))
	}
}
