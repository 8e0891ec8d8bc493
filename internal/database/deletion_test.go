package database_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func (w *world) mode() database.Mode {
	w.Helper()
	return testworld.Value[database.Mode](w, w, "SELECT mode FROM referral.campaign WHERE name = 'invite-friends'")
}

func (w *world) deleteCampaign(uid string) {
	w.Helper()
	if _, err := database.DeleteCampaign(w.Context(), w.DB, inviteFriends(uid)); err != nil {
		w.Fatal(err)
	}
}

// reverseAll asks until nothing is left, and stands in for the engine.
func (w *world) reverseAll() {
	w.Helper()
	for range 2 {
		left, err := database.ReverseCampaign(w.Context(), w.DB, inviteFriends("c1"))
		testworld.Must(w, err)
		if left == 0 {
			return
		}
		testworld.Exec(w, w, "UPDATE referral.reversal SET done = true")
	}
	w.Fatal("something is left")
}

// A leader whose cache lags behind goes on declaring an object that is gone.
func TestADeletedObjectDeclaresNothing(t *testing.T) {
	w := newWorld(t)
	as := func(uid string, generation int64, mode database.Mode) func(*database.Declaration) {
		return func(d *database.Declaration) {
			d.UID, d.Generation, d.Mode = uid, generation, mode
			if mode == database.PolicyMissing {
				d.Terms = nil
			}
		}
	}
	open := func(w *world) { w.declare(invite()) }
	for name, happen := range map[string]func(w *world){
		"deleted":  func(w *world) { open(w); w.deleteCampaign("c1") },
		"reversed": func(w *world) { open(w); w.reverseAll() },
		"being reversed": func(w *world) {
			open(w)
			_, _ = database.ReverseCampaign(w.Context(), w.DB, inviteFriends("c1"))
		},
		"let go while it was reversed": func(w *world) {
			open(w)
			_, _ = database.ReverseCampaign(w.Context(), w.DB, inviteFriends("c1"))
			w.deleteCampaign("c1")
		},
		"suspended, deleted":       func(w *world) { w.declare(invite(as("c1", 1, database.Suspended))); w.deleteCampaign("c1") },
		"without policy, reversed": func(w *world) { open(w); w.declare(invite(as("c1", 1, database.PolicyMissing))); w.reverseAll() },
		"closed by absence, then deleted": func(w *world) {
			open(w)
			if _, err := database.CloseCampaign(w.Context(), w.DB, inviteFriends("c1")); err != nil {
				w.Fatal(err)
			}
			w.deleteCampaign("c1")
		},
		"replaced":                func(w *world) { open(w); w.declare(invite(as("c2", 1, database.Open))) },
		"replaced without policy": func(w *world) { open(w); w.declare(invite(as("c2", 1, database.PolicyMissing))) },
		"deleted and replaced":    func(w *world) { open(w); w.deleteCampaign("c1"); w.declare(invite(as("c2", 1, database.Open))) },
		"replaced ten times": func(w *world) {
			open(w)
			for i := range 10 {
				w.declare(invite(as(fmt.Sprint("another", i), 1, database.Open)))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			happen(w)
			before := testworld.Value[string](w, w, footprint)
			for _, generation := range []int64{1, 2} {
				for _, mode := range []database.Mode{database.Open, database.Suspended, database.PolicyMissing} {
					if declared := w.declare(invite(as("c1", generation, mode))); !declared.Stale || !declared.Deleted {
						t.Errorf("generation %d in mode %s: %+v", generation, mode, declared)
					}
				}
			}
			if before != testworld.Value[string](w, w, footprint) {
				t.Error("declaring a deleted object wrote something")
			}
			if declared := w.declare(invite(as("new", 1, database.Open))); declared.Stale || w.mode() != database.Open {
				t.Errorf("a new object cannot declare it: %+v, %s", declared, w.mode())
			}
		})
	}
}

func TestClosedByAbsenceTheSameObjectReopens(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	if _, err := database.CloseCampaign(t.Context(), w.DB, inviteFriends("c1")); err != nil {
		t.Fatal(err)
	}
	if declared := w.declare(invite()); declared.Stale || w.mode() != database.Open {
		t.Errorf("%+v, %s", declared, w.mode())
	}
}

