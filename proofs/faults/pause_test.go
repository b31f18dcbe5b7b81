package faults

import (
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// A paused run holds no connection on either side, and its resume reads no committed row again: the server counts what it sends.
func TestPauseLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	server := servers.Private(t, "mariadb")
	from := base{server.Server, t}
	to := search{servers.Need(t, "elasticsearch8").URL, t}
	const rows = 30000
	table := from.table(rows)
	from.sql("CREATE USER mover@'%' IDENTIFIED BY 'towpath'; GRANT SELECT ON *.* TO mover@'%'; SET GLOBAL userstat = 1")
	number := func(text string) int64 {
		t.Helper()
		n, err := strconv.ParseInt(strings.TrimSpace(from.sql(text)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	sent := func() int64 {
		return number("SELECT IFNULL(SUM(ROWS_SENT), 0) FROM information_schema.USER_STATISTICS WHERE USER = 'mover'")
	}
	near, far := newProxy(t, from.Addr()), newProxy(t, to.address())
	near.pace = 100 << 10
	job := jobText{source: from, table: table, target: to, into: to.vacant(), sourceAt: near.addr, targetAt: far.addr, settings: slow}
	text := strings.Replace(job.String(), "user: "+from.User(), "user: mover", 1)
	r := newRig(t)
	w := r.begin(text)
	w.reach(6000)
	for rest := int64(12000); rest <= 18000; rest += 6000 {
		w.pause()
		for name, p := range map[string]*proxy{"source": near, "target": far} {
			waitFor(t, "end of the connections to the "+name, func() bool { open, _ := p.connections(); return open == 0 })
		}
		waitFor(t, "end of the server's sessions", func() bool {
			return number("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'mover'") == 0
		})
		w = r.resume(w.key)
		w.reach(rest)
	}
	w.pause()
	committed := w.counts().Read
	waitFor(t, "end of the server's sessions", func() bool {
		return number("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'mover'") == 0
	})
	before := sent()
	w = r.resume(w.key).rest(store.Succeeded)
	waitFor(t, "end of the server's sessions", func() bool {
		return number("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'mover'") == 0
	})
	if again := sent() - before; again < rows-committed || again > rows-committed+500 {
		t.Errorf("%d rows sent to a resume that lacks %d", again, rows-committed)
	}
	w.balance(rows, 0)
	same(t, from.rows(table), to.rows(job.into))
}
