package elasticsearch

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
)

// fault is an error object of the server, as answers and bulk items carry it.
type fault struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
	Cause  *fault `json:"caused_by"`
	Roots  []struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	} `json:"root_cause"`
}

// text returns the reason and the innermost cause that adds to it.
func (f *fault) text() string {
	s := f.Reason
	for c := f.Cause; c != nil; c = c.Cause {
		if c.Reason != "" && !strings.Contains(s, c.Reason) {
			s += ": " + c.Reason
		}
	}
	if s == "" {
		s = f.Type
	}
	return s
}

// readFault finds the error object in an answer; its body is shown when there is none.
func readFault(r reply) fault {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	var f fault
	if json.Unmarshal(r.body, &answer) == nil && len(answer.Error) > 0 {
		if json.Unmarshal(answer.Error, &f) == nil && f.Type != "" {
			return f
		}
		if json.Unmarshal(answer.Error, &f.Reason) == nil && f.Reason != "" {
			return f
		}
	}
	f.Reason = string(bytes.TrimSpace(r.body[:min(len(r.body), 300)]))
	if f.Reason == "" {
		f.Reason = http.StatusText(r.status)
	}
	return f
}

// isFull reports the block that a server lays on indices when its disk passes the flood stage, by whatever status it comes.
func (f *fault) isFull() bool {
	return f.Type == "cluster_block_exception" && (strings.Contains(f.Reason, "read-only-allow-delete") || strings.Contains(f.Reason, "read_only_allow_delete") ||
		strings.Contains(f.Reason, "flood"))
}

// classify makes the error of a status and an error object; doing says what was asked for.
func classify(doing string, status int, f fault, header http.Header) error {
	say := func(class connector.Class, code string) *connector.Error {
		return connector.Errorf(class, code, "%s: %s", doing, f.text())
	}
	switch {
	case f.isFull():
		return say(connector.Full, "TOW-506").WithHint("Free disk space on the cluster's nodes; the server lifts the block by itself below its high watermark.")
	case f.Type == "cluster_block_exception" && status == http.StatusForbidden:
		return say(connector.Denied, "TOW-504").WithHint("The index is blocked for writing; see its settings index.blocks.*.")
	case f.Type == "index_not_found_exception", status == http.StatusNotFound:
		return say(connector.Missing, "TOW-507")
	case f.Type == "index_closed_exception":
		return say(connector.Config, "TOW-517").WithHint("Open the index first.")
	case status == http.StatusUnauthorized:
		return say(connector.Denied, "TOW-502").WithHint("Check user and password, or api_key.")
	case status == http.StatusForbidden:
		return say(connector.Denied, "TOW-504").WithHint("The README lists the privileges that a run needs.")
	case status == http.StatusTooManyRequests:
		e := say(connector.Busy, "TOW-505")
		e.After = retryAfter(header)
		return e
	case status == http.StatusServiceUnavailable, status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		e := say(connector.Retry, "TOW-500")
		e.After = retryAfter(header)
		return e
	case status >= 500:
		return say(connector.Retry, "TOW-509")
	case status >= 300 && status < 400:
		return connector.Errorf(connector.Config, "TOW-501", "%s: the address answers with a redirect", doing).
			WithHint("Give the address that the redirect leads to.")
	}
	return say(connector.Config, "TOW-516")
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if s, err := strconv.Atoi(text); err == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// trustError returns the error of a server that is not to be trusted; nil when err is something else.
func trustError(err error) error {
	_, unknown := errors.AsType[*tls.CertificateVerificationError](err)
	if !unknown {
		_, unknown = errors.AsType[x509.UnknownAuthorityError](err)
	}
	if !unknown && !errors.Is(err, errFingerprint) {
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-503", "trust server: %w", err).At("tls").
		WithHint("Give the authority's certificate under tls.ca, or the server's own as tls.fingerprint.")
}
