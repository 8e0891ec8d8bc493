package facts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Erasure is the newest request to erase a user, and when the last of all requests was completed.
type Erasure struct {
	RequestedAt time.Time
	CompletedAt *time.Time // nil: a request is not completed
}

// Erase requests the erasure of a user, which the engine carries out, and returns its state.
func (s *Store) Erase(ctx context.Context, userID string) (*Erasure, error) {
	err := s.alone(ctx, func() error {
		_, err := s.db.Exec(ctx, s.sql.Get("erase_user"), userID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("while requesting an erasure: %w", err)
	}
	requested, err := s.erasure(ctx, s.db, userID)
	if requested == nil && err == nil {
		err = ErrVanished
	}
	return requested, err
}

// Erasure returns the state of a user's erasure; nil if none was requested.
func (s *Store) Erasure(ctx context.Context, userID string) (*Erasure, error) {
	return s.erasure(ctx, s.reads, userID)
}

func (s *Store) erasure(ctx context.Context, from *postgres.DB, userID string) (*Erasure, error) {
	var e Erasure
	err := from.QueryRow(ctx, s.sql.Get("find_erasure"), userID).Scan(always{&e.RequestedAt}, instant{&e.CompletedAt})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("while reading an erasure: %w", err)
	}
	return &e, nil
}
