package hosting_test

import (
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

func TestReportsOfANamespaceLeaveMemoryToOthers(t *testing.T) {
	r := hosting.NewRegistry(hosting.Options{})
	large := database.Status{Bytes: 4 << 20}
	report := func(namespace string, n int) error {
		name := types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("shop-", n)}
		r.Refuse(name, hosting.Source{}, errors.New("no settings"))
		return r.SetReport(name, large, hosting.Moment{})
	}
	var kept int
	for n := range 50 {
		switch err := report("crowd", n); {
		case err == nil:
			kept++
		case !errors.Is(err, hosting.ErrReportsInUse):
			t.Fatal(err)
		}
	}
	if kept < 5 || kept > 6 {
		t.Errorf("%d large reports of a namespace are kept", kept)
	}
	if err := report("another", 0); err != nil {
		t.Errorf("of another namespace: %v", err)
	}
	if err := report("crowd", 0); err != nil {
		t.Errorf("a report that replaces another of its size: %v", err)
	}
	for n := range 2 {
		r.Drop(types.NamespacedName{Namespace: "crowd", Name: fmt.Sprint("shop-", n)})
	}
	third := types.NamespacedName{Namespace: "crowd", Name: "shop-2"}
	if err := r.SetReport(third, database.Status{Bytes: 40 << 20}, hosting.Moment{}); !errors.Is(err, hosting.ErrReportsInUse) {
		t.Errorf("a report that has grown: %v", err)
	}
	if _, reported := r.Report(third); reported || !r.State(third).Unreported {
		t.Error("the report before it is kept")
	}
	if err := report("crowd", 2); err != nil || r.State(third).Unreported {
		t.Errorf("a report that is small again: %v", err)
	}
	if err := report("crowd", 1000); err != nil {
		t.Errorf("after two databases were dropped: %v", err)
	}
	r.ForgetReports()
	for n := range 5 {
		if err := report("third", n); err != nil {
			t.Errorf("after all were forgotten: %v", err)
		}
	}
}