func TestDeletingAnEarlierObjectClosesNothing(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	w.declare(invite(func(d *database.Declaration) { d.UID = "c2" }))
	epoch := w.epoch()
	w.deleteCampaign("c1")
	if w.mode() != database.Open || w.epoch() != epoch {
		t.Errorf("mode %s, epoch %d after %d", w.mode(), w.epoch(), epoch)
	}
	if declared := w.declare(invite()); !declared.Deleted {
		t.Errorf("%+v", declared)
	}
	before := testworld.Value[string](t, w, footprint)
	w.deleteCampaign("c1")
	if _, err := database.DeleteCampaign(t.Context(), w.DB, database.Campaign{OwnerUID: shop.UID, Name: "never-declared", UID: "c1"}); err != nil {
		t.Fatal(err)
	}
	if before != testworld.Value[string](t, w, footprint) {
		t.Error("the same again wrote something")
	}
}

// An object may be deleted before it could declare the campaign, as while the database is away. The
// object that declared it last went before.
func TestDeletionOfAnObjectThatDeclaredNothingIsTheCampaigns(t *testing.T) {
	w := newWorld(t)
	for name, remove := range map[string]func(w *world){
		"Retain": func(w *world) { w.deleteCampaign("c2") },
		"Reverse": func(w *world) {
			for _, done := range []bool{false, false, true} { // after each look the engine goes on
				testworld.Exec(w, w, "UPDATE referral.reversal SET done = $1", done)
				left, err := database.ReverseCampaign(w.Context(), w.DB, inviteFriends("c2"))
				testworld.Must(w, err)
				if (left == 0) != done {
					w.Errorf("%d left, done: %t", left, done)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			w.declare(invite())
			remove(w)
			if w.mode() != database.Closed {
				t.Errorf("it is %s", w.mode())
			}
			for _, uid := range []string{"c1", "c2"} {
				if declared := w.declare(invite(func(d *database.Declaration) { d.UID = uid })); !declared.Deleted || w.mode() != database.Closed {
					t.Errorf("%s may declare it: %+v, %s", uid, declared, w.mode())
				}
			}
		})
	}
}

// One campaign keeps no more than 16 UIDs, whatever its past.
func TestOnlyTheLastDeletedObjectsAreRecorded(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.declare(invite(func(d *database.Declaration) { d.UID = fmt.Sprint("c", i) }))
		w.deleteCampaign(fmt.Sprint("c", i))
	}
	if got := testworld.Value[string](t, w, "SELECT cardinality(deleted_uids) || ' ' || deleted_uids[16] FROM referral.campaign"); got != "16 c39" {
		t.Error(got)
	}
}

func TestACampaignWithoutItsPolicyIsReversedToo(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	w.deleteCampaign("c1")
	w.declare(invite(func(d *database.Declaration) { d.UID, d.Mode, d.Terms = "c2", database.PolicyMissing, nil }))
	left, err := database.ReverseCampaign(t.Context(), w.DB, inviteFriends("c2"))
	testworld.Must(t, err)
	if left == 0 || w.mode() != database.Reversing {
		t.Errorf("%d left, %s", left, w.mode())
	}
}

// The reversal may be complete by the time that its object is found to be absent.
func TestClosingReportsWhetherItEndsAReversal(t *testing.T) {
	w := newWorld(t)
	for name, closing := range map[string]func(context.Context, *postgres.DB, database.Campaign) (bool, error){
		"closed": database.CloseCampaign, "deleted": database.DeleteCampaign,
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			w.declare(invite())
			if _, err := database.ReverseCampaign(t.Context(), w.DB, inviteFriends("c1")); err != nil {
				t.Fatal(err)
			}
			if mode := w.mode(); mode != database.Reversing {
				t.Fatalf("the campaign is %s", mode)
			}
			for _, want := range []bool{true, false} {
				ended, err := closing(t.Context(), w.DB, inviteFriends("c1"))
				if err != nil || ended != want {
					t.Errorf("ended: %t, want %t, %v", ended, want, err)
				}
			}
			w.declare(invite(func(d *database.Declaration) { d.UID = "c2" }))
			if ended, err := closing(t.Context(), w.DB, inviteFriends("c2")); err != nil || ended {
				t.Errorf("an open one: %t, %v", ended, err)
			}
		})
	}
}
