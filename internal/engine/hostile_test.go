package engine_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// newHostileShop is a shop whose database and engines' role have these defaults.
func newHostileShop(t testing.TB, defaults string) *shop {
	t.Helper()
	own := testworld.NewDatabaseFrom(t, "engine", migrate)
	own.MakeHostile(t, own.Operator, defaults)
	db, err := postgres.Open(t.Context(), postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema, MaxConnections: 16})
	must(t, err)
	t.Cleanup(db.Close)
	s := &shop{TB: t, db: db, owner: db, uri: own.URI}
	s.engine = s.newEngine(engine.Options{})
	return s
}

// Two engines compete for the last capacity of a budget, many times.
func TestHostileDefaultsNeverExceedABudget(t *testing.T) {
	t.Parallel()
	for name, defaults := range testworld.HostileDefaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newHostileShop(t, defaults)
			s.declare("invite", fiveDollars(), func(d *database.Declaration) { d.Budget = &database.Money{Amount: 500, Currency: "USD"} })
			s.asOwner(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna', 'invite', 'anna'), ('bert', 'invite', 'bert')`)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var running sync.WaitGroup
			for range 2 {
				e := engine.New(s.db, engine.Options{
					OwnerUID: uid, BatchSize: 1, PollInterval: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(s.Output(), nil)),
				})
				running.Go(func() {
					if err := e.Run(ctx); err != nil {
						t.Error(err)
					}
				})
			}
			s.asOwner(`INSERT INTO referral.signup (user_id, code)
			         SELECT 'u' || n, CASE WHEN n % 2 = 0 THEN 'anna' ELSE 'bert' END FROM generate_series(1, 40) AS n`)
			s.asOwner(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
			         SELECT 'u' || n, 'p', 2000, 'USD' FROM generate_series(1, 40) AS n`)
			s.eventually("all is decided", "SELECT (SELECT count(*) FROM referral.change), (SELECT count(*) FROM referral.pair)", "0 40")
			stop()
			running.Wait()
			s.expect("granted", "SELECT sum(amount)::text FROM referral.ledger", "500")
			s.consistent()
		})
	}
}
