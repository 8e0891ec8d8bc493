package facts

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// FollowedLink is a link with its touches and actions counted.
type FollowedLink struct {
	StoredLink
	Touches int64            // how often the link was followed
	Actions map[string]int64 // how often each of the mostActions most frequent actions was counted for it
}

// mostActions is the most actions that are listed of a link. Applications choose their names, so
// there may be any number.
const mostActions = 100

// timesByAction is read from a JSON object.
type timesByAction map[string]int64

// ScanBytes implements pgtype.BytesScanner.
func (t *timesByAction) ScanBytes(text []byte) error {
	if err := json.Unmarshal(text, t); err != nil {
		return fmt.Errorf("while reading how often actions were counted: %w", err)
	}
	return nil
}

// Links returns at most limit of a referrer's links with codes above after, in the order of codes,
// and whether there are more. Of long ones it returns fewer.
func (s *Store) Links(ctx context.Context, referrerID, after string, limit int) (links []FollowedLink, more bool, err error) {
	p := page[FollowedLink]{limit: limit}
	err = s.reads.Snapshot(ctx, func(tx pgx.Tx) error {
		for {
			most := p.step()
			rows, err := tx.Query(ctx, s.sql.Get("list_links"), referrerID, after, most, mostActions)
			if err != nil {
				return err
			}
			read, err := p.add(rows, func(l *FollowedLink) []any { return append(l.scan(), &l.Touches, (*timesByAction)(&l.Actions)) })
			if err != nil || read < most || p.more {
				return err
			}
			after = valueOf(p.rows[len(p.rows)-1].Code)
		}
	})
	if err != nil {
		return nil, false, fmt.Errorf("while reading links: %w", err)
	}
	return p.rows, p.more, nil
}
