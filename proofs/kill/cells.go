package kill

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/towpath/towpath/proofs/machine"
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

// client runs commands, fields between tabs, and returns the lines that they print.
func (k *cells) client(ctx context.Context, commands string) ([]byte, error) {
	c := exec.CommandContext(ctx, k.server.Client, k.server.URL.Host)
	c.Stdin = strings.NewReader(commands)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("the client of HBase: %w: %.1000s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	for line := range bytes.Lines(out) {
		if refusal, bad := bytes.CutPrefix(line, []byte("error\t")); bad {
			return nil, fmt.Errorf("the client of HBase: %.1000s", bytes.TrimSpace(refusal))
		}
	}
	return out, nil
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
	_, err := k.client(ctx, b.String())
	return err
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
	_, err := k.client(ctx, k.revisions())
	return err
}

func (k *cells) rows(ctx context.Context, row func(id string, row []byte)) error {
	out, err := k.client(ctx, "scan\t"+k.table+"\n")
	if err != nil {
		return err
	}
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
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 5 {
			continue // the end of an answer
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
	}
	return end()
}

// number reads the hex digits of a big-endian number, as decimal text.
func number(digits string) (string, error) {
	n, err := strconv.ParseUint(digits, 16, 64)
	return strconv.FormatInt(int64(n), 10), err
}

func (k *cells) remove(ctx context.Context) error {
	_, err := k.client(ctx, "drop\t"+k.table+"\n")
	return err
}

func (k *cells) connection() string {
	return fmt.Sprintf("{connector: hbase, quorum: [%q]}", k.server.URL.Host)
}

func (k *cells) stream() string {
	return "source: " + k.table + ", source_options: {row: {name: id, encoding: long}, columns: [{column: \"f:customer\", name: customer}, " +
		"{column: \"f:cents\", name: cents, encoding: long}, {column: \"f:note\", name: note}, {column: \"f:revision\", name: revision, encoding: int}]}"
}
