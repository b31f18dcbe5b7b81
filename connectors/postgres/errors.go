package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// known is what a server's error code means to us.
type known struct {
	class connector.Class
	code  string
	hint  string
}

// SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
func knownError(state string) known {
	switch state {
	case "28P01", "28000":
		return known{connector.Denied, "TOW-701", "Check user and password, and the server's pg_hba.conf."}
	case "42501":
		return known{connector.Denied, "TOW-713", "Grant the role what the text names; the README of this connector lists the rights."}
	case "3D000":
		return known{connector.Missing, "TOW-710", "Check the name of the database; names are sensitive to case."}
	case "42P01", "3F000":
		return known{connector.Missing, "TOW-711", "Check the name of the table; names are sensitive to case."}
	case "42703":
		return known{connector.Missing, "TOW-712", "Check the names of the columns; names are sensitive to case."}
	case "53300":
		return known{connector.Busy, "TOW-706", "Raise the server's max_connections or lower the connections option."}
	case "53200", "53000", "53400":
		return known{connector.Busy, "TOW-726", "The server is short of memory or another resource; of locks on many tables: raise max_locks_per_transaction."}
	case "53100":
		return known{connector.Full, "TOW-725", "Make room on the server's disk."}
	case "40001", "40P01", "55P03", "40003", "55006":
		return known{connector.Retry, "TOW-721", ""}
	case "57014":
		return known{connector.Retry, "TOW-723", "The server or its administrator ends long statements; lower statement_seconds."}
	case "25006":
		return known{connector.Retry, "TOW-722", "The server reads only: after a switch of servers another one is to be written to."}
	case "25P02", "25P03", "25P04", "26000", "34000", "58P01":
		return known{connector.Retry, "TOW-720", ""}
	case "22021", "22P05":
		return known{connector.Row, "TOW-740", "Repair the row at the source, or leave it out by where."}
	case "55000":
		return known{connector.Config, "TOW-741", "Bring it into the state that the text asks for."}
	case "XX001", "XX002":
		return known{connector.Other, "TOW-738", "Data or an index of the server are damaged: let its administrator look at it (pg_amcheck, REINDEX)."}
	}
	return knownClass(state)
}

// knownClass goes by the first two characters, the class of the code.
func knownClass(state string) known {
	switch state[:min(len(state), 2)] {
	case "08", "57":
		return known{connector.Retry, "TOW-720", ""}
	case "42", "22", "21", "0A", "2F", "38", "54":
		return known{connector.Config, "TOW-714", "Check query and where; they are one SELECT and one condition in the server's own SQL."}
	case "53":
		return known{connector.Busy, "TOW-726", ""}
	}
	return known{connector.Other, "TOW-724", ""}
}

// classify gives an error of the server or the network its class; errors that have one pass unchanged.
func classify(err error, doing string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*connector.Error](err); ok {
		return err
	}
	if e, ok := errors.AsType[*serverError](err); ok {
		k := knownError(e.Code)
		if e.Code == "42501" && strings.Contains(e.Message, "row-level security") {
			k = known{connector.Denied, "TOW-737", "Rows would be left out without a word: read with the table's owner or a role that has BYPASSRLS."}
		}
		out := connector.Errorf(k.class, k.code, "%s: %w", doing, err)
		out.Hint = k.hint
		return out
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, errMalformed) {
		return connector.Errorf(connector.Retry, "TOW-727", "%s: %w", doing, err).
			WithHint("What answers does not speak the protocol, or something between changes it.")
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, errStopped) {
		return connector.Errorf(connector.Retry, "TOW-720", "%s: %w", doing, err)
	}
	return connector.Errorf(connector.Other, "TOW-724", "%s: %w", doing, err)
}

// classifyRead is classify for statements of sessions that read.
func classifyRead(err error, doing string) error {
	if e, ok := errors.AsType[*serverError](err); ok && e.Code == "25006" {
		return connector.Errorf(connector.Config, "TOW-735", "%s: %w", doing, err).WithHint("Sessions that read may not write: a query is one SELECT.")
	}
	return classify(err, doing)
}

