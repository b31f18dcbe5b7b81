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

// newKey returns a random key of n letters.
func newKey(n int) string {
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
	o := store.Owner{ID: newKey(12), PID: int64(os.Getpid()), Boot: bootID()}
	o.Host, _ = os.Hostname()
	if p, err := process.NewProcess(int32(o.PID)); err == nil {
		o.Started, _ = p.CreateTime()
	}
	return o
}

// bootID tells one boot of the machine from another.
func bootID() string {
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		return strings.TrimSpace(string(b))
	}
	at, err := host.BootTime()
	if err != nil {
		return ""
	}
	return strconv.FormatUint(at, 10)
}

// startSlack is how far two readings of one process's start time may differ: systems compute it from a clock that is adjusted.
const startSlack = 2000

// gone reports whether the owner was a process of this machine that is no more. false: it lives, or nobody here can know.
func gone(o, self store.Owner) bool {
	if o.ID == "" || o.Host != self.Host || o.Boot == "" {
		return false
	}
	if o.Boot != self.Boot {
		return true
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

// gone reports whether the owner of a lease was a process of this machine that is no more. Where machines share a control database nobody is taken for
// gone before the lease has run out: two of them may have one name.
func (s *Service) gone(o store.Owner) bool { return !s.Store.Shared() && gone(o, s.Owner) }
