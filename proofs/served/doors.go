package served

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/proofs/machine"
)

// Canary puts secrets in through every door of a site of one server and looks for them everywhere.
type Canary struct {
	*Site
	Canaries
	// Account makes an account of a MySQL server with a password and a table NAME.orders that it may read; nil: there is no server.
	MySQL   machine.Server
	Account func(ctx context.Context, password string) (name string, err error)
	// Dump reads the whole control database where it is no file; nil: it is one.
	Dump func(ctx context.Context) ([]byte, error)

	api *client.Client
}

// Run puts all secrets in and returns where one was seen.
func (c *Canary) Run(ctx context.Context) ([]string, error) {
	c.Env = append(c.Env, "TOWPATH_LOG=debug", "CANARY="+c.New("environment of the server"))
	server := c.Servers[0]
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	c.Take("token of the site", secretOf(c.token))
	if err := c.signIn(ctx); err != nil {
		return nil, err
	}
	heard, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for m, err := range c.api.Watch(heard, c.api.RunsTopic(), 0) {
			if err == nil {
				c.Look("events", "event "+m.Kind, m.Data)
			}
		}
	}()
	for _, door := range []func(context.Context) error{c.connections, c.documents, c.reasons, c.people, c.requests, c.commands, c.runs, c.look} {
		if err := door(ctx); err != nil {
			return nil, err
		}
	}
	stop()
	<-ended
	if err := c.backup(ctx, c.Site); err != nil {
		return nil, err
	}
	// What a process says that panics: the stacks of all goroutines.
	_ = server.cmd.Process.Signal(syscall.SIGQUIT) // it runs, for it answered
	<-server.exited
	said, err := os.ReadFile(server.LogFile())
	if err != nil {
		return nil, err
	}
	_, after, _ := bytes.Cut(said, []byte("#link="))
	link, _, _ := bytes.Cut(after, []byte("\n"))
	if !bytes.Contains(said, []byte("goroutine ")) || len(link) == 0 {
		return nil, errors.New("the server told no link, or no stacks")
	}
	c.Look("log", server.LogFile(), said)
	c.Take("first link", secretOf(string(link)))
	if c.Dump != nil {
		dump, err := c.Dump(ctx)
		if err != nil {
			return nil, err
		}
		c.Look("database", "the database", dump)
	} else if err := c.files("database", filepath.Join(c.Dir, "state")); err != nil {
		return nil, err
	}
	return c.Leaks("answers", "events", "commands", "backup", "log", "database"), nil
}

// signIn has an administrator signed in, who may do everything.
func (c *Canary) signIn(ctx context.Context) error {
	password := c.New("password of the administrator")
	if err := c.Command(ctx, nil, []string{"TOWPATH_NEW_PASSWORD=" + password}, "user", "password", "proof"); err != nil {
		return err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	c.api = c.Client(c.Servers[0])
	c.api.Token, c.api.HTTP.Jar, c.api.HTTP.Transport = "", jar, hears{&c.Canaries}
	return c.ask(ctx, c.api.HTTP, http.MethodPost, "session", client.SignIn{Name: "proof", Password: password})
}

// ask makes a request and takes the session that the answer gives.
func (c *Canary) ask(ctx context.Context, browser *http.Client, method, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.api.URL+"/api/v1/"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := browser.Do(request)
	if err != nil {
		return err
	}
	for _, cookie := range answer.Cookies() {
		if cookie.Value != "" {
			c.Take("session by "+path, secretOf(cookie.Value))
		}
	}
	return answer.Body.Close()
}

// secretOf is the part of a token, link or session that is no name.
func secretOf(text string) string { return text[strings.LastIndexByte(text, '_')+1:] }

// refused takes a refusal for what was to be expected: what is said is looked at.
func refused(err error) error {
	if _, ok := errors.AsType[*client.Problem](err); ok {
		return nil
	}
	return err
}

func options(format string, args ...any) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(format, args...))
}

