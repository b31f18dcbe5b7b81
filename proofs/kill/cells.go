package kill

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/towpath/towpath/proofs/machine"
	"github.com/towpath/towpath/tools/testservers/hbaseclient"
)

// cells are orders in HBase, behind its own Java client, which takes commands by lines: row keys are ids as longs, and all columns are in
// one family.
type cells struct {
	server   machine.Server
	table    string
	count    int
	revision int
}

const family = "f"

// client runs commands, fields between tabs, and hands on the fields of the lines that they print.
func (k *cells) client(ctx context.Context, commands string, line func(fields []string) error) error {
	return hbaseclient.Run(ctx, k.server.Client, k.server.URL.Host, commands, func(text string) error { return line(strings.Split(text, "\t")) })
}

// tell runs commands that print nothing.
func (k *cells) tell(ctx context.Context, commands string) error {
	return k.client(ctx, commands, func(fields []string) error { return fmt.Errorf("%q was not to be printed", fields) })
}

func keyOf(id int) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(id)))
}

// put is the command that puts one cell.
func (k *cells) put(id int, column string, value []byte) string {
	return strings.Join([]string{"put", k.table, keyOf(id), family, hex.EncodeToString([]byte(column)), hex.EncodeToString(value)}, "\t") + "\n"
}

func (k *cells) fill(ctx context.Context, count int) error {
	k.count, k.revision = count, 0
	var b strings.Builder
	fmt.Fprintf(&b, "drop\t%s\ncreate\t%s\t%s\t%s,%s\n", k.table, k.table, family, keyOf(count/3), keyOf(count/2))
	for id := 1; id <= count; id++ {
		o := orderOf(id)
		b.WriteString(k.put(id, "customer", []byte(o.customer)) + k.put(id, "cents", binary.BigEndian.AppendUint64(nil, uint64(o.cents))))
		if o.note != "" {
			b.WriteString(k.put(id, "note", []byte(o.note)))
		}
	}
	b.WriteString(k.revisions())
	return k.tell(ctx, b.String())
}

// revisions are the commands that give every order the revision.
func (k *cells) revisions() string {
	var b strings.Builder
	for id := 1; id <= k.count; id++ {
		b.WriteString(k.put(id, "revision", binary.BigEndian.AppendUint32(nil, uint32(k.revision))))
	}
	return b.String() + "flush\n"
}

func (k *cells) touch(ctx context.Context) error {
	k.revision++
	return k.tell(ctx, k.revisions())
}

func (k *cells) rows(ctx context.Context, row func(id string, row []byte)) error {
	key, columns := "", map[string]string{}
	end := func() error {
		if key == "" {
			return nil
		}
		id, err := number(key)
		cents, bad := number(columns["cents"])
		revision, worse := number(columns["revision"])
		if err := errors.Join(err, bad, worse); err != nil {
			return fmt.Errorf("row %s of HBase: %w", key, err)
		}
		note := "null"
		if digits, there := columns["note"]; there {
			note = strings.ToUpper(digits)
		}
		row(id, fmt.Appendf(nil, "%s\t%s\t%s\t%s\t%s", id, strings.ToUpper(columns["customer"]), cents, note, revision))
		return nil
	}
	err := k.client(ctx, "scan\t"+k.table+"\n", func(fields []string) error {
		if len(fields) != 5 {
			return fmt.Errorf("%q is no cell", fields)
		}
		if fields[0] != key {
			if err := end(); err != nil {
				return err
			}
			key = fields[0]
			clear(columns)
		}
		name, err := hex.DecodeString(fields[2])
		if err != nil {
			return fmt.Errorf("column %q of HBase: %w", fields[2], err)
		}
		columns[string(name)] = fields[4]
		return nil
	})
	if err != nil {
		return err
	}
	return end()
}

// number reads the hex digits of a big-endian number, as decimal text.
func number(digits string) (string, error) {
	n, err := strconv.ParseUint(digits, 16, 64)
	return strconv.FormatInt(int64(n), 10), err
}

func (k *cells) remove(ctx context.Context) error {
	return k.tell(ctx, "drop\t"+k.table+"\n")
}

func (k *cells) connection() string {
	return fmt.Sprintf("{connector: hbase, quorum: [%q]}", k.server.URL.Host)
}

func (k *cells) stream() string {
	return "source: " + k.table + ", source_options: {row: {name: id, encoding: long}, columns: [{column: \"f:customer\", name: customer}, " +
		"{column: \"f:cents\", name: cents, encoding: long}, {column: \"f:note\", name: note}, {column: \"f:revision\", name: revision, encoding: int}]}"
}
