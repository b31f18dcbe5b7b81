package faults

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// cells is an HBase, reached by its own Java client.
type cells struct {
	servers.Server
	tool *hbasetool.Tool
	t    *testing.T
}

func (c cells) address() string { return c.Addr() }

func (c cells) dataset(name string) string { return name }

func (c cells) connection(at, options string) string {
	if at == "" {
		at = c.address()
	}
	return fmt.Sprintf("{connector: hbase, quorum: [%q]%s}", at, more(options))
}

func (c cells) vacant() string {
	name := newName()
	c.t.Cleanup(func() { c.tool.Drop(name) })
	return name
}

func (c cells) rows(table string) map[int64]string {
	c.t.Helper()
	rows := map[int64]map[string]string{}
	for _, x := range c.tool.Scan(table) {
		if len(x.Row) != 8 || x.Family != "f" {
			c.t.Fatalf("table %s has a cell %s:%s in row %q", table, x.Family, x.Qualifier, x.Row)
		}
		id := int64(binary.BigEndian.Uint64([]byte(x.Row)))
		if rows[id] == nil {
			rows[id] = map[string]string{"note": "NULL"}
		}
		value := x.Value
		switch x.Qualifier {
		case "amount": // scale and digits of a BigDecimal
			cents := new(big.Int).SetBytes([]byte(value[4:])).Int64()
			if scale := binary.BigEndian.Uint32([]byte(value)); scale != 2 {
				c.t.Fatalf("row %d has an amount of scale %d", id, scale)
			}
			value = fmt.Sprintf("%d.%02d", cents/100, cents%100)
		case "at":
			value = strings.Replace(value, " ", "T", 1)
		case "n":
			value = fmt.Sprint(int64(binary.BigEndian.Uint64([]byte(value))))
		}
		rows[id][x.Qualifier] = value
	}
	lines := map[int64]string{}
	for id, row := range rows {
		lines[id] = strings.Join([]string{row["name"], row["amount"], row["at"], row["note"], row["n"]}, "|")
		if len(row) != 5 {
			c.t.Errorf("row %d has cells %v", id, row)
		}
	}
	return lines
}

// HBase is killed under two runs that write to it: one goes on by itself, one that bears less pauses and is resumed.
func TestHBaseKilled(t *testing.T) {
	t.Parallel()
	server := servers.Private(t, "hbase")
	from, to := base{servers.Need(t, "mariadb"), t}, cells{server.Server, hbasetool.Start(t, server.Server), t}
	table := from.table(20000)
	from.drop(table)
	want := from.rows(table)
	begin := func(into, connection, settings string) *running {
		t.Helper()
		w := newRig(t).begin(jobText{mode: "batch", write: "upsert", source: from, table: table, target: to, into: into, targetOptions: connection,
			settings: "group_rows: 500, shards: 4, rate: {rows: 3000}" + settings}.String())
		w.reach(4000)
		return w
	}
	patient, hasty := begin("patient", "", ""), begin("hasty", "answer_seconds: 2", ", outage: 2s")
	server.Kill(t)
	hasty.rest(store.Paused)
	hasty.says("TOW-132", "away for longer than 2s: ")
	server.Start(t)
	for hasty = hasty.resume(hasty.key); hasty.ends().run.State == store.Paused; { // its table opens later than the server answers
		hasty = hasty.resume(hasty.key)
	}
	hasty.rest(store.Succeeded)
	hasty.balance(20000, 0)
	same(t, want, to.rows("hasty"))
	patient.rest(store.Succeeded)
	patient.undisturbed()
	patient.balance(20000, 0)
	same(t, want, to.rows("patient"))
}
