package database_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestReverseCampaign(t *testing.T) {
	w := newWorld(t)
	reverse := func(name, uid string) int64 {
		t.Helper()
		left, err := database.ReverseCampaign(t.Context(), w.DB, database.Campaign{OwnerUID: shop.UID, Name: name, UID: uid})
		testworld.Must(t, err)
		return left
	}
	mode := func() string { return testworld.Value[string](t, w, "SELECT mode FROM referral.campaign") }

	if left := reverse("undeclared", "c1"); left != 0 {
		t.Errorf("%d left of a campaign that never was", left)
	}
	w.declare(invite(func(d *database.Declaration) { d.UID = "earlier" }))
	w.declare(invite())
	first := w.epoch()
	_, err := w.Exec(t.Context(), "INSERT INTO referral.pair_count (campaign, shard, waiting, held, granted, reversed) VALUES ('invite-friends', 1, 1, 2, 3, 4)")
	testworld.Must(t, err)

	if left := reverse("invite-friends", "earlier"); left != 0 || mode() != "Open" {
		t.Errorf("%d left, mode %s: a later object's campaign was touched", left, mode())
	}
	w.changes()
	if left := reverse("invite-friends", "c1"); left != 6 || mode() != "Reversing" {
		t.Errorf("%d left, mode %s", left, mode())
	}
	if changes := w.changes(); len(changes) > 0 {
		t.Errorf("enqueued %v: what was given is found by a walk over rows", changes)
	}
	epoch := w.epoch()
	if epoch == first {
		t.Error("the epoch has not moved: batches may commit what was decided before")
	}
	if left := reverse("invite-friends", "c1"); left != 6 || w.epoch() != epoch {
		t.Errorf("asked again: %d left, epoch %d after %d", left, w.epoch(), epoch)
	}
	if declared := w.declare(invite(func(d *database.Declaration) { d.Generation++ })); !declared.Stale || mode() != "Reversing" {
		t.Errorf("a stale declaration opened it again: %+v", declared)
	}

	_, err = w.Exec(t.Context(), "UPDATE referral.pair_count SET waiting = 0, held = 0, granted = 0, reversed = 10")
	testworld.Must(t, err)
	if left := reverse("invite-friends", "c1"); left != 1 || mode() != "Reversing" {
		t.Errorf("%d left, mode %s: counters decided", left, mode())
	}
	_, err = w.Exec(t.Context(), "UPDATE referral.reversal SET done = true; UPDATE referral.pair_count SET granted = 5")
	testworld.Must(t, err)
	if left := reverse("invite-friends", "c1"); left != 0 || mode() != string(database.Closed) {
		t.Errorf("%d left, mode %s", left, mode())
	}
	epoch = w.epoch()
	if left := reverse("invite-friends", "c1"); left != 0 || w.epoch() != epoch {
		t.Errorf("asked after the end: %d left, epoch %d after %d", left, w.epoch(), epoch)
	}
	w.declare(invite(func(d *database.Declaration) { d.UID = "c2" }))
	if mode() != string(database.Open) {
		t.Error("another object of that name cannot declare it")
	}
}
