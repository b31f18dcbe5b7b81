package documents

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Index is an index of a search server.
type Index struct {
	URL  string // of the server
	Name string
}

// Document is a document as the server keeps it.
type Document struct {
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
	Sort   []json.Number   `json:"sort"`
}

// pageRows is how many documents come with one answer, a few megabytes.
const pageRows = 5000

// readDocuments reads all documents in the order of n.
func (x Index) readDocuments(ctx context.Context, yield func(Document) bool) error {
	return x.Scroll(ctx, pageRows, `{"n":"asc"}`, yield)
}

// Scroll reads all documents in the order of sort, as JSON, so many with one answer, and gives each to yield until that returns false. It is one
// scroll, so what the index holds when it begins is what is read.
func (x Index) Scroll(ctx context.Context, size int, sort string, yield func(Document) bool) error {
	if _, err := x.Do(ctx, http.MethodPost, x.Name+"/_refresh", ""); err != nil {
		return err
	}
	path, body := x.Name+"/_search?scroll=5m", fmt.Sprintf(`{"size":%d,"sort":[%s]}`, size, sort)
	for {
		text, err := x.Do(ctx, http.MethodPost, path, body)
		if err != nil {
			return err
		}
		var answer struct {
			ID   string `json:"_scroll_id"`
			Hits struct{ Hits []Document }
			// a shard that does not answer would look like lost documents
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
			if !yield(d) {
				return nil
			}
		}
		if len(answer.Hits.Hits) == 0 {
			_, err := x.Do(ctx, http.MethodDelete, path, fmt.Sprintf(`{"scroll_id":[%q]}`, answer.ID))
			return err
		}
	}
}

// Count is how many documents a query finds; "" finds all.
func (x Index) Count(ctx context.Context, query string) (int64, error) {
	if query == "" {
		query = `{"match_all":{}}`
	}
	text, err := x.Do(ctx, http.MethodPost, x.Name+"/_count", `{"query":`+query+`}`)
	var answer struct{ Count int64 }
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer.Count, err
}

// Do sends a request, path relative to the server's address, and returns the body of a 2xx answer. An empty body is none.
func (x Index) Do(ctx context.Context, method, path, body string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(x.URL, "/")+"/"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(text))
	}
	return text, err
}

// Drop removes what has the name: the alias's indices, or the index.
func (x Index) Drop(ctx context.Context) error {
	text, err := x.Do(ctx, http.MethodGet, x.Name+"*/_alias", "")
	if err != nil {
		return err
	}
	var have map[string]struct{ Aliases map[string]any }
	if err := json.Unmarshal(text, &have); err != nil {
		return fmt.Errorf("list indices: %w", err)
	}
	for name, index := range have {
		if _, ours := index.Aliases[x.Name]; !ours && name != x.Name {
			continue
		}
		if _, err := x.Do(ctx, http.MethodDelete, name, ""); err != nil {
			return err
		}
	}
	return nil
}
