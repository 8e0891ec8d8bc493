package facts

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// writeSignups records signups. A stored signup without a visitor accepts one as long as it is not
// attributed: a shop may learn the visitor after it has recorded the signup. After that the visitor
// of a token is left out.
func (s *Store) writeSignups(ctx context.Context, tx pgx.Tx, given []*Signup) ([]Outcome[StoredSignup], error) {
	outcomes, err := s.signups.write(ctx, tx, given)
	if err != nil {
		return nil, err
	}
	var late []*Signup
	var places []int
	for i := range outcomes {
		if lacksVisitorOnly(&outcomes[i]) {
			late, places = append(late, given[i]), append(places, i)
		}
	}
	if len(late) == 0 {
		return outcomes, nil
	}
	if err := s.addVisitors(ctx, tx, late); err != nil {
		return nil, err
	}
	again, err := s.signups.write(ctx, tx, late)
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		outcomes[place] = again[i]
		leaveOutVisitor(late[i], &outcomes[place])
	}
	return outcomes, nil
}

// lacksVisitorOnly reports whether the stored signup differs from the given one only in that it has
// no visitor.
func lacksVisitorOnly(outcome *Outcome[StoredSignup]) bool {
	conflict, ok := errors.AsType[*Conflict](outcome.Err)
	return ok && outcome.Stored.VisitorID == nil && len(conflict.Differences) == 1 && conflict.Differences[0].Field == visitorField
}

// leaveOutVisitor ends the conflict of a signup that lacks only the visitor of the given token. The
// same body may have been recorded by a replica that did not have the key of the token yet.
func leaveOutVisitor(given *Signup, outcome *Outcome[StoredSignup]) {
	if given.FromToken && lacksVisitorOnly(outcome) {
		outcome.Err, outcome.LateVisitor = nil, true
	}
}

func (s *Store) addVisitors(ctx context.Context, tx pgx.Tx, late []*Signup) error {
	userIDs, visitorIDs := make([]string, len(late)), make([]string, len(late))
	for i, g := range late {
		userIDs[i], visitorIDs[i] = g.UserID, valueOf(g.VisitorID)
	}
	rows, err := tx.Query(ctx, s.sql.Get("add_visitors"), pgx.StrictNamedArgs{"user_ids": userIDs, "visitor_ids": visitorIDs})
	if err == nil {
		_, err = postgres.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return fmt.Errorf("while adding the visitor of a signup: %w", err)
	}
	return nil
}
