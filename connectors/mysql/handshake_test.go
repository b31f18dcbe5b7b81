package mysql

import (
	"net"
	"testing"
)

// greetingOf is the first packet of a server: with MariaDB's own abilities, or those of MySQL, which has none.
func greetingOf(version string, abilities, own byte) []byte {
	p := append([]byte{0, 0, 0, 0, 10}, version...)
	p = append(p, 0, 1, 2, 3, 4, 's', 'a', 'l', 't', 's', 'a', 'l', 't', 0, abilities, 0xf7, 45, 2, 0, 0xff, 0x81, 21)
	p = append(p, 0, 0, 0, 0, 0, 0, own, 0, 0, 0)
	return append(p, "saltsaltsalt\x00mysql_native_password\x00"...)
}

func TestBulkIsOfferedByMariaDBAlone(t *testing.T) {
	t.Parallel()
	offers, lacks, mysql := greetingOf("10.11.6-MariaDB", 0xfe, 0x1f), greetingOf("10.1.48-MariaDB", 0xfe, 0x03), greetingOf("8.4.2", 0xff, 0x04)
	if !offersBulk(offers) || offersBulk(lacks) || offersBulk(mysql) {
		t.Errorf("got %t, %t, %t, want the first alone", offersBulk(offers), offersBulk(lacks), offersBulk(mysql))
	}
	for n := range offers { // a server may send anything
		_ = offersBulk(offers[:n])
	}
	if offersBulk([]byte{0, 0, 0, 0, 9, 0}) || offersBulk(nil) {
		t.Error("another protocol is taken for this one")
	}
}

// TestAnswerToTheGreeting: the one packet that says what we know is changed, and no other.
func TestAnswerToTheGreeting(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	g := &guardedConn{Conn: near, plain: true, seen: greetingOf("10.11.6-MariaDB", 0xfe, 0x1f)}
	sent := make([]byte, 60)
	sent[4] = 0x8f
	got := make([]byte, 60)
	for range 2 {
		done := make(chan error, 1)
		go func() {
			_, err := g.Write(sent)
			done <- err
		}()
		if _, err := far.Read(got); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if changed := got[4] == 0x8e && got[32] == abilityBulk; changed != (g.bulk && sent[5] == 0) || sent[4] != 0x8f || sent[32] != 0 {
			t.Errorf("abilities %x and %x, sent %x", got[4], got[32], sent[4])
		}
		sent[5] = 1 // the second packet
	}
	if !g.bulk {
		t.Error("bulk execution is not asked for")
	}
}
