package sqlite

import (
	"context"
	"errors"
	"testing"

	lib "modernc.org/sqlite/lib"

	"github.com/towpath/towpath/connector"
)

func TestClassOf(t *testing.T) {
	t.Parallel()
	for result, want := range map[int]connector.Class{
		lib.SQLITE_BUSY: connector.Busy, lib.SQLITE_BUSY | 2<<8: connector.Busy, lib.SQLITE_LOCKED: connector.Busy, lib.SQLITE_FULL: connector.Full,
		lib.SQLITE_READONLY | 8<<8: connector.Denied, lib.SQLITE_PERM: connector.Denied, lib.SQLITE_CANTOPEN: connector.Missing, lib.SQLITE_CORRUPT: connector.Other,
		lib.SQLITE_NOTADB: connector.Other, lib.SQLITE_CONSTRAINT | 6<<8: connector.Row, lib.SQLITE_IOERR | 3<<8: connector.Retry, lib.SQLITE_ERROR: connector.Config, 0: connector.Other,
	} {
		if got, code, _ := classOf(result); got != want || code == "" {
			t.Errorf("result %d: got %v %s, want %v", result, got, code, want)
		}
	}
}

func TestClassifyKeepsWhatIsClassified(t *testing.T) {
	t.Parallel()
	own := connector.Errorf(connector.Fenced, "TOW-165", "x")
	if got := classify(own, "do it"); got != error(own) {
		t.Errorf("got %v", got)
	}
	if got := classify(context.Canceled, "do it"); !errors.Is(got, context.Canceled) || connector.ClassOf(got) != connector.Other {
		t.Errorf("got %v", got)
	}
	if classify(nil, "do it") != nil {
		t.Error("nil became an error")
	}
	if got := connector.ClassOf(commitError(errors.New("disk"), "s")); got != connector.Unknown {
		t.Errorf("a commit that failed for an unknown reason: got class %v, want unknown", got)
	}
}
