package touches_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

func TestRepeatedTouchLeavesTheFirstRow(t *testing.T) {
	w := newWorld(t)
	record := func(want int64, all ...touches.Touch) {
		t.Helper()
		written, err := touches.Record(t.Context(), w.db, w.db.Schema, all)
		testworld.Must(t, err)
		if written != want {
			t.Errorf("%d written, want %d", written, want)
		}
	}
	record(0)
	record(2, touch("b"), touch("a"))
	again := touch("a")
	again.Code, again.LandingURL = "bob1", ""
	record(1, again, touch("c"), touch("c"))
	w.expect("a", "b", "c")
	type row struct {
		Code    string
		At      time.Time
		Landing string
		Referer *string
	}
	var got row
	testworld.Must(t, w.owner.QueryRow(t.Context(), "SELECT code, touched_at, landing_url, referer FROM referral.touch WHERE touch_id = 'a'").
		Scan(&got.Code, &got.At, &got.Landing, &got.Referer))
	if diff := cmp.Diff(row{"ann1", noon, "https://shop.example/", nil}, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

// A signup brings the touches of its visitor, which are usually there. A transaction of the shop's may
// keep them locked.
func TestStoredTouchOfASignupWaitsForNoLock(t *testing.T) {
	w := newWorld(t)
	_, err := touches.Record(t.Context(), w.db, w.db.Schema, []touches.Touch{touch("a")})
	testworld.Must(t, err)
	held, err := w.owner.Begin(t.Context())
	testworld.Must(t, err)
	defer func() { _ = held.Rollback(context.Background()) }()
	_, err = held.Exec(t.Context(), "SELECT FROM referral.touch FOR UPDATE")
	testworld.Must(t, err)
	brought, other := touch("a"), touch("b")
	brought.LandingURL = ""
	err = pgx.BeginFunc(t.Context(), w.db.WithLimits(postgres.Limits{Lock: time.Second, Statement: time.Minute}), func(tx pgx.Tx) error {
		written, err := touches.Record(t.Context(), tx, w.db.Schema, []touches.Touch{brought, other})
		if err == nil && written != 1 {
			t.Errorf("%d written, want 1", written)
		}
		return err
	})
	testworld.Must(t, err)
}

// The tracker's clock may be ahead of the database's, by which a signup without a time is recorded.
func TestTouchIsNotStoredAfterTheSignupThatFollowsIt(t *testing.T) {
	w := newWorld(t)
	earlier, ahead := touch("earlier"), touch("ahead")
	ahead.At = time.Now().Add(2 * time.Minute)
	for range 2 { // the second write is a retried one
		_, err := touches.Record(t.Context(), w.db, w.db.Schema, []touches.Touch{earlier, ahead})
		testworld.Must(t, err)
		_, err = w.db.Exec(t.Context(), "INSERT INTO referral.signup (user_id, visitor_id) VALUES ('bob', $1) ON CONFLICT DO NOTHING", ahead.VisitorID)
		testworld.Must(t, err)
		got := migrated.Rows(t, w.owner, `SELECT touch_id FROM referral.touch JOIN referral.signup USING (visitor_id)
			WHERE touched_at <= signed_up_at ORDER BY touched_at`)
		if diff := cmp.Diff([]string{"earlier", "ahead"}, got); diff != "" {
			t.Errorf("touches before the signup (-want +got):\n%s", diff)
		}
	}
}

// A signup may come sooner than the touch that waits to be written.
func TestTouchFromASignupGetsItsLandingURLLater(t *testing.T) {
	w := newWorld(t)
	brought, queued := touch("a"), touch("a")
	brought.LandingURL, queued.Referer = "", "https://forum.example/"
	for _, all := range [][]touches.Touch{{brought}, {brought, queued}, {brought}} {
		_, err := touches.Record(t.Context(), w.db, w.db.Schema, all)
		testworld.Must(t, err)
	}
	got := migrated.Rows(t, w.owner, "SELECT touch_id, landing_url, referer FROM referral.touch")
	if diff := cmp.Diff([]string{"a https://shop.example/ https://forum.example/"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheTouchesOfATokenAreRows(t *testing.T) {
	first, last := visitor.NewTouch("ann1", noon), visitor.NewTouch("bob1", noon.Add(time.Hour))
	token := visitor.New().Touched(first, 720*time.Hour).Touched(last, 720*time.Hour)
	want := []touches.Touch{
		{VisitorID: token.VisitorID, ID: first.ID, Code: "ann1", At: noon},
		{VisitorID: token.VisitorID, ID: last.ID, Code: "bob1", At: noon.Add(time.Hour)},
	}
	if diff := cmp.Diff(want, touches.Of(token)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if rows := touches.Of(visitor.New()); rows != nil {
		t.Errorf("a visitor without touches has %v", rows)
	}
}

func TestAnyTextMayBeAnAddress(t *testing.T) {
	w := newWorld(t)
	addresses := map[string]string{
		"long": strings.Repeat("x", 100_000), "NUL": "a\x00b", "no UTF-8": "a\xff\xfeb",
		"cut within a character": strings.Repeat("x", 1023) + "ä", "characters": strings.Repeat("ä", 1024),
	}
	q := w.queue(touches.Options{})
	for name, text := range addresses {
		row := touch(name)
		row.LandingURL, row.Referer = text, text
		if !q.Add(row) {
			t.Errorf("%s: there is no room", name)
		}
	}
	w.close(q)
	got := migrated.Rows(t, w.owner, `SELECT touch_id FROM referral.touch WHERE landing_url <> '' AND referer <> '' ORDER BY touch_id COLLATE "C"`)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(addresses)), got); diff != "" {
		t.Errorf("touches (-want +got):\n%s", diff)
	}
}
