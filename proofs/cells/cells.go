// Package cells proves that a sparse table of HBase arrives in a search index, no cell lost or changed: it makes the table and reads it
// by HBase's own Java client, copies it with one command of the towpath program, reads the index over HTTP, and turns each document back
// into the cells that it must come from.
package cells

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/towpath/towpath/proofs/documents"
	"github.com/towpath/towpath/proofs/machine"
	"github.com/towpath/towpath/tools/testservers/hbaseclient"
)

// Proof says what is copied, and where.
type Proof struct {
	HBase  machine.Server
	Search *url.URL
	Table  string // made anew
	Fill   string // commands of the Java client that put its cells, as Sparse returns them
	Index  string
	Dir    string
	Root   string // of the tree
	Log    func(format string, args ...any)
}

// Figures are what came of it.
type Figures struct {
	Rows       int64    `json:"rows"`
	Cells      int64    `json:"cells"`
	Columns    int      `json:"columns_found"` // beside the row key and the rest
	Seconds    float64  `json:"copy_seconds"`
	CPUSeconds float64  `json:"copy_cpu_seconds"`
	Documents  int64    `json:"documents"`
	Equal      int64    `json:"documents_equal"`
	Lost       int64    `json:"rows_lost"`
	Dirty      int64    `json:"rows_dirty"`
	Wrong      []string `json:"wrong"` // the first documents that are not their rows
}

// Good reports whether every row has its document, equal in all cells.
func (f *Figures) Good() bool {
	return f.Rows > 0 && f.Equal == f.Rows && f.Documents == f.Rows && f.Lost == 0 && f.Dirty == 0 && len(f.Wrong) == 0
}

// digest stands for the cells of a row in their order.
type digest [16]byte

// Run makes, copies and compares.
func (p Proof) Run(ctx context.Context) (*Figures, error) {
	program, err := documents.Build(ctx, p.Root, p.Dir)
	if err != nil {
		return nil, err
	}
	x := documents.Index{URL: p.Search.String(), Name: p.Index}
	if err := x.Drop(ctx); err != nil {
		return nil, err
	}
	p.Log("making %s", p.Table)
	commands := "drop\t" + p.Table + "\n" + p.Fill
	if err := p.client(ctx, commands, func(string) error { return nil }); err != nil {
		return nil, err
	}
	f := &Figures{Wrong: []string{}}
	p.Log("copying")
	copied, err := documents.CopyFrom(ctx, program, p.Dir, "hbase://"+p.HBase.URL.Host+"/"+p.Table, x)
	if err != nil {
		return nil, err
	}
	f.Seconds, f.CPUSeconds, f.Dirty = copied.Seconds, copied.CPUSeconds, copied.Dirty
	p.Log("copied in %.0f s; reading the table", copied.Seconds)
	rows, err := p.rows(ctx, f)
	if err != nil {
		return nil, err
	}
	p.Log("reading the index")
	return f, errors.Join(p.compare(ctx, x, rows, f), os.RemoveAll(p.Dir+"/state"))
}

// Sparse makes a table of three families and four regions, with rows of 5 to 40 cells, and one more of wide cells.
func Sparse(table string, rows, wide int) string {
	return fmt.Sprintf("create\t%[1]s\ta,b,c\t40,80,c0\nsparse\t%[1]s\t%d\t%d\n", table, rows, wide)
}

// Drop removes what was made.
func (p Proof) Drop(ctx context.Context) error {
	x := documents.Index{URL: p.Search.String(), Name: p.Index}
	return errors.Join(x.Drop(ctx), p.client(ctx, "drop\t"+p.Table+"\n", func(string) error { return nil }))
}

// client runs commands of the Java client and hands on the lines that it prints.
func (p Proof) client(ctx context.Context, commands string, line func(string) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	return hbaseclient.Run(ctx, p.HBase.Client, p.HBase.URL.Host, commands, line)
}

// rows reads the table: a digest of each row, by its key.
func (p Proof) rows(ctx context.Context, f *Figures) (map[string]digest, error) {
	rows := map[string]digest{}
	key, hash := "", sha256.New()
	end := func() {
		if key != "" {
			rows[key] = digest(hash.Sum(nil)[:16])
			hash.Reset()
		}
	}
	err := p.client(ctx, "scan\t"+p.Table+"\n", func(line string) error {
		fields := strings.Split(line, "\t") // row, family, qualifier, time, value
		if len(fields) != 5 {
			return fmt.Errorf("%q is no cell", line)
		}
		if fields[0] != key {
			end()
			key = strings.Clone(fields[0])
		}
		f.Cells++
		qualifier, err := hex.DecodeString(fields[2])
		if err != nil {
			return err
		}
		value, err := hex.DecodeString(fields[4])
		if err != nil {
			return err
		}
		writeCell(hash, fields[1], string(qualifier), value)
		return nil
	})
	end()
	f.Rows = int64(len(rows))
	return rows, err
}

// writeCell adds a cell to a digest.
func writeCell(w io.Writer, family, qualifier string, value []byte) {
	fmt.Fprintf(w, "%d:%s%d:%s%d:", len(family), family, len(qualifier), qualifier, len(value))
	_, _ = w.Write(value) // a hash never fails
}
