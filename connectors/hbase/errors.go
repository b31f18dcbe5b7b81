package hbase

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tsuna/gohbase"

	"github.com/towpath/towpath/connector"
)

// javaPrefix begins the library's text of an exception of the server: the class's name, a colon, and behind a line break the stack.
const javaPrefix = "HBase Java exception "

// mostSaid is how much of an exception's message is shown.
const mostSaid = 300

// exception returns the short name of the server's exception and its message; "" when err is none.
func exception(err error) (name, message string) {
	_, text, found := strings.Cut(err.Error(), javaPrefix)
	if !found {
		return "", ""
	}
	class, stack, _ := strings.Cut(text, ":\n")
	first, _, _ := strings.Cut(stack, "\n")
	if _, said, found := strings.Cut(first, ": "); found {
		first = said
	}
	first, _, _ = strings.Cut(first, ", {") // the table's whole description
	if len(first) > mostSaid {
		first = first[:mostSaid] + " ..."
	}
	return class[strings.LastIndexByte(class, '.')+1:], strings.TrimSpace(first)
}

// known is what an exception means.
type known struct {
	class connector.Class
	code  string
	hint  string
}

// knownException says what an exception of org.apache.hadoop.hbase and its packages means, by its short name.
func knownException(name string) known {
	switch name {
	case "TableNotFoundException", "NamespaceNotFoundException":
		return known{connector.Missing, "TOW-803", "Check namespace and name of the table."}
	case "TableNotEnabledException":
		return known{connector.Config, "TOW-804", "Enable the table: enable 'NAME' in the HBase shell."}
	case "NoSuchColumnFamilyException":
		return known{connector.Missing, "TOW-805", "Check the families that the job names against the table's."}
	case "AccessDeniedException":
		return known{connector.Denied, "TOW-806", "Grant the user R to read a table, RWC to write it: grant 'USER', 'R', 'TABLE' in the HBase shell."}
	case "FatalConnectionException":
		return known{connector.Denied, "TOW-807", "The cluster may want Kerberos, which is not spoken."}
	case "UnknownScannerException", "OutOfOrderScannerNextException", "ScannerResetException", "LeaseException",
		"NotServingRegionException", "RegionMovedException", "WrongRegionException":
		return known{connector.Lost, "TOW-815", ""}
	case "DoNotRetryIOException", "FailedSanityCheckException", "IllegalArgumentException", "InvalidFamilyOperationException", "RequestTooBigException":
		return known{connector.Config, "TOW-816", "The server does not take it, however often it is sent."}
	}
	return known{connector.Retry, "TOW-809", "The server's log says more."}
}

// classify gives an error of the library or the server its class; errors that have one, and the end of ctx, stay as they are.
func classify(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*connector.Error](err); ok {
		return err
	}
	doing := fmt.Sprintf(format, args...)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if errors.Is(err, gohbase.TableNotFound) {
		return tableError("TableNotFoundException", "%s: there is no such table", doing)
	}
	name, message := exception(err)
	if name == "" { // sockets, lookups
		return connector.Errorf(connector.Retry, "TOW-808", "%s: %w", doing, err)
	}
	e := tableError(name, "%s: %s: %s", doing, name, message)
	e.Err = err
	return e
}

// tableError is the error that an exception of the server would be.
func tableError(exception, format string, args ...any) *connector.Error {
	k := knownException(exception)
	e := connector.Errorf(k.class, k.code, format, args...)
	e.Hint = k.hint
	return e
}

// lost reports whether a scanner is gone while its table is not: the scan goes on behind its last row.
func lost(err error) bool { return connector.ClassOf(err) == connector.Lost }
