package app_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/internal/cli"
)

// throughLines are command lines with the exit code that each has to have, on this machine as through a server. $DIR is the folder of the side, $RUN the run
// that was started last.
func throughLines() []struct {
	line string
	code int
} {
	return []struct {
		line string
		code int
	}{
		{"connection list", 0},
		{"connection put shop $DIR/shop.yaml", 0}, {"connection put copy $DIR/copy.yaml --use-role viewer --parallel 2", 0}, {"connection put copy $DIR/copy.yaml", 0},
		{"connection put gone $DIR/gone.yaml", 0}, {"connection put wrong $DIR/wrong.yaml", 2},
		{"connection list", 0}, {"connection show shop", 0}, {"connection show nothing", 1}, {"connection test shop", 0}, {"connection test gone", 1}, {"connection used shop", 0},
		{"connection hold shop --why disk", 0}, {"connection show shop", 0}, {"connection release shop", 0}, {"connection remove gone", 0},
		{"connectors", 0}, {"connectors sqlite", 0}, {"connectors nothing", 2},
		{"check shop", 0}, {"check sqlite:$DIR/shop.db", 0}, {"check nothing", 2},
		{"discover shop", 0}, {"discover shop o*", 0}, {"discover shop:orders --sample 2", 0}, {"discover shop:nothing", 1},
		{"job check $DIR/orders.yaml", 0}, {"job check $DIR/broken.yaml", 2}, {"job schema", 0}, {"job list", 0},
		{"job put $DIR/orders.yaml --note first", 0}, {"job put $DIR/broken.yaml", 2}, {"job put $DIR/spare.yaml", 0}, {"job list", 0}, {"job show orders", 0},
		{"job show nothing", 1}, {"job put $DIR/spare.yaml --note again", 0}, {"job versions spare", 0}, {"job start orders --plan", 0}, {"job start nothing", 1},
		{"connection remove shop", 2}, {"job remove spare", 0},
		{"plan $DIR/orders.yaml", 0}, {"plan $DIR/orders.yaml --stream orders", 0}, {"plan $DIR/refused.yaml", 3}, {"plan $DIR/broken.yaml", 2},
		{"run $DIR/orders.yaml", 0}, {"status $RUN", 0}, {"status $RUN --stream orders", 0}, {"limits $RUN", 0}, {"dirty $RUN", 0}, {"runs", 0}, {"runs --most 1", 0},
		{"pause $RUN", 2}, {"stop $RUN", 2}, {"resume $RUN", 2}, {"limits $RUN --rows 5", 2}, {"status nothing", 1}, {"resume nothing", 1},
		{"run $DIR/refused.yaml", 3}, {"run $DIR/broken.yaml", 2}, {"run $DIR/nothing.yaml", 2}, {"run $DIR/orders.yaml --set a=b", 2},
		{"run $DIR/marks.yaml", 5}, {"dirty $RUN", 0}, {"dirty $RUN --most 1", 0}, {"mend $RUN --set day=2026-03-01", 0}, {"mend $RUN --set day=never", 2}, {"mend $RUN --row 7 --null day", 2},
		{"replay $RUN --mended", 0}, {"replay nothing", 1},
		{"copy shop:marks copy:others --dirty 0", 4}, {"limits $RUN --rows 500 --parallel 2", 0}, {"pause $RUN", 0}, {"stop $RUN --why enough", 0}, {"resume $RUN", 2},
		{"copy shop:marks copy:others --dirty 0", 4}, {"resume $RUN", 5},
		{"copy shop:orders copy:copied --plan", 0}, {"copy shop:orders copy:copied", 0}, {"copy shop copy", 2}, {"copy nothing:orders copy", 2},
		{"full shop copy people orders", 0}, {"full shop copy people --name other", 0},
		{"clean copy", 0}, {"clean copy --remove", 0}, {"clean nothing", 2},
		{"user role zoe viewer", 0}, {"audit list --most 1", 0}, {"user role nobody viewer", 1},
		{"token list", 0}, {"token revoke nothing", 1},
	}
}

// throughOwn are command lines that succeed on both sides with answers of the side's own: runs of this machine are of no environment and so in no list of what
// is in sync, and what waits for a server runs at once where there is one.
func throughOwn() []string {
	return []string{"sync", "sync shop --check", "sync --check", "job start orders --why often --priority 3"}
}

// throughOther are commands that are no part of the lines above, and why.
func throughOther() map[string]string {
	byToken := "a token may not look after accounts and tokens, and is nobody who administers the installation"
	itself := "needs the control database itself"
	return map[string]string{
		"user list": byToken, "user add": byToken, "user password": byToken, "user link": byToken, "user admin": byToken, "user disable": byToken, "user enable": byToken,
		"token create": byToken, "audit verify": byToken, "backup": itself, "restore": itself, "server": itself, "worker": itself,
		"version": "is the program's own", "completion": "is the shell's",
	}
}

