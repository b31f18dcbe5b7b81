package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/towpath/towpath/record"
)

// pipe is a wire and the other end of its connection.
func pipe(t *testing.T) (*wire, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return newWire(near, near, 5*time.Second), far
}

func message(kind byte, body string) string {
	return string(kind) + string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))) + body
}

// TestClaimedLengths: lengths that no message has, or that do not come, end the connection.
func TestClaimedLengths(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{"a gigabyte": "D\x40\x00\x00\x00", "two": "D\x7f\xff\xff\xff", "negative": "D\xff\xff\xff\xff", "none": "D\x00\x00\x00\x00"} {
		w, far := pipe(t)
		go func() {
			_, _ = io.WriteString(far, head+string(make([]byte, 1<<20)))
			far.Close()
		}()
		if _, _, err := w.message(); err == nil || !w.Broken {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestMessagesOfAnySize: nothing is lost of the messages around a huge one.
func TestMessagesOfAnySize(t *testing.T) {
	t.Parallel()
	w, far := pipe(t)
	sizes := []int{10, 9 << 20, 3, 0, 1 << 20, 7}
	go func() {
		for _, n := range sizes {
			_, _ = io.WriteString(far, message('D', string(make([]byte, n)))+message('N', "notice"))
		}
	}()
	for i, n := range sizes {
		kind, body, err := w.message()
		if err != nil || kind != 'D' || len(body) != n {
			t.Fatalf("message %d: got %q of %d bytes, %v, want %d", i, kind, len(body), err, n)
		}
	}
}

// TestErrorEndsTheAnswer: behind a server's error the answer is read to its end, and the next one is read as it comes.
func TestErrorEndsTheAnswer(t *testing.T) {
	t.Parallel()
	w, far := pipe(t)
	go func() {
		_, _ = io.WriteString(far, message('1', "")+message('E', "SERROR\x00VERROR\x00C42P01\x00Mno such table\x00Dmore\x00\x00")+message('Z', "E")+message('C', "INSERT 0 17\x00")+message('Z', "I"))
	}()
	if _, err := w.expect(gotParse); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.answer()
	e, ok := errors.AsType[*serverError](err)
	if !ok || e.Code != "42P01" || e.Error() != "no such table (42P01)" || e.Detail != "more" || w.state != stateFailed || w.Broken {
		t.Errorf("got %v, state %q, broken %v", err, w.state, w.Broken)
	}
	if body, err := w.row(); body != nil || err != nil || w.state != stateIdle || w.affected != 17 {
		t.Errorf("got %q, %v, %d rows", body, err, w.affected)
	}
	go func() {
		_, _ = io.WriteString(far, message('E', "SFATAL\x00C57P01\x00Mgoing down\x00\x00"))
		far.Close()
	}()
	if _, _, err := w.answer(); err == nil || !w.Broken {
		t.Errorf("a server that goes down: got %v, broken %v", err, w.Broken)
	}
}

func TestStopWins(t *testing.T) {
	t.Parallel()
	w, _ := pipe(t)
	go w.Stop()
	if _, _, err := w.message(); !errors.Is(err, errStopped) || !w.Broken {
		t.Errorf("got %v", err)
	}
	if err := w.send(); !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecoders: whatever stands in a cell, decoders neither panic nor leave a column of another length than the rest.
func FuzzDecoders(f *testing.F) {
	var kinds []record.Type
	var infos []*typeInfo
	for i := range typeTable() {
		row := typeTable()[i]
		info := &typeInfo{oid: row.oid, name: row.name, binary: true, separator: ',', row: &row}
		for _, mod := range []int32{-1, 5, 40, (12<<16 | 2) + 4, (30<<16 | 4) + 4, (60<<16 | 4) + 4} {
			kinds, infos = append(kinds, info.logical(typeMod{mod: mod}, row.name)), append(infos, info)
			list := &typeInfo{oid: 1, elem: info, item: row.oid, binary: true}
			kinds, infos = append(kinds, list.logical(typeMod{mod: mod}, row.name+"[]")), append(infos, list)
		}
	}
	native := &typeInfo{oid: 2, binary: false, separator: ','}
	kinds, infos = append(kinds, record.Type{Kind: record.List, Elem: &record.Type{Kind: record.Native, Name: "x"}}), append(infos, &typeInfo{oid: 3, elem: native, item: 2, binary: true})
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x17\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x05"))
	f.Add([]byte("\x00\x02\x00\x01\x40\x00\x00\x02\x00\x01\x13\x88"))
	f.Add([]byte("\x00\x00\x00\x00\xc0\x00\x00\x00"))
	f.Add([]byte("}}{{1}}"))
	f.Add([]byte(`[0:1][2:3]={{"a","b\"c"},{NULL,d}}`))
	f.Add([]byte("\x01\x01\x00\x00\x20\xe6\x10\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40"))
	f.Add([]byte("\x00\x00\x00\x0a\xff\xc0"))
	f.Fuzz(func(t *testing.T, cell []byte) {
		for i := range kinds {
			field := record.Field{Name: "v", Type: kinds[i]}
			c, ok := bind(&field, infos[i], -1)
			if !ok {
				continue
			}
			d := decoder{maxCell: 1 << 16, unbounded: true, columns: []decodeColumn{c}}
			b := record.NewBatch(&record.Schema{Fields: []record.Field{field}})
			d.columns[0].index = 0
			d.attach(b)
			body := append(binary.BigEndian.AppendUint32([]byte{0, 1}, uint32(len(cell))), cell...)
			if err := d.row(body); err == nil && b.Cols[0].Len != 1 {
				t.Errorf("%s: %x made %d cells", kinds[i], cell, b.Cols[0].Len)
			} else if err == nil && !b.Cols[0].Null(0) {
				record.AppendText(nil, &kinds[i], b.Cols[0], 0)
			}
		}
		_, _ = parseColumnDefs(cell)
		_ = eachCell(cell, func([]byte, bool) {})
		parseServerError(cell)
		rowsOfTag(cell)
	})
}
