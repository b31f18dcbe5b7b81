package servertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/towpath/towpath/proofs/served"
	"github.com/towpath/towpath/proofs/served/servedtest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// client runs statements through a system's own client.
func client(ctx context.Context, statements string, env string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = append(os.Environ(), env)
	c.Stdin = strings.NewReader(statements)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.Bytes())
	}
	return out, nil
}

// TestSecretsStayInside with the control database in PostgreSQL, of which all rows are read, and with runs whose password is a secret.
func TestSecretsStayInside(t *testing.T) {
	database, db := servers.Private(t, "postgres"), servers.Need(t, "mariadb")
	s := servedtest.Site(t)
	s.OnPostgres(reached(t, database.Server))
	servedtest.Opened(t, s, 1)
	mysql := func(ctx context.Context, statements string) error {
		_, err := client(ctx, statements, "MYSQL_PWD="+db.Password(), db.Client, "--no-defaults", "--skip-ssl", "-h", db.Host(), "-P", db.Port(), "-u", db.User())
		return err
	}
	name := "tw_" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		if err := mysql(context.Background(), "DROP DATABASE IF EXISTS "+name+"; DROP USER IF EXISTS "+name); err != nil {
			t.Error(err)
		}
	})
	postgres := func(ctx context.Context, statements string) ([]byte, error) {
		return client(ctx, statements, "PGPASSWORD="+database.Password(), database.Client, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", database.Host(), "-p", database.Port(),
			"-U", database.User(), "-d", database.Database())
	}
	servedtest.KeepsSecrets(t, &served.Canary{
		Site: s, MySQL: reached(t, db),
		Account: func(ctx context.Context, password string) (string, error) {
			return name, mysql(ctx, fmt.Sprintf("CREATE DATABASE %[1]s; CREATE TABLE %[1]s.orders (id INT PRIMARY KEY, note TEXT); INSERT INTO %[1]s.orders VALUES (1, 'a'), (2, 'b');"+
				"CREATE USER %[1]s IDENTIFIED BY '%[2]s'; GRANT SELECT ON %[1]s.* TO %[1]s", name, password))
		},
		Dump: func(ctx context.Context) ([]byte, error) {
			tables, err := postgres(ctx, "SELECT 'COPY ' || quote_ident(tablename) || ' TO STDOUT;' FROM pg_tables WHERE schemaname = 'public'")
			if err != nil {
				return nil, err
			}
			return postgres(ctx, string(tables))
		},
	})
}
