package hosting_test

import (
	"context"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// A database counts as idle a minute after it was declared. Of the parallel tests of this package this
// one stands in the first file, so that the others run meanwhile.
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
