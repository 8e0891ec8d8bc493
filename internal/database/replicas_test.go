package database_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// attend records that a replica is alive, and checks its place among those of this lifetime.
func (w *world) attend(lifetime time.Duration, replica string, want database.Place) {
	w.Helper()
	place, err := database.Attend(w.Context(), w.DB, replica, lifetime)
	testworld.Must(w, err)
	if place != want {
		w.Errorf("%s has place %+v, want %+v", replica, place, want)
	}
}

func TestReplicasCountThoseThatAreAlive(t *testing.T) {
	w := newWorld(t)
	w.attend(time.Minute, "b", database.Place{Rank: 0, Of: 1})
	w.attend(time.Minute, "c", database.Place{Rank: 1, Of: 2})
	w.attend(time.Minute, "a", database.Place{Rank: 0, Of: 3})
	w.attend(time.Minute, "b", database.Place{Rank: 1, Of: 3})
	testworld.Must(t, database.Leave(t.Context(), w.DB, "a"))
	w.attend(time.Minute, "b", database.Place{Rank: 0, Of: 2})
	testworld.Exec(t, w.DB, "UPDATE referral.replica SET seen_at = seen_at - interval '2 minutes' WHERE id = 'b'")
	w.attend(time.Minute, "c", database.Place{Rank: 0, Of: 1})
	testworld.Exec(t, w.DB, "UPDATE referral.replica SET seen_at = seen_at - interval '1 hour' WHERE id = 'b'")
	w.attend(time.Minute, "c", database.Place{Rank: 0, Of: 1})
	w.attend(time.Minute, "c", database.Place{Rank: 0, Of: 1})
	if left := testworld.Value[int](t, w.DB, "SELECT count(*)::int FROM referral.replica"); left != 1 {
		t.Errorf("%d rows are left of replicas of long ago", left)
	}
}

// Turns are computed from the numbers: a division by zero there would end the process.
func TestNumbersOfReplicasThatCannotBeAreRefused(t *testing.T) {
	for _, test := range []struct {
		others, rank int64
		accepted     bool
	}{
		{others: 0, rank: 0, accepted: true},
		{others: 2, rank: 2, accepted: true},
		{others: 9_999, rank: 0, accepted: true},
		{others: 10_000, rank: 0},
		{others: 1<<32 - 1, rank: 0},
		{others: 1<<63 - 1, rank: 0},
		{others: 1, rank: 2},
		{others: 1, rank: -1},
		{others: -3, rank: -3},
	} {
		t.Run(fmt.Sprintf("%d others, %d of them before this one", test.others, test.rank), func(t *testing.T) {
			server := testworld.Answers{"referral.replica": {test.others, test.rank}}
			place, err := database.Attend(t.Context(), open(t, server.Serve(t), postgres.DefaultSchema), "replica", time.Minute)
			switch want := (database.Place{Rank: int(test.rank), Of: int(test.others) + 1}); {
			case !test.accepted && err == nil:
				t.Errorf("accepted as %+v", place)
			case test.accepted && (err != nil || place != want):
				t.Errorf("%+v, %v; want %+v", place, err, want)
			case err != nil:
				t.Log(err)
			}
		})
	}
}
