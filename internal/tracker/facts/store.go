package facts

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

// Store writes and reads facts in one database. The role that it connects as
// needs a writer's rights and no more.
type Store struct {
	db  *postgres.DB
	sql postgres.Queries

	purchases   *kind[Purchase, StoredPurchase]
	refunds     *kind[Refund, Refund]
	signups     *kind[Signup, StoredSignup]
	actions     *kind[Action, Action]
	redemptions *kind[Redemption, Redemption]

	purchaseGroup *group[Purchase, StoredPurchase]
	refundGroup   *group[Refund, Refund]
	signupGroup   *group[Signup, StoredSignup]
	actionGroup   *group[Action, Action]
}

// New is a store on a database, whose pool stays the caller's.
func New(db *postgres.DB) *Store {
	sql := queries.In(db.Schema)
	s := &Store{
		db: db, sql: sql,
		purchases: purchases(sql), refunds: refunds(sql), signups: signups(sql), actions: actions(sql), redemptions: redemptions(sql),
	}
	s.purchaseGroup = grouped(db, s.purchases)
	s.refundGroup = grouped(db, s.refunds)
	s.actionGroup = grouped(db, s.actions)
	s.signupGroup = &group[Signup, StoredSignup]{write: s.signUp}
	return s
}

func grouped[F, S any](db *postgres.DB, k *kind[F, S]) *group[F, S] {
	return &group[F, S]{write: func(ctx context.Context, given []*F) ([]Outcome[S], error) { return k.write(ctx, db, given) }}
}

// Purchase records a purchase.
func (s *Store) Purchase(ctx context.Context, p *Purchase) (Outcome[StoredPurchase], error) {
	return s.purchaseGroup.do(ctx, p)
}

// Refund records a refund.
func (s *Store) Refund(ctx context.Context, r *Refund) (Outcome[Refund], error) {
	return s.refundGroup.do(ctx, r)
}

// Action records an action.
func (s *Store) Action(ctx context.Context, a *Action) (Outcome[Action], error) {
	return s.actionGroup.do(ctx, a)
}

// SignUp records a signup, and in the same transaction the touches that came
// with it.
func (s *Store) SignUp(ctx context.Context, g *Signup) (Outcome[StoredSignup], error) {
	return s.signupGroup.do(ctx, g)
}

func (s *Store) signUp(ctx context.Context, given []*Signup) (outcomes []Outcome[StoredSignup], err error) {
	if len(carried(given)) == 0 {
		return s.signups.write(ctx, s.db, given)
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		outcomes, err = s.signUpIn(ctx, tx, given)
		return err
	})
	return outcomes, err
}

// signUpIn also records touches of signups that turn out to be known, or to
// differ: that somebody came is true all the same.
func (s *Store) signUpIn(ctx context.Context, tx pgx.Tx, given []*Signup) ([]Outcome[StoredSignup], error) {
	if _, err := touches.Record(ctx, tx, s.db.Schema, carried(given)); err != nil {
		return nil, err
	}
	return s.signups.write(ctx, tx, given)
}

func carried(given []*Signup) []touches.Touch {
	var all []touches.Touch
	for _, g := range given {
		all = append(all, g.Touches...)
	}
	return all
}