// loginError says in a few words why a server could not be opened. The library's own chain of words is left out.
func (d *dialer) loginError(ctx context.Context, address string, err error) error {
	if refused := connector.Refusal(err); refused != nil {
		return refused
	}
	doing := "open " + address
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		err = &serverError{Severity: e.Severity, Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint}
	}
	if e, ok := errors.AsType[*serverError](err); ok {
		if e.Code == "28P01" {
			return connector.Errorf(connector.Denied, "TOW-701", "%s: access denied for user %q", doing, d.options.User).
				WithHint("%s", knownError(e.Code).hint)
		}
		return classify(e, doing)
	}
	if out := tlsError(doing, err); out != nil {
		return out
	}
	if out := dial.NameError(doing, err, "TOW-703"); out != nil {
		return out
	}
	text := err.Error()
	switch {
	case errors.Is(err, dial.ErrNotLoopback):
		return connector.Errorf(connector.Config, "TOW-704", "%s: %w", doing, dial.ErrNotLoopback).WithHint("Set tls.mode to verify.").At("tls.mode")
	case strings.Contains(text, "server requested password authentication"):
		return connector.Errorf(connector.Config, "TOW-704", "%s: the server asks for the password in clear text over a connection without TLS", doing).
			WithHint("Set tls.mode to verify.").At("tls.mode")
	case strings.Contains(text, "authentication method requirement"), strings.Contains(text, "authentication type"), strings.Contains(text, "SCRAM-SHA-256"),
		strings.Contains(text, "AuthType"):
		return connector.Errorf(connector.Config, "TOW-705", "%s: the role logs in by a way that is not known here", doing).
			WithHint("Known are scram-sha-256, md5, certificates, trust and, with TLS, password.")
	case strings.Contains(text, "server signature"), strings.Contains(text, "SASL") && !hungUp(err):
		return connector.Errorf(connector.Denied, "TOW-701", "%s: what answers does not prove that it knows the password", doing).
			WithHint("Something between may have answered in the server's place.")
	}
	if out := dial.SilenceError(ctx, doing, err, d.options.ConnectSeconds, "TOW-702"); out != nil {
		return out
	}
	switch {
	case strings.Contains(text, "unknown message type"), strings.Contains(text, "invalid message length"), strings.Contains(text, "unexpected message"),
		strings.Contains(text, "protocol error"), strings.Contains(text, "body length"), errors.Is(err, errMalformed):
		return connector.Errorf(connector.Config, "TOW-727", "%s: what answers is no PostgreSQL server", doing)
	case hungUp(err):
		return connector.Errorf(connector.Retry, "TOW-702", "%s: the server closed the connection", doing)
	}
	return connector.Errorf(connector.Retry, "TOW-702", "%s: %s", doing, lastPart(text))
}

// hungUp reports whether the connection ended, whatever was being said.
func hungUp(err error) bool {
	return strings.Contains(err.Error(), "EOF") || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// tlsError is the error of a connection that got no TLS; nil: err is none.
func tlsError(doing string, err error) error {
	text := err.Error()
	if strings.Contains(text, "server refused TLS connection") {
		return dial.PlainError(doing, "TOW-704")
	}
	if pin, ok := errors.AsType[*dial.FingerprintError](err); ok {
		return dial.PinError(doing, fmt.Sprintf("the server's certificate has another fingerprint: %x", pin.Got), "TOW-704")
	}
	out := dial.TLSError(doing, err, lastPart(text), "TOW-704")
	if out == nil && strings.Contains(text, "remote error: tls:") {
		out = dial.HandshakeError(doing, lastPart(text), "TOW-704")
	}
	return out
}

// lastPart cuts the chain of a library's words off a cause.
func lastPart(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	for _, lead := range []string{"tls: failed to verify certificate: ", "remote error: ", "tls error: ", "dial error: ", "failed to receive message: ",
		"failed to write startup message: ", "fingerprint: ", "connect: "} {
		if i := strings.LastIndex(text, lead); i >= 0 && lead != "fingerprint: " {
			text = text[i+len(lead):]
		}
	}
	return text
}

// changed is the error of a dataset that is not what the plan froze.
func changed(format string, args ...any) error {
	return connector.Errorf(connector.Changed, "TOW-730", "%s", fmt.Sprintf(format, args...)).
		WithHint("The table was altered after the plan was made: start a new run.")
}
