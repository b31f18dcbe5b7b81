package archtest_test

import (
	"testing"

	"github.com/towpath/towpath/internal/archtest"
)

func TestTree(t *testing.T) {
	t.Parallel()
	tree, err := archtest.Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range archtest.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()
			for _, finding := range rule.Check(tree) {
				t.Error(finding)
			}
			if t.Failed() {
				t.Log("why: " + rule.Reason)
			}
		})
	}
}
