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
	err = each(ctx, x, func(id string, source map[string]json.RawMessage) {
		f.Documents++
		want, found := rows[id]
		delete(rows, id)
		got, err := digestOf(id, types, source)
		switch {
		case err != nil:
			wrong(id, err)
		case !found:
			wrong(id, errors.New("no such row, or a second document of it"))
		case got != want:
			wrong(id, errors.New("other cells than the row"))
		default:
			f.Equal++
		}
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

// each reads all documents by a scroll.
func each(ctx context.Context, x documents.Index, document func(id string, source map[string]json.RawMessage)) error {
	if _, err := x.Do(ctx, http.MethodPost, x.Name+"/_refresh", ""); err != nil {
		return err
	}
	path, body := x.Name+"/_search?scroll=5m", `{"size":2000,"sort":["_doc"]}`
	for {
		text, err := x.Do(ctx, http.MethodPost, path, body)
		if err != nil {
			return err
		}
		var answer struct {
			ID   string `json:"_scroll_id"`
			Hits struct {
				Hits []struct {
					ID     string                     `json:"_id"`
					Source map[string]json.RawMessage `json:"_source"`
				}
			}
			Shards struct{ Failed int } `json:"_shards"`
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return fmt.Errorf("read index: %w", err)
		}
		if answer.Shards.Failed > 0 {
			return fmt.Errorf("read index: %d shards failed", answer.Shards.Failed)
		}
		scroll, err := json.Marshal(map[string]string{"scroll": "5m", "scroll_id": answer.ID})
		if err != nil {
			return err
		}
		path, body = "_search/scroll", string(scroll)
		for _, d := range answer.Hits.Hits {
			document(d.ID, d.Source)
		}
		if len(answer.Hits.Hits) == 0 {
			_, err := x.Do(ctx, http.MethodDelete, path, fmt.Sprintf(`{"scroll_id":[%q]}`, answer.ID))
			return err
		}
	}
}

type cell struct {
	family, qualifier string
	value             []byte
}

// digestOf is the digest of the cells that a document says its row has.
func digestOf(id string, types map[string]string, source map[string]json.RawMessage) (digest, error) {
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
