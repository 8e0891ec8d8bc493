package facts

import "context"

// WholeSignup returns the stored signup of a given one, with its long values. It returns ErrVanished
// if there is none, and *Conflict if it differs, or if SQL wrote more than is read.
func (s *Store) WholeSignup(ctx context.Context, given *Signup) (StoredSignup, error) {
	return whole(ctx, s.db, s.signups, given, s.sql.Get("read_signup"))
}

// WholePurchase returns the stored purchase of a given one, with its long values. It returns
// ErrVanished if there is none, and *Conflict if it differs, or if SQL wrote more than is read.
func (s *Store) WholePurchase(ctx context.Context, given *Purchase) (StoredPurchase, error) {
	return whole(ctx, s.db, s.purchases, given, s.sql.Get("read_purchase"))
}

// whole reads the row of a fact that has been compared with it, and compares it again: SQL may have
// changed the row since. read takes and returns the columns of find.
func whole[F, S any](ctx context.Context, from querier, k *kind[F, S], given *F, read string) (S, error) {
	var outcome Outcome[S]
	if err := k.compare(ctx, from, read, []*F{given}, func(int) *Outcome[S] { return &outcome }); err != nil {
		return outcome.Stored, err
	}
	return outcome.Stored, outcome.Err
}
