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
		key, err := base64.RawURLEncoding.DecodeString(d.ID)
		if err != nil {
			wrong(d.ID, fmt.Errorf("the id is no key: %w", err))
			return true
		}
		row := hex.EncodeToString(key)
		want, found := rows[row]
		delete(rows, row)
		got, err := digestOf(string(key), types, d.Source)
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

// typesOf reads the mapping: the type of each field, those of objects by their paths.
func typesOf(ctx context.Context, x documents.Index) (map[string]string, error) {
	text, err := x.Do(ctx, http.MethodGet, x.Name+"/_mapping", "")
	if err != nil {
		return nil, err
	}
	var indices map[string]struct{ Mappings field }
	if err := json.Unmarshal(text, &indices); err != nil || len(indices) != 1 {
		return nil, fmt.Errorf("read the mapping of %d indices: %w", len(indices), err)
	}
	types := map[string]string{}
	for _, index := range indices {
		index.Mappings.addTo(types, "")
	}
	return types, nil
}

// field is a field of a mapping, or the mapping itself.
type field struct {
	Type       string
	Properties map[string]field
}

func (f field) addTo(types map[string]string, path string) {
	for name, inner := range f.Properties {
		inner.addTo(types, path+name+".")
	}
	if f.Properties == nil {
		types[strings.TrimSuffix(path, ".")] = f.Type
	}
}

type cell struct {
	family, qualifier string
	value             []byte
}

// digestOf is the digest of the cells that a document says its row has.
func digestOf(key string, types map[string]string, text json.RawMessage) (digest, error) {
	var source map[string]json.RawMessage
	if err := json.Unmarshal(text, &source); err != nil {
		return digest{}, err
	}
	var cells []cell
	for name, value := range source {
		var err error
		switch {
		case name == "row":
			if row, err := bytesOf("binary", value); err != nil || string(row) != key {
				return digest{}, fmt.Errorf("the key is %s", value)
			}
		case string(value) == "null":
			return digest{}, fmt.Errorf("%s is null, which no cell is", name)
		case name == "rest":
			cells, err = addRest(cells, value)
		case strings.Contains(name, ":"): // of a family that has the name of another field
			family, qualifier, _ := strings.Cut(name, ":")
			cells, err = addCell(cells, family, qualifier, types[name], value)
		default:
			cells, err = addFamily(cells, types, name, value)
		}
		if err != nil {
			return digest{}, err
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

// addFamily adds the members of a family's object.
func addFamily(cells []cell, types map[string]string, family string, object []byte) ([]cell, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("family %s: %w", family, err)
	}
	for qualifier, value := range members {
		if string(value) == "null" {
			return nil, fmt.Errorf("%s:%s is null, which no cell is", family, qualifier)
		}
		var err error
		if cells, err = addCell(cells, family, qualifier, types[family+"."+qualifier], value); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// addCell adds a cell whose qualifier is written as HBase's shell shows it.
func addCell(cells []cell, family, qualifier, kind string, value []byte) ([]cell, error) {
	name, err := strconv.Unquote(`"` + strings.ReplaceAll(qualifier, `"`, `\"`) + `"`)
	if err != nil {
		return nil, fmt.Errorf("%s:%s: %w", family, qualifier, err)
	}
	b, err := bytesOf(kind, value)
	if err != nil {
		return nil, fmt.Errorf("%s:%s: %w", family, qualifier, err)
	}
	return append(cells, cell{family, name, b}), nil
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
			var err error
			if cells, err = addCell(cells, family, qualifier, kind, value); err != nil {
				return nil, fmt.Errorf("the rest: %w", err)
			}
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
