package cells

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/proofs/documents"
)

// mostWrong documents are shown.
const mostWrong = 20

// compare takes each document back to the cells of its row.
func (p Proof) compare(ctx context.Context, x documents.Index, rows map[string]digest, f *Figures) error {
	types, err := typesOf(ctx, x)
	if err != nil {
		return err
	}
	f.Columns = len(types) - 2 // row and rest
	wrong := func(id string, why error) {
		if len(f.Wrong) < mostWrong {
			f.Wrong = append(f.Wrong, fmt.Sprintf("%s: %v", id, why))
		}
	}
	err = x.Scroll(ctx, 2000, `"_doc"`, func(d documents.Document) bool {
		f.Documents++
		want, found := rows[d.ID]
		delete(rows, d.ID)
		got, err := digestOf(d.ID, types, d.Source)
		switch {
		case err != nil:
			wrong(d.ID, err)
		case !found:
			wrong(d.ID, errors.New("no such row, or a second document of it"))
		case got != want:
			wrong(d.ID, errors.New("other cells than the row"))
		default:
			f.Equal++
		}
		return true
	})
	f.Lost = int64(len(rows))
	return err
}

// typesOf reads the mapping: the type of each field.
func typesOf(ctx context.Context, x documents.Index) (map[string]string, error) {
	text, err := x.Do(ctx, http.MethodGet, x.Name+"/_mapping", "")
	if err != nil {
		return nil, err
	}
	var indices map[string]struct {
		Mappings struct {
			Properties map[string]struct{ Type string }
		}
	}
	if err := json.Unmarshal(text, &indices); err != nil || len(indices) != 1 {
		return nil, fmt.Errorf("read the mapping of %d indices: %w", len(indices), err)
	}
	types := map[string]string{}
	for _, index := range indices {
		for name, field := range index.Mappings.Properties {
			types[name] = field.Type
		}
	}
	return types, nil
}

type cell struct {
	family, qualifier string
	value             []byte
}

// digestOf is the digest of the cells that a document says its row has.
func digestOf(id string, types map[string]string, text json.RawMessage) (digest, error) {
	var source map[string]json.RawMessage
	if err := json.Unmarshal(text, &source); err != nil {
		return digest{}, err
	}
	key, err := hex.DecodeString(id)
	if err != nil {
		return digest{}, fmt.Errorf("the id is no key: %w", err)
	}
	var cells []cell
	for name, value := range source {
		switch {
		case name == "row":
			if row, err := bytesOf("binary", value); err != nil || string(row) != string(key) {
				return digest{}, fmt.Errorf("the key is %s", value)
			}
		case string(value) == "null":
		case name == "rest":
			if cells, err = addRest(cells, value); err != nil {
				return digest{}, err
			}
		default:
			family, qualifier, _ := strings.Cut(name, ":")
			b, err := bytesOf(types[name], value)
			if err != nil {
				return digest{}, fmt.Errorf("field %s: %w", name, err)
			}
			cells = append(cells, cell{family, qualifier, b})
		}
	}
	slices.SortFunc(cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.qualifier, b.qualifier))
	})
	hash := sha256.New()
	for _, c := range cells {
		writeCell(hash, c.family, c.qualifier, c.value)
	}
	return digest(hash.Sum(nil)[:16]), nil
}

// addRest adds the cells that are no fields.
func addRest(cells []cell, rest []byte) ([]cell, error) {
	var families map[string]map[string]json.RawMessage
	if err := json.Unmarshal(rest, &families); err != nil {
		return nil, err
	}
	for family, columns := range families {
		for qualifier, value := range columns {
			var coded struct {
				Base64 *string `json:"$base64"`
			}
			kind := "text"
			if json.Unmarshal(value, &coded) == nil && coded.Base64 != nil {
				kind = "binary"
				value = json.RawMessage(strconv.Quote(*coded.Base64))
			}
			b, err := bytesOf(kind, value)
			if err != nil {
				return nil, fmt.Errorf("%s:%s of the rest: %w", family, qualifier, err)
			}
			cells = append(cells, cell{family, qualifier, b})
		}
	}
	return cells, nil
}

// bytesOf is the cell that a value of a field comes from.
func bytesOf(kind string, value json.RawMessage) ([]byte, error) {
	if kind == "long" {
		n, err := strconv.ParseInt(string(value), 10, 64)
		return binary.BigEndian.AppendUint64(nil, uint64(n)), err
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return nil, err
	}
	switch kind {
	case "text":
		return []byte(text), nil
	case "binary":
		return base64.StdEncoding.DecodeString(text)
	}
	return nil, fmt.Errorf("type %q", kind)
}
