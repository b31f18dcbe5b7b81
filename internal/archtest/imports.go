package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// room says what the packages of some folders may import of ours, tests aside.
type room struct {
	folder string
	may    []string
	reason string
}

// rooms are looked up by the longest folder that fits.
func rooms() []room {
	return []room{
		{"record", nil, "values are the ground: they know no system, no job and no run"},
		{"connector", []string{"record", "internal/option"}, "the contract speaks of rows and options only, or every connector would hang on the engine"},
		{"connector/connectortest", []string{"connector", "record", "internal/option"}, "the suite sees a connector as the engine does, and is used by other projects"},
		{"connectors", []string{"connector", "record", "connectors/internal", "internal/crashpoint"}, "a connector is one folder: it knows the contract and no other connector"},
		{"connectors/internal", []string{"connector", "record", "connectors/internal"}, "shared bases are parts of connectors"},
		{"connectors/all", []string{"connector", "connectors"}, "the one list, and nothing but the list"},
		{"job", []string{"record", "connector", "internal/option"}, "a job is a document: it can be read and checked without an engine"},
		{"client", nil, "other projects link the client; it must not bring the application"},
		{"internal/option", nil, "options are described for connectors and job alike"},
		{"internal/crashpoint", nil, "points where a test may kill a process know nothing of what they interrupt"},
		{"internal/event", []string{"record"}, "topics carry what they are given"},
		{"internal/secret", []string{"connector", "internal/option"}, "redaction works on options and texts"},
		{"internal/egress", []string{"connector"}, "what may be reached is decided by addresses and paths, whatever is spoken there"},
		{"internal/transform", []string{"record", "job"}, "columns in, columns out"},
		{"internal/engine", []string{"connector", "record", "job", "internal/transform", "internal/crashpoint"}, "the engine moves rows; who runs it, and where its state lies, is not its business"},
		{"internal/store", []string{"connector", "job", "record", "internal/crashpoint"}, "the control database keeps what it is given"},
		{"internal/executor", []string{"internal/engine", "connector", "job", "record", "internal/store", "internal/event", "internal/crashpoint"}, "an executor decides who runs which shard when"},
		{"internal/control", []string{
			"internal/engine", "internal/executor", "internal/store", "internal/event", "internal/secret", "internal/option", "internal/egress",
			"job", "connector", "record", "internal/transform", "internal/crashpoint",
		}, "control is the application without a transport"},
		{"internal/view", []string{"client", "internal/control", "internal/engine", "internal/store", "connector", "job", "record"}, "what the command line prints and the API serves is one thing, made in one place"},
		{"internal/api", []string{
			"internal/control", "internal/view", "internal/event", "internal/option", "internal/store", "client", "connector", "job", "record",
		}, "the API calls use cases and shows what comes back"},
		{"internal/serve", []string{
			"internal/api", "internal/control", "internal/event", "internal/egress", "connector",
		}, "a server process puts together what others provide"},
		{"internal/cli", []string{
			"internal/serve",
			"internal/control", "internal/engine", "internal/store", "internal/event", "internal/secret", "internal/option", "internal/view", "internal/egress",
			"client", "job", "connector", "record",
		}, "commands call use cases; they move no rows and lease no shards"},
		{"internal/archtest", nil, "rules read text"},
		{"app", []string{"connector", "internal"}, "app wires what others provide, for any list of connectors"},
		{"cmd", []string{"app", "connectors/all"}, "a program is a list of connectors handed to app"},
		{"tools/testservers", nil, "servers are started without the code that they test"},
	}
}

// roomOf is the innermost room of a folder; ok is false for folders that may import what they like (bench, proofs, tools).
func roomOf(folder string) (found room, ok bool) {
	for _, r := range rooms() {
		if under(folder, r.folder) && len(r.folder) >= len(found.folder) {
			found, ok = r, true
		}
	}
	return found, ok
}

// importRules checks who imports whom.
func importRules(f *File) []Finding {
	r, ok := roomOf(f.Folder)
	if !ok {
		if under(f.Folder, "bench", "proofs", "tools", "examples", "docs") {
			return nil
		}
		return []Finding{{Path: f.Path, Text: "folder is no room of docs/architecture.md; name it there and in internal/archtest"}}
	}
	var found []Finding
	f.imports(func(spec *ast.ImportSpec, name string) {
		to, ours := own(name)
		if !ours || under(to, f.Folder) || under(to, r.may...) && !otherConnector(r, f.Folder, to) || sameRoom(r, to) {
			return
		}
		found = append(found, f.find(spec, "%s imports %s: %s", f.Folder, to, r.reason))
	})
	return found
}

// sameRoom: the packages of a room may use each other, but one connector never uses another.
func sameRoom(r room, to string) bool {
	if r.folder == "connectors" {
		return false
	}
	into, ok := roomOf(to)
	return ok && into.folder == r.folder
}

func otherConnector(r room, from, to string) bool {
	return r.folder == "connectors" && connectorOf(to) != "" && connectorOf(from) != connectorOf(to)
}

// connectorOf is the connector whose folder it is, "" for other folders and for what connectors share.
func connectorOf(folder string) string {
	rest, ok := strings.CutPrefix(folder, "connectors/")
	name, _, _ := strings.Cut(rest, "/")
	if !ok || name == "all" || name == "internal" {
		return ""
	}
	return name
}

