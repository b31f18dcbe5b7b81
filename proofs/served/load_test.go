package served_test

import (
	"testing"

	"github.com/towpath/towpath/proofs/served"
	"github.com/towpath/towpath/proofs/served/servedtest"
)

// TestManyRunsAtOnce, with listeners of which some read nothing.
func TestManyRunsAtOnce(t *testing.T) {
	t.Parallel()
	l := &served.Load{Site: servedtest.Opened(t, servedtest.Site(t), 1), Small: 30, Large: 4, Rows: 400_000, Places: 4, Limit: 2, Clients: 50, Stalled: 6}
	f, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", f)
	for _, fault := range f.Faults {
		t.Error(fault)
	}
}
