package facts

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Store writes and reads facts in one database. Its role needs the rights of a writer only.
type Store struct {
	db    *postgres.DB // for writes, and for what their answers need
	reads *postgres.DB // for all other reads
	sql   postgres.Queries

	// turns bounds the writes that share no commit: see alone.
	turns    *semaphore.Weighted
	accounts accounts

	purchases   *kind[Purchase, StoredPurchase]
	refunds     *kind[Refund, Refund]
	signups     *kind[Signup, StoredSignup]
	actions     *kind[Action, Action]
	redemptions *kind[redeeming, Redemption]

	sharedPurchases *shared[Purchase, StoredPurchase]
	sharedRefunds   *shared[Refund, Refund]
	sharedSignups   *shared[Signup, StoredSignup]
	sharedActions   *shared[Action, Action]
}

// New returns a store on a database, with a pool of connections for writes and one for reads, which
// may be the same: with two, slow reads keep no write waiting. The caller closes the pools.
func New(db, reads *postgres.DB) *Store {
	sql := queries.In(db.Schema)
	s := &Store{
		db: db.WithLimits(aloneLimits), reads: reads, sql: sql,
		turns:     semaphore.NewWeighted(int64((db.Stat().MaxConns() + 1) / 2)),
		purchases: purchases(sql), refunds: refunds(sql), signups: signups(sql), actions: actions(sql), redemptions: redemptions(sql),
	}
	s.sharedPurchases = newShared(db, inTransaction(s.purchases.write))
	s.sharedRefunds = newShared(db, inTransaction(s.refunds.write))
	s.sharedActions = newShared(db, inTransaction(s.act))
	s.sharedSignups = newShared(db, s.signUp)
	return s
}

// Purchase records a purchase.
func (s *Store) Purchase(ctx context.Context, p *Purchase) (Outcome[StoredPurchase], error) {
	outcome, err := s.sharedPurchases.do(ctx, p)
	if outcome.Created {
		outcome.Stored.complete(p)
	}
	return outcome, err
}

// Refund records a refund.
func (s *Store) Refund(ctx context.Context, r *Refund) (Outcome[Refund], error) {
	return s.sharedRefunds.do(ctx, r)
}

// Action records an action.
func (s *Store) Action(ctx context.Context, a *Action) (Outcome[Action], error) {
	return s.sharedActions.do(ctx, a)
}

// SignUp records a signup and the touches that came with it, but no touch that the database refuses.
func (s *Store) SignUp(ctx context.Context, g *Signup) (Outcome[StoredSignup], error) {
	outcome, err := s.sharedSignups.do(ctx, g)
	if outcome.Created {
		outcome.Stored.complete(g)
	}
	return outcome, err
}
