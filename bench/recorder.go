package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// recorder stands before a server, hands every request on, and keeps the bulk bodies as files, the body that made the index,
// and how many bulk requests were under way at a time at most.
type recorder struct {
	to         string // the server
	recordings string // folder of the bodies

	mu     sync.Mutex
	bodies []string // files, in the order in which they came
	create []byte
	flying int
	most   int
	err    error
}

// listen returns the recorder's address; stop ends it.
func (r *recorder) listen(ctx context.Context) (address string, stop func(), err error) {
	to, err := url.Parse(r.to)
	if err != nil {
		return "", nil, err
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	onward := httputil.NewSingleHostReverseProxy(to)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.pass(onward, w, q) })}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	return "http://" + l.Addr().String(), func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

func (r *recorder) pass(onward http.Handler, w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		r.note(err)
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	bulk := strings.HasSuffix(q.URL.Path, "/_bulk")
	if bulk {
		r.keep(body)
		defer r.landed()
	}
	if q.Method == http.MethodPut && strings.Trim(q.URL.Path, "/") == searchIndex {
		r.mu.Lock()
		r.create = body
		r.mu.Unlock()
	}
	onward.ServeHTTP(w, q)
}

func (r *recorder) keep(body []byte) {
	r.mu.Lock()
	path := filepath.Join(r.recordings, fmt.Sprintf("%06d.ndjson", len(r.bodies)))
	r.bodies = append(r.bodies, path)
	r.flying++
	r.most = max(r.most, r.flying)
	r.mu.Unlock()
	r.note(os.WriteFile(path, body, 0o600))
}

func (r *recorder) landed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying--
}

// note keeps the first error.
func (r *recorder) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}