// throughRefused are command lines that a server does not do.
func throughRefused() []string {
	return []string{"user list", "user add new", "user password zoe", "user link zoe", "user admin zoe", "user disable zoe", "user enable zoe", "token create t --account ann --role viewer",
		"audit verify", "backup $DIR/saved", "restore $DIR/saved", "server", "worker"}
}

// side is one way to do what commands say.
type side struct {
	name, dir string
	env       []string
	run       string // key of the newest run
}

// do runs a command line with --json and returns its answer and its exit code.
func (s *side) do(t *testing.T, line string) (answer string, code int) {
	t.Helper()
	args := strings.Fields(strings.NewReplacer("$DIR", s.dir, "$RUN", s.run).Replace(line))
	c := exec.CommandContext(t.Context(), "towpath", append(args, "--json")...)
	c.Env = s.env
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Logf("%s: %s: %s", s.name, line, stderr.String())
	}
	return out.String(), c.ProcessState.ExitCode()
}

// newSide makes the files of a side, its control database, an administrator, two accounts and a token.
func newSide(t *testing.T, name string) (s *side, token string) {
	t.Helper()
	s = &side{name: name, dir: filepath.Join(t.TempDir(), "files")}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(filepath.Dir(s.dir), "state")
	s.env = append(os.Environ(), "HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "TOWPATH_STATE="+state, "TOWPATH_NEW_PASSWORD=c4n4ry-green-pears")
	for file, text := range map[string]string{
		"shop.yaml": "{connector: sqlite, path: $DIR/shop.db}", "copy.yaml": "{connector: sqlite, path: $DIR/copy.db}",
		"gone.yaml": "{connector: sqlite, path: $DIR/gone.db, mode: rw}", "wrong.yaml": "{connector: sqlite, pth: x}",
		"orders.yaml":  "mode: full\nsource: {connection: shop}\ntarget: {connection: copy}\nstreams: [{source: orders}] # all of them\n",
		"spare.yaml":   "name: spare\nmode: full\nsource: {connection: shop}\ntarget: {connection: copy}\nstreams: [{source: orders}]\n",
		"marks.yaml":   "mode: full\nsource: {connection: shop}\ntarget: {connection: copy}\nstreams: [{source: marks}]\n",
		"broken.yaml":  "mode: full\nsource: {connection: shop}\ntarget: {connection: copy}\nstreams: [{source: orders, wher: a}]\n",
		"refused.yaml": "mode: batch\nsource: {connection: shop}\ntarget: {connection: shop}\nstreams: [{source: orders, write: append}, {source: orders, target: third, write: upsert, columns: [note]}]\n",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, file), []byte(strings.ReplaceAll(text, "$DIR", s.dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{"CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)", "INSERT INTO orders VALUES (1, 'a'), (2, NULL), (3, 'c')",
		"CREATE TABLE people (id INTEGER PRIMARY KEY)", "CREATE TABLE marks (id INTEGER PRIMARY KEY, day DATE)", "INSERT INTO marks VALUES (1, '2026-02-31'), (2, '2026-02-28')",
		"INSERT INTO people VALUES (1)"} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{"user add root --admin", "user add ann --role admin", "user add zoe"} {
		if answer, code := s.do(t, line); code != 0 {
			t.Fatalf("%s: %s", line, answer)
		}
	}
	text, _ := s.do(t, "token create ci --account ann --role admin")
	var made struct{ Data struct{ Token string } }
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Data.Token == "" {
		t.Fatalf("no token: %v: %s", err, text)
	}
	return s, made.Data.Token
}

// served starts a server on the control database of a side, and has the side go through it.
func (s *side) served(t *testing.T, token string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "towpath", "server", "--listen", "127.0.0.1:0", "--files", s.dir, "--json")
	c.Env, c.Stderr = s.env, t.Output()
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Wait() }) // the context ends it
	var told struct{ Data struct{ URL string } }
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&told); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "TOWPATH_SERVER="+told.Data.URL, "TOWPATH_TOKEN="+token)
}

// differs are members of answers that are the side's own: who did it, how and where, and what only a stored job has.
var differs = regexp.MustCompile(`^(who|by|changed_by|made_by|via|hash|number|job|job_version|environment|workspace|history|used|id|took_ns|seed|started|request|canonical)$`)