// connections: secrets where they belong, and where they do not.
func (c *Canary) connections(ctx context.Context) error {
	for alias, in := range map[string]client.ConnectionInput{
		Mark:     {Connector: "mysql", Options: options(`{"host": "127.0.0.1", "port": 1, "user": %q, "password": %q}`, Mark, c.New("password of mysql"))},
		"post":   {Connector: "postgres", Options: options(`{"host": "127.0.0.1", "port": 1, "user": "a", "database": "d", "password": %q}`, c.New("password of postgres"))},
		"search": {Connector: "elasticsearch", Options: options(`{"urls": ["http://127.0.0.1:1"], "user": "a", "password": %q}`, c.New("password of elasticsearch"))},
		"key":    {Connector: "elasticsearch", Options: options(`{"urls": ["http://127.0.0.1:1"], "api_key": %q}`, c.New("API key"))},
		// In wrong places: refused, and not told again.
		"url":     {Connector: "elasticsearch", Options: options(`{"urls": ["http://a:%s@127.0.0.1:1"]}`, c.New("URL with a password"))},
		"host":    {Connector: "mysql", Options: options(`{"host": "a:%s@127.0.0.1", "port": 1, "user": "a"}`, c.New("host with a password"))},
		"unknown": {Connector: "mysql", Options: options(`{"host": "127.0.0.1", "user": "a", "passwd": %q}`, c.New("unknown option"))},
		"type":    {Connector: "mysql", Options: options(`{"host": "127.0.0.1", "user": "a", "password": [%q]}`, c.New("password of a wrong type"))},
		"number":  {Connector: "mysql", Options: options(`{"host": "127.0.0.1", "user": "a", "port": %q}`, c.New("password as a port"))},
		"ref":     {Connector: "mysql", Options: options(`{"host": "127.0.0.1", "port": 1, "user": "${env:CANARY}", "password": "${env:CANARY}"}`)},
	} {
		if _, err := c.api.PutConnection(ctx, "", alias, 0, in); refused(err) != nil {
			return err
		}
		if _, err := c.api.TestConnection(ctx, "", alias); refused(err) != nil {
			return err
		}
		if _, err := c.api.Datasets(ctx, "", alias, "*", 5); refused(err) != nil {
			return err
		}
	}
	// A secret that is replaced: neither stays.
	in := client.ConnectionInput{Connector: "mysql", Options: options(`{"host": "127.0.0.1", "port": 1, "user": "b", "password": %q}`, c.New("password that replaces another"))}
	if _, err := c.api.PutConnection(ctx, "", Mark, 1, in); err != nil {
		return err
	}
	in.Options = options(`{"host": "127.0.0.1", "port": 1, "user": %q, "password": "***"}`, Mark)
	_, err := c.api.PutConnection(ctx, "", Mark, 2, in)
	return err
}

// documents: jobs with secrets in them, which a server takes none of.
func (c *Canary) documents(ctx context.Context) error {
	for door, format := range map[string]string{
		"inline connection":        `{name: inline, mode: full, source: {connector: mysql, host: h, user: u, password: %s}, target: {connection: post}, streams: [{source: a.b}]}`,
		"URL as an alias":          `{name: url, mode: full, source: {connection: "mysql://u:%s@h/d"}, target: {connection: post}, streams: [{source: a.b}]}`,
		"unknown field of a job":   `{name: field, mode: full, password: %s, source: {connection: post}, target: {connection: post}, streams: [{source: a.b}]}`,
		"password beside an alias": `{name: beside, mode: full, source: {connection: post, password: %s}, target: {connection: post}, streams: [{source: a.b}]}`,
	} {
		document, err := json.Marshal(fmt.Sprintf(format, c.New(door)))
		if err != nil {
			return err
		}
		_, err = c.api.StartBatch(ctx, "", client.Batch{Document: document})
		_, jobErr := c.api.CreateJob(ctx, client.JobInput{Document: document})
		_, planErr := c.api.Plan(ctx, client.Batch{Document: document})
		if err := errors.Join(refused(err), refused(jobErr), refused(planErr)); err != nil {
			return err
		}
	}
	return nil
}

