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
	Code        *string    `json:"code,omitempty" maxLength:"255" doc:"A code that was chosen. Left out: the referrer's link of this campaign, label and destination, made with a drawn code if there is none."`
	Campaign    string     `json:"campaign" minLength:"1" maxLength:"255" example:"invite-friends" doc:"Name of the campaign; may be declared later."`
	ReferrerID  string     `json:"referrer_id" minLength:"1" maxLength:"255" doc:"Who shares it: the application's pseudonym."`
	Label       *string    `json:"label,omitempty" maxLength:"255" example:"share-item" doc:"Kind of link."`
	Destination *string    `json:"destination,omitempty" minLength:"1" maxLength:"2048" doc:"Where it leads. Left out: where the campaign says."`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"From then on it binds nobody. Left out: never."`
}

// StoredLink is a link as it is stored.
type StoredLink struct {
	Link
	CreatedAt  time.Time  `json:"created_at" doc:"When it was made."`
	DisabledAt *time.Time `json:"disabled_at,omitempty" doc:"From then on it binds nobody; left out: not disabled."`
}

// draws is how often a code is drawn before somebody must be told that chance
// has run out.
const draws = 5

// Link returns the link that is asked for, and makes it if there is none. draw
// makes up codes.
func (s *Store) Link(ctx context.Context, l *Link, draw func() string) (outcome Outcome[StoredLink], err error) {
	err = again(ctx, func() error {
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

// chosenLink is the link of this code.
func (s *Store) chosenLink(ctx context.Context, to querier, l *Link, code string) (Outcome[StoredLink], error) {
	stored, err := s.oneLink(ctx, to, "insert_link", code, l.Campaign, l.ReferrerID, valueOf(l.Label), valueOf(l.Destination), l.ExpiresAt)
	if err == nil {
		return Outcome[StoredLink]{Stored: stored, Created: true}, nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		if stored, err = s.oneLink(ctx, to, "find_link", code); errors.Is(err, pgx.ErrNoRows) {
			err = errVanished
		}
	}
	return Outcome[StoredLink]{Stored: stored}, err
}

// anyLink is the oldest link of this referrer, campaign, label and destination
// that still binds. Whoever makes one holds a lock on these, so that of two
// who ask at once both get the same.
func (s *Store) anyLink(ctx context.Context, l *Link, draw func() string) (outcome Outcome[StoredLink], err error) {
	same := []any{l.ReferrerID, l.Campaign, valueOf(l.Label), valueOf(l.Destination)}
	outcome.Stored, err = s.oneLink(ctx, s.db, "find_same_link", same...)
	if !errors.Is(err, pgx.ErrNoRows) {
		return outcome, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, s.sql.Get("lock_link"), same...); err != nil {
			return fmt.Errorf("while waiting for whoever makes the same link: %w", err)
		}
		outcome.Stored, err = s.oneLink(ctx, tx, "find_same_link", same...)
		for range draws {
			if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			outcome.Stored, err = s.oneLink(ctx, tx, "insert_link",
				draw(), l.Campaign, l.ReferrerID, valueOf(l.Label), valueOf(l.Destination), l.ExpiresAt)
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
		err = row.Scan(stored.columns()...)
		return stored, err
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("while finding a link: %w", err)
	}
	return stored, err
}

func (l *StoredLink) columns() []any {
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
