package database_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// A batch locks meta last. So no change of configuration may hold meta while it waits for a batch.
func TestNoChangeOfConfigurationWaitsForABatchWhileItHoldsMeta(t *testing.T) {
	w := newWorld(t)
	campaign := inviteFriends("c1")
	for name, change := range map[string]func(context.Context, *world) error{
		"attribution": func(ctx context.Context, w *world) error {
			return database.SetAttribution(ctx, w.DB, shop.UID, 1, database.FirstTouch)
		},
		"suspension": func(ctx context.Context, w *world) error {
			return database.SetSuspended(ctx, w.DB, shop.UID, 1, true)
		},
		"retention": func(ctx context.Context, w *world) error {
			return database.SetTouchRetention(ctx, w.DB, shop.UID, 1, time.Hour)
		},
		"declaration": func(ctx context.Context, w *world) error {
			_, err := database.Declare(ctx, w.DB, invite(func(d *database.Declaration) {
				d.Generation++
				d.Budget = &database.Money{Amount: 500, Currency: "USD"}
			}))
			return err
		},
		"closing": func(ctx context.Context, w *world) error {
			_, err := database.CloseCampaign(ctx, w.DB, campaign)
			return err
		},
		"deletion": func(ctx context.Context, w *world) error {
			_, err := database.DeleteCampaign(ctx, w.DB, campaign)
			return err
		},
		"reversal": func(ctx context.Context, w *world) error {
			_, err := database.ReverseCampaign(ctx, w.DB, campaign)
			return err
		},
		"resync": func(ctx context.Context, w *world) error {
			return database.RequestResync(ctx, w.DB, campaign, "2026-11-01T00:00:00Z")
		},
		"permission": func(ctx context.Context, w *world) error {
			return database.AllowReversals(ctx, w.DB, campaign, "incident")
		},
		"release": func(ctx context.Context, w *world) error { return database.Release(ctx, w.DB, shop) },
		"taking over": func(ctx context.Context, w *world) error {
			_, err := database.Claim(ctx, w.DB, database.Identity{Installation: "other", Name: "growth/shop", UID: "9c1e"}, shop.UID)
			return err
		},
		"migration": func(ctx context.Context, w *world) error {
			return database.Migrate(ctx, w.DB)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			testworld.Exec(t, w, "UPDATE referral.meta SET attribution = 'LastTouch', suspended = false; UPDATE referral.owner SET generation = 0")
			w.declare(invite())
			testworld.Exec(t, w, `
				INSERT INTO referral.waitlist (campaign, user_id, purchase_id, referrer_id, admission_order, growing, least_need, edit, checksum)
				VALUES ('invite-friends', 'bob', 'p1', 'alice', 1, false, 500, 0, 0) ON CONFLICT DO NOTHING`)
			if name == "migration" {
				testworld.Exec(t, w, "UPDATE referral.meta SET rules_version = rules_version - 1")
			}
			batch, err := w.Begin(t.Context())
			testworld.Must(t, err)
			defer func() { _ = batch.Rollback(context.WithoutCancel(t.Context())) }()
			lockAsABatchDoes(t, batch)
			changed := make(chan error, 1)
			go func() { changed <- change(t.Context(), w) }()
			if !w.waitsForALock(changed) {
				return
			}
			if _, err := batch.Exec(t.Context(), "SET LOCAL lock_timeout = '500ms'; SELECT epoch FROM referral.meta FOR SHARE"); err != nil {
				t.Errorf("the batch cannot lock meta: %v", err)
			}
			testworld.Must(t, batch.Commit(t.Context()))
			testworld.Must(t, <-changed)
		})
	}
}

// lockAsABatchDoes locks everything that a batch may have locked before it locks meta.
func lockAsABatchDoes(t *testing.T, batch pgx.Tx) {
	t.Helper()
	_, err := batch.Exec(t.Context(), `
		SELECT FROM referral.shard ORDER BY shard FOR UPDATE;
		SELECT FROM referral.loss ORDER BY campaign FOR UPDATE;
		SELECT FROM referral.incident ORDER BY campaign FOR UPDATE;
		SELECT FROM referral.campaign ORDER BY name FOR NO KEY UPDATE;
		SELECT FROM referral.rollout ORDER BY campaign FOR SHARE;
		SELECT FROM referral.reversal ORDER BY campaign FOR UPDATE;
		SELECT FROM referral.waitlist FOR UPDATE`)
	testworld.Must(t, err)
}

// waitsForALock waits until a change of configuration waits for a lock, or has ended without.
func (w *world) waitsForALock(ended chan error) bool {
	w.Helper()
	for {
		select {
		case err := <-ended:
			testworld.Must(w, err)
			return false
		case <-time.After(20 * time.Millisecond):
		}
		if testworld.Value[bool](w, w, `
			SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
			                WHERE datname = pg_catalog.current_database() AND wait_event_type = 'Lock')`) {
			return true
		}
	}
}
