package facts

import (
	"context"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
)

// The engine decides what is pending in a moment, as a rule.
const (
	erasePause    = 100 * time.Millisecond
	eraseAttempts = 20
)

// Erase forgets a person; again, and for somebody unknown, it changes nothing.
// While something of the person's is still to be decided it waits a moment, and
// then fails as what may be tried again.
func (s *Store) Erase(ctx context.Context, userID string) error {
	for attempt := 1; ; attempt++ {
		_, err := s.db.Exec(ctx, s.sql.get("erase_user"), userID)
		if err == nil {
			return nil
		}
		if attempt == eraseAttempts || database.Classify(err) != database.ClassRetryable {
			return fmt.Errorf("while forgetting a person: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("while forgetting a person: %w", err)
		case <-time.After(erasePause):
		}
	}
}
