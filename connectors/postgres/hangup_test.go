package postgres

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// TestHangUpAtRefusal: a server that goes away behind its refusal of a row says nothing about the row: nobody can look for it any more.
func TestHangUpAtRefusal(t *testing.T) {
	t.Parallel()
	j := ownDatabase(t, "postgres")
	port := listen(t, func(near net.Conn) {
		far, err := net.Dial("tcp", j.srv.Addr())
		if err != nil {
			return
		}
		defer far.Close()
		go func() { _, _ = io.Copy(far, near) }()
		buf := make([]byte, 64<<10)
		for {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			told := buf[:n]
			at := bytes.Index(told, []byte("C23514\x00"))
			if at > 0 { // all of the refusal, and not that the server is ready again
				told = bytes.TrimSuffix(told, []byte("Z\x00\x00\x00\x05E"))
			}
			if _, err := near.Write(told); err != nil || at > 0 {
				return
			}
		}
	})
	j.execf("CREATE TABLE %s.few (n int CHECK (n < 5))", j.schema)
	s, err := j.client(map[string]any{"port": port}).take(t.Context(), writes)
	if err != nil {
		t.Fatal(err)
	}
	insert := statement("INSERT INTO " + quote(j.schema) + ".few VALUES (7)")
	insert.refused = func(*serverError) error { return errRefused }
	_, err = s.run(statement("BEGIN"), insert)
	if errors.Is(err, errRefused) || connector.ClassOf(classifyWrite(err, "write")) != connector.Retry {
		t.Errorf("got %v (%v), want an error that passes", err, connector.ClassOf(classifyWrite(err, "write")))
	}
	if !s.Broken {
		t.Error("the session counts as good")
	}
}

// TestHangUpAtLogin: a server that goes away while a session logs in is away, and no impostor.
func TestHangUpAtLogin(t *testing.T) {
	t.Parallel()
	port := listen(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		_, _ = c.Read(buf)
		_, _ = io.WriteString(c, "R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00")
		_, _ = c.Read(buf)
	})
	d, err := newDialer(Connection{Host: "127.0.0.1", Port: port, User: "u", Password: "p", Database: "d", Schema: "public", TLS: dial.TLS{Mode: "auto"},
		ConnectSeconds: 3, ReadSeconds: 3, Connections: 2}, new(net.Dialer))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.open(t.Context(), reads); connector.ClassOf(err) != connector.Retry {
		t.Errorf("got %v (%v), want an error that passes", err, connector.ClassOf(err))
	}
}
