package hosting_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// A database counts as idle a minute after it was declared.
func TestReportOfAnIdleDatabaseIsUsedUntilSomethingHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	quiet := func() bool {
		_, quiet := w.QuietReport(shop)
		return quiet
	}
	if quiet() {
		t.Error("there is no report yet")
	}
	report := func() {
		if err := w.SetReport(shop, database.Status{PendingChanges: 7}, w.Moment(shop)); err != nil {
			t.Fatal(err)
		}
	}
	await := func(want string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(3 * patience); !is(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not %s", want)
			}
		}
	}
	await("quiet", func() bool { report(); return quiet() })
	if err := w.Use(t.Context(), shop, query); err != nil {
		t.Fatal(err)
	}
	if quiet() {
		t.Error("quiet after a use that may have declared something")
	}
	await("quiet again", func() bool { report(); return quiet() })
	err := w.Prepare(t.Context(), shop, func(ctx context.Context, db *postgres.DB) error {
		_, err := db.Exec(ctx, "INSERT INTO referral.change (shard, kind, key) VALUES (1, 'Referee', 'bob')")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	await("noticed", func() bool { return !quiet() })
}

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