var ownText = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`), "TIME"}, {regexp.MustCompile(`file:\d+:\d+/`), "file:"}, {regexp.MustCompile(`__tw_[0-9a-z]+`), "__tw_RUN"},
	{regexp.MustCompile(`\brun [0-9a-z]{5}\b`), "run RUN"},
}

// same takes out of an answer what is the side's own.
func (s *side) same(t *testing.T, answer string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		t.Fatalf("%s: %v: %s", s.name, err, answer)
	}
	return s.without(v)
}

func (s *side) without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			switch _, isText := value.(string); {
			case name == "error": // what is said of it may be said better where more is known
				e := value.(map[string]any)
				v[name] = map[string]any{"code": e["code"], "parts": len(parts(e))}
			case differs.MatchString(name):
				delete(v, name)
			case (name == "run" || name == "replay" || name == "replays") && isText:
				v[name] = "RUN"
			default:
				v[name] = s.without(value)
			}
		}
	case []any:
		for i := range v {
			v[i] = s.without(v[i])
		}
		slices.SortStableFunc(v, func(a, b any) int { return strings.Compare(whatOf(a), whatOf(b)) })
	case string:
		v = strings.ReplaceAll(v, s.dir, "DIR")
		for _, own := range ownText {
			v = own.is.ReplaceAllString(v, own.as)
		}
		return v
	}
	return v
}

// whatOf is by what leftovers are put into one order: they come by the keys of their runs.
func whatOf(v any) string {
	m, _ := v.(map[string]any)
	what, _ := m["what"].(string)
	return what
}

func parts(e map[string]any) []any {
	list, _ := e["parts"].([]any)
	return list
}

// note remembers the run that an answer is of.
func (s *side) note(line, answer string) {
	var v struct{ Data struct{ Run string } }
	begins := slices.Contains([]string{"run", "copy", "full"}, strings.Fields(line)[0])
	if json.Unmarshal([]byte(answer), &v) == nil && begins && v.Data.Run != "" {
		s.run = v.Data.Run
	}
}

// TestThroughServer does all that the command line can do twice, on this machine and through a server, with the same answers and exit codes.
func TestThroughServer(t *testing.T) {
	t.Parallel()
	here, _ := newSide(t, "here")
	there, token := newSide(t, "through a server")
	there.served(t, token)
	for _, l := range throughLines() {
		var answers [2]string
		var codes [2]int
		var both sync.WaitGroup
		for i, s := range []*side{here, there} {
			both.Go(func() { answers[i], codes[i] = s.do(t, l.line) })
		}
		both.Wait()
		for i, s := range []*side{here, there} {
			s.note(l.line, answers[i])
			if codes[i] != l.code {
				t.Errorf("%s, %s: exit code %d, want %d: %s", l.line, s.name, codes[i], l.code, answers[i])
			}
		}
		if diff := cmp.Diff(here.same(t, answers[0]), there.same(t, answers[1])); diff != "" {
			t.Errorf("%s: here (-) and through a server (+):\n%s", l.line, diff)
		}
	}
	for _, line := range throughOwn() {
		for _, s := range []*side{here, there} {
			if answer, code := s.do(t, line); code != 0 {
				t.Errorf("%s, %s: exit code %d: %s", line, s.name, code, answer)
			}
		}
	}
	for _, line := range []string{"run $DIR/orders.yaml --detach", "full shop copy people --detach"} {
		if answer, code := there.do(t, line); code != 0 || !strings.Contains(answer, `"state": "planning"`) {
			t.Errorf("%s: exit code %d: %s", line, code, answer)
		}
		if answer, code := here.do(t, line); code != 2 {
			t.Errorf("%s: exit code %d without a server: %s", line, code, answer)
		}
	}
	for _, line := range throughRefused() {
		var v struct{ Error struct{ Code string } }
		answer, code := there.do(t, line)
		if err := json.Unmarshal([]byte(answer), &v); err != nil || code == 0 || v.Error.Code == "" {
			t.Errorf("%s: exit code %d, %v: %s", line, code, err, answer)
		}
	}
}

// TestThroughAll: each command is driven by TestThroughServer, or it is said why not.
func TestThroughAll(t *testing.T) {
	t.Parallel()
	model, err := cli.Model()
	if err != nil {
		t.Fatal(err)
	}
	var leaves []string
	var walk func(n *kong.Node, path []string)
	walk = func(n *kong.Node, path []string) {
		for _, child := range n.Children {
			walk(child, append(slices.Clone(path), child.Name))
		}
		if len(n.Children) == 0 {
			leaves = append(leaves, strings.Join(path, " "))
		}
	}
	walk(model.Node, nil)
	for _, command := range leaves {
		driven := slices.ContainsFunc(throughLines(), func(l struct {
			line string
			code int
		}) bool {
			return strings.HasPrefix(l.line+" ", command+" ")
		})
		own := slices.ContainsFunc(throughOwn(), func(line string) bool { return strings.HasPrefix(line+" ", command+" ") })
		if _, other := throughOther()[command]; !driven && !own && !other {
			t.Errorf("%s is driven by no line, and it is not said why", command)
		}
	}
	for command := range throughOther() {
		if !slices.Contains(leaves, command) {
			t.Errorf("there is no command %s", command)
		}
	}
}
