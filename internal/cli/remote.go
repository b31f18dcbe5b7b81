package cli

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
)

// remote does what commands ask for at a server.
type remote struct {
	*client.Client
	s *session
}

var _ backend = (*remote)(nil)

// remote opens nothing yet: the first request does.
func (s *session) remote() (*remote, error) {
	u, err := url.Parse(s.flags.ServerURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, usage(connector.Errorf(connector.Config, "TOW-933", "the server's URL is not well-formed").WithHint("Write https://HOST:PORT."))
	}
	if u.Scheme == "http" && !s.flags.ServerPlain && !loopback(u.Hostname()) {
		return nil, usage(connector.Errorf(connector.Config, "TOW-934", "token and rows would go to %s in the clear", u.Host).
			WithHint("Use https, or say that the network is safe by --server-plain."))
	}
	trust, err := s.trust()
	if err != nil {
		return nil, err
	}
	token, found, err := fromEnv("TOWPATH_TOKEN")
	if err != nil {
		return nil, err
	}
	if !found || token == "" {
		return nil, usage(connector.Errorf(connector.Config, "TOW-935", "there is no token for the server").
			WithHint("Give it in TOWPATH_TOKEN, or in the file that TOWPATH_TOKEN_FILE names; towpath token create makes one."))
	}
	s.scrub.Add(token)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = trust
	return &remote{s: s, Client: &client.Client{URL: s.flags.ServerURL, Token: token, Workspace: s.workspace(), HTTP: &http.Client{Transport: transport}}}, nil
}

func loopback(host string) bool {
	at, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && at.IsLoopback()
}

// trust says which certificate the server may have: one of the system's authorities, of a file's, or the one of a fingerprint.
func (s *session) trust() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := s.flags.ServerCA; file != "" {
		pem, err := os.ReadFile(file)
		if c.RootCAs = x509.NewCertPool(); err == nil && !c.RootCAs.AppendCertsFromPEM(pem) {
			err = errors.New("it holds no certificate")
		}
		if err != nil {
			return nil, usage(connector.Errorf(connector.Config, "TOW-936", "read certificates from %s: %w", file, err))
		}
	}
	if text := s.flags.ServerFingerprint; text != "" {
		want, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
		if err != nil || len(want) != sha256.Size {
			return nil, usage(connector.Errorf(connector.Config, "TOW-936", "the fingerprint is not SHA-256 in hexadecimal").WithHint("towpath server --tls-self-signed shows it."))
		}
		c.InsecureSkipVerify = true // nobody vouches for the certificate: it has to be this very one
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if got := sha256.Sum256(state.PeerCertificates[0].Raw); string(got[:]) != string(want) {
				return connector.Errorf(connector.Denied, "TOW-937", "the server has another certificate, of the fingerprint %s", hex.EncodeToString(got[:]))
			}
			return nil
		}
	}
	return c, nil
}

// told is an error with the text that a server told; what it holds has code, path and hint.
type told struct {
	text string
	of   *connector.Error
}

func (t told) Error() string { return t.text }
func (t told) Unwrap() error { return t.of }

// understood turns what a server says, or that it does not answer, into the error that would be met on this machine.
func (s *session) understood(err error) error {
	if s.flags.ServerURL == "" {
		return err
	}
	return understood(err)
}

func understood(err error) error {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return understoodProblem(*p)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		if refused, ok := errors.AsType[*connector.Error](e.Err); ok {
			return refused
		}
		hint := "Is it running, and is --server its URL?"
		if _, unknown := errors.AsType[*tls.CertificateVerificationError](e.Err); unknown {
			hint = "Name who vouches for its certificate by --server-ca, or the certificate itself by --server-fingerprint."
		}
		return connector.Errorf(connector.Other, "TOW-938", "ask the server: %w", e.Err).WithHint("%s", hint)
	}
	return err
}

func understoodProblem(p client.Problem) error {
	if p.Class == client.Refused {
		refused := &engine.Refused{}
		for _, part := range p.Parts {
			refused.Reasons = append(refused.Reasons, understoodProblem(part))
		}
		return refused
	}
	class := connector.Other
	for c := connector.Other; c <= connector.Denied; c++ {
		if c.String() == p.Class {
			class = c
		}
	}
	if p.Class == "" && (p.Status == http.StatusBadRequest || p.Status == http.StatusUnprocessableEntity) { // of the request itself
		class = connector.Config
	}
	text := p.Detail
	for _, part := range p.Parts {
		text += "\n" + part.Detail
	}
	return told{text, &connector.Error{Class: class, Code: p.Code, Text: text, Path: p.Path, Hint: p.Hint}}
}

