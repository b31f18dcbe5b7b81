package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Client calls a server. Its fields are set before its first call; its methods may be called by many goroutines. What goes wrong at the server comes
// back as *Problem.
type Client struct {
	URL       string       // of the server, as https://towpath.example:8686
	Token     string       // tw_pat_...; "": the cookies of HTTP's jar, if it has one
	Workspace string       // "": main
	HTTP      *http.Client // nil: http.DefaultClient
}

// base is the path of all routes.
const base = "/api/v1"

// mostAnswered bounds an answer in bytes.
const mostAnswered = 64 << 20

// in is a path below the client's workspace, its parts escaped.
func (c *Client) in(parts ...string) string {
	workspace := c.Workspace
	if workspace == "" {
		workspace = "main"
	}
	return join(append([]string{"workspaces", workspace}, parts...)...)
}

// join is a path below the API's, its parts escaped.
func join(parts ...string) string {
	var b strings.Builder
	b.WriteString(base)
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}

// call is one request.
type call struct {
	method, path string
	query        url.Values
	header       map[string]string
	body         any // sent as JSON; nil: none
}

// send makes a request and reads its answer into out, unless that is nil.
func (c *Client) send(ctx context.Context, r call, out any) error {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return fmt.Errorf("write request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	target := strings.TrimSuffix(c.URL, "/") + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	c.identify(request.Header)
	answer, err := c.http().Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return read(answer, out)
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return http.DefaultClient
}

func (c *Client) identify(h http.Header) {
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
}

// read reads an answer into out, or as the problem that it is.
func read(answer *http.Response, out any) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswered+1))
	switch {
	case err != nil:
		return fmt.Errorf("read answer: %w", err)
	case len(text) > mostAnswered:
		return errors.New("read answer: it is too long")
	case answer.StatusCode >= 400:
		p := &Problem{}
		if json.Unmarshal(text, p) != nil || p.Status == 0 { // not of the server: of a proxy before it
			p = &Problem{Title: http.StatusText(answer.StatusCode), Status: answer.StatusCode, Detail: answer.Status}
		}
		return p
	case out == nil || len(text) == 0:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// Page is a part of a list. Next, given as After, asks for the part behind it; "" where there is none.
type Page[T any] struct {
	Items []T    `json:"items" doc:"A part of the list."`
	Next  string `json:"next,omitempty" doc:"What after takes to get the part behind; left out where there is none."`
}

// Part says which part of a list is asked for.
type Part struct {
	Limit int    // how many at most; 0: as many as the server thinks fit
	After string // Next of the part before; "": from the beginning
}

func (p Part) query() url.Values {
	q := url.Values{}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	set(q, "after", p.After)
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// version is a version as If-Match and ETag have it; "" for 0.
func version(v int64) string {
	if v == 0 {
		return ""
	}
	return `"` + strconv.FormatInt(v, 10) + `"`
}

// mostAtOnce is how many items of a list the server gives at a time.
const mostAtOnce = 500

// All yields the items of a list, up to most of them, 0 for all; list returns a part of it.
func All[T any](most int, list func(Part) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left, part := most, Part{}
		for {
			if part.Limit = mostAtOnce; most > 0 {
				part.Limit = min(left, mostAtOnce)
			}
			page, err := list(part)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			left -= len(page.Items)
			if part.After = page.Next; page.Next == "" || most > 0 && left <= 0 {
				return
			}
		}
	}
}
