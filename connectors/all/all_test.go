package all_test

import (
	"strings"
	"testing"

	"github.com/towpath/towpath/connectors/all"
)

func TestConnectorsAreComplete(t *testing.T) {
	t.Parallel()
	for _, c := range all.Connectors().All() {
		if c.Title == "" || c.Connection == nil || c.Open == nil || !strings.HasPrefix(c.Docs, "# "+c.Title) {
			t.Errorf("connector %s lacks its title, connection options, Open, or a README that begins with its title", c.Name)
		}
		if (c.Read != nil) != (c.Reading != nil) || (c.Write != nil) != (c.Writing != nil) {
			t.Errorf("connector %s describes options of what it lacks, or not those of what it has", c.Name)
		}
	}
}