// reasons: people write secrets that are stored, and URLs with passwords, where they explain something.
func (c *Canary) reasons(ctx context.Context) error {
	stored := c.New("password that is told as a reason")
	in := client.ConnectionInput{Connector: "mysql", Options: options(`{"host": "127.0.0.1", "port": 1, "user": "c", "password": %q}`, stored)}
	if _, err := c.api.PutConnection(ctx, "", "reasons", 0, in); err != nil {
		return err
	}
	why := fmt.Sprintf("%s: the password is %s, see mysql://u:%s@db/x", Mark, stored, c.New("URL in a reason"))
	document := options(`{"name": "reasons", "mode": "full", "source": {"connection": "reasons"}, "target": {"connection": "post"}, "streams": [{"source": "a.b"}]}`)
	made, err := c.api.CreateJob(ctx, client.JobInput{Document: document, Note: why})
	if err != nil {
		return err
	}
	if _, err := c.api.Hold(ctx, "", "reasons", why); err != nil {
		return err
	}
	started, err := c.api.StartJob(ctx, made.ID, "", client.Start{Why: why})
	if err != nil {
		return err
	}
	key := started.Run.Run
	_, pauseErr := c.api.Pause(ctx, key, why)
	_, resumeErr := c.api.Resume(ctx, key, why)
	_, stopErr := c.api.Stop(ctx, key, why)
	_, tokenErr := c.api.CreateToken(ctx, client.TokenInput{Name: why[:60], Role: "viewer"})
	_, err = c.api.Release(ctx, "", "reasons")
	return errors.Join(err, refused(pauseErr), refused(resumeErr), refused(stopErr), refused(tokenErr))
}

// people: passwords, links, sessions and tokens.
func (c *Canary) people(ctx context.Context) error {
	password := c.New("password of an account")
	if err := c.Command(ctx, nil, []string{"TOWPATH_NEW_PASSWORD=" + password}, "user", "add", "ann", "--role", "editor"); err != nil {
		return err
	}
	if _, err := c.api.CreateAccount(ctx, client.AccountInput{Name: "bob"}); err != nil {
		return err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, Transport: c.api.HTTP.Transport}
	ask := func(method, path string, body any) error { return c.ask(ctx, browser, method, path, body) }
	link, err := c.api.CreateLink(ctx, "bob")
	if err != nil {
		return err
	}
	c.Take("link", secretOf(link.Link))
	changed := c.New("changed password")
	err = errors.Join(
		ask(http.MethodPost, "session", client.SignIn{Name: "ann", Password: c.New("wrong password")}),
		ask(http.MethodPost, "session", client.SignIn{Name: c.New("password as a name"), Password: "x"}),
		ask(http.MethodPost, "session", map[string]any{"name": "ann", "pasword": c.New("misspelt password")}),
		ask(http.MethodPost, "session", map[string]any{"name": "ann", "password": []string{c.New("sign-in of a wrong type")}}),
		ask(http.MethodPost, "session/link", client.LinkSignIn{Link: "tw_link_x_" + c.New("wrong link"), Password: "y"}),
		ask(http.MethodPost, "session/link", client.LinkSignIn{Link: link.Link, Password: c.New("password by link")}),
		ask(http.MethodPost, "session", client.SignIn{Name: "ann", Password: password}),
		ask(http.MethodPut, "session/password", client.PasswordChange{Present: password, Password: changed}),
		ask(http.MethodPut, "session/password", client.PasswordChange{Present: c.New("wrong present password"), Password: changed}),
		ask(http.MethodPost, "session", client.SignIn{Name: "ann", Password: changed}),
		ask(http.MethodGet, "sessions", nil),
	)
	if err != nil {
		return err
	}
	who, err := http.NewRequestWithContext(ctx, http.MethodGet, c.api.URL+"/api/v1/session", nil)
	if err != nil {
		return err
	}
	answer, err := browser.Do(who)
	if err != nil {
		return err
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusOK {
		return fmt.Errorf("nobody is signed in: %s", answer.Status)
	}
	token, err := c.api.CreateToken(ctx, client.TokenInput{Name: Mark, Role: "viewer"})
	if err != nil {
		return err
	}
	c.Take("token", secretOf(token.Token))
	used := client.Client{URL: c.api.URL, Token: token.Token, HTTP: &http.Client{Transport: c.api.HTTP.Transport}}
	if _, err := used.Runs(ctx, client.RunFilter{}); err != nil {
		return err
	}
	return c.api.RevokeToken(ctx, token.ID)
}

// requests: secrets in headers and queries.
func (c *Canary) requests(ctx context.Context) error {
	for door, change := range map[string]func(r *http.Request, secret string){
		"unknown token": func(r *http.Request, secret string) { r.Header.Set("Authorization", "Bearer tw_pat_x_"+secret) },
		"basic auth":    func(r *http.Request, secret string) { r.SetBasicAuth("ann", secret) },
		"cookie": func(r *http.Request, secret string) {
			r.AddCookie(&http.Cookie{Name: "towpath", Value: "tw_ses_x_" + secret})
		},
		"query": func(r *http.Request, secret string) {
			r.URL.RawQuery = url.Values{"token": {secret}, "limit": {secret}}.Encode()
		},
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.api.URL+"/api/v1/workspaces/main/runs", nil)
		if err != nil {
			return err
		}
		change(r, c.New(door))
		answer, err := c.api.HTTP.Do(r)
		if err != nil {
			return err
		}
		answer.Body.Close()
	}
	return nil
}