// Plan makes the plan of a job.
func (r *remote) Plan(ctx context.Context, w work) (*engine.Plan, error) {
	return planOf(r.Client.Plan(ctx, r.batch(w)))
}

// PlanStored makes the plan of a stored job.
func (r *remote) PlanStored(ctx context.Context, id string, in client.Start) (*engine.Plan, error) {
	return planOf(r.PlanJob(ctx, id, in))
}

// planOf reads a plan, also one that refuses.
func planOf(text json.RawMessage, err error) (*engine.Plan, error) {
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Plan != nil {
		text = p.Plan
	}
	if text == nil {
		return nil, understood(err)
	}
	plan := new(engine.Plan)
	if bad := json.Unmarshal(text, plan); bad != nil {
		return nil, connector.Errorf(connector.Changed, "TOW-939", "read the server's plan: %w", bad).WithHint("Is the server of another version?")
	}
	return plan, understood(err)
}

func (r *remote) batch(w work) client.Batch {
	return client.Batch{Document: client.Document(w.document), Start: client.Start{Environment: r.s.flags.Environment, Parameters: w.parameters}}
}

// DirtyRows yields up to most dirty rows of streams that people call so, or with "" of all.
func (r *remote) DirtyRows(ctx context.Context, key, stream string, most int) iter.Seq2[client.DirtyRow, error] {
	return client.All(most, func(p client.Part) (client.Page[client.DirtyRow], error) { return r.Dirty(ctx, key, stream, p) })
}

// Aliases are the stored connections.
func (r *remote) Aliases(ctx context.Context) (map[string]job.Connection, error) {
	page, err := r.Connections(ctx, r.s.flags.Environment)
	all := map[string]job.Connection{}
	for _, c := range page.Items {
		all[c.Alias] = job.Connection{Connector: c.Connector, Options: c.Options}
	}
	return all, err
}

// Check asks a server who it is.
func (r *remote) Check(ctx context.Context, e job.Endpoint) (client.Checked, error) {
	if !e.Inline() {
		return r.TestConnection(ctx, r.s.flags.Environment, e.Connection)
	}
	return r.CheckInline(ctx, client.Inline{Connector: e.Connector, Options: e.Options})
}

// mostDatasets is how many datasets a server lists.
const mostDatasets = 10_000

// List yields the datasets that match a pattern.
func (r *remote) List(ctx context.Context, e job.Endpoint, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := stored(e)
		var found client.Datasets
		if err == nil {
			found, err = r.Datasets(ctx, r.s.flags.Environment, e.Connection, pattern, mostDatasets)
		}
		if err != nil {
			yield("", err)
			return
		}
		for _, name := range found.Names {
			if !yield(name, nil) {
				return
			}
		}
		if found.More {
			r.s.note("There are more: name a narrower pattern.")
		}
	}
}

// stored refuses connections that the server does not keep.
func stored(e job.Endpoint) error {
	if !e.Inline() {
		return nil
	}
	return usage(connector.Errorf(connector.Config, "TOW-940", "a server looks only into connections that it keeps").WithHint("Store it, with towpath connection put ALIAS FILE, and name its alias."))
}

// Look returns the schema of a dataset and up to so many rows.
func (r *remote) Look(ctx context.Context, e job.Endpoint, dataset string, rows int) (client.Sample, error) {
	if err := stored(e); err != nil {
		return client.Sample{}, err
	}
	return r.Sample(ctx, r.s.flags.Environment, e.Connection, dataset, rows)
}

// CleanUp lists what runs left, and with remove takes away what belongs to ended ones.
func (r *remote) CleanUp(ctx context.Context, e job.Endpoint, remove bool) (client.Page[client.Leftover], error) {
	if err := stored(e); err != nil {
		return client.Page[client.Leftover]{}, err
	}
	if remove {
		return r.Clean(ctx, r.s.flags.Environment, e.Connection)
	}
	return r.Leftovers(ctx, r.s.flags.Environment, e.Connection)
}

// SetPassword is not for a token to do.
func (r *remote) SetPassword(context.Context, string, string) error {
	return usage(connector.Errorf(connector.Config, "TOW-941", "a token may not set passwords").
		WithHint("Set it on the machine of the control database, or let the account's owner choose by a link: towpath user link."))
}
