package mysql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// known is what a server's error number means to us.
type known struct {
	class connector.Class
	code  string
	hint  string
}

// Server error numbers: https://dev.mysql.com/doc/mysql-errors/9.1/en/server-error-reference.html and
// https://mariadb.com/kb/en/mariadb-error-code-reference/.
func knownError(number uint16) known {
	switch number {
	case 1045, 1698, 1862, 3118:
		return known{connector.Denied, "TOW-401", "Check user and password, and that the account may log in from this machine."}
	case 1044, 1142, 1143, 1227, 1370, 1356:
		return known{connector.Denied, "TOW-413", "Grant the account what the text names; the README of this connector lists the rights."}
	case 1049:
		return known{connector.Missing, "TOW-410", "Check the name of the database; names can be sensitive to case."}
	case 1146, 1051, 1109:
		return known{connector.Missing, "TOW-411", "Check the name of the table; names can be sensitive to case."}
	case 1054, 1176, 1091:
		return known{connector.Missing, "TOW-412", "Check the names of the columns."}
	case 1040, 1203, 1226:
		return known{connector.Busy, "TOW-406", "Raise the server's limit of connections or lower the connections option."}
	case 1020, 1205, 1206, 1213, 1412, 3572:
		return known{connector.Retry, "TOW-421", ""}
	case 1053, 1077, 1078, 1079, 1080, 1317, 1927, 1152, 1158, 1159, 1160, 1161, 1184, 2006, 2013, 3169, 4031:
		return known{connector.Retry, "TOW-420", ""}
	case 1969, 3024, 1028, 1637:
		return known{connector.Retry, "TOW-423", "The server ends long statements; lower statement_seconds."}
	case 1047, 1290, 1836, 3100, 3101:
		return known{connector.Retry, "TOW-422", "The server reads only: after a switch of servers another one is to be written to."}
	case 1021, 1114, 1030, 3:
		return known{connector.Full, "TOW-425", "Make room on the server's disk."}
	case 1064, 1149, 1052, 1055, 1248, 1305, 1366, 1111, 1140, 1267, 1271, 1295, 1582, 1222:
		return known{connector.Config, "TOW-414", "Check query and where; they are one SELECT and one condition in the server's own SQL."}
	case 1792:
		return known{connector.Config, "TOW-435", "Sessions that read may not write: a query is one SELECT."}
	case 1197:
		return known{connector.Config, "TOW-458", "A source without positions is written in one transaction: raise max_binlog_cache_size, or give the source a key."}
	case 1129:
		return known{connector.Retry, "TOW-402", "The server shut this machine out after failed connections: run FLUSH HOSTS there."}
	case 1130:
		return known{connector.Denied, "TOW-401", "The server takes no connections from this machine."}
	case 1615, 1243:
		return known{connector.Retry, "TOW-426", ""}
	}
	return known{connector.Other, "TOW-424", ""}
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
		k := knownError(e.Number)
		out := connector.Errorf(k.class, k.code, "%s: %w", doing, err)
		out.Hint = k.hint
		return out
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, errMalformed) {
		return connector.Errorf(connector.Retry, "TOW-427", "%s: %w", doing, err).
			WithHint("What answers does not speak the protocol, or something between changes it.")
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, errStopped) {
		return connector.Errorf(connector.Retry, "TOW-420", "%s: %w", doing, err)
	}
	return connector.Errorf(connector.Other, "TOW-424", "%s: %w", doing, err)
}

// loginError says in a few words why a server could not be opened. The library's own chain of words is left out.
func (d *dialer) loginError(ctx context.Context, address string, err error) error {
	if refused := connector.Refusal(err); refused != nil {
		return refused
	}
	doing := "open " + address
	if e, ok := errors.AsType[*mysql.MyError](err); ok {
		err = &serverError{Number: e.Code, State: e.State, Message: e.Message}
	}
	if e, ok := errors.AsType[*serverError](err); ok {
		if e.Number == 1045 || e.Number == 1698 {
			return connector.Errorf(connector.Denied, "TOW-401", "%s: access denied for user %q", doing, d.options.User).
				WithHint("%s", knownError(e.Number).hint)
		}
		return classify(e, doing)
	}
	if out := tlsError(doing, err); out != nil {
		return out
	}
	if out := dial.NameError(doing, err, "TOW-403"); out != nil {
		return out
	}
	text := err.Error()
	switch {
	case errors.Is(err, errCleartext), errors.Is(err, dial.ErrNotLoopback):
		cause := errCleartext
		if errors.Is(err, dial.ErrNotLoopback) {
			cause = dial.ErrNotLoopback
		}
		return connector.Errorf(connector.Config, "TOW-404", "%s: %w", doing, cause).WithHint("Set tls.mode to verify.").At("tls.mode")
	case strings.Contains(text, "auth plugin"):
		return connector.Errorf(connector.Config, "TOW-405", "%s: the account logs in by a way that is not known here: %s", doing, lastPart(text)).
			WithHint("Known are mysql_native_password, caching_sha2_password, sha256_password and client_ed25519.")
	}
	if out := dial.SilenceError(ctx, doing, err, d.options.ConnectSeconds, "TOW-402"); out != nil {
		return out
	}
	switch {
	case strings.Contains(text, "invalid protocol version"), strings.Contains(text, "invalid sequence"), errors.Is(err, errMalformed):
		return connector.Errorf(connector.Config, "TOW-427", "%s: what answers is no MySQL or MariaDB server", doing)
	case strings.Contains(text, "EOF"):
		text = "the server closed the connection"
	}
	return connector.Errorf(connector.Retry, "TOW-402", "%s: %s", doing, lastPart(text))
}

// tlsError is the error of a connection that got no TLS; nil: err is none.
func tlsError(doing string, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "does not support TLS"):
		return dial.PlainError(doing, "TOW-404")
	case strings.Contains(text, "fingerprint"):
		return dial.PinError(doing, lastPart(text), "TOW-404")
	}
	return dial.TLSError(doing, err, lastPart(text), "TOW-404")
}

// lastPart cuts the chain of a library's words off a cause.
func lastPart(text string) string {
	for _, lead := range []string{"tls: failed to verify certificate: ", "handleAuthResult: ", "writeAuthHandshake: ", "readAuthResult: ", "readInitialHandshake: "} {
		if i := strings.LastIndex(text, lead); i >= 0 {
			text = text[i+len(lead):]
		}
	}
	return strings.TrimPrefix(text, "connect: ")
}

// changed is the error of a dataset that is not what the plan froze.
func changed(format string, args ...any) error {
	return connector.Errorf(connector.Changed, "TOW-430", "%s", fmt.Sprintf(format, args...)).
		WithHint("The table was altered after the plan was made: start a new run.")
}
