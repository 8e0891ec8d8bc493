package facts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Link is a fact: a shareable link of one referrer in one campaign.
type Link struct {
	Code        *string
	Campaign    string
	ReferrerID  string
	Label       *string
	Destination *string
	ExpiresAt   *time.Time
}

// StoredLink is a link as it is stored.
type StoredLink struct {
	Link
	CreatedAt  time.Time
	DisabledAt *time.Time
}

// draws is how many random codes Link tries before it fails because all of them exist already.
const draws = 5

// Link returns the requested link, and creates it if there is none. draw draws a code.
func (s *Store) Link(ctx context.Context, l *Link, draw func() string) (outcome Outcome[StoredLink], err error) {
	err = s.alone(ctx, func() error {
		if l.Code != nil {
			outcome, err = s.chosenLink(ctx, s.db, l, *l.Code)
		} else {
			outcome, err = s.anyLink(ctx, l, draw)
		}
		return err
	})
	if err != nil {
		return outcome, err
	}
	if d := l.differs(&outcome.Stored); len(d) > 0 {
		return outcome, &Conflict{Kind: "link", Differences: d}
	}
	return outcome, nil
}

// chosenLink returns the link of this code, and creates it if there is none.
func (s *Store) chosenLink(ctx context.Context, to querier, l *Link, code string) (Outcome[StoredLink], error) {
	stored, err := s.oneLink(ctx, to, "insert_link", l.columns(code))
	if err == nil {
		return Outcome[StoredLink]{Stored: stored, Created: true}, nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		if stored, err = s.oneLink(ctx, to, "find_link", code); errors.Is(err, pgx.ErrNoRows) {
			err = ErrVanished
		}
	}
	return Outcome[StoredLink]{Stored: stored}, err
}

// anyLink returns the oldest live link of this referrer, campaign, label and destination, or the
// one with the given expiry, and creates it if there is none. It creates under an advisory lock on
// the first four, so that two concurrent requests get the same link.
func (s *Store) anyLink(ctx context.Context, l *Link, draw func() string) (outcome Outcome[StoredLink], err error) {
	same := pgx.StrictNamedArgs{
		"referrer_id": l.ReferrerID, "campaign": l.Campaign, "label": valueOf(l.Label), "destination": valueOf(l.Destination),
		"expires_at": l.ExpiresAt,
	}
	outcome.Stored, err = s.oneLink(ctx, s.db, "find_same_link", same)
	if !errors.Is(err, pgx.ErrNoRows) {
		return outcome, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, s.sql.Get("lock_link"), l.ReferrerID, l.Campaign, valueOf(l.Label), valueOf(l.Destination)); err != nil {
			return fmt.Errorf("while locking a link to be created: %w", err)
		}
		outcome.Stored, err = s.oneLink(ctx, tx, "find_same_link", same)
		for range draws {
			if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			outcome.Stored, err = s.oneLink(ctx, tx, "insert_link", l.columns(draw()))
			outcome.Created = err == nil
		}
		return err
	})
	return outcome, err
}

// oneLink returns the row of a statement, or pgx.ErrNoRows.
func (s *Store) oneLink(ctx context.Context, from querier, statement string, arguments ...any) (stored StoredLink, err error) {
	rows, err := from.Query(ctx, s.sql.Get(statement), arguments...)
	if err != nil {
		return stored, fmt.Errorf("while finding a link: %w", err)
	}
	stored, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (stored StoredLink, err error) {
		err = row.Scan(stored.scan()...)
		return stored, err
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("while finding a link: %w", err)
	}
	return stored, err
}

// columns are the values of a new link under a code.
func (l *Link) columns(code string) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{
		"code": code, "campaign": l.Campaign, "referrer_id": l.ReferrerID,
		"label": valueOf(l.Label), "destination": valueOf(l.Destination), "expires_at": l.ExpiresAt,
	}
}

// scan returns the destinations of a link's row.
func (l *StoredLink) scan() []any {
	return []any{
		&l.Code, &l.Campaign, &l.ReferrerID, &l.Label, &l.Destination,
		instant{&l.ExpiresAt}, always{&l.CreatedAt}, instant{&l.DisabledAt},
	}
}

func (l *Link) differs(s *StoredLink) []Difference {
	var d differences
	d.text("campaign", l.Campaign, s.Campaign)
	d.text("referrer_id", l.ReferrerID, s.ReferrerID)
	d.optional("label", l.Label, valueOf(s.Label))
	d.optional("destination", l.Destination, valueOf(s.Destination))
	d.instant("expires_at", l.ExpiresAt, s.ExpiresAt)
	return d
}
