package mysql

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
)

// account makes one that may do nothing, and returns options to log in by.
func (j *judge) account() json.RawMessage {
	user := "u`" + strings.ToLower(rand.Text()[:10]) // a name that has to be quoted
	j.execf("CREATE USER %s@'%%' IDENTIFIED BY 'secret'", quote(user))
	j.t.Cleanup(func() { j.execf("DROP USER %s@'%%'", quote(user)) })
	return j.options(map[string]any{"user": user, "password": "secret", "database": ""})
}

// grant runs the script for a use, as an administrator does.
func (j *judge) grant(options json.RawMessage, u connector.Use) {
	j.t.Helper()
	script, err := Connector().Grants(options, u)
	if err != nil {
		j.t.Fatal(err)
	}
	for statement := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		j.exec(statement)
	}
}

// TestGrantsToRead: an account with the rights of the script alone finds and reads its tables as the contract promises, at one instant too, and
// nothing else.
func TestGrantsToRead(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"mariadb", "mysql55"} {
		j := judgeAt(t, server)
		options := j.account()
		j.exec("CREATE TABLE orders (id INT PRIMARY KEY)")
		j.exec("CREATE TABLE other (id INT PRIMARY KEY)")
		j.exec("CREATE VIEW seen AS SELECT * FROM orders")
		j.exec("INSERT INTO orders VALUES (1)")
		j.grant(options, connector.Use{Datasets: []string{j.db + ".orders", j.db + ".seen"}})
		c, err := Connector().Open(t.Context(), connector.Connection{Options: options})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		found := ""
		for name, err := range c.Datasets(t.Context(), "*.*") {
			if found += name + " "; err != nil {
				t.Error(err)
			}
		}
		if found != j.db+".orders "+j.db+".seen " {
			t.Errorf("%s: found %s", server, found)
		}
		for table, allowed := range map[string]bool{"orders": true, "seen": true, "other": false} {
			r, err := Connector().Read(t.Context(), c, connector.Source{Dataset: j.db + "." + table})
			if err == nil {
				_, _, err = r.Schema(t.Context())
				r.Close()
			}
			if (err == nil) != allowed {
				t.Errorf("%s: read %s: %v", server, table, err)
			}
			if n, err := Connector().Count(t.Context(), c, j.db+"."+table, ""); (err == nil && n == 1) != allowed || !allowed && connector.ClassOf(err) != connector.Denied {
				t.Errorf("%s: count %s: %d, %v", server, table, n, err)
			}
		}
		w, err := Connector().Write(t.Context(), c, connector.Sink{Dataset: j.db + ".orders", Mode: connector.Insert, Run: "abcde"})
		if err == nil {
			_, err = w.Plan(t.Context(), schemaOfText(t, "id int32 key"))
		}
		if err == nil || !strings.Contains(err.Error(), "CREATE command denied to user") {
			t.Errorf("%s: write: %v", server, err)
		}
		if _, err := Connector().Snapshot(t.Context(), c, []string{j.db + ".orders"}, 2); connector.ClassOf(err) != connector.Denied {
			t.Errorf("%s: snapshot: %v", server, err)
		}
		j.grant(options, connector.Use{Datasets: []string{j.db + ".orders"}, Snapshot: true})
		later, err := Connector().Open(t.Context(), connector.Connection{Options: options}) // rights to a database are those of the login
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { later.Close() })
		s, err := Connector().Snapshot(t.Context(), later, []string{j.db + ".orders"}, 2)
		if err != nil {
			t.Fatalf("%s: snapshot: %v", server, err)
		}
		s.Close()
	}
}

// TestGrantsToWrite: the whole contract of writing holds with the rights of the script, given for each table and mode alone.
func TestGrantsToWrite(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"mariadb", "mysql55"} {
		for _, mode := range []connector.Mode{connector.Insert, connector.Upsert, connector.Append, connector.Replace} {
			t.Run(server+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				writeGranted(t, judgeAt(t, server), mode)
			})
		}
	}
}

