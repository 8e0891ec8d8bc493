package database_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The clock of a database may be set back: times that it recorded before are in the future then.

func TestHeartbeatInTheFutureIsSetBack(t *testing.T) {
	w := newWorld(t)
	var another *database.ErrOwnedByAnother
	for name, beat := range map[string]func(context.Context, *world) error{
		"by the owner": func(ctx context.Context, w *world) error {
			return database.Heartbeat(ctx, w.DB, shop)
		},
		// The owner may be dead: it is silent five minutes later.
		"by an object that waits to take over": func(ctx context.Context, w *world) error {
			rebuilt := database.Identity{Installation: shop.Installation, Name: shop.Name, UID: "after"}
			if _, err := database.Claim(ctx, w.DB, rebuilt, ""); !errors.As(err, &another) {
				return errors.Join(errors.New("it has taken over"), err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			testworld.Exec(t, w, "UPDATE referral.owner SET heartbeat_at = now() + interval '1 day'")
			testworld.Must(t, beat(t.Context(), w))
			if !testworld.Value[bool](t, w, "SELECT heartbeat_at BETWEEN now() - interval '1 hour' AND now() FROM referral.owner") {
				t.Error("the heartbeat is not from now")
			}
		})
	}
}

func TestReplicaOfTheFutureDoesNotCount(t *testing.T) {
	w := newWorld(t)
	w.attend(time.Hour, "dead", database.Place{Rank: 0, Of: 1})
	testworld.Exec(t, w, "UPDATE referral.replica SET seen_at = now() + interval '30 minutes'")
	w.attend(time.Hour, "b", database.Place{Rank: 0, Of: 2}) // clocks of two servers differ after a failover
	testworld.Exec(t, w, "UPDATE referral.replica SET seen_at = now() + interval '1 day'")
	w.attend(time.Hour, "b", database.Place{Rank: 0, Of: 1})
	if left := testworld.Value[string](t, w, "SELECT string_agg(id, ' ') FROM referral.replica"); left != "b" {
		t.Errorf("the replicas %q are left", left)
	}
}
