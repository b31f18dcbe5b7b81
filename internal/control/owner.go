package control

import (
	"crypto/rand"
	"os"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/process"

	"github.com/towpath/towpath/internal/store"
)

// keyLetters name runs and processes: no vowels that make words, nothing that looks like something else.
const keyLetters = "0123456789bcdfghjkmnpqrstvwxyz"

// NewKey returns a random key of n letters.
func NewKey(n int) string {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err) // never on a supported system, says crypto/rand
	}
	for i := range b {
		b[i] = keyLetters[int(b[i])%len(keyLetters)]
	}
	return string(b)
}

// ThisProcess describes the calling process as an owner of leases.
func ThisProcess() store.Owner {
	o := store.Owner{ID: NewKey(12), PID: int64(os.Getpid()), Boot: bootID()}
	o.Host, _ = os.Hostname()
	if p, err := process.NewProcess(int32(o.PID)); err == nil {
		o.Started, _ = p.CreateTime()
	}
	return o
}

// bootID tells one boot of the machine from another; behind a blank stands the space of process ids, where the system has several.
func bootID() string {
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		space, _ := os.Readlink("/proc/self/ns/pid")
		return strings.TrimSpace(strings.TrimSpace(string(b)) + " " + space)
	}
	at, err := host.BootTime()
	if err != nil {
		return ""
	}
	return strconv.FormatUint(at, 10)
}

// startSlack is how far two readings of one process's start time may differ: systems compute it from a clock that is adjusted.
const startSlack = 2000

// gone reports whether the owner was a process of this machine that is no more. false: it lives, or nobody here can know. shared: processes of other
// machines use the control database too, and one of these may have this one's name.
func gone(o, self store.Owner, shared bool) bool {
	if o.ID == "" || o.Host != self.Host || o.Boot == "" {
		return false
	}
	boot, space, _ := strings.Cut(o.Boot, " ")
	ownBoot, ownSpace, _ := strings.Cut(self.Boot, " ")
	switch {
	case boot != ownBoot:
		return !shared // this machine was started anew
	case space != ownSpace:
		return false // of a container with process ids of its own
	}
	p, err := process.NewProcess(int32(o.PID))
	if err != nil {
		return true
	}
	if status, err := p.Status(); err == nil && len(status) == 1 && status[0] == process.Zombie {
		return true
	}
	started, err := p.CreateTime()
	return err == nil && (started-o.Started > startSlack || o.Started-started > startSlack)
}

// gone is that of the service's own control database.
func (s *Service) gone(o store.Owner) bool { return gone(o, s.Owner, s.Store.Shared()) }