// commands: secrets on the command line, in its environment and in its files, with runs in the same control database.
func (c *Canary) commands(ctx context.Context) error {
	file, inline := c.New("secret file"), c.New("inline job")
	for name, text := range map[string]string{
		"word":             file,
		"connections.yaml": fmt.Sprintf("plain: {connector: mysql, host: 127.0.0.1, port: 1, user: %s, password: %s}\nenv: {connector: mysql, host: 127.0.0.1, port: 1, user: a, password: \"${env:MINE}\"}\nfile: {connector: mysql, host: 127.0.0.1, port: 1, user: a, password: \"${file:word}\"}\n", Mark, c.New("connections file")),
		"inline.yaml":      fmt.Sprintf("{name: inline, mode: full, source: {connector: mysql, host: 127.0.0.1, port: 1, user: %s, password: %s}, target: {connector: sqlite, path: x.db}, streams: [{source: a.b}]}", Mark, inline),
	} {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"copy", "mysql://" + Mark + ":" + c.New("URL of copy") + "@127.0.0.1:1/a.b", "sqlite:x.db/b"},
		{"copy", "sqlite:x.db/b", "mysql://a:" + c.New("URL of a target") + "@127.0.0.1:1/a.b"},
		{"copy", "mysql://a@127.0.0.1:1/a.b?password=" + c.New("query of a URL"), "sqlite:x.db/b"},
		{"check", "mysql://a:" + c.New("URL of check") + "@127.0.0.1:1/"}, {"check", "plain"}, {"check", "env"}, {"check", "file"},
		{"run", "inline.yaml"}, {"plan", "inline.yaml"}, {"job", "check", "inline.yaml"},
		{"user", "list"}, {"token", "list"}, {"audit", "list", "--most", "1000"}, {"runs"},
	} {
		if err := c.say(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// say runs a command both ways of answering, and looks at what it says; that it fails is to be expected.
func (c *Canary) say(ctx context.Context, args ...string) error {
	for _, more := range [][]string{nil, {"--json"}} {
		command := exec.CommandContext(ctx, c.Program, append(args, more...)...)
		command.Dir = c.Dir
		command.Env = c.env("MINE="+c.doorOnce("variable of a connection"), "TOWPATH_SOURCE_PASSWORD="+c.doorOnce("variable of a side"))
		said, err := command.CombinedOutput()
		if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
			return err
		}
		c.Look("commands", "towpath "+args[0], said)
	}
	return nil
}

// doorOnce is the secret of a door that is the same each time.
func (c *Canary) doorOnce(door string) string {
	c.mu.Lock()
	forms := c.forms[door]
	c.mu.Unlock()
	if forms != nil {
		return forms[0]
	}
	return c.New(door)
}

// runs moves rows of a server with an account whose password is a secret, by the API and by the command line.
func (c *Canary) runs(ctx context.Context) error {
	if c.Account == nil {
		return nil
	}
	password := c.New("password of a run")
	name, err := c.Account(ctx, password)
	if err != nil {
		return err
	}
	host, port := c.MySQL.URL.Hostname(), c.MySQL.URL.Port()
	target := options(`{"path": %q}`, filepath.Join(c.Files(), "copies.db"))
	for alias, in := range map[string]client.ConnectionInput{
		"right": {Connector: "mysql", Options: options(`{"host": %q, "port": %s, "user": %q, "password": %q}`, host, port, name, password)},
		"wrong": {Connector: "mysql", Options: options(`{"host": %q, "port": %s, "user": %q, "password": %q}`, host, port, name, c.New("wrong password of a run"))},
		// What the environment of the server holds is not a person's to name.
		"named": {Connector: "mysql", Options: options(`{"host": %q, "port": %s, "user": "${env:CANARY}", "password": %q}`, host, port, "x")},
		"file":  {Connector: "sqlite", Options: target},
	} {
		if _, err := c.api.PutConnection(ctx, "", alias, 0, in); err != nil {
			return err
		}
		if _, err := c.api.TestConnection(ctx, "", alias); refused(err) != nil {
			return err
		}
	}
	if _, err := c.api.Sample(ctx, "", "right", name+".orders", 5); err != nil {
		return err
	}
	for _, source := range []string{"right", "wrong", "named"} {
		started, err := c.api.StartFull(ctx, "", client.Full{Source: source, Target: "file", Datasets: []string{name + ".orders"}, Name: source})
		if err != nil {
			return err
		}
		run, err := c.over(ctx, started.Run.Run)
		if err != nil || (run.State == client.Succeeded) != (source == "right") {
			return fmt.Errorf("run of %s is %s: %s: %w", source, run.State, run.Reason, err)
		}
	}
	inline := fmt.Sprintf("{name: inline, mode: full, source: {connector: mysql, host: %s, port: %s, user: %s, password: %s}, target: {connector: sqlite, path: y.db}, streams: [{source: %s.orders}]}",
		host, port, name, password, name)
	if err := os.WriteFile(filepath.Join(c.Dir, "right.yaml"), []byte(inline), 0o600); err != nil {
		return err
	}
	return errors.Join(c.say(ctx, "run", "right.yaml"),
		c.say(ctx, "copy", fmt.Sprintf("mysql://%s:%s@%s:%s/%s.orders", name, password, host, port, name), "sqlite:z.db/orders"))
}

// over waits until a run rests.
func (c *Canary) over(ctx context.Context, key string) (run client.Run, err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); ; {
		if run, err = c.api.Run(ctx, key, ""); err != nil || run.State.Rests() {
			return run, err
		}
		select {
		case <-tick.C:
		case <-late:
			return run, fmt.Errorf("run %s is still %s", key, run.State)
		}
	}
}

