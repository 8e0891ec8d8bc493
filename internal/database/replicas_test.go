package database_test

import (
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestReplicasCountThoseThatAreAlive(t *testing.T) {
	w := newWorld(t)
	attend := func(replica string, want database.Place) {
		t.Helper()
		place, err := database.Attend(t.Context(), w.DB, replica, time.Minute)
		testworld.Must(t, err)
		if place != want {
			t.Errorf("%s has place %+v, want %+v", replica, place, want)
		}
	}
	attend("b", database.Place{Rank: 0, Of: 1})
	attend("c", database.Place{Rank: 1, Of: 2})
	attend("a", database.Place{Rank: 0, Of: 3})
	attend("b", database.Place{Rank: 1, Of: 3})
	testworld.Must(t, database.Leave(t.Context(), w.DB, "a"))
	attend("b", database.Place{Rank: 0, Of: 2})
	testworld.Exec(t, w.DB, "UPDATE referral.replica SET seen_at = seen_at - interval '2 minutes' WHERE id = 'b'")
	attend("c", database.Place{Rank: 0, Of: 1})
	testworld.Exec(t, w.DB, "UPDATE referral.replica SET seen_at = seen_at - interval '1 hour' WHERE id = 'b'")
	attend("c", database.Place{Rank: 0, Of: 1})
	attend("c", database.Place{Rank: 0, Of: 1})
	if left := testworld.Value[int](t, w.DB, "SELECT count(*)::int FROM referral.replica"); left != 1 {
		t.Errorf("%d rows are left of replicas of long ago", left)
	}
}
