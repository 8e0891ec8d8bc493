package facts

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// FollowedLink is a link with what came of it.
type FollowedLink struct {
	StoredLink
	Touches int64            `json:"touches" doc:"How often it was followed."`
	Actions map[string]int64 `json:"actions" doc:"How often each action was done because of it."`
}

// Links are a referrer's links after a code, in the order of their codes, at
// most limit.
func (s *Store) Links(ctx context.Context, referrerID, after string, limit int) ([]FollowedLink, error) {
	rows, err := s.db.Query(ctx, s.sql.Get("list_links"), referrerID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("while reading links: %w", err)
	}
	links, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l FollowedLink, err error) {
		err = row.Scan(append(l.columns(), &l.Touches, &l.Actions)...)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("while reading links: %w", err)
	}
	return links, nil
}
