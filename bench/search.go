package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// searchIndex is the index that the benchmark makes and removes.
const searchIndex = "towpath-bench"

// measureSearch copies a table into an index, and posts the same documents in the same requests, ready on disk, by curl: as
// many at a time as the copy had, into an index of the same mapping and settings.
func measureSearch(ctx context.Context, b *bench) ([]Figure, error) {
	s, err := b.source(ctx, cmp.Or(b.rows, 500_000))
	if err != nil {
		return nil, err
	}
	vars, err := b.server(ctx, "elasticsearch8")
	if err != nil {
		return nil, err
	}
	target := &search{address: vars["TOWPATH_TEST_ELASTICSEARCH8_URL"], rows: s.rows, folder: b.folder}
	defer target.clear(context.WithoutCancel(ctx))
	t := task{Kind: "to-search", Source: s.URL.String(), Dataset: s.dataset, Target: target.address, Index: searchIndex, Ranges: 2}
	if err := target.record(ctx, b, t); err != nil {
		return nil, fmt.Errorf("record the requests: %w", err)
	}
	ours := contender{"towpath", func(ctx context.Context) (Sample, error) {
		if err := target.clear(ctx); err != nil {
			return Sample{}, err
		}
		sample, err := b.job("", t).once(ctx)
		if err != nil {
			return sample, err
		}
		return sample, target.check(ctx)
	}}
	contenders := []contender{ours}
	peer := ""
	if curl, err := exec.LookPath("curl"); err == nil {
		peer = fmt.Sprintf("curl, %d at a time", target.most)
		contenders = append(contenders, contender{peer, func(ctx context.Context) (Sample, error) { return target.post(ctx, curl) }})
	}
	samples, err := b.interleave(ctx, contenders...)
	if err != nil {
		return nil, err
	}
	return []Figure{figureOf("mysql-search", samples[0], peer, samples[len(samples)-1])}, nil
}

// copyToSearch copies a MySQL dataset into an index by a job.
func copyToSearch(ctx context.Context, t task) (Sample, error) {
	s, done, err := openService(ctx, t.State)
	if err != nil {
		return Sample{}, err
	}
	defer done()
	source, err := endOf(t.Source)
	if err != nil {
		return Sample{}, err
	}
	j, err := jobText(source, map[string]any{"connector": "elasticsearch", "urls": []string{t.Target}},
		map[string]any{"source": t.Dataset, "target": t.Index, "write": "upsert"}, map[string]any{"parallel": t.Ranges, "shards": t.Ranges})
	if err != nil {
		return Sample{}, err
	}
	return sampled(func() (int64, error) { return runJob(ctx, s, j) })
}

// search is the server, and what is known of the copy's requests.
type search struct {
	recorder
	address string
	rows    int64
	folder  string
}

func (s *search) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, answer.Status, text)
	}
	return text, err
}

func (s *search) clear(ctx context.Context) error {
	_, err := s.do(ctx, http.MethodDelete, "/"+searchIndex+"?ignore_unavailable=true", nil)
	return err
}

// check compares the number of documents with that of the rows.
func (s *search) check(ctx context.Context) error {
	text, err := s.do(ctx, http.MethodGet, "/"+searchIndex+"/_count", nil)
	if err != nil {
		return err
	}
	var found struct{ Count int64 }
	if err := json.Unmarshal(text, &found); err != nil || found.Count != s.rows {
		return fmt.Errorf("count documents: %d, want %d: %w", found.Count, s.rows, err)
	}
	return nil
}

// record runs the copy once through a recorder.
func (s *search) record(ctx context.Context, b *bench, t task) error {
	if err := s.clear(ctx); err != nil {
		return err
	}
	s.to, s.recordings = s.address, filepath.Join(s.folder, "bodies")
	if err := os.Mkdir(s.recordings, 0o700); err != nil {
		return err
	}
	front, stop, err := s.listen(ctx)
	if err != nil {
		return err
	}
	t.Target = front
	_, err = b.job("", t).once(ctx)
	stop()
	if err == nil {
		err = s.err
	}
	if err != nil {
		return err
	}
	if len(s.bodies) == 0 || s.create == nil {
		return fmt.Errorf("%d bulk requests and %d bytes of mapping went by", len(s.bodies), len(s.create))
	}
	return s.check(ctx)
}

// post makes the index as the copy made it, posts the recorded bodies and makes the documents searchable, as the copy does.
func (s *search) post(ctx context.Context, curl string) (Sample, error) {
	if err := s.clear(ctx); err != nil {
		return Sample{}, err
	}
	var config strings.Builder
	for i, body := range s.bodies {
		if i > 0 {
			config.WriteString("next\n")
		}
		fmt.Fprintf(&config, "url = \"%s/%s/_bulk?filter_path=errors\"\nheader = \"Content-Type: application/x-ndjson\"\nheader = \"Expect:\"\n"+
			"data-binary = \"@%s\"\nsilent\nfail\noutput = \"%s.answer\"\n", s.address, searchIndex, body, body)
	}
	path := filepath.Join(s.folder, "curl.conf")
	if err := os.WriteFile(path, []byte(config.String()), 0o600); err != nil {
		return Sample{}, err
	}
	started := time.Now()
	_, err := s.do(ctx, http.MethodPut, "/"+searchIndex, s.create)
	if err == nil {
		_, err = s.do(ctx, http.MethodPut, "/"+searchIndex+"/_settings", []byte(`{"refresh_interval":"-1","number_of_replicas":0}`))
	}
	if err != nil {
		return Sample{}, err
	}
	c := exec.CommandContext(ctx, curl, "--parallel", "--parallel-immediate", "--parallel-max", fmt.Sprint(s.most), "--config", path)
	if text, err := c.CombinedOutput(); err != nil {
		return Sample{}, fmt.Errorf("%w: %.300s", err, text)
	}
	if _, err := s.do(ctx, http.MethodPost, "/"+searchIndex+"/_refresh", nil); err != nil {
		return Sample{}, err
	}
	sample := Sample{Rows: s.rows, Seconds: time.Since(started).Seconds(), CPU: rusage(c).cpu}
	return sample, s.check(ctx)
}