// drivers are the modules that one folder alone imports: the rest of the tree must not depend on how a system is spoken to.
func drivers() map[string][]string {
	return map[string][]string{
		"modernc.org/sqlite":                      {"connectors/sqlite", "internal/store"},
		"github.com/pressly/goose":                {"internal/store"},
		"github.com/go-mysql-org/go-mysql":        {"connectors/mysql"},
		"github.com/jackc/":                       {"connectors/postgres", "internal/store"},
		"github.com/elastic/elastic-transport-go": {"connectors/elasticsearch"},
		"github.com/tsuna/gohbase":                {"connectors/hbase"},
		"github.com/go-zookeeper/zk":              {"connectors/hbase"},
		"github.com/danielgtaylor/huma":           {"internal/api"},
		"github.com/coder/websocket":              {"internal/api", "client"},
		"github.com/prometheus/":                  {"internal/api"},
		"github.com/alecthomas/kong":              {"internal/cli"},
		"github.com/jotaen/kong-completion":       {"internal/cli"},
		"github.com/posener/complete":             {"internal/cli"},
	}
}

// driverRule checks that each driver stays in its folder.
func driverRule(f *File) []Finding {
	if under(f.Folder, "bench", "proofs", "tools") {
		return nil
	}
	var found []Finding
	f.imports(func(spec *ast.ImportSpec, name string) {
		for driver, folders := range drivers() {
			if strings.HasPrefix(name, driver) && !under(f.Folder, folders...) {
				found = append(found, f.find(spec, "imports %s, which only %s may", name, strings.Join(folders, ", ")))
			}
		}
	})
	return found
}

// processRule keeps child processes out of the product.
func processRule(f *File) []Finding {
	if under(f.Folder, "bench", "proofs", "tools", "internal/store/storetest") {
		return nil
	}
	var found []Finding
	f.imports(func(spec *ast.ImportSpec, name string) {
		if name == "os/exec" {
			found = append(found, f.find(spec, "imports os/exec: the program starts no other programs"))
		}
	})
	return found
}

// socketRule keeps connectors from opening sockets past the guard of their connection.
func socketRule(f *File) []Finding {
	if f.Test || !under(f.Folder, "connectors") {
		return nil
	}
	opens := map[string]string{"net": "Dial DialTimeout DialTCP DialUDP DialUnix DialIP", "tls": "Dial DialWithDialer Dialer", "http": "DefaultClient DefaultTransport Get Post PostForm Head"}
	var found []Finding
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && isNamed(call.Fun, "", "new") && len(call.Args) == 1 && isNamed(call.Args[0], "net", "Dialer") {
			found = append(found, f.find(n, "makes a net.Dialer: connector.Connection.Dialer has the guard"))
		}
		if literal, ok := n.(*ast.CompositeLit); ok && isNamed(literal.Type, "net", "Dialer") {
			found = append(found, f.find(n, "makes a net.Dialer: connector.Connection.Dialer has the guard"))
		}
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && slices.Contains(strings.Fields(opens[x.Name]), s.Sel.Name) {
				found = append(found, f.find(n, "uses %s.%s: sockets are opened by connector.Connection.Dialer", x.Name, s.Sel.Name))
			}
		}
		return true
	})
	return found
}

// isNamed reports whether an expression is pack.name, or name alone.
func isNamed(e ast.Expr, pack, name string) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return pack == "" && e.Name == name
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		return ok && x.Name == pack && e.Sel.Name == name
	}
	return false
}

// otherNames are names of systems that a connector's folder covers beside its own.
func otherNames() map[string]string {
	return map[string]string{"mariadb": "mysql", "postgis": "postgres", "opensearch": "elasticsearch", "percona": "mysql", "aurora": "mysql"}
}

// sourceNames checks that no system's name stands outside its connector.
func sourceNames(t *Tree) []Finding {
	owner := otherNames()
	for _, f := range t.Files {
		if name := connectorOf(f.Folder); name != "" {
			owner[name] = name
		}
	}
	var found []Finding
	for _, f := range t.Files {
		if f.Test || under(f.Folder, "connectors/all", "examples", "docs", "tools", "bench", "proofs", "internal/store", "internal/archtest") {
			continue
		}
		for number, line := range slices.Collect(strings.Lines(f.Text)) {
			if strings.Contains(line, `"`+module+"/internal/store") {
				continue
			}
			for name, folder := range owner {
				if connectorOf(f.Folder) != folder && strings.Contains(strings.ToLower(line), name) {
					found = append(found, Finding{f.Path, number + 1, "names " + name + " outside connectors/" + folder})
				}
			}
		}
	}
	return found
}

// connectorFiles checks the file set of a connector's folder.
func connectorFiles(t *Tree) []Finding {
	have := map[string]map[string]bool{}
	note := func(name string) {
		if c := connectorOf(path.Dir(name)); c != "" && path.Dir(name) == "connectors/"+c {
			if have[c] == nil {
				have[c] = map[string]bool{}
			}
			have[c][path.Base(name)] = true
		}
	}
	suite := map[string]bool{}
	for _, f := range t.Files {
		note(f.Path)
		f.imports(func(_ *ast.ImportSpec, name string) {
			if f.Test && name == module+"/connector/connectortest" {
				suite[connectorOf(f.Folder)] = true
			}
		})
	}
	for name := range t.Other {
		note(name)
	}
	var found []Finding
	for c, files := range have {
		for _, want := range []string{c + ".go", "options.go", "types.go", "errors.go", "README.md"} {
			if !files[want] {
				found = append(found, Finding{Path: "connectors/" + c, Text: "has no " + want})
			}
		}
		if !files["reader.go"] && !files["writer.go"] {
			found = append(found, Finding{Path: "connectors/" + c, Text: "has neither reader.go nor writer.go"})
		}
		if !suite[c] {
			found = append(found, Finding{Path: "connectors/" + c, Text: "has no test that runs connector/connectortest"})
		}
	}
	return found
}
