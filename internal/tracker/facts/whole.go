package facts

import "context"

// WholeSignup returns the stored signup of a given one, with its long values. It returns
// ErrVanished if there is none, and *Conflict if it differs, or if SQL wrote more than is read.
func (s *Store) WholeSignup(ctx context.Context, given *Signup) (StoredSignup, error) {
	var outcome Outcome[StoredSignup]
	outcome.Stored, outcome.Err = whole(ctx, s.db, s.signups, given)
	leaveOutVisitor(given, &outcome)
	return outcome.Stored, outcome.Err
}

// WholePurchase returns the stored purchase of a given one, with its long values. It returns
// ErrVanished if there is none, and *Conflict if it differs, or if SQL wrote more than is read.
func (s *Store) WholePurchase(ctx context.Context, given *Purchase) (StoredPurchase, error) {
	return whole(ctx, s.db, s.purchases, given)
}

// whole reads the row of a fact that has been compared with it, and compares it again: SQL may have
// changed the row since.
func whole[F, S any](ctx context.Context, from querier, k *kind[F, S], given *F) (S, error) {
	var outcome Outcome[S]
	if err := k.compare(ctx, from, longValue, []*F{given}, func(int) *Outcome[S] { return &outcome }); err != nil {
		return outcome.Stored, err
	}
	return outcome.Stored, outcome.Err
}