func writeGranted(t *testing.T, j *judge, mode connector.Mode) {
	options := j.account()
	s := j.writingSuite()
	s.Modes, s.Connection = []connector.Mode{mode}, func(connectortest.TB) json.RawMessage { return options }
	s.Kill = nil // goes by the connection's database, and these name none
	if mode == connector.Append {
		s.Modes = []connector.Mode{connector.Insert, mode} // tables that are made by appending have no key to refer to
	}
	if j.srv.Name == "mysql55" {
		s.Types = typesOfOld(s.Types)
	}
	newName := s.NewName
	var mu sync.Mutex
	s.NewName = func(tb connectortest.TB) string {
		name := newName(tb)
		mu.Lock()
		defer mu.Unlock()
		j.grant(options, connector.Use{Datasets: []string{name}, Write: true, Mode: mode, Create: connector.Structure{Indexes: true, References: true}})
		return name
	}
	connectortest.Run(t, s)
	var o Connection
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	broad := false
	for _, r := range j.rows("SHOW GRANTS FOR %s@'%%'", quote(o.User)) {
		broad = broad || strings.Contains(r[0], " ON `"+strings.ReplaceAll(j.db, "_", `\_`)+"`.*")
	}
	if broad != (mode == connector.Replace) {
		t.Errorf("rights to the whole database: %v", broad)
	}
}

func TestGrantScripts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options string
		use     connector.Use
		want    string // "": an error
	}{
		{`{"user":"u","database":"shop"}`, connector.Use{}, "GRANT SELECT, SHOW VIEW ON `shop`.* TO `u`@`%`;\n"},
		{`{"user":"u","database":"my_shop","password":"s3cret"}`, connector.Use{Snapshot: true}, "GRANT SELECT, SHOW VIEW ON `my\\_shop`.* TO `u`@`%`;\nGRANT LOCK TABLES ON `my\\_shop`.* TO `u`@`%`;\n"},
		{`{"user":"u"}`, connector.Use{Datasets: []string{"my_shop.a_b", "my_shop.`*`"}, From: "10.%"}, "GRANT SELECT, SHOW VIEW ON `my_shop`.`a_b` TO `u`@`10.%`;\nGRANT SELECT, SHOW VIEW ON `my_shop`.`*` TO `u`@`10.%`;\n"},
		{`{"user":"u"}`, connector.Use{Datasets: []string{"a_%\\*.*", "a_%\\*.b"}}, "GRANT SELECT, SHOW VIEW ON `a\\_\\%\\\\%`.* TO `u`@`%`;\n"},
		{`{"user":"u'` + "`" + `; --"}`, connector.Use{Datasets: []string{"`a``; DROP`.`b.c`"}, From: "`x"}, "GRANT SELECT, SHOW VIEW ON `a``; DROP`.`b.c` TO `u'``; --`@```x`;\n"},
		{`{"user":"u"}`, connector.Use{Datasets: []string{"a.b"}, Write: true, Mode: connector.Insert}, "GRANT SELECT, INSERT, CREATE ON `a`.`b` TO `u`@`%`;\nGRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `a`.`towpath_checkpoint` TO `u`@`%`;\n"},
		{`{"user":"u"}`, connector.Use{Datasets: []string{"a.b"}, Write: true}, "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, TRIGGER ON `a`.* TO `u`@`%`;\n"},
		{`{"user":"u"}`, connector.Use{Datasets: []string{"a*.b"}, Write: true, Mode: connector.Upsert, Create: connector.Structure{Indexes: true}}, "GRANT SELECT, INSERT, CREATE, UPDATE, ALTER ON `a%`.* TO `u`@`%`;\nGRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `a%`.* TO `u`@`%`;\n"},
		{`{"user":"u"}`, connector.Use{}, ""},
		{`{"user":"u"}`, connector.Use{Datasets: []string{"*.orders"}}, ""},
		{`{"user":"u"}`, connector.Use{Datasets: []string{"a.b.c"}}, ""},
		{`{"database":"shop"}`, connector.Use{}, ""},
		{`{"usr":"u"}`, connector.Use{}, ""},
	} {
		got, err := Connector().Grants(json.RawMessage(c.options), c.use)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && connector.ClassOf(err) != connector.Config {
			t.Errorf("%s, %+v: got\n%s%v", c.options, c.use, got, err)
		}
	}
}