// look reads all that the API tells.
func (c *Canary) look(ctx context.Context) error {
	connections, err := c.api.Connections(ctx, "")
	if err != nil {
		return err
	}
	for _, x := range connections.Items {
		if _, err := c.api.Connection(ctx, "", x.Alias); err != nil {
			return err
		}
	}
	jobs, err := c.api.Jobs(ctx, client.Part{})
	if err != nil {
		return err
	}
	for _, j := range jobs.Items {
		_, oneErr := c.api.Job(ctx, j.ID, 0)
		_, versionsErr := c.api.JobVersions(ctx, j.ID)
		if err := errors.Join(oneErr, versionsErr); err != nil {
			return err
		}
	}
	runs, err := runsOf(ctx, c.api)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if _, _, err := history(ctx, c.api, r.Run); err != nil {
			return err
		}
	}
	_, recordErr := c.api.Audit(ctx, "", client.Part{Limit: 500})
	_, tokensErr := c.api.Tokens(ctx)
	_, accountsErr := c.api.Accounts(ctx)
	_, membersErr := c.api.Members(ctx)
	_, syncErr := c.api.SyncStatus(ctx, "", "")
	err = errors.Join(recordErr, accountsErr, tokensErr, membersErr, syncErr)
	for _, path := range []string{"/metrics", "/api/v1/openapi.json", "/healthz", "/readyz", "/"} {
		r, requestErr := http.NewRequestWithContext(ctx, http.MethodGet, c.api.URL+path, nil)
		if requestErr != nil {
			return requestErr
		}
		answer, getErr := c.api.HTTP.Do(r)
		if getErr != nil {
			return getErr
		}
		if answer.Body.Close(); answer.StatusCode/100 != 2 {
			err = errors.Join(err, fmt.Errorf("GET %s: %s", path, answer.Status))
		}
	}
	return err
}
