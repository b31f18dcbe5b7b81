// Package apptest runs scripts (txtar files) against the program: what people type, and what they get to see. It knows the
// command line and nothing of what is behind it.
package apptest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for what it expects of a process in the background.
const patience = time.Minute

// Params returns how the scripts of a folder are run; vars are set in their environment, as name=value. The program must be
// registered as towpath by testscript.Main, and link a driver of database/sql called "sqlite". Scripts have these commands more:
//
//	code N towpath ARGS...     runs the program, which must exit with N
//	sql FILE STATEMENT...      runs SQL, or @FILE with SQL, in a database file; rows are the stdout of the next command
//	await STATE [ROWS]         waits for a run in that state that has read so many rows; its key is in $RUN
//	lock FILE                  holds the exclusive lock of a database file until the script ends
//	nowhere TEXT               fails when a file below $WORK, or what the last command wrote, has the text
func Params(dir string, vars ...string) testscript.Params {
	return testscript.Params{Dir: dir, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "HOME="+env.WorkDir, "XDG_CONFIG_HOME="+env.WorkDir, "TOWPATH_STATE="+filepath.Join(env.WorkDir, "state"))
			env.Vars = append(env.Vars, vars...)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": code, "sql": query, "await": await, "lock": lock, "nowhere": nowhere},
	}
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND ARGS...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run: %v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code: got %d, want %s", got, args[0])
	}
}

func query(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sql FILE STATEMENT...")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	for _, statement := range args[1:] {
		if file, is := strings.CutPrefix(statement, "@"); is {
			statement = ts.ReadFile(file)
		}
		rows, err := db.Query(statement)
		ts.Check(err)
		columns, err := rows.Columns()
		ts.Check(err)
		for rows.Next() {
			cells, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
			for i := range cells {
				into[i] = &cells[i]
			}
			ts.Check(rows.Scan(into...))
			line := make([]string, len(cells))
			for i, c := range cells {
				if line[i] = c.String; !c.Valid {
					line[i] = "NULL"
				}
			}
			_, err := ts.Stdout().Write([]byte(strings.Join(line, "|") + "\n"))
			ts.Check(err)
		}
		ts.Check(rows.Err())
		ts.Check(rows.Close())
	}
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: await STATE [ROWS]")
	}
	least := 0
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		least = n
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-ticker.C {
		for _, run := range answer[[]struct{ Run, State string }](ts, "runs") {
			if run.State != args[0] {
				continue
			}
			if answer[struct{ Total struct{ Read int } }](ts, "status", run.Run).Total.Read >= least {
				ts.Setenv("RUN", run.Run)
				return
			}
		}
	}
	ts.Fatalf("no run is %s with %d rows within %v", args[0], least, patience)
}

// answer runs the program with --json and returns its data; the zero T when it fails.
func answer[T any](ts *testscript.TestScript, args ...string) T {
	var e struct{ Data T }
	if ts.Exec("towpath", append(args, "--json")...) == nil {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &e))
	}
	return e.Data
}

func lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock FILE")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec("BEGIN EXCLUSIVE")
	ts.Check(err)
	ts.Defer(func() { db.Close() })
}

func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nowhere TEXT")
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(stream), args[0]) {
			ts.Fatalf("%s has it: %s", stream, ts.ReadFile(stream))
		}
	}
	seen := 0
	ts.Check(filepath.WalkDir(ts.MkAbs("."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		seen++
		body, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(body), args[0]) {
			ts.Fatalf("%s has it", path)
		}
		return err
	}))
	if seen == 0 {
		ts.Fatalf("there is no file to look at")
	}
}
