package facts

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// FollowedLink is a link with its touches and actions counted.
type FollowedLink struct {
	StoredLink
	Touches int64            // how often the link was followed
	Actions map[string]int64 // how often each action was counted for the link
}

// Links returns at most limit of a referrer's links with codes above after, in the order of codes.
func (s *Store) Links(ctx context.Context, referrerID, after string, limit int) ([]FollowedLink, error) {
	rows, err := s.reads.Query(ctx, s.sql.Get("list_links"), referrerID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("while reading links: %w", err)
	}
	links, err := postgres.CollectRows(rows, func(row pgx.CollectableRow) (l FollowedLink, err error) {
		err = row.Scan(append(l.scan(), &l.Touches, &l.Actions)...)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("while reading links: %w", err)
	}
	return links, nil
}
