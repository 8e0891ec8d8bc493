package explain_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// patience is far above the limit of a review's statement, and below the limit of a batch's.
const patience = 15 * time.Second

// A lock that does not end, such as that of a schema change, ends the statement that waits for it.
func TestNoStatementWaitsLongForALock(t *testing.T) {
	for _, table := range []string{"campaign", "purchase", "waitlist", "change"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			w := carlAndBen(t)
			tx, err := w.db.Begin(t.Context())
			check(t, err)
			defer postgres.Rollback(t.Context(), tx)
			_, err = tx.Exec(t.Context(), "LOCK TABLE referral."+table+" IN ACCESS EXCLUSIVE MODE")
			check(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err = explain.User(ctx, w.db, "ben", "")
			timedOut(t, "a review", err)
			if _, err = explain.Of(ctx, w.reader, "ben"); table != "change" {
				timedOut(t, "an explanation", err)
			}
			if _, err = explain.OfReferrer(ctx, w.reader, "anna", ""); table == "campaign" || table == "waitlist" {
				timedOut(t, "a review of a referrer", err)
			}
		})
	}
}

func timedOut(t *testing.T, what string, err error) {
	t.Helper()
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || server.Code != "55P03" && server.Code != "57014" {
		t.Errorf("%s: %v, want the server's timeout", what, err)
	}
}
