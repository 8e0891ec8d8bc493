package facts

import (
	"context"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/semaphore"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

// Store writes and reads facts in one database. Its role needs the rights of a writer only.
type Store struct {
	db    *postgres.DB // for writes, and for what their answers need
	reads *postgres.DB // for all other reads
	sql   postgres.Queries

	// turns bounds the writes that share no commit: see alone.
	turns *semaphore.Weighted

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
		db: db.WithLockTimeout(lockTimeout), reads: reads, sql: sql,
		turns:     semaphore.NewWeighted(int64((db.Stat().MaxConns() + 1) / 2)),
		purchases: purchases(sql), refunds: refunds(sql), signups: signups(sql), actions: actions(sql), redemptions: redemptions(sql),
	}
	s.sharedPurchases = newShared(db, s.purchases.write)
	s.sharedRefunds = newShared(db, s.refunds.write)
	s.sharedActions = newShared(db, s.act)
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

// SignUp records a signup and, in the same transaction, the touches that came with it.
func (s *Store) SignUp(ctx context.Context, g *Signup) (Outcome[StoredSignup], error) {
	outcome, err := s.sharedSignups.do(ctx, g)
	if outcome.Created {
		outcome.Stored.complete(g)
	}
	return outcome, err
}

// signUp records the signups and the touches that came with them, but no touch that the database
// refuses. It records the touches of a signup that is already stored or conflicts as well: the visit
// took place.
func (s *Store) signUp(ctx context.Context, tx pgx.Tx, given []*Signup) ([]Outcome[StoredSignup], error) {
	refused, err := s.recordTouches(ctx, tx, given)
	if err != nil {
		return nil, err
	}
	outcomes, err := s.writeSignups(ctx, tx, given)
	for i := range outcomes {
		outcomes[i].TouchRefused = refused[i]
	}
	return outcomes, err
}

// recordTouches records the touches that came with signups, and reports for each signup whether the
// database refuses one of them, for instance by a trigger or a constraint of the shop's own.
func (s *Store) recordTouches(ctx context.Context, tx pgx.Tx, given []*Signup) (refused []bool, err error) {
	refused = make([]bool, len(given))
	var all []touches.Touch
	for _, g := range given {
		all = append(all, g.Touches...)
	}
	ok, err := s.takesTouches(ctx, tx, all)
	if ok || err != nil {
		return refused, err
	}
	for i, g := range given {
		for at := range g.Touches {
			ok, err := s.takesTouches(ctx, tx, g.Touches[at:at+1])
			if err != nil {
				return nil, err
			}
			refused[i] = refused[i] || !ok
		}
	}
	return refused, nil
}

// takesTouches records touches, or reports that the database refuses one of them: then none is
// recorded, and the transaction goes on.
func (s *Store) takesTouches(ctx context.Context, tx pgx.Tx, all []touches.Touch) (bool, error) {
	if len(all) == 0 {
		return true, nil
	}
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		_, err := touches.Record(ctx, savepoint, s.db.Schema, all)
		return err
	})
	if err != nil && ctx.Err() == nil && (postgres.Data(err) || postgres.Classify(err) == postgres.ClassUnknown) {
		return false, nil
	}
	return err == nil, err
}
