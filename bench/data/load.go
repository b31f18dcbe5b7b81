package data

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"strings"
)

// Server is a MariaDB or MySQL server, reached by its own command line client.
type Server struct {
	Client string   // path of mariadb or mysql
	URL    *url.URL // mysql://user:password@host:port/...; its user may create databases
}

// Args returns the arguments of the client that connect to the server: no file of this machine's adds to them. The password
// goes into the environment, as Env returns it.
func (s Server) Args(more ...string) []string {
	host, port, err := net.SplitHostPort(s.URL.Host)
	if err != nil {
		host, port = s.URL.Host, "3306"
	}
	return append([]string{"--no-defaults", "--protocol=tcp", "--host=" + host, "--port=" + port, "--user=" + s.URL.User.Username(),
		"--default-character-set=utf8mb4"}, more...)
}

// Env returns the variable that holds the password.
func (s Server) Env() string {
	password, _ := s.URL.User.Password()
	return "MYSQL_PWD=" + password
}

// Run runs statements and returns what the client printed: rows in lines, tabs between cells.
func (s Server) Run(ctx context.Context, statements string) (string, error) {
	return s.feed(ctx, nil, "-N", "-B", "-e", statements)
}

func (s Server) feed(ctx context.Context, in io.Reader, args ...string) (string, error) {
	return feed(ctx, s.Client, s.Args(args...), s.Env(), in)
}

// feed runs a client with something to read and returns what it printed.
func feed(ctx context.Context, client string, args []string, env string, in io.Reader) (string, error) {
	c := exec.CommandContext(ctx, client, args...)
	c.Env = append(c.Environ(), env)
	c.Stdin = in
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("run %s: %w: %s", client, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimRight(string(out), "\n"), nil
}

// Fill makes sure that the table stands in the database under its name and row count, and returns that name, database.table.
// A table that an earlier call has made stays as it is; one that was cut off in the middle is made again.
func (t *Table) Fill(ctx context.Context, s Server, database string, seed uint64, rows int64) (string, error) {
	name, comment := t.names(seed, rows)
	full := database + "." + name
	found, err := s.Run(ctx, fmt.Sprintf("SELECT table_comment FROM information_schema.tables WHERE table_schema = '%s' AND table_name = '%s'", database, name))
	if err != nil || found == comment {
		return full, err
	}
	part := full + "_part"
	_, err = s.Run(ctx, "CREATE DATABASE IF NOT EXISTS "+database+" CHARACTER SET utf8mb4; DROP TABLE IF EXISTS "+full+", "+part+"; "+t.Create(part, comment))
	if err != nil {
		return full, err
	}
	const stretch = 250_000 // rows of one transaction
	for first := int64(1); first <= rows; first += stretch {
		if err := t.load(ctx, s, part, seed, first, min(rows, first+stretch-1)); err != nil {
			return full, err
		}
	}
	_, err = s.Run(ctx, "ANALYZE TABLE "+part+"; RENAME TABLE "+part+" TO "+full)
	return full, err
}

// names returns the table's name and the comment by which a complete one is known.
func (t *Table) names(seed uint64, rows int64) (name, comment string) {
	return fmt.Sprintf("%s_%d_%d", t.Name, rows, seed), fmt.Sprintf("generated, version 2: %d rows of seed %d", rows, seed)
}

func (t *Table) load(ctx context.Context, s Server, name string, seed uint64, first, last int64) error {
	return t.generate(seed, first, last, func(in io.Reader) error {
		_, err := s.feed(ctx, in, "--local-infile=1", "-e", "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES'; "+t.Load(name, "/dev/stdin"))
		return err
	})
}

// generate lets take read the rows with the ids from first to last while they are made.
func (t *Table) generate(seed uint64, first, last int64, take func(in io.Reader) error) error {
	read, write := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		write.CloseWithError(t.Write(write, seed, first, last))
	}()
	err := take(read)
	read.Close()
	<-done
	if err != nil {
		return fmt.Errorf("load rows %d to %d of %s: %w", first, last, t.Name, err)
	}
	return nil
}
